"""One contract for all ten systems, then what is each one's own: against transformers, librosa and slow loops."""

from __future__ import annotations

import json
import subprocess
import sys
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
from sec2sec.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.datasets.open import open_data
from sec2sec.encode import Tokens, encode_seconds
from sec2sec.encoders import EncoderError, build_encoders
from sec2sec.encoders.inputs import Mel
from sec2sec.encoders.paper import PaperAudio, load_paper
from sec2sec.explanations import Explained, explain, explain_steps, to_json
from sec2sec.explanations.as_text import as_text
from sec2sec.explanations.occlusion import occlude
from sec2sec.media import MediaError, open_clip
from sec2sec.model import Model, Sec2Sec
from sec2sec.training.evaluate import Evaluated, evaluate_steps
from sec2sec.training.run import Trained, train_steps
from sec2sec.training.settings import SettingsError, TrainConfig
from sec2sec.ui.timeline.payload import encode
from tests import clips
from tests.models import ENCODER

TARGETS = ("arousal", "valence", "openness")
TOKENS = EncoderConfig(width=16, video_grid=(2, 2, 2), audio_grid=(2, 4))
WHOLE = [name for name, system in SYSTEMS.items() if not system.recurrent]
every_system = pytest.mark.parametrize("name", SYSTEMS)


@pytest.fixture(autouse=True)
def _one_thread():
    """Tensors here are tiny: threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def inputs_of(name: str) -> EncoderConfig:
    """What turns seconds into the tokens of the small system."""
    return TOKENS if SYSTEMS[name].reads_tokens else SYSTEMS[name].encoder_config("compact")


def built(name: str, targets: tuple[str, ...] = TARGETS, **changes) -> Model:
    torch.manual_seed(0)
    config = ModelConfig(targets, system=name, input_width=16, width=16, heads=2, hidden=16, **changes)
    model = build_system(config, inputs_of(name))
    torch.manual_seed(1)
    model.reference_video.normal_()
    model.reference_audio.normal_()
    return model.eval()


def tokens(name: str, lengths: tuple[int, ...] = (3, 2), seed: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Random clips; noise in the padding, which nothing may read."""
    torch.manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    video, audio = (torch.randn(*mask.shape, *shape) for shape in inputs_of(name).shapes.values())
    return video, audio, mask


@every_system
def test_output_has_the_shapes_of_its_contract_for_any_number_of_targets(name):
    system = SYSTEMS[name]
    for targets in (("arousal",), TARGETS):
        model = built(name, targets)
        video, audio, mask = tokens(name)
        found = model(video, audio, mask)
        assert found.logits.shape == (2, len(targets))
        if system.attends:
            assert found.second_weights.shape == (2, len(targets), 3)
            torch.testing.assert_close(found.second_weights.sum(-1), torch.ones(2, len(targets)))
            assert found.second_weights[1, :, 2].abs().max() == 0
        else:
            assert found.second_weights is None
        assert (found.joint is not None) == system.recurrent
        assert (found.video_from_audio is not None) == system.maps
        without = model(video, audio, mask, evidence=False)
        torch.testing.assert_close(without.logits, found.logits, atol=1e-5, rtol=1e-4)


@every_system
@torch.no_grad()
def test_padding_does_not_change_a_clips_logits_nor_its_attention(name):
    model = built(name)
    video, audio, mask = tokens(name)
    together, alone = model(video, audio, mask), model(video[1:, :2], audio[1:, :2], mask[1:, :2])
    torch.testing.assert_close(together.logits[1:], alone.logits, atol=1e-5, rtol=1e-4)
    if SYSTEMS[name].attends:
        torch.testing.assert_close(together.second_weights[1:, :, :2], alone.second_weights, atol=1e-5, rtol=1e-4)


