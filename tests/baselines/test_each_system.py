"""What is each system's own: against transformers, librosa and slow loops; and their published weights."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from functools import partial

import librosa
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import ViTConfig, ViTModel, VivitConfig, VivitModel

from sec2sec.baselines import SYSTEMS, build_system
from sec2sec.baselines.avm import MelResNet
from sec2sec.baselines.late_fusion import Branch
from sec2sec.baselines.transformer import ClassToken, published_network
from sec2sec.baselines.vit import columns_to_seconds
from sec2sec.baselines.vivit import spread
from sec2sec.baselines.whole_clip import received_by_second
from sec2sec.checkpoints import load_checkpoint
from sec2sec.clip import explain
from sec2sec.config import ModelConfig
from sec2sec.datasets.open import open_data
from sec2sec.encoders import EncoderError, build_encoders
from sec2sec.encoders.inputs import Mel
from sec2sec.encoders.paper import PaperAudio, load_paper
from sec2sec.encoding import encode_seconds
from sec2sec.evaluation.evaluate import evaluate_steps
from sec2sec.media import open_clip
from sec2sec.progress import drain
from sec2sec.training.opening import OpenedData
from sec2sec.training.settings import TrainConfig
from sec2sec.training.train import train_steps
from tests.helpers import clips
from tests.helpers.systems import built, tokens

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=3)


@pytest.mark.parametrize("kind", ["vit", "vivit"])
@torch.no_grad()
def test_class_token_and_its_attention_equal_transformers_own(kind):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    if kind == "vit":
        network = ViTModel(ViTConfig(image_size=8, patch_size=4, **sizes), add_pooling_layer=False)
        pixels = torch.randn(2, 3, 8, 8)
    else:
        shape = {"image_size": 8, "num_frames": 4, "tubelet_size": (2, 4, 4)}
        network = VivitModel(VivitConfig(**shape, **sizes), add_pooling_layer=False)
        pixels = torch.randn(2, 4, 3, 8, 8)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    network.eval()
    vector, weights = ClassToken(network)(pixels, True)
    network.set_attn_implementation("eager")
    theirs = network(pixels, output_attentions=True)
    torch.testing.assert_close(vector, theirs.last_hidden_state[:, 0], atol=1e-5, rtol=1e-4)
    rows = theirs.attentions[-1].mean(1)[:, 0, 1:]
    torch.testing.assert_close(weights, rows / rows.sum(-1, keepdim=True), atol=1e-5, rtol=1e-4)


def test_columns_are_shared_among_the_seconds_that_they_cover():
    weights = torch.tensor([[0.5, 0.2, 0.3]]).expand(2, -1)
    found = columns_to_seconds(weights, torch.tensor([2, 6]), 6)
    torch.testing.assert_close(found[0], torch.tensor([0.6, 0.4, 0, 0, 0, 0]))  # the middle third: half in each
    torch.testing.assert_close(found[1], torch.tensor([0.25, 0.25, 0.1, 0.1, 0.15, 0.15]))


def test_frames_are_spread_over_the_real_seconds_alone():
    assert spread(torch.tensor([40, 8, 4]), 8).tolist() == [
        [2, 7, 12, 17, 22, 27, 32, 37],
        [0, 1, 2, 3, 4, 5, 6, 7],
        [0, 0, 1, 1, 2, 2, 3, 3],
    ]


@torch.no_grad()
def test_vivits_attention_lands_on_the_second_whose_frames_it_looked_at():
    """One clip with noise in its second second alone, a network that looks at what is large."""
    model = built("vivit", ("arousal",))
    picture = model.branches["video"]

    class Loud(torch.nn.Module):
        def forward(self, pixels: Tensor, evidence: bool) -> tuple[Tensor, Tensor]:
            tubelets = pixels.abs().reshape(len(pixels), 8, 4, 3, 4, 8, 4, 8).sum((2, 3, 5, 7)).flatten(1)
            return torch.zeros(len(pixels), picture.width), tubelets / tubelets.sum(-1, keepdim=True)

    picture.read = Loud()
    video, audio, mask = tokens("vivit", (4,))
    video[:, [0, 2, 3]] = 0
    assert model(video, audio, mask).second_weights[0, 0].tolist() == pytest.approx([0, 1, 0, 0], abs=1e-5)


@torch.no_grad()
def test_vits_attention_lands_on_the_second_whose_sound_it_looked_at():
    """The same for the MFCC image, of which each second is a quarter of the width."""
    model = built("vit", ("arousal",))
    sound = model.branches["audio"]

    class Loud(torch.nn.Module):
        def forward(self, pixels: Tensor, evidence: bool) -> tuple[Tensor, Tensor]:
            patches = pixels.abs().reshape(len(pixels), 3, 8, 8, 8, 8).sum((1, 3, 5)).flatten(1)
            return torch.zeros(len(pixels), sound.width), patches / patches.sum(-1, keepdim=True)

    sound.read = Loud()
    video, audio, mask = tokens("vit", (4,))
    audio[:, [0, 1, 3]] = 0
    assert model(video, audio, mask).second_weights[0, 0].tolist() == pytest.approx([0, 0, 1, 0], abs=0.05)


@torch.no_grad()
def test_avm_sees_eight_frames_a_fifth_of_a_second_apart_in_the_middle_of_a_clip():
    model = built("avm", ("arousal",))
    video, audio, mask = tokens("avm", (6,))
    whole = model(video, audio, mask).logits
    for t in range(6):  # 30 frames, of which 11 to 18 are seen: seconds 2 and 3
        other = video.clone()
        other[:, t] += 1
        assert torch.equal(model(other, audio, mask).logits, whole) == (t not in (2, 3))


def test_avms_mel_spectrogram_is_librosas():
    config = SYSTEMS["avm"].encoder_config("compact")
    samples = np.random.default_rng(0).standard_normal((1, 16000)).astype(np.float32) * 0.1
    found = Mel(config)(torch.from_numpy(samples))[0, :, 0].reshape(64, 100).numpy()
    power = librosa.feature.melspectrogram(
        y=samples[0],
        sr=16000,
        n_fft=1024,
        win_length=320,
        hop_length=160,
        n_mels=64,
        htk=True,
        norm=None,
        pad_mode="reflect",
    )
    np.testing.assert_allclose(found, 10 * np.log10(np.maximum(power, 1e-10))[:, :100], atol=1e-2)


@torch.no_grad()
def test_avms_published_streams_are_torchvisions_with_one_channel_of_sound(monkeypatch):
    video, audio = load_paper(pretrained=False, seed=0)
    monkeypatch.setattr("sec2sec.baselines.avm.load_paper", lambda: (video, audio))
    config = ModelConfig(("arousal",), system="avm", size="published", backbone="published")
    model = build_system(config, SYSTEMS["avm"].encoder_config("paper")).eval()
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["predict.weight", "predict.bias"]
    assert model.predict.in_features == 1024
    grey, image = torch.randn(1, 1, 64, 64), PaperAudio()
    image.load_state_dict(audio.state_dict())
    first = torch.nn.functional.conv2d(grey, image.conv1.weight.mean(1, keepdim=True), stride=2, padding=3)
    torch.testing.assert_close(MelResNet(image).steps[0](grey), first)


@torch.no_grad()
def test_attention_received_by_a_second_in_slow_loops():
    weights = torch.rand(1, 2, 3, 4).softmax(-1)  # 3 queries of which 2 are real, 2 seconds of 2 tokens
    found = received_by_second(weights, torch.tensor([[True, True, False]]), 2)[0]
    for t in range(2):
        each = [weights[0, h, q, 2 * t + s] for h in range(2) for q in range(2) for s in range(2)]
        assert found[t].item() == pytest.approx(sum(each).item() / 4, abs=1e-6)


@torch.no_grad()
def test_cma_asks_the_other_modality_first_and_co_attention_itself_first():
    for name in ("cma", "co-attention"):
        model = built(name, layers=1)
        video, audio, mask = tokens(name, (2,))
        asked: list[str] = []
        for part, module in model.named_modules():
            kind = part.split(".")[-1]
            if kind in ("self_video", "cross_video", "second_video"):
                module.register_forward_hook(partial(lambda kind, asked, *_: asked.append(kind), kind, asked))
        model(video, audio, mask)
        assert asked == (["cross_video", "self_video"] if name == "cma" else ["self_video", "second_video"])


# The published size, with tiny networks in the place of the published ones


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Folders as `hf download` leaves them: config.json and model.safetensors."""
    folder = tmp_path_factory.mktemp("published")
    torch.manual_seed(5)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    ViTModel(ViTConfig(image_size=224, patch_size=56, **sizes)).save_pretrained(folder / "vit")
    shape = {"image_size": 224, "tubelet_size": (8, 112, 112)}
    VivitModel(VivitConfig(**shape, **sizes)).save_pretrained(folder / "vivit")
    return folder


