"""The paper's encoders: token order, loading from TORCH_HOME without a network, folding."""

from __future__ import annotations

import io
import pickle
from email.message import Message
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision
from einops import rearrange
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sec2sec.config import EncoderConfig
from sec2sec.encoders.compact import CompactAudio, CompactVideo
from sec2sec.encoders.fold import fold
from sec2sec.encoders.paper import EncoderError, PaperAudio, PaperVideo, load_paper

VIDEO_FILE, AUDIO_FILE = "r2plus1d_18-91a641e6.pth", "resnet18-f37072fd.pth"


def randomise_norms(module: nn.Module, seed: int = 0) -> None:
    """Statistics and affine parameters as a trained network might have them, so that folding has something to fold."""
    generator = torch.Generator().manual_seed(seed)
    for norm in module.modules():
        if isinstance(norm, _BatchNorm):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            for value, low, high in (
                (norm.running_mean, -0.2, 0.2),
                (norm.running_var, 0.5, 1.5),
                (norm.weight.data, 0.5, 1.2),
                (norm.bias.data, -0.2, 0.2),
            ):
                value.uniform_(low, high, generator=generator)


@pytest.fixture(scope="module")
def encoders() -> tuple[PaperVideo, PaperAudio]:
    video, audio = load_paper(pretrained=False, seed=0)
    randomise_norms(video)
    randomise_norms(audio)
    audio.mean.copy_(torch.tensor([-5.0, 0.1, 0.0]))
    audio.std.copy_(torch.tensor([60.0, 3.0, 0.6]))
    return video, audio


@pytest.fixture
def torch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty TORCH_HOME and no network; the folder for the weights."""

    def unplugged(*_: object, **__: object) -> None:
        raise URLError("Temporary failure in name resolution")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "urlopen", unplugged)
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of the right names and shapes, filled by torchvision's own modules."""
    folder = tmp_path_factory.mktemp("stored")
    torch.manual_seed(5)
    torch.save(torchvision.models.video.r2plus1d_18().state_dict(), folder / VIDEO_FILE)
    torch.save(torchvision.models.resnet18().state_dict(), folder / AUDIO_FILE)
    return folder


def place(stored: Path, folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).symlink_to(stored / name)


def refusal() -> str:
    """What load_paper says when it fails; one line."""
    with pytest.raises(EncoderError) as caught:
        load_paper()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message


# --- what the encoders compute


@torch.inference_mode()
def test_video_tokens_are_torchvisions_last_map_in_time_row_column_order() -> None:
    video, _ = load_paper(pretrained=False, seed=0)
    network = torchvision.models.video.r2plus1d_18().eval()
    network.load_state_dict({**network.state_dict(), **video.state_dict()})
    maps: list[Tensor] = []
    network.layer4.register_forward_hook(lambda module, inputs, output: maps.append(output))
    frames = torch.randn(1, 3, 16, 112, 112, generator=torch.Generator().manual_seed(1))
    network(frames)
    tokens = video(frames)
    assert maps[0].shape == (1, 512, 2, 7, 7)
    assert tokens.shape == (1, EncoderConfig.paper().visual_tokens, EncoderConfig.paper().width)
    for t, y, x in ((0, 0, 0), (0, 0, 6), (0, 6, 0), (1, 0, 0), (1, 2, 5)):
        torch.testing.assert_close(tokens[0, (t * 7 + y) * 7 + x], maps[0][0, :, t, y, x])