@every_system
@torch.no_grad()
def test_a_system_reads_the_modalities_that_the_registry_says(name):
    model, system = built(name), SYSTEMS[name]
    video, audio, mask = tokens(name)
    whole = model(video, audio, mask).logits
    assert torch.equal(model(video + 1, audio, mask).logits, whole) != system.sees
    other = audio * torch.linspace(0.5, 2, audio.shape[2])[:, None]  # a gain alone would be normalised away
    assert torch.equal(model(video, other, mask).logits, whole) != system.hears


@every_system
def test_gradient_reaches_every_parameter_and_a_step_lowers_the_loss(name):
    model = built(name)
    video, audio, mask = tokens(name, (3, 3, 2, 1))
    labels = torch.randint(2, (4, 3)).float()

    def loss() -> Tensor:
        logits = model(video, audio, mask, evidence=False).logits
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)

    optimiser = torch.optim.SGD(model.parameters(), 1e-3)
    before = loss()
    before.backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0] == []
    optimiser.step()
    assert loss() < before


@every_system
def test_eight_clips_are_learned_by_heart(name):
    model = built(name, ("arousal",), dropout=0.0).train()
    video, audio, mask = tokens(name, (3, 3, 3, 3, 2, 2, 2, 2))
    labels = torch.tensor([0, 1] * 4).float()[:, None]
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0)
    for _ in range(150):
        logits = model(video, audio, mask, evidence=False).logits
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        if loss < 0.05:
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()
    assert torch.equal((model(video, audio, mask).logits > 0).float(), labels)


def saved(folder, name: str):
    """A checkpoint of the small system, on compact encoders or on its own inputs."""
    encoder = ENCODER if SYSTEMS[name].reads_tokens else inputs_of(name)
    torch.manual_seed(0)
    config = ModelConfig(TARGETS, system=name, input_width=16, width=16, heads=2, hidden=16)
    model = build_system(config, encoder).eval()
    model.reference_video.normal_()
    model.reference_audio.normal_()
    encoders = build_encoders(encoder, seed=0)
    save_checkpoint(folder, encoders=encoders, model=model, trained_on="Random weights.", card="", metrics={})
    return model


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=3)


@every_system
def test_a_saved_system_gives_equal_outputs_and_explains_a_real_clip(tmp_path, clip, name):
    model = saved(tmp_path / "c", name)
    config = json.loads((tmp_path / "c" / "config.json").read_text())
    assert config["system"] == name
    bundle = load_checkpoint(tmp_path / "c", "cpu")
    assert bundle.system is SYSTEMS[name]
    torch.manual_seed(3)
    video, audio = (torch.randn(1, 2, *shape) for shape in bundle.encoders.config.shapes.values())
    mask = torch.ones(1, 2, dtype=torch.bool)
    assert torch.equal(model(video, audio, mask).logits, bundle.model(video, audio, mask).logits)

    explained = next(s for s in explain_steps(clip, bundle) if isinstance(s, Explained))
    found = explained.explanation
    assert json.loads(encode(found, explained.preview))["clip"]["seconds"] == 3, "the screen takes it"
    out = json.loads(json.dumps(to_json(found), allow_nan=False))
    assert set(out["targets"]) == set(TARGETS)
    assert out["checkpoint"]["system"] == SYSTEMS[name].title
    for target in found.targets.values():
        assert target.effect.shape == target.effect_audio.shape == target.effect_video.shape == (3,)
        assert (target.attention is None) == (not SYSTEMS[name].attends)
        if target.attention is not None:
            assert target.attention.sum() == pytest.approx(1, abs=1e-5)
    assert (found.co_attention.video_from_audio is None) == (not SYSTEMS[name].maps)
    assert SYSTEMS[name].title in found.co_attention.absent or SYSTEMS[name].maps
    assert "arousal" in as_text(found)