@pytest.fixture
def at_hand(published, monkeypatch):
    """The published weights are found."""
    monkeypatch.setattr("sec2sec.baselines.vit.VIT", str(published / "vit"))
    monkeypatch.setattr("sec2sec.baselines.vivit.VIVIT", str(published / "vivit"))


def test_a_frozen_backbone_sees_each_clip_once_and_is_not_in_the_checkpoint(
    made, machine, tmp_path, at_hand, monkeypatch, clip
):
    machine = replace(machine, cache=tmp_path / "tokens")
    config = TrainConfig(
        data=str(made / "data"), system="vit-vivit", preset="paper", epochs=3, batch=4, rate=1e-2, patience=9
    )
    done = drain(train_steps(tmp_path / "run", config, machine))
    for file in (tmp_path / "tokens").glob("*/*/*.safetensors"):
        with safe_open(file, "pt") as kept:
            assert {kept.get_slice(part).get_shape()[-1] for part in kept.keys()} == {16}  # noqa: SIM118
    with safe_open(done.checkpoint / "model.safetensors", "pt") as kept:
        assert not [name for name in kept.keys() if ".branches." in name]  # noqa: SIM118
    bundle = load_checkpoint(done.checkpoint, "cpu")
    assert "google/vivit-b-16x2-kinetics400 and google/vit-base-patch16-224-in21k" in bundle.card
    assert explain(clip, bundle).targets["arousal"].effect.shape == (3,)
    table = open_data(str(made / "data"))
    report = drain(evaluate_steps(bundle, OpenedData(table), workers=0)).report
    told = done.metrics["test"]["targets"]["calm"]["mean_accuracy"]
    assert report["targets"]["calm"]["mean_accuracy"] == pytest.approx(told, abs=1e-3), "the cache's fp16 apart"
    again = [step.message for step in train_steps(tmp_path / "more", config, machine) if step.stage == "tokens"]
    assert again == ["encoding: 10 of 10 clips"], "a second training reads the cache"