@torch.inference_mode()
def test_audio_tokens_are_torchvisions_last_map_of_the_standardised_enlarged_image(
    encoders: tuple[PaperVideo, PaperAudio],
) -> None:
    audio = encoders[1]
    network = torchvision.models.resnet18().eval()
    ours = {name: value for name, value in audio.state_dict().items() if name not in ("mean", "std")}
    network.load_state_dict({**network.state_dict(), **ours})
    maps: list[Tensor] = []
    network.layer4.register_forward_hook(lambda module, inputs, output: maps.append(output))
    image = 50 * torch.randn(2, 3, 40, 101, generator=torch.Generator().manual_seed(2))
    standard = torch.stack([(image[:, c] - audio.mean[c]) / audio.std[c] for c in range(3)], dim=1)
    network(torchvision.transforms.functional.resize(standard, [224, 224], antialias=False))
    tokens = audio(image)
    assert tokens.shape == (2, EncoderConfig.paper().audio_tokens, EncoderConfig.paper().width)
    for band, time in ((0, 0), (0, 6), (6, 0), (3, 5)):
        torch.testing.assert_close(tokens[:, band * 7 + time], maps[0][:, :, band, time], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_a_change_in_the_picture_moves_a_token_at_its_place_most(encoders: tuple[PaperVideo, PaperAudio]) -> None:
    places = ((0, 6, 3), (1, 0, 6))
    frames = torch.zeros(1 + len(places), 3, 16, 112, 112)
    for second, (t, y, x) in enumerate(places, start=1):
        frames[second, :, t * 8 : t * 8 + 8, y * 16 : y * 16 + 16, x * 16 : x * 16 + 16] = 2.0
    still, *moved = encoders[0](frames)
    for (t, y, x), tokens in zip(places, moved, strict=True):
        most = int((tokens - still).norm(dim=-1).argmax())
        assert most // 49 == t
        # random kernels lean to one side: its own cell or one that touches it
        assert max(abs(most % 49 // 7 - y), abs(most % 7 - x)) <= 1


@torch.inference_mode()
@pytest.mark.parametrize(("band", "time"), [(0, 0), (0, 6), (6, 2), (3, 3)])
def test_a_change_in_the_sound_moves_a_token_at_its_band_and_time_most(
    encoders: tuple[PaperVideo, PaperAudio], band: int, time: int
) -> None:
    image = torch.zeros(2, 3, 40, 101)
    rows, columns = 40 / 7, 101 / 7
    top, left = round(band * rows), round(time * columns)
    image[1, :, top : round(top + rows), left : round(left + columns)] = 100
    tokens = encoders[1](image)
    most = int((tokens[1] - tokens[0]).norm(dim=-1).argmax())
    assert max(abs(most // 7 - band), abs(most % 7 - time)) <= 1


# --- where the weights come from


def test_weights_are_read_from_torch_home_without_a_network(torch_home: Path, stored: Path) -> None:
    place(stored, torch_home, VIDEO_FILE, AUDIO_FILE)
    for encoder, name in zip(load_paper(), (VIDEO_FILE, AUDIO_FILE), strict=True):
        assert not encoder.training
        parameters = encoder.state_dict()
        state = {k: v for k, v in torch.load(stored / name, weights_only=True).items() if not k.startswith("fc.")}
        assert state.keys() == parameters.keys() - {"mean", "std"}
        for key, value in state.items():
            assert torch.equal(parameters[key], value), key


@pytest.mark.parametrize("present", [(), (VIDEO_FILE,), (AUDIO_FILE,)])
def test_absent_files_are_named_with_their_folder_and_never_replaced_by_random_weights(
    torch_home: Path, stored: Path, present: tuple[str, ...]
) -> None:
    place(stored, torch_home, *present)
    message = refusal()
    assert f"needs {VIDEO_FILE} and {AUDIO_FILE} in {torch_home}" in message
    assert "name resolution" in message
    for name in (VIDEO_FILE, AUDIO_FILE):
        assert (f"https://download.pytorch.org/models/{name}" in message) == (name not in present)
    assert sorted(path.name for path in torch_home.iterdir()) == sorted(present)  # nothing half-written


@pytest.mark.parametrize("content", ["truncated", "empty", "text", "list"])
def test_a_damaged_file_is_said_by_name(torch_home: Path, stored: Path, content: str) -> None:
    place(stored, torch_home, VIDEO_FILE)
    whole = (stored / AUDIO_FILE).read_bytes()
    pickled = io.BytesIO()
    torch.save([1, 2], pickled)
    contents = {"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"<html>404</html>"}
    (torch_home / AUDIO_FILE).write_bytes(contents.get(content, pickled.getvalue()))
    message = refusal()
    assert f"{torch_home / AUDIO_FILE} is damaged or not torchvision's" in message
    assert "weights_only" not in message  # torch's advice to load it unsafely is not passed on


def test_the_weights_of_another_network_are_refused(torch_home: Path, stored: Path) -> None:
    place(stored, torch_home, VIDEO_FILE)
    torch.save(torchvision.models.resnet18(width_per_group=64, num_classes=3).state_dict(), torch_home / AUDIO_FILE)
    load_paper()  # another classifier is none of our concern: it is left out
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, torch_home / AUDIO_FILE)
    assert f"{torch_home / AUDIO_FILE} is damaged or not torchvision's" in refusal()


class _Intruder:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("intruder-was-here"),)  # type: ignore[return-value]


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))])
def test_nothing_in_a_file_is_run(
    torch_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: object
) -> None:
    monkeypatch.chdir(tmp_path)
    torch_home.mkdir(parents=True)
    save({"stem.0.weight": _Intruder()}, torch_home / VIDEO_FILE)  # type: ignore[operator]
    assert "not a file of plain tensors" in refusal()
    assert not (tmp_path / "intruder-was-here").exists()


