"""One contract for all ten systems of the paper's tables."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from sec2sec.baselines import SYSTEMS
from sec2sec.checkpoints import CheckpointError, load_checkpoint
from sec2sec.clip import explain
from sec2sec.datasets.open import open_data
from sec2sec.encoders.tokens import Tokens
from sec2sec.evaluation.evaluate import evaluate_steps
from sec2sec.explanations.masker import masker_of
from sec2sec.export.as_json import to_json
from sec2sec.export.as_text import as_text
from sec2sec.media import MediaError
from sec2sec.model import Sec2Sec
from sec2sec.progress import drain
from sec2sec.training.opening import OpenedData
from sec2sec.training.settings import SettingsError, TrainConfig
from sec2sec.training.train import train_steps
from sec2sec.viewer.payload import encode
from tests.helpers import clips
from tests.helpers.systems import TARGETS, built, saved, tokens

pytestmark = pytest.mark.usefixtures("one_thread")

WHOLE = [name for name, system in SYSTEMS.items() if not system.recurrent]
every_system = pytest.mark.parametrize("name", SYSTEMS)


@every_system
def test_output_has_the_shapes_of_its_contract_for_any_number_of_targets(name):
    system = SYSTEMS[name]
    for targets in (("arousal",), TARGETS):
        model = built(name, targets)
        video, audio, mask = tokens(name)
        found = model(video, audio, mask)
        assert found.logits.shape == (2, len(targets))
        if system.has_temporal_attention:
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
    if SYSTEMS[name].has_temporal_attention:
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

    found = explain(clip, bundle)
    assert json.loads(encode(found, found.preview))["clip"]["seconds"] == 3, "the screen takes it"
    out = json.loads(json.dumps(to_json(found), allow_nan=False))
    assert set(out["targets"]) == set(TARGETS)
    assert out["checkpoint"]["system"] == SYSTEMS[name].title
    for target in found.targets.values():
        assert target.effect.shape == target.effect_audio.shape == target.effect_video.shape == (3,)
        assert (target.attention is None) == (not SYSTEMS[name].has_temporal_attention)
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
    monkeypatch.setattr("sec2sec.explanations.masker.INPUT_SECONDS_PER_PASS", 7)  # 2 variants a pass
    model = built(name)
    video, audio, mask = tokens(name, (3,))
    masker = masker_of(model, Tokens(video[0], audio[0]))
    found = masker.occlusion
    assert masker.by_second is None
    whole = model(video, audio, mask).logits.sigmoid()[0]
    np.testing.assert_allclose(found.prediction, whole, atol=1e-6, rtol=1e-5)
    for t in range(3):
        for effect, no_video, no_audio in (("effect", 1, 1), ("effect_audio", 0, 1), ("effect_video", 1, 0)):
            other_video, other_audio = video.clone(), audio.clone()
            if no_video:
                other_video[0, t] = model.reference_video
            if no_audio:
                other_audio[0, t] = model.reference_audio
            expected = whole - model(other_video, other_audio, mask).logits.sigmoid()[0]
            np.testing.assert_allclose(getattr(found, effect)[:, t], expected, atol=1e-5)
    nothing = model(*(part[None] for part in model.references(3)), mask).logits.sigmoid()[0]
    np.testing.assert_allclose(found.baseline, nothing, atol=1e-6, rtol=1e-5)


@every_system
def test_training_ends_with_a_checkpoint_that_evaluate_reads(made, machine, tmp_path, name):
    start = {"init": str(made / "tiny"), "width": 16, "heads": 2} if SYSTEMS[name].uses_encoder_tokens else {}
    config = TrainConfig(data=str(made / "data"), system=name, epochs=1, batch=4, **start)
    done = drain(train_steps(tmp_path / "run", config, machine))
    assert np.isfinite(done.metrics["validation_score"])
    bundle = load_checkpoint(done.checkpoint, "cpu")
    assert bundle.system.name == name
    assert f"System: {SYSTEMS[name].title}" in bundle.card
    assert bundle.model.reference_video.abs().max() > 0, "the training mean was set"
    table = open_data(str(made / "data"))
    report = drain(evaluate_steps(bundle, OpenedData(table), workers=0)).report
    for target, figures in report["targets"].items():
        told = done.metrics["test"]["targets"][target]
        assert figures["clips"] == told["clips"]


@every_system
@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
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
    monkeypatch.setattr("sec2sec.baselines.MAX_WHOLE_CLIP", 1.0)
    with pytest.raises(MediaError, match="longer than the 1 s allowed here"):
        explain(clip, load_checkpoint(tmp_path, "cpu"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"system": "vit", "encoders": "tuned"}, "the small vit has no encoders"),
        ({"system": "vit", "preset": "paper", "init": "random"}, "random encoders must be trained"),
        ({"system": "avm", "preset": "paper", "init": "somewhere"}, "from init 'random'"),
        ({"system": "vit-vivit", "preset": "paper", "modality_dropout": 0.1}, "needs --encoders tuned"),
    ],
)
def test_settings_that_make_no_sense_for_a_system_are_refused(settings, words):
    with pytest.raises(SettingsError, match=words):
        TrainConfig(**settings)