def test_a_tuned_backbone_moves_and_is_kept_in_the_checkpoint(made, machine, tmp_path, at_hand, published, monkeypatch):
    like = json.loads((published / "vit" / "config.json").read_text())
    monkeypatch.setattr("sec2sec.baselines.vit.ViTConfig", lambda: ViTConfig(**like))  # the size that is loaded again
    config = TrainConfig(
        data=str(made / "data"), system="vit", preset="paper", encoders="tuned", epochs=1, batch=4, encoder_rate=1e-3
    )
    done = drain(train_steps(tmp_path / "run", config, machine))
    bundle = load_checkpoint(done.checkpoint, "cpu")
    before = ViTModel.from_pretrained(published / "vit", add_pooling_layer=False)
    after = bundle.model.branches["audio"].read.network
    moved = [not torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True)]
    assert all(moved)


@pytest.mark.parametrize("name", ["vit", "vivit"])
def test_absent_weights_are_one_line_that_says_where_to_put_which_file(name, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(f"sec2sec.baselines.{name}.{name.upper()}", str(tmp_path / "nowhere"))
    config = ModelConfig(("arousal",), system=name, size="published", backbone="published")
    with pytest.raises(EncoderError, match=r"config\.json and model\.safetensors of .*nowhere.*HF_HOME") as refused:
        build_system(config, SYSTEMS[name].encoder_config("paper"))
    assert "\n" not in str(refused.value)


def test_where_nobody_answers_weights_are_missed_at_once_and_no_folder_is_left(monkeypatch, made, machine, tmp_path):
    """The hub's own client tries six times, with pauses, before it gives up."""
    asked: list[bool] = []

    def from_pretrained(*_: object, local_files_only: bool, **__: object) -> None:
        asked.append(local_files_only)
        raise OSError("not here")

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # a port on which nobody listens
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setattr(VivitModel, "from_pretrained", staticmethod(from_pretrained))
        decoded = []
        monkeypatch.setattr("sec2sec.training.setup.measure_sound", lambda *_: decoded.append(1))
        config = TrainConfig(data=str(made / "data"), system="vivit", preset="paper")
        with pytest.raises(EncoderError, match="neither in HF_HOME nor could be downloaded"):
            drain(train_steps(tmp_path / "run", config, machine))
    assert asked == [True]
    assert decoded == []
    assert not (tmp_path / "run").exists()


def test_weights_of_another_network_are_refused_and_never_filled_up_at_random(monkeypatch, published):
    monkeypatch.setattr("sec2sec.baselines.vivit.VIVIT", str(published / "vit"))
    config = ModelConfig(("arousal",), system="vivit", size="published", backbone="published")
    with pytest.raises(EncoderError):
        build_system(config, SYSTEMS["vivit"].encoder_config("paper"))


@pytest.mark.parametrize(("kind", "prefix"), [("vit", ""), ("vit", "vit."), ("vivit", "vivit.")])
def test_weights_under_the_names_of_the_published_files_are_found(published, tmp_path, kind, prefix):
    """The files on the Hub are older than transformers 5, and name the parts of a layer otherwise."""
    whole = ViTModel if kind == "vit" else VivitModel
    expected = whole.from_pretrained(published / kind, add_pooling_layer=False)
    older = {
        "layers.": "encoder.layer.",
        "attention.q_proj": "attention.attention.query",
        "attention.k_proj": "attention.attention.key",
        "attention.v_proj": "attention.attention.value",
        "attention.o_proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }
    renamed = {}
    for name, tensor in expected.state_dict().items():
        for new, old in older.items():
            name = name.replace(new, old)
        renamed[prefix + name] = tensor.contiguous()
    assert any("encoder.layer.0.attention.attention.query.weight" in name for name in renamed)
    save_file(renamed | {"classifier.weight": torch.ones(2, 16)}, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_bytes((published / kind / "config.json").read_bytes())
    found = published_network(whole, str(tmp_path))
    for (name, ours), theirs in zip(found.state_dict().items(), expected.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name


def test_frames_for_vivit_are_decoded_at_twice_the_side_and_show_the_same_part(clip):
    config = SYSTEMS["vivit"].encoder_config("paper")
    small = replace(config, enlarge=1, video_grid=(4, 112, 112))
    seen = []
    for each in (config, small):
        opened = open_clip(clip, frames_per_second=4, frame_size=each.frame_size, end=1.0)
        found = encode_seconds(list(opened.seconds()), build_encoders(each), torch.device("cpu")).video
        seen.append(found.reshape(4, each.video_grid[1], each.video_grid[2], 3))
    assert seen[0].shape == (4, 224, 224, 3)
    assert seen[0].abs().max() <= 1
    halved = torch.nn.functional.avg_pool2d(seen[0].permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    assert (halved - seen[1]).abs().mean() < 0.05


def test_every_branch_tells_its_width():
    for name in ("vit", "vivit", "vit-vivit", "avm"):
        model = built(name)
        branches = list(model.branches.values())
        assert all(isinstance(branch, Branch) for branch in branches)
        assert sum(branch.width for branch in branches) == model.predict.in_features