@every_system
def test_a_missing_modality_is_the_training_mean_or_refused_in_words(tmp_path, name):
    saved(tmp_path / "c", name)
    bundle, system = load_checkpoint(tmp_path / "c", "cpu"), SYSTEMS[name]
    mute = clips.make_clip(tmp_path / "mute.mp4", seconds=2, sound=None)
    blind = clips.make_clip(tmp_path / "blind.m4a", seconds=2, picture=None)
    for path, enough, lacking, word in (
        (mute, system.sees, "audio", "sound"),
        (blind, system.hears, "video", "picture"),
    ):
        if not enough:
            with pytest.raises(MediaError, match=f"{path.name}: has no {word}, and {system.title}"):
                explain(path, bundle)
            continue
        found = explain(path, bundle)
        for target in found.targets.values():
            assert np.abs(getattr(target, f"effect_{lacking}")).max() < 1e-6
            assert np.isfinite(target.effect).all()


@pytest.mark.parametrize("name", WHOLE)
@torch.no_grad()
def test_effect_equals_a_full_pass_with_that_second_replaced(name, monkeypatch):
    """The passes, and vectors joined late, against the definition."""
    monkeypatch.setattr("sec2sec.explanations.whole_clip.SECONDS_A_PASS", 7)  # 2 variants a pass
    model = built(name)
    video, audio, mask = tokens(name, (3,))
    found, joints = occlude(model, Tokens(video[0], audio[0]))
    assert joints is None
    whole = model(video, audio, mask).logits.sigmoid()[0]
    torch.testing.assert_close(found.prediction, whole, atol=1e-6, rtol=1e-5)
    for t in range(3):
        for effect, no_video, no_audio in (("effect", 1, 1), ("effect_audio", 0, 1), ("effect_video", 1, 0)):
            other_video, other_audio = video.clone(), audio.clone()
            if no_video:
                other_video[0, t] = model.reference_video
            if no_audio:
                other_audio[0, t] = model.reference_audio
            expected = whole - model(other_video, other_audio, mask).logits.sigmoid()[0]
            torch.testing.assert_close(getattr(found, effect)[t], expected, atol=1e-5, rtol=0)
    nothing = model(*(part[None] for part in model.references(3)), mask).logits.sigmoid()[0]
    torch.testing.assert_close(found.baseline, nothing, atol=1e-6, rtol=1e-5)


@every_system
def test_training_ends_with_a_checkpoint_that_evaluate_reads(made, machine, tmp_path, name):
    start = {"init": str(made / "tiny"), "width": 16, "heads": 2} if SYSTEMS[name].reads_tokens else {}
    config = TrainConfig(data=str(made / "data"), system=name, epochs=1, batch=4, **start)
    done = [step for step in train_steps(tmp_path / "run", config, machine) if isinstance(step, Trained)][-1]
    assert np.isfinite(done.metrics["validation_score"])
    bundle = load_checkpoint(done.checkpoint, "cpu")
    assert bundle.system.name == name
    assert f"System: {SYSTEMS[name].title}" in bundle.card
    assert bundle.model.reference_video.abs().max() > 0, "the training mean was set"
    table = open_data(str(made / "data"))
    report = next(s for s in evaluate_steps(bundle, table, split="test", workers=0) if isinstance(s, Evaluated)).report
    for target, figures in report["targets"].items():
        told = done.metrics["test"]["targets"][target]
        assert figures["clips"] == told["clips"]


@every_system
@pytest.mark.cuda
def test_cpu_and_cuda_agree(name):
    model = built(name)
    video, audio, mask = tokens(name)
    here = model(video, audio, mask)
    there = model.cuda()(video.cuda(), audio.cuda(), mask.cuda())
    torch.testing.assert_close(there.logits.cpu(), here.logits, atol=1e-3, rtol=1e-3)
    if here.second_weights is not None:
        torch.testing.assert_close(there.second_weights.cpu(), here.second_weights, atol=1e-3, rtol=1e-3)


