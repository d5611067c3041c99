"""Shifted cuts are those that decoding from another instant gives; bands hold what was found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sec2sec.clip import explain
from sec2sec.encoding import batched
from sec2sec.explanations.results import Occlusion
from sec2sec.explanations.stability import (
    CUTS_LABEL,
    SHIFTS,
    Bands,
    CutShifter,
    carry_back,
    stability_steps,
    with_stability,
)
from sec2sec.media import MediaError, open_clip
from sec2sec.progress import Progress, drain
from sec2sec.training.settings import TrainConfig, as_json
from sec2sec.ui.models import Models
from tests.helpers import clips
from tests.helpers.models import save_tiny, tiny_bundle


def shifted(path, shift: float, size: int = 2, rate: int = 8) -> list:
    cutter, found = CutShifter(shift), []
    for batch in [*batched(open_clip(path, frames_per_second=rate).seconds(), size), []]:
        found += cutter.add(batch)
    return found


@pytest.mark.parametrize("rate", [8, 16])
@pytest.mark.parametrize("shift", [0.25, 0.5])
def test_later_cuts_are_those_of_decoding_from_there(tmp_path, shift, rate):
    path = clips.make_clip(tmp_path / "clip.mov", 4, sound=sweep(4), audio_codec="pcm_s16le")
    found = shifted(path, shift, rate=rate)
    expected = list(open_clip(path, start=shift, frames_per_second=rate).seconds())
    assert len(found) == len(expected) == 4
    for one, other in zip(found, expected, strict=True):
        assert one.index == other.index
        real = (
            round(rate * (1 - shift)) if one.index == 3 else rate
        )  # the reader holds a later frame than the model saw
        np.testing.assert_array_equal(one.frames[:real], other.frames[:real])
        np.testing.assert_allclose(one.samples, other.samples, atol=0.02)
    assert not found[-1].samples[-round(16000 * shift) :].any()


@pytest.mark.parametrize("shift", [-0.25, -0.5])
def test_earlier_cuts_begin_with_the_first_frame_held_and_silence(tmp_path, shift):
    path = clips.make_clip(tmp_path / "clip.mov", 4, sound=sweep(4), audio_codec="pcm_s16le")
    found = shifted(path, shift)
    inside = list(open_clip(path, start=1 + shift, frames_per_second=8).seconds())
    assert [second.index for second in found] == [0, 1, 2, 3]
    for one, other in zip(found[1:], inside, strict=False):
        np.testing.assert_array_equal(one.frames, other.frames)
        np.testing.assert_allclose(one.samples, other.samples, atol=0.02)
    before, first = round(-8 * shift), next(iter(open_clip(path, frames_per_second=8).seconds()))
    assert (found[0].frames[:before] == first.frames[0]).all()
    np.testing.assert_array_equal(found[0].frames[before:], first.frames[: 8 - before])
    assert not found[0].samples[: round(-16000 * shift)].any()


def sweep(seconds: int) -> np.ndarray:
    """A tone that rises from 50 Hz, so that no instant sounds like another."""
    time = np.arange(seconds * clips.SOUND_RATE) / clips.SOUND_RATE
    return (0.5 * np.sin(2 * np.pi * (50 * time + 20 * time**2))).astype(np.float32)


@pytest.mark.parametrize("shift", SHIFTS)
def test_values_are_carried_back_by_the_share_of_a_second_that_is_covered(shift):
    rng = np.random.default_rng(1)
    values = {name: rng.random((2, 6)) for name in ("effect", "effect_audio", "effect_video")}
    effect = values["effect"]
    occlusion = carry_back(Occlusion(np.zeros(2), np.ones(2), effect / effect.sum(1, keepdims=True), **values), shift)
    for second in range(6):
        for name, rows in values.items():
            total = covered = 0.0
            for other in range(6):
                share = max(0.0, 1 - abs(other + shift - second))  # of the second that the shifted one covers
                total, covered = total + share * rows[:, other], covered + share
            np.testing.assert_allclose(getattr(occlusion, name)[:, second], total / covered)
    np.testing.assert_allclose(occlusion.attention.sum(1), 1)
    assert (occlusion.prediction.tolist(), occlusion.baseline.tolist()) == ([0, 0], [1, 1])


def run(path, *bundles, **part) -> tuple[list[Progress], Bands]:
    progress: list[Progress] = []
    return progress, drain(stability_steps(path, bundles, **part), progress.append)


def test_the_bands_hold_what_the_screen_shows(tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    path = clips.make_clip(tmp_path / "clip.mp4", 6)
    progress, bands = run(path, bundle, start=1.0, end=5.0)
    shown = explain(path, bundle, start=1.0, end=5.0)
    assert set(bands) == {"arousal", "valence", "synchrony"}
    for name, (band, *_) in bands.items():
        target = shown.targets[name]
        assert band.over == CUTS_LABEL
        assert (band.effect_low <= target.effect + 1e-6).all()
        assert (band.effect_high >= target.effect - 1e-6).all()
        assert (band.attention_low <= target.attention + 1e-6).all()
        assert (band.attention_high >= target.attention - 1e-6).all()
        assert band.prediction_low <= target.prediction + 1e-6
        assert band.prediction_high >= target.prediction - 1e-6
    assert np.ptp([step.fraction for step in progress]) > 0.5
    assert [step.fraction for step in progress] == sorted(step.fraction for step in progress)
    assert all(len(measured) == 1 for measured in bands.values())
    again = with_stability(shown, bands)
    assert {name: target.stability for name, target in again.targets.items()} == bands
    assert again.preview is shown.preview
    assert not any(target.stability for target in shown.targets.values())


def test_a_clip_that_never_changes_is_predicted_alike_however_it_is_cut(tmp_path):
    path = clips.make_clip(tmp_path / "still.mp4", 5, picture=clips.grey(90), sound=None)
    bundle = tiny_bundle(tmp_path / "tiny")
    _, bands = run(path, bundle)
    shown = explain(path, bundle)
    for name, (band, *_) in bands.items():
        assert band.prediction_high - band.prediction_low < 1e-3
        effect = shown.targets[name].effect[None]  # the same second counts otherwise at another place
        moved = [
            carry_back(Occlusion(np.zeros(1), np.zeros(1), None, effect, effect, effect), shift).effect[0]
            for shift in (0.0, *SHIFTS)
        ]
        np.testing.assert_allclose(band.effect_low, np.min(moved, 0), atol=1e-3)
        np.testing.assert_allclose(band.effect_high, np.max(moved, 0), atol=1e-3)


def test_seeds_span_the_band_between_them(tmp_path):
    bundles = [tiny_bundle(tmp_path / f"tiny{seed}", seed=seed) for seed in (0, 1)]
    path = clips.make_clip(tmp_path / "clip.mp4", 3)
    _, bands = run(path, *bundles)
    alone = [explain(path, bundle).targets["valence"] for bundle in bundles]
    band = bands["valence"][1]
    assert band.over == "2 seeds"
    np.testing.assert_allclose(band.effect_low, np.minimum(*(one.effect for one in alone)), atol=1e-6)
    np.testing.assert_allclose(band.attention_high, np.maximum(*(one.attention for one in alone)), atol=1e-6)
    assert band.prediction_low == pytest.approx(min(one.prediction for one in alone), abs=1e-6)


def trained(folder: Path, sha256: str = "0" * 64, **settings) -> Path:
    """A checkpoint that says what training it comes from, as `train` writes it."""
    save_tiny(folder, seed=settings.get("seed", 0))
    config = json.loads((folder / "config.json").read_text())
    config["provenance"] = {"command": "train", "data_sha256": sha256, "config": as_json(TrainConfig(**settings))}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_other_seeds_of_a_training_are_found_beside_it_and_nothing_else(tmp_path):
    trained(tmp_path / "a", seed=0, data="here")
    trained(tmp_path / "b", seed=1, data="there")
    trained(tmp_path / "same-seed", seed=0)
    trained(tmp_path / "other-data", seed=2, sha256="1" * 64)
    trained(tmp_path / "other-rate", seed=3, rate=0.5)
    save_tiny(tmp_path / "does-not-say", seed=4)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    models = Models(tmp_path, "cpu")
    assert [bundle.summary.name for bundle in models.with_seeds("a")] == ["a", "b"]
    assert [bundle.summary.name for bundle in models.with_seeds("does-not-say")] == ["does-not-say"]
    _, bands = run(clips.make_clip(tmp_path / "clip.mp4", 2), *models.with_seeds("a"))
    assert [band.over for band in bands["arousal"]] == [CUTS_LABEL, "2 seeds"]


def test_a_system_without_attention_has_a_band_of_effects_alone(tmp_path):
    path = clips.make_clip(tmp_path / "clip.mp4", 2)
    _, bands = run(path, tiny_bundle(tmp_path / "tiny", temporal="lstm"))
    assert np.isnan(bands["arousal"][0].attention_low).all()
    assert np.isfinite(bands["arousal"][0].effect_low).all()


def test_a_clip_that_cannot_be_used_says_so(tmp_path):
    (tmp_path / "no.mp4").write_bytes(b"no clip")
    with pytest.raises(MediaError, match=r"no.mp4"):
        run(tmp_path / "no.mp4", tiny_bundle(tmp_path / "tiny"))
