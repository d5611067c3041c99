"""Explanations against full forward passes and slow loops, and what they say of clips that lack something."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from sec2sec.clip import explain, explain_steps
from sec2sec.explanations.attention import entropy
from sec2sec.export.as_json import to_json
from sec2sec.export.as_text import as_text
from sec2sec.media import MediaError
from sec2sec.progress import Progress, drain
from tests.helpers import clips
from tests.helpers.explaining import encoded, full_pass, random_masker
from tests.helpers.models import tiny_bundle

SECONDS = 5


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=SECONDS)


@pytest.mark.parametrize("temporal", ["lstm", "attention-lstm"])
@pytest.mark.parametrize("attention", ["SA-CA", "SA-SA", "audio", "vision"])
@torch.no_grad()
def test_effect_of_each_second_equals_a_full_pass_with_that_second_replaced(tmp_path, attention, temporal):
    """The fast way over second embeddings against the definition: replace tokens, run the whole model again."""
    bundle = tiny_bundle(tmp_path / "c", attention=attention, temporal=temporal)
    masker = random_masker(bundle, 4)
    tokens, found = masker.tokens, masker.occlusion
    whole = full_pass(bundle.model, tokens.video, tokens.audio)
    np.testing.assert_allclose(found.prediction, whole, atol=1e-5)
    for t in range(4):
        for name, video_too, audio_too in (("effect", 1, 1), ("effect_audio", 0, 1), ("effect_video", 1, 0)):
            video, audio = tokens.video.clone(), tokens.audio.clone()
            if video_too:
                video[t] = bundle.model.reference_video
            if audio_too:
                audio[t] = bundle.model.reference_audio
            effect = whole - full_pass(bundle.model, video, audio)
            np.testing.assert_allclose(getattr(found, name)[:, t], effect, atol=1e-5)
    if attention in ("audio", "vision"):
        other = found.effect_video if attention == "audio" else found.effect_audio
        assert np.abs(other).max() < 1e-6, "a modality that the model does not read has no effect"


def test_long_clips_are_explained_in_passes_with_the_same_result(bundle, monkeypatch):
    at_once = random_masker(bundle, 40).occlusion
    monkeypatch.setattr("sec2sec.explanations.embeddings.SECONDS_PER_PASS", 7)
    monkeypatch.setattr("sec2sec.explanations.embeddings.CELLS_PER_PASS", 90)
    in_passes = random_masker(bundle, 40).occlusion
    np.testing.assert_allclose(in_passes.effect, at_once.effect, atol=1e-6)
    np.testing.assert_allclose(in_passes.effect_audio, at_once.effect_audio, atol=1e-6)


def test_entropy_is_zero_for_one_cell_one_for_uniform_and_scipys_in_between():
    from scipy.stats import entropy as oracle

    one = torch.zeros(1, 1, 2, 8)
    one[..., 3] = 1
    assert entropy(one).item() == pytest.approx(0, abs=1e-5)
    assert entropy(torch.full((1, 1, 2, 8), 1 / 8)).item() == pytest.approx(1)
    rows = torch.rand(2, 3, 5, 8).softmax(-1)
    expected = oracle(rows.numpy(), axis=-1).mean(-1) / math.log(8)
    np.testing.assert_allclose(entropy(rows).numpy(), expected, atol=1e-5)
    assert entropy(torch.ones(1, 1, 4, 1)).item() == 1, "no choice counts as uniform"


def test_a_clip_becomes_an_explanation_whose_parts_fit_together(clip, bundle):
    progress: list[Progress] = []
    ready = drain(explain_steps(clip, bundle), progress.append)
    assert [p.fraction for p in progress] == sorted(p.fraction for p in progress)
    assert {p.stage for p in progress} == {"decoding", "encoding", "explaining"}
    found = ready.explain()
    assert found.clip.seconds == SECONDS
    for target in found.targets.values():
        assert 0 <= target.prediction <= 1
        assert target.attention.sum() == pytest.approx(1, abs=1e-6)
        assert target.effect.shape == target.effect_audio.shape == target.effect_video.shape == (SECONDS,)
    maps = found.co_attention
    assert maps.video_from_audio.shape == (SECONDS, 2, 72, 32)
    np.testing.assert_allclose(maps.video_from_audio.astype(float).sum(-1), 1, atol=2e-3)
    assert ((maps.entropy >= 0) & (maps.entropy <= 1 + 1e-6)).all()
    preview = ready.preview
    assert found.preview is preview
    assert len(preview.stills) == SECONDS
    assert preview.waveform.shape == (SECONDS, 50, 2)
    assert preview.mfcc.shape == (SECONDS, 40, 101)


def test_the_same_clip_gives_the_same_explanation(clip, bundle):
    first, second = (to_json(explain(clip, bundle), "heads") for _ in range(2))
    del first["seconds_taken"], second["seconds_taken"]
    assert first == second


def test_a_chosen_part_equals_that_part_of_the_clip(clip, bundle):
    whole, part = encoded(clip, bundle), encoded(clip, bundle, start=2.0, end=4.0)
    assert part.info.seconds == part.explain().clip.seconds == 2
    torch.testing.assert_close(part.tokens.video, whole.tokens.video[2:4], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(part.tokens.audio, whole.tokens.audio[2:4], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("missing", "other"), [("audio", "video"), ("video", "audio")])
def test_a_missing_modality_has_no_effect_no_map_and_a_sentence(tmp_path, bundle, missing, other):
    path = clips.make_clip(tmp_path / ("c.mp4" if missing == "audio" else "c.m4a"), **{_OFF[missing]: None})
    found = explain(path, bundle)
    assert not getattr(found.clip, f"has_{missing}")
    for target in found.targets.values():
        assert np.abs(getattr(target, f"effect_{missing}")).max() < 1e-6
        np.testing.assert_allclose(getattr(target, f"effect_{other}"), target.effect, atol=1e-5)
    assert found.co_attention.video_from_audio is None
    assert ("sound" if missing == "audio" else "picture") in found.co_attention.absent
    assert "none" in as_text(found)
    assert any(("sound" if missing == "audio" else "picture") in w for w in found.clip.warnings)


_OFF = {"audio": "sound", "video": "picture"}  # make_clip's names of the two


def test_a_silent_second_gets_the_effect_of_silence_and_not_of_its_neighbours(tmp_path, bundle):
    """Changing the sound of one second changes the tokens of that second alone."""
    sound = clips.tone(5.0)
    loud = encoded(clips.make_clip(tmp_path / "loud.mp4", seconds=5, sound=sound), bundle).tokens.audio
    rate = clips.SOUND_RATE
    quiet_sound = sound.copy()
    quiet_sound[2 * rate : 3 * rate] = 0
    quiet = encoded(clips.make_clip(tmp_path / "quiet.mp4", seconds=5, sound=quiet_sound), bundle).tokens.audio
    change = (loud - quiet).abs().amax((1, 2))
    assert change[2] > 20 * change[[0, 4]].max()


def test_the_json_keeps_the_contract(clip, bundle):
    out = json.loads(json.dumps(to_json(explain(clip, bundle)), allow_nan=False))
    assert out["schema"] == "sec2sec.explanation/1"
    assert {"name", "sha256", "duration", "seconds", "has_audio", "has_video", "warnings"} <= set(out["clip"])
    assert {"name", "sha256", "trained_on"} <= set(out["checkpoint"])
    assert set(out["targets"]) == {"arousal", "valence", "synchrony"}
    for target in out["targets"].values():
        assert len(target["attention"]) == len(target["effect"]) == SECONDS
        assert sum(target["attention"]) == pytest.approx(1, abs=1e-4)
    assert len(out["co_attention"]["entropy"]) == SECONDS
    assert {"video_grid", "audio_grid"} <= set(out["co_attention"])
    assert out["seconds_taken"]["encoding"] > 0


def test_maps_in_the_json_are_the_heads_or_their_mean(clip, bundle):
    found = explain(clip, bundle)
    heads, mean = to_json(found, "heads")["co_attention"], to_json(found, "mean")["co_attention"]
    assert "video_from_audio" not in to_json(found, "none")["co_attention"]
    for name in ("video_from_audio", "audio_from_video"):
        np.testing.assert_allclose(np.mean(heads[name], 1), mean[name], atol=1e-5)


def test_a_file_that_cannot_be_used_is_a_media_error(tmp_path, bundle):
    path = tmp_path / "no.mp4"
    path.write_text("not a clip")
    with pytest.raises(MediaError, match=r"no\.mp4"):
        explain(path, bundle)


def test_the_public_function_stays_a_function_however_often_it_is_called(clip, bundle):
    """A subpackage of its name would take its place at the first import."""
    import sec2sec

    first, second = (sec2sec.explain(clip, bundle) for _ in range(2))
    assert first.targets["arousal"].prediction == second.targets["arousal"].prediction