def test_a_download_with_another_hash_is_refused_and_not_kept(
    torch_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answer(io.BytesIO):
        def info(self) -> Message:
            return Message()

    monkeypatch.setattr(torch.hub, "urlopen", lambda *_, **__: Answer(b"a captive portal's login page"))
    assert "invalid hash value" in refusal()
    assert list(torch_home.iterdir()) == []


def test_random_weights_need_a_seed_and_leave_the_callers_random_numbers_alone() -> None:
    with pytest.raises(ValueError, match="explicit seed"):
        load_paper(pretrained=False)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first, second, other = (load_paper(pretrained=False, seed=seed)[1].conv1.weight for seed in (1, 1, 2))
    assert torch.equal(torch.rand(4), expected)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


# --- folding


def norms(module: nn.Module) -> int:
    return sum(isinstance(part, _BatchNorm) for part in module.modules())


@torch.inference_mode()
def test_folded_paper_encoders_give_the_same_tokens(encoders: tuple[PaperVideo, PaperAudio]) -> None:
    generator = torch.Generator().manual_seed(7)
    frames, image = torch.randn(2, 3, 8, 56, 56, generator=generator), torch.randn(2, 3, 40, 101, generator=generator)
    image *= torch.tensor([60.0, 3.0, 0.6]).view(3, 1, 1)
    for encoder, inputs in zip(encoders, (frames, image), strict=True):
        before = {name: value.clone() for name, value in encoder.state_dict().items()}
        folded = fold(encoder)
        assert type(folded) is type(encoder)
        assert norms(folded) == 0
        torch.testing.assert_close(folded(inputs), encoder(inputs), rtol=1e-4, atol=1e-4)
        assert norms(encoder) > 19  # the original stays as it was
        assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


@torch.inference_mode()
def test_folded_compact_encoders_give_the_same_tokens() -> None:
    config = EncoderConfig.compact()
    generator = torch.Generator().manual_seed(8)
    frames = torch.randn(2, 3, config.frames_per_second, 112, 112, generator=generator)
    image = torch.randn(2, 3, config.audio.n_mfcc, config.audio.steps, generator=generator)
    for encoder, inputs in ((CompactVideo(config), frames), (CompactAudio(config), image)):
        randomise_norms(encoder)
        folded = fold(encoder.eval())
        assert norms(folded) == 0
        torch.testing.assert_close(folded(inputs), encoder(inputs), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_folding_keeps_the_layout_of_the_fast_kernels(encoders: tuple[PaperVideo, PaperAudio]) -> None:
    video, audio = (fold(encoder) for encoder in encoders)
    contiguous = torch.randn(16, 3, 4, 32, 32)  # fewer, on one thread, go to kernels that know no such layout
    assert video.stem(contiguous).is_contiguous(memory_format=torch.channels_last_3d)
    assert audio.conv1(torch.randn(2, 3, 32, 32)).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(
        video(contiguous), video(contiguous.contiguous(memory_format=torch.channels_last_3d)), rtol=1e-4, atol=1e-4
    )


class Awkward(nn.Module):
    """Batch norms that must stay, or whose convolution is not the module registered before them."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_first, self.conv_first = nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)  # registered in the other order
        self.tapped, self.tapped_norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.shared, self.norm_a, self.norm_b = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.batch_norm = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, affine=False))
        self.one = nn.Sequential(nn.Conv1d(4, 6, 3, groups=2), nn.BatchNorm1d(6))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_first(self.norm_first(x))  # no convolution before the norm: stays
        tapped = self.tapped(x)
        x = self.tapped_norm(tapped) + tapped  # read twice: stays
        x = self.norm_a(self.shared(x)) + self.norm_b(self.shared(x))  # one convolution, two norms: stay
        x = self.batch_norm(x)  # folds
        return self.one(rearrange(x, "b c h w -> b c (h w)"))  # folds


@torch.inference_mode()
def test_only_norms_that_alone_read_a_convolution_are_folded() -> None:
    torch.manual_seed(0)
    module = Awkward().eval()
    for norm in module.modules():
        if isinstance(norm, _BatchNorm):
            assert norm.running_mean is not None
            norm.running_mean.uniform_(-1, 1)
    folded, x = fold(module), torch.randn(2, 3, 9, 9)
    assert norms(folded) == norms(module) - 2
    torch.testing.assert_close(folded(x), module(x), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_a_module_in_training_is_folded_as_it_will_be_used() -> None:
    module = nn.Sequential(nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4), nn.ReLU())
    folded, x = fold(module), torch.randn(1, 3, 4, 5, 5)
    assert module.training
    assert not folded.training
    torch.testing.assert_close(folded(x), module.eval()(x), rtol=1e-4, atol=1e-4)