def test_the_registry_needs_no_torch():
    code = "import sys, sec2sec.baselines; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_checkpoint_from_before_there_were_systems_still_loads(tmp_path):
    saved(tmp_path, "sec2sec-sa-sa")
    config = json.loads((tmp_path / "config.json").read_text())
    del config["system"]
    for name in ("system", "layers", "size", "backbone"):
        del config["model"][name]
    for name in ("sound", "audio_width", "enlarge"):
        del config["encoder"][name]
    (tmp_path / "config.json").write_text(json.dumps(config))
    bundle = load_checkpoint(tmp_path, "cpu")
    assert isinstance(bundle.model, Sec2Sec)
    assert bundle.system.name == "sec2sec-sa-sa"


def test_a_checkpoint_of_an_unknown_system_is_refused_in_words(tmp_path):
    saved(tmp_path, "vit")
    config = json.loads((tmp_path / "config.json").read_text())
    config["model"]["system"] = "os.system"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="system must be one of vit, vivit"):
        load_checkpoint(tmp_path, "cpu")


def test_a_clip_too_long_for_a_system_that_takes_in_all_of_it_is_refused(tmp_path, monkeypatch, clip):
    saved(tmp_path, "cma")
    monkeypatch.setattr("sec2sec.baselines.WHOLE_CLIP", 1.0)
    with pytest.raises(MediaError, match="longer than the 1 s allowed here"):
        explain(clip, load_checkpoint(tmp_path, "cpu"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"system": "vit", "encoders": "tuned"}, "the small vit has no encoders"),
        ({"system": "vit", "preset": "paper", "init": "random"}, "know nothing"),
        ({"system": "avm", "preset": "paper", "init": "somewhere"}, "from init 'random'"),
        ({"system": "vit-vivit", "preset": "paper", "modality_dropout": 0.1}, "needs --encoders tuned"),
    ],
)
def test_settings_that_make_no_sense_for_a_system_are_refused(settings, words):
    with pytest.raises(SettingsError, match=words):
        TrainConfig(**settings)


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
    done = [step for step in train_steps(tmp_path / "run", config, machine) if isinstance(step, Trained)][-1]
    for file in (tmp_path / "tokens").glob("*/*/*.safetensors"):
        with safe_open(file, "pt") as kept:
            assert {kept.get_slice(part).get_shape()[-1] for part in kept.keys()} == {16}  # noqa: SIM118
    with safe_open(done.checkpoint / "model.safetensors", "pt") as kept:
        assert not [name for name in kept.keys() if ".branches." in name]  # noqa: SIM118
    bundle = load_checkpoint(done.checkpoint, "cpu")
    assert "google/vivit-b-16x2-kinetics400 and google/vit-base-patch16-224-in21k" in bundle.card
    assert explain(clip, bundle).targets["arousal"].effect.shape == (3,)
    table = open_data(str(made / "data"))
    report = next(s for s in evaluate_steps(bundle, table, split="test", workers=0) if isinstance(s, Evaluated)).report
    told = done.metrics["test"]["targets"]["calm"]["mean_accuracy"]
    assert report["targets"]["calm"]["mean_accuracy"] == pytest.approx(told, abs=1e-3), "the cache's fp16 apart"
    again = [s for s in train_steps(tmp_path / "more", config, machine) if not isinstance(s, Trained)]
    kept = [s.kept for s in again if hasattr(s, "kept")]
    assert kept[-1] == kept[0] == 10, "a second training reads the cache"


def test_a_tuned_backbone_moves_and_is_kept_in_the_checkpoint(made, machine, tmp_path, at_hand, published, monkeypatch):
    like = json.loads((published / "vit" / "config.json").read_text())
    monkeypatch.setattr("sec2sec.baselines.vit.ViTConfig", lambda: ViTConfig(**like))  # the size that is loaded again
    config = TrainConfig(
        data=str(made / "data"), system="vit", preset="paper", encoders="tuned", epochs=1, batch=4, encoder_rate=1e-3
    )
    done = [step for step in train_steps(tmp_path / "run", config, machine) if isinstance(step, Trained)][-1]
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
