"""Predictors that are not ours and whose behaviour is known: what the audit finds is what they do."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import sec2sec
from sec2sec.errors import UserError
from sec2sec.export.as_json import to_json
from sec2sec.export.as_text import as_text
from tests.helpers import predictors
from tests.helpers.clips import make_clip, tone

ONE = {"references": ["silence-black"]}
ARRAYS = ONE | {"inputs": "arrays"}  # which cost nothing to make
LEVELS = np.array([0.1, 0.5, 0.05, 0.3, 0.2])  # of the sound of each second
SPEEDS = np.array([0, 3, 1, 0, 2])  # of the picture
GREYS = np.array([40, 200, 90, 160, 120])


def moving(index: int, time: float, width: int, height: int) -> np.ndarray:
    """A bright square that moves at its second's speed, on that second's grey."""
    second = min(int(time), len(SPEEDS) - 1)
    picture = np.full((height, width, 3), GREYS[second], np.uint8)
    left = 8 + int(SPEEDS[second]) * (index % 8)
    picture[16:40, left : left + 24] = 255
    return picture


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    sound = np.concatenate([tone(1, level=level) for level in LEVELS])
    return make_clip(tmp_path_factory.mktemp("audit") / "clip.mp4", 5, fps=8, picture=moving, sound=sound)


def test_of_a_loudness_meter_only_the_sound_matters_and_exactly_where_it_is_loud(clip):
    target = sec2sec.audit(clip, predictors.loudness, **ONE).targets["loudness"]
    energy = LEVELS**2 / 2 / len(LEVELS)
    np.testing.assert_allclose(target.effect_audio, energy, rtol=0.05, atol=2e-4)
    np.testing.assert_allclose(target.effect_video, 0, atol=1e-9)
    np.testing.assert_allclose(target.effect, target.effect_audio, atol=1e-9)
    assert target.baseline == pytest.approx(0, abs=1e-6)
    assert target.shapley.sound == pytest.approx(target.prediction - target.baseline)
    assert target.shapley.picture == 0


def test_of_a_motion_meter_only_the_picture_matters(clip):
    target = sec2sec.audit(clip, predictors.motion, **ONE).targets["motion"]
    frames = [luma for _, luma in predictors.frames_of(clip)]
    seconds = [frames[8 * second : 8 * second + 8] for second in range(5)]
    moved = [sum(np.abs(a - b).mean() for a, b in pairwise(own)) / 35 for own in seconds]
    assert np.abs(target.effect_audio).max() == 0
    assert moved[0] < 0.001 < moved[1]
    np.testing.assert_allclose(target.effect_video, moved, rtol=0.1, atol=2e-4)


def test_a_predictor_of_one_second_is_found_out(clip):
    explanation = sec2sec.audit(clip, predictors.second_three)
    target = explanation.targets["brightness"]
    assert [effects.reference for effects in target.effects] == ["silence and black", "room tone and held frame"]
    assert target.effect[3] > 0.5
    assert np.abs(np.delete(target.effect, 3)).max() < 0.01
    assert target.effect_range[0, 3] < 0.4 < 0.5 < target.effect_range[1, 3]  # the frame before is not black
    assert "3–4 s raised it most" in as_text(explanation)


def test_arrays_and_files_say_the_same(clip):
    shapes = []

    def loudness(clips):
        shapes.extend((one.frames.shape, one.samples.shape, one.duration) for one in clips)
        return [{"loudness": float((one.samples**2).mean())} for one in clips]

    of_arrays = sec2sec.audit(clip, loudness, inputs="arrays", **ONE)
    of_files = sec2sec.audit(clip, predictors.loudness, **ONE)
    assert set(shapes) == {((40, 64, 96, 3), (80_000,), 5.0)}
    mine, theirs = (explanation.targets["loudness"].effect for explanation in (of_arrays, of_files))
    np.testing.assert_allclose(mine, theirs, rtol=0.06, atol=3e-4)
    assert math.isnan(of_arrays.audit.reencoding["loudness"])


@pytest.mark.parametrize("targets", [1, 5])
def test_effects_take_three_questions_a_second_and_two_however_many_targets(clip, targets):
    def predict(clips):
        loud = predictors.loudness(clips)
        return [{f"{one['loudness']:.0f}target {k}": one["loudness"] for k in range(targets)} for one in loud]

    counted = predictors.Counted(predict)
    audit = sec2sec.audit(clip, counted, **ARRAYS).audit
    alone, again = 2, 2  # the sound and the picture of the clip by themselves; two repeats
    assert len(counted.asked) == audit.questions == 3 * 5 + 2 + alone + again


def test_what_was_answered_once_is_not_asked_again_until_the_predictor_changes(clip):
    def audit(version, **more):
        counted = predictors.Counted(predictors.loudness)
        explanation = sec2sec.audit(clip, counted, version=version, **ARRAYS, **more)
        return len(counted.asked), explanation.targets["loudness"].effect

    first, effect = audit("1")
    again, remembered = audit("1")
    np.testing.assert_array_equal(effect, remembered)
    assert (first, again, audit("2")[0], audit("")[0], audit("1", ask_again=True)[0]) == (21, 0, 21, 21, 21)


def test_a_run_that_breaks_off_goes_on_where_it_was(clip):
    class Ending(predictors.Counted):
        def __call__(self, clips):
            return super().__call__(clips) if len(self.asked) < 10 else []

    with pytest.raises(UserError, match="returned 0 answers"):
        sec2sec.audit(clip, Ending(predictors.loudness), name="meter", version="1", batch=1, **ARRAYS)
    counted = predictors.Counted(predictors.loudness)
    sec2sec.audit(clip, counted, name="meter", version="1", **ARRAYS)
    assert len(counted.asked) <= 12


def test_noise_is_noticed_and_widens_the_whisker(clip):
    explanation = sec2sec.audit(clip, predictors.Noisy(0.02), batch=1, **ARRAYS)
    audit, target = explanation.audit, explanation.targets["brightness"]
    assert audit.repeats == 8
    assert 0.008 < audit.noise["brightness"] < 0.04
    low, high = target.effect_range
    np.testing.assert_allclose(high - low, 2 * target.noise)
    assert target.noise == pytest.approx(2 * audit.noise["brightness"] * math.sqrt(1 + 1 / 8))
    assert any("answered the same clip differently" in note for note in explanation.clip.warnings)
    assert "3–4 s raised it most" in as_text(explanation)


def test_a_crash_on_every_fifth_call_costs_nothing_as_it_is_asked_again(clip):
    crashing = predictors.Crashing(predictors.second_three)
    explanation = sec2sec.audit(clip, crashing, batch=1, **ARRAYS)
    assert not explanation.audit.gaps
    assert len(crashing.asked) > explanation.audit.questions
    assert explanation.targets["brightness"].effect[3] > 0.5


def test_an_edit_that_is_never_answered_is_a_gap_with_its_reason_and_the_rest_stands(clip):
    def predict(clips):
        answers = predictors.second_three(clips)
        if answers[0]["brightness"] < 0.1:  # the picture of 3–4 s is black
            raise ValueError("I see nothing")
        return answers

    explanation = sec2sec.audit(clip, predict, batch=1, inputs="arrays")
    target = explanation.targets["brightness"]
    assert np.flatnonzero(np.isnan(target.effect)).tolist() == [3]
    assert np.isfinite(target.effects[1].whole).all()
    assert {gap.reason for gap in explanation.audit.gaps} == {"ValueError: I see nothing"}
    assert explanation.audit.gaps[0].what == "the clip without 3–4 s (silence and black instead)"
    written = json.loads(json.dumps(to_json(explanation), allow_nan=False))
    assert written["targets"]["brightness"]["effect"][3] is None
    assert written["targets"]["brightness"]["baseline"] is None
    assert any("leave gaps" in note for note in explanation.clip.warnings)
    as_text(explanation)


def test_a_hanging_edit_is_a_gap_too(clip):
    def predict(clips):
        answers = predictors.second_three(clips)
        return predictors.sleeping(clips) if answers[0]["brightness"] < 0.1 else answers

    audit = sec2sec.audit(clip, predict, batch=1, limit=0.3, budget=12, **ARRAYS).audit
    assert {gap.reason for gap in audit.gaps} == {"no answer within 0.3 s"}


@pytest.mark.parametrize(
    ("predict", "words"),
    [
        (predictors.sleeping, "no answer within 0.1 s"),
        (lambda clips: [{"arousal": math.nan}], "finite number"),
        (lambda clips: [{"arousal": "high"}], "expected a number"),
        (lambda clips: [{}], "no prediction"),
        (lambda clips: [0.5], "expected an object"),
        (lambda clips: {"arousal": 0.5}, "has to return a list"),
        (lambda clips: [{"arousal": 7.0}], "off the scale of 0 to 1"),
        (lambda clips: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_predictor_that_gives_no_prediction_is_one_clear_line(clip, predict, words):
    with pytest.raises(UserError, match=words) as error:
        sec2sec.audit(clip, predict, limit=0.1, inputs="arrays")
    assert "\n" not in str(error.value)


def test_a_predictor_that_answers_no_edit_ends_the_run_with_its_reason(clip):
    class Ending(predictors.Counted):
        def __call__(self, clips):
            if len(self.asked) >= 3:  # of the clip as it is
                raise OSError("edited")
            return super().__call__(clips)

    with pytest.raises(UserError, match=r"answered none of 5 edited clips \(OSError: edited\)"):
        sec2sec.audit(clip, Ending(predictors.loudness), batch=1, inputs="arrays")


def test_a_scale_makes_shares_of_other_numbers(clip):
    def decibels(clips):
        return [{"loudness": 10 * math.log10(max(one["loudness"], 1e-6))} for one in predictors.loudness(clips)]

    explanation = sec2sec.audit(clip, decibels, scales={"loudness": (-60, 0)}, **ARRAYS)
    target = explanation.targets["loudness"]
    own = decibels([clip])[0]["loudness"]
    assert target.prediction == pytest.approx((own + 60) / 60, abs=0.005)
    assert target.baseline == 0
    assert target.effect.argmax() == 1
    with pytest.raises(UserError, match="off the scale of 0 to 1"):
        sec2sec.audit(clip, decibels, inputs="arrays")


@pytest.mark.parametrize(
    ("budget", "step", "references", "split"), [(59, 1, 2, True), (29, 1, 1, True), (16, 2, 1, True), (11, 1, 1, False)]
)
def test_a_budget_leaves_out_what_matters_least_and_says_so(clip, budget, step, references, split):
    counted = predictors.Counted(predictors.loudness)
    explanation = sec2sec.audit(clip, counted, budget=budget, inputs="arrays")
    audit = explanation.audit
    assert len(counted.asked) <= budget
    assert (audit.step, len(audit.references)) == (step, references)
    assert explanation.targets["loudness"].effects[0].split is split
    assert len(audit.left_out) == (references < 2) + (step > 1) + (not split)
    assert set(audit.left_out) <= set(explanation.clip.warnings)


def test_a_budget_that_suffices_for_nothing_says_how_much_is_needed(clip):
    with pytest.raises(UserError, match="the least that says anything takes 2"):
        sec2sec.audit(clip, predictors.loudness, budget=4, inputs="arrays")


def test_what_encoding_alone_changes_is_measured_and_shown(clip):
    def of_bytes(clips):
        return [{"original": float(Path(one).read_bytes() == clip.read_bytes())} for one in clips]

    explanation = sec2sec.audit(clip, of_bytes, **ONE)
    assert explanation.audit.reencoding["original"] == -1
    assert "changed original by −1.000" in " ".join(explanation.clip.warnings)


def test_a_clip_without_sound_asks_only_about_its_picture(tmp_path):
    silent = make_clip(tmp_path / "silent.mp4", 5, fps=8, picture=moving, sound=None)
    counted = predictors.Counted(predictors.second_three)
    explanation = sec2sec.audit(silent, counted, **ONE)
    target = explanation.targets["brightness"]
    assert len(counted.asked) == 5 + 2 + 3
    np.testing.assert_array_equal(target.effect_video, target.effect)
    assert not target.effect_audio.any()


def test_a_sound_alone_and_a_last_second_that_breaks_off(tmp_path):
    sound = np.concatenate([tone(1, level=0.1), tone(1, level=0.6), tone(0.6, level=0.3)])
    voice = make_clip(tmp_path / "voice.m4a", picture=None, sound=sound)
    lengths = []

    def predict(clips):
        for one in clips:
            samples, rate = predictors.samples_of(one)
            lengths.append(len(samples) / rate)
        return predictors.loudness(clips)

    target = sec2sec.audit(voice, predict, **ONE).targets["loudness"]
    assert target.effect.argmax() == 1
    np.testing.assert_allclose(lengths, 2.6, atol=0.03)


def test_closing_the_steps_ends_the_questions(clip):
    from sec2sec.predictors.audit import audit_steps
    from sec2sec.predictors.predictor import FunctionPredictor, Identity

    counted = predictors.Counted(predictors.loudness)
    steps = audit_steps(clip, FunctionPredictor(counted, Identity("meter"), batch=1))
    for progress in steps:
        if progress.done >= 4:
            break
    steps.close()
    assert len(counted.asked) < 20
