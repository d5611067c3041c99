"""A point of a film's curve opens its window from what the cache holds, and the whole can be had back; no browser."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from sec2sec.clip import AskError, EncodedClip, encode
from sec2sec.curve import window_of
from sec2sec.explanations.windows import measured_again
from sec2sec.lengths import KEY, measure_lengths
from sec2sec.ui.bounded_cache import ClipGoneError
from sec2sec.ui.clip_cache import ClipCache, ExplainedClip
from sec2sec.ui.compare.payload import side_by_side_lanes
from sec2sec.ui.film import opened
from sec2sec.ui.inspect_screen import Screen
from sec2sec.viewer.curve import curve_payload, joined_curve
from sec2sec.viewer.early import early_curve
from sec2sec.viewer.payload import as_json, view_payload
from tests.edits.test_edits import moving, sweep
from tests.helpers import clips
from tests.helpers.models import tiny_bundle

SECONDS, WINDOW = 9, 4


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    learned = measure_lengths([3, 4, 4, 5]).as_json()
    return replace(tiny_bundle(tmp_path_factory.mktemp("model") / "tiny"), metrics={KEY: learned})


@pytest.fixture(scope="module")
def encoded(tmp_path_factory, bundle) -> EncodedClip:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    clips.make_clip(path, SECONDS + 3, fps=8, picture=moving, sound=sweep(SECONDS + 3))
    return encode(path, bundle, start=2.0, end=2.0 + SECONDS - 0.5)


@pytest.fixture
def cache() -> ClipCache:
    return ClipCache(60)


@pytest.fixture
def film(encoded, tmp_path) -> ExplainedClip:
    explanation, planted = encoded.explain(), {"arousal": [1, 6]}
    payload = view_payload(explanation, encoded.preview, planted=planted)
    own = (explanation, encoded.preview, encoded.tokens.cpu(), tmp_path / "film.mp4", (2.0, 10.5), "tiny", False)
    return ExplainedClip(*own, planted, payload, "film.mp4", 100)


def test_a_window_is_explained_as_the_encoded_film_explains_it(cache, film, encoded, bundle):
    key = cache.put(film)
    window, window_key, words = opened(cache, key, 3, lambda name: bundle)
    curve = film.explanation.curve
    own = window_of(encoded, curve, 3).explain()
    assert window.explanation.clip == own.clip
    assert (own.clip.start, own.clip.seconds) == (5.0, WINDOW)
    for name, target in own.targets.items():
        assert target.prediction == pytest.approx(curve.values[name][3], abs=1e-6)
        np.testing.assert_allclose(window.explanation.targets[name].effect, target.effect, atol=1e-6)
        assert window.explanation.targets[name].verdict.word == target.verdict.word
    assert [one.name for one in window.explanation.features] == [one.name for one in own.features]
    assert window.explanation.out_of_distribution == own.out_of_distribution
    assert window.preview.stills == film.preview.stills[3:7]
    assert cache.get(window_key) is window
    assert "5–9 s" in words


def test_what_is_shown_of_a_window_is_its_own_and_the_curve_stays_the_films(cache, film, bundle):
    window, _, _ = opened(cache, cache.put(film), 3, lambda name: bundle)
    payload = window.payload
    assert payload["clip"] | {"name": ""} == {
        "name": "", "start": 5.0, "offset": 5.0, "duration": 4.0, "seconds": 4, "has_audio": True, "has_video": True,
        "partial": False,
    }  # fmt: skip
    assert payload["curve"] == film.payload["curve"] | {"opened": 3}
    assert film.payload["curve"]["opened"] is None
    assert payload["planted"] == {"arousal": [3]}
    assert payload["mfcc"]["shape"][0] == WINDOW
    assert window.part == (5.0, 9.0)
    assert as_json(payload)


def test_the_last_window_ends_where_the_analysed_part_does(cache, film, bundle):
    last = len(film.explanation.curve.starts) - 1
    window, _, _ = opened(cache, cache.put(film), last, lambda name: bundle)
    assert window.part == (2.0 + SECONDS - WINDOW, 10.5)
    assert window.explanation.clip.partial
    assert window.explanation.clip.duration == pytest.approx(3.5, abs=0.1)


def test_from_a_window_one_goes_to_another_and_back_to_the_whole(cache, film, bundle):
    key = cache.put(film)
    _, first, _ = opened(cache, key, 0, lambda name: bundle)
    second, second_key, _ = opened(cache, first, 4, lambda name: bundle)
    assert second.explanation.clip.start == 6.0
    back, back_key, words = opened(cache, second_key, None, lambda name: bundle)
    assert (back, back_key) == (film, key)
    assert words == f"The whole: {SECONDS} s."


@pytest.mark.parametrize("point", [-1, 6, 1.0, "0", True, [], {}])
def test_a_point_that_no_curve_has_is_refused_whatever_a_browser_sends(cache, film, bundle, point):
    with pytest.raises(AskError, match="no such window"):
        opened(cache, cache.put(film), point, lambda name: bundle)


def test_a_clip_without_a_curve_has_no_windows(cache, film, bundle):
    film.explanation = replace(film.explanation, curve=None)
    with pytest.raises(AskError, match="no such window"):
        opened(cache, cache.put(film), 0, lambda name: bundle)


def test_a_film_that_is_no_longer_in_memory_says_so(cache, film, bundle):
    key = cache.put(film)
    _, window_key, _ = opened(cache, key, 0, lambda name: bundle)
    cache.discard(key)
    with pytest.raises(ClipGoneError):
        opened(cache, window_key, 1, lambda name: bundle)


def test_what_was_measured_comes_back_from_what_was_remarked(encoded):
    explanation, measured = encoded.explain(), encoded.measured()
    again = measured_again(explanation)
    for name, values in measured.tracks.items():
        np.testing.assert_array_equal(again.tracks[name], values)
    np.testing.assert_array_equal(again.partial, measured.partial)


def test_the_browser_gets_the_curve_of_the_targets_that_people_read(encoded):
    explanation = encoded.explain()
    payload = curve_payload(explanation, ["arousal"])
    assert [target["name"] for target in payload["targets"]] == ["arousal"]
    assert payload["starts"] == [0, 1, 2, 3, 4, 5]
    assert payload["ends"][-1] == pytest.approx(8.5, abs=0.1)
    assert payload["words"][0] == "Predicted in 6 windows of 4 s, one every 1 s."
    target = payload["targets"][0]
    for low, value, high in zip(target["low"], target["values"], target["high"], strict=True):
        assert low <= value <= high
    assert curve_payload(replace(explanation, curve=None), ["arousal"]) is None


def test_a_comparison_joins_the_curves_of_models_that_have_the_same_windows(encoded):
    one = encoded.explain()
    other = replace(one, curve=replace(one.curve, values={n: 1 - v for n, v in one.curve.values.items()}))
    joined = side_by_side_lanes([one, other], ["arousal"])
    titles = list(joined.targets)
    np.testing.assert_array_equal(joined.curve.values[titles[0]], one.curve.values["arousal"])
    np.testing.assert_array_equal(joined.curve.values[titles[1]], 1 - one.curve.values["arousal"])
    assert [target["name"] for target in curve_payload(joined, titles)["targets"]] == titles
    apart = replace(other, curve=replace(other.curve, window=3.0))
    assert joined_curve([("a", "arousal", one), ("b", "arousal", apart)]) is None
    assert joined_curve([("a", "arousal", one), ("b", "arousal", replace(one, curve=None))]) is None


def test_the_curve_is_known_before_any_second_is_measured(encoded):
    clip = replace(encoded)  # of which nothing is known yet
    messages = []
    for progress in clip.explain_steps():
        if progress.early is not None:
            break
        messages.append(progress.message)
    assert messages
    assert all(message.startswith("Predicted ") for message in messages)
    curve = encoded.explain().curve
    for name, values in progress.early.values.items():
        np.testing.assert_allclose(values, curve.values[name], atol=1e-6)


def test_the_curve_that_comes_first_is_drawn_for_the_targets_that_may_be_read(encoded, bundle):
    curve = encoded.explain().curve
    page = early_curve(curve, bundle.summary, diagnostics=False)
    assert page.count("<svg") == 2
    assert "Predicted in 6 windows of 4 s, one every 1 s." in page
    assert "synchrony" not in page
    assert early_curve(curve, bundle.summary, diagnostics=True).count("<svg") == 3


def test_stop_leaves_no_half_of_a_film_on_the_screen_and_takes_nothing_that_was_explained():
    layout = SimpleNamespace(status="status", explain="explain", stop="stop", stability="stability", cards="cards")
    screen = Screen(layout, None)
    assert screen.show_stopped(None)["cards"] == ""
    assert "cards" not in screen.show_stopped("the key of a clip that is shown")
