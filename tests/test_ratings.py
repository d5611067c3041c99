"""People's ratings beside a clip: on its seconds, averaged like the prediction, and in everything that is written."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from sec2sec.clip import EncodedClip
from sec2sec.curve import prediction_curve
from sec2sec.datasets.tracks import RatingTrack
from sec2sec.explanations.lagged import lagged_correlation
from sec2sec.explanations.ratings import Rating, RatingFit, decimals
from sec2sec.export.as_json import to_json
from sec2sec.export.as_table import to_csv
from sec2sec.export.as_text import as_text
from sec2sec.export.stored import read_record, write_record
from sec2sec.ratings import WINDOW, at_centres, averaged, rate, sampled, with_ratings
from sec2sec.viewer.ratings import MAX_POINTS, ratings_payload, thinned
from tests.helpers.explaining import explained, random_tokens, summary_of
from tests.helpers.models import tiny_bundle

SECONDS = 70
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> EncodedClip:
    bundle = tiny_bundle(tmp_path_factory.mktemp("ratings") / "tiny")
    tokens = random_tokens(bundle.model, SECONDS)
    return EncodedClip(bundle, tokens, summary_of(tokens))


@pytest.fixture(scope="module")
def explanation(clip):
    return explained(clip.model, clip.masker)


def per_second(values: np.ndarray, name: str = "x") -> RatingTrack:
    return RatingTrack(np.arange(len(values), dtype=float), {name: np.asarray(values, float)}, "ratings.csv")


def test_ratings_made_of_the_prediction_itself_three_seconds_later_are_found(clip, explanation):
    curve = prediction_curve(clip, window=WINDOW).values["arousal"]
    late = np.full(SECONDS, np.nan)
    late[WINDOW // 2 - 1 + 3 : WINDOW // 2 - 1 + 3 + len(curve) - 3] = curve[: len(curve) - 3]
    (rating,) = rate(clip, explanation, [per_second(late, "Arousal")])
    assert [fit.series for fit in rating.fits] == ["prediction curve", "effect", "attention", "loudness", "motion"]
    assert {fit.target for fit in rating.fits} == {"arousal", ""}, "it is called like a target"
    best = rating.fits[0].correlation
    assert best is not None
    assert best.lag in (2, 3)  # an even window has its centre between two seconds
    assert best.r > 0.75  # of two neighbours, the mean
    assert rating.fits[3].absent == "the clip has no sound"


def test_every_curve_is_averaged_over_the_windows_of_the_prediction(clip, explanation):
    values = np.random.default_rng(0).normal(size=SECONDS).cumsum()
    (rating,) = rate(clip, explanation, [per_second(values)])
    assert rating.window == WINDOW
    effect = next(fit for fit in rating.fits if (fit.target, fit.series) == ("valence", "effect"))
    own = explanation.targets["valence"].effect
    slow = np.array([own[first : first + WINDOW].mean() for first in range(SECONDS - WINDOW + 1)])
    beside = np.array([values[first + 4 : first + 6].mean() for first in range(SECONDS - WINDOW + 1)])
    expected = lagged_correlation(slow, beside)
    assert effect.correlation is not None
    assert expected is not None
    np.testing.assert_allclose(effect.correlation.by_lag, expected.by_lag)
    assert len(rating.fits) == 2 * 3 + 2, "synchrony is a diagnostic and is not compared"


@pytest.mark.parametrize("window", [1, 4, 5])
def test_ratings_stand_at_the_centres_of_the_windows(window):
    seconds = np.arange(20.0)
    centres = np.array([first + window / 2 for first in range(20 - window + 1)])
    np.testing.assert_allclose(at_centres(seconds, window) + 0.5, centres)
    np.testing.assert_allclose(averaged(seconds, window) + 0.5, centres)


def test_rare_values_are_joined_by_lines_and_long_gaps_are_not():
    track = RatingTrack(np.array([0.0, 4.0, 20.0]), {"x": np.array([0.0, 4.0, 8.0])}, "x")
    seconds = sampled(track, "x", 0.0, 24)
    assert seconds[:5].tolist() == [0, 1.5, 2.5, 3.5, 4]
    assert np.isnan(seconds[5:20]).all()
    assert seconds[20] == 8
    assert sampled(per_second(np.arange(10.0)), "x", 3.0, 4).tolist() == [3, 4, 5, 6], "a part begins later"


def test_a_short_clip_gets_its_lane_and_says_why_nothing_is_compared(clip, explanation):
    short = clip.part(0, 20)
    own = replace(explanation, clip=short.info)
    (rating,) = rate(short, own, [per_second(np.arange(20.0))])
    assert rating.fits == ()
    assert "the 20 s that were analysed are too few. From 44 s on" in rating.compared
    assert rating.seconds.tolist() == list(range(20))


def test_everything_that_is_written_has_the_ratings(clip, explanation, tmp_path):
    values = np.random.default_rng(1).normal(size=SECONDS)
    values[4:12] = np.nan
    track = RatingTrack(np.arange(SECONDS) * 1.0, {"=x": values}, "ratings.csv")
    rated = with_ratings(clip, explanation, [track])
    written = json.loads(json.dumps(to_json(rated), allow_nan=False))["ratings"]
    assert written[0]["name"] == "=x"
    assert written[0]["seconds"][8] is None
    assert written[0]["fits"][0]["correlation"]["lag"] == rated.ratings[0].fits[0].correlation.lag
    rows = list(csv.DictReader(io.StringIO(to_csv(rated, ["arousal"]))))
    assert rows[8]["ratings_=x"] == ""
    assert float(rows[20]["ratings_=x"]) == pytest.approx(values[20], rel=1e-5)
    text = as_text(rated)
    assert "ratings: =x (ratings.csv). 48 points" in text
    assert "prediction curve of arousal" in text
    (payload,) = ratings_payload(rated)
    assert payload["values"][8] is None
    assert (payload["low"], payload["high"]) == (np.nanmin(values), np.nanmax(values))
    assert len(payload["rows"]) == 8
    assert to_json(explanation)["ratings"] == []
    write_record(tmp_path / "one", rated.ratings[0])
    again = read_record(tmp_path / "one", Rating)
    np.testing.assert_array_equal(again.seconds, rated.ratings[0].seconds)
    assert again.fits[0].cells == rated.ratings[0].fits[0].cells


def test_long_tracks_travel_thinned_to_means():
    times, values = np.arange(2 * MAX_POINTS) / 30, np.arange(2 * MAX_POINTS, dtype=float)
    values[[0, 1, 2]] = np.nan
    few_times, few = thinned(times, values)
    assert len(few_times) == MAX_POINTS
    assert np.isnan(few[0])
    assert few[1] == 3
    assert few[2] == 4.5


def test_figures_have_two_decimals_and_a_sign():
    assert [decimals(value, True) for value in (0.314, -0.05, 0.001, -1.0)] == ["+.31", "−.05", ".00", "−1.00"]
    assert decimals(0.314) == ".31"
    assert RatingFit("", "motion", None, "the clip has no picture").cells[:2] == ("motion (no model)", "–")
