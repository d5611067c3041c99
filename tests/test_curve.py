"""A film as a curve: every point is the prediction of its window alone, and its spread is counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sec2sec.clip import AskError, EncodedClip, encode
from sec2sec.curve import prediction_curve, window_of
from sec2sec.encoders.tokens import Tokens
from sec2sec.errors import ExplanationError
from sec2sec.explanations.masker import SecondMasker
from sec2sec.explanations.windows import curve_steps
from tests.edits.test_edits import moving, sweep
from tests.helpers import clips
from tests.helpers.explaining import full_pass, random_tokens, summary_of
from tests.helpers.models import tiny_bundle
from tests.helpers.systems import built

SECONDS = 11
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("curve") / "tiny")


@pytest.fixture
def clip(bundle) -> EncodedClip:
    tokens = random_tokens(bundle.model, SECONDS)
    return EncodedClip(bundle, tokens, summary_of(tokens))


def alone(clip: EncodedClip, first: int, end: int) -> np.ndarray:
    """The prediction of some seconds by the definition: their tokens as a clip, through the whole model → (K,)."""
    model, tokens = clip.model.model, clip.tokens
    filled = tokens.filled(model.references(tokens.seconds))
    return full_pass(model, *(own[first:end] for own in filled))


def points(curve) -> np.ndarray:
    return np.stack(list(curve.values.values()), 1)


@pytest.mark.parametrize(("window", "hop"), [(4, 1), (3, 2), (5, 4), (1, 1), (11, 1)])
def test_every_point_is_the_prediction_of_its_window_as_a_clip_of_its_own(clip, window, hop):
    curve = prediction_curve(clip, window=window, hop=hop)
    starts = [*range(0, SECONDS - window + 1, hop)]
    starts += [SECONDS - window] * (starts[-1] != SECONDS - window)
    assert curve.starts.tolist() == starts
    assert curve.ends.tolist() == [start + window for start in starts]
    np.testing.assert_array_equal(curve.times, (curve.starts + curve.ends) / 2)
    expected = [alone(clip, start, start + window) for start in starts]
    np.testing.assert_allclose(points(curve), expected, atol=1e-6)
    assert len(starts) == 1 or np.ptp(points(curve), 0).max() > 1e-3, "or nothing was compared"


@pytest.mark.parametrize("lacking", ["video", "audio"])
def test_a_clip_without_a_modality_is_predicted_with_the_mean_in_its_place(bundle, lacking):
    tokens = random_tokens(bundle.model, SECONDS)
    tokens = Tokens(None, tokens.audio) if lacking == "video" else Tokens(tokens.video, None)
    clip = EncodedClip(bundle, tokens, summary_of(tokens))
    curve = prediction_curve(clip, window=3)
    np.testing.assert_allclose(points(curve), [alone(clip, s, s + 3) for s in range(9)], atol=1e-6)


def test_a_system_of_whole_clips_is_run_on_each_window(bundle, monkeypatch):
    monkeypatch.setattr("sec2sec.explanations.masker.CLIPS_PER_PASS", 2)
    model = built("cma")
    tokens = random_tokens(model, SECONDS)
    clip = EncodedClip(replace(bundle, model=model), tokens, summary_of(tokens))
    curve = prediction_curve(clip, window=4, hop=3)
    np.testing.assert_allclose(points(curve), [alone(clip, s, s + 4) for s in (0, 3, 6, 7)], atol=1e-5)
    assert np.ptp(points(curve), 0).max() > 1e-3


@pytest.mark.parametrize(("window", "hop"), [(4, 1), (5, 2), (3, 3)])
def test_the_spread_is_the_range_over_the_windows_that_cover_the_time_of_a_point(clip, window, hop):
    curve = prediction_curve(clip, window=window, hop=hop)
    for name, values in curve.values.items():
        for point, time in enumerate(curve.times):
            covering = [v for v, s, e in zip(values, curve.starts, curve.ends, strict=True) if s <= time < e]
            assert curve.spread[name][:, point].tolist() == [min(covering), max(covering)]
            assert len(covering) >= (1 if hop == window else 2)


def test_a_window_is_opened_from_seconds_that_are_encoded_already(clip):
    curve = prediction_curve(clip, window=4)
    assert len(clip.masker.embeddings.both) == SECONDS  # as an explanation of the whole has made them
    part = window_of(clip, curve, 5)
    assert (part.info.start, part.info.duration, part.info.seconds) == (5.0, 4.0, 4)
    assert part.masker.by_second.embeddings.both.data_ptr() == clip.masker.embeddings.both[5:].data_ptr()
    explanation = part.explain()
    for name, values in curve.values.items():
        assert explanation.targets[name].prediction == pytest.approx(values[5], abs=1e-6)
        assert len(explanation.targets[name].effect) == 4


def test_the_window_of_a_film_has_its_pictures_its_features_and_its_place(tmp_path, bundle):
    path = clips.make_clip(tmp_path / "clip.mp4", 6, fps=8, picture=moving, sound=sweep(6))
    film = encode(path, bundle, end=5.5)
    assert film.info.partial
    own = encode(path, bundle, start=2.0, end=5.5).explain()
    curve = prediction_curve(film, window=4)
    last = window_of(film, curve, len(curve.starts) - 1)
    assert (last.info.start, last.info.seconds, last.info.partial) == (2.0, 4, True)
    assert last.info.duration == pytest.approx(3.5, abs=0.1)
    assert curve.ends[-1] == pytest.approx(5.5, abs=0.1)
    explained = last.explain()
    assert explained.preview.stills == film.preview.stills[2:]
    assert [one.values.tolist() for one in explained.features if one.name == "loudness"] == [
        next(f.values.tolist() for f in film.explain().features if f.name == "loudness")[2:]
    ]
    for name, target in own.targets.items():  # decoded and encoded from there
        np.testing.assert_allclose(explained.targets[name].effect, target.effect, atol=1e-4)


def test_a_clip_no_longer_than_a_window_has_one_point(clip):
    curve = prediction_curve(clip, window=60)
    assert (curve.window, curve.starts.tolist(), curve.ends.tolist()) == (11.0, [0.0], [11.0])
    for name, prediction in clip.predict().items():
        assert curve.values[name] == pytest.approx([prediction], abs=1e-6)
        assert curve.spread[name].tolist() == [[curve.values[name][0]], [curve.values[name][0]]]


@pytest.mark.parametrize("wrong", [{"window": 2.5}, {"window": 0}, {"window": 4, "hop": 0.5}, {"window": float("nan")}])
def test_what_is_no_whole_number_of_seconds_is_refused_in_words(clip, wrong):
    with pytest.raises(ExplanationError, match="whole seconds"):
        prediction_curve(clip, **wrong)


def test_progress_is_told_between_steps_and_closing_ends_the_work(clip, monkeypatch):
    monkeypatch.setattr(SecondMasker, "parts_per_step", 3)
    told = []
    curve = prediction_curve(clip, window=4, progress=told.append)
    assert [(one.done, one.total) for one in told] == [(0, 8), (3, 8), (6, 8)]
    np.testing.assert_allclose(points(curve), [alone(clip, s, s + 4) for s in range(8)], atol=1e-6)
    steps = curve_steps(clip.masker, clip.info, window=4)
    next(steps)
    steps.close()


@pytest.mark.parametrize(("first", "end"), [(5, 5), (3, 2), (0, 12)])
def test_seconds_that_are_no_part_are_refused(clip, first, end):
    with pytest.raises(AskError, match=r"has (11 )?seconds"):
        clip.part(first, end)


@pytest.mark.parametrize("point", [-1, 8])
def test_a_point_that_the_curve_does_not_have_is_refused(clip, point):
    with pytest.raises(AskError, match="points 0 to 7"):
        window_of(clip, prediction_curve(clip, window=4), point)
