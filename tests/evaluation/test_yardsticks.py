"""Yardsticks of the pointing game that need no model, and what occlusion finds beyond them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from sec2sec.config import RESIZE, SAMPLE_RATE, MediaLimits
from sec2sec.datasets.known_truth import make_clips, read_planted
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError, Row
from sec2sec.evaluation.document import as_fragment, as_page, as_text
from sec2sec.evaluation.evaluate import NO_CUES, add_pointing, evaluate_steps
from sec2sec.evaluation.pointing import paired_gain, point
from sec2sec.evaluation.yardsticks import (
    CUES,
    LAST,
    LOUDEST,
    MIDDLE,
    ODD_ONE_OUT,
    measure_cues,
    measure_steps,
    spectral_centroid,
    standardise,
    yardstick_scores,
)
from sec2sec.explanations.results import Occlusion
from sec2sec.media import Second
from sec2sec.progress import drain
from sec2sec.training.opening import OpenedData
from sec2sec.words import signed
from tests.helpers.models import ENCODER, tiny_bundle


def seconds_of(levels: list[float], greys: list[int] | None = None, frequency: float = 440.0) -> list[Second]:
    """Seconds of a tone at these amplitudes before grey pictures that do not move."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    greys = [100] * len(levels) if greys is None else greys
    return [
        Second(
            t,
            np.full((8, *RESIZE, 3), grey, np.uint8),
            (level * np.sin(2 * np.pi * frequency * time)).astype(np.float32),
            None,
            False,
        )
        for t, (level, grey) in enumerate(zip(levels, greys, strict=True))
    ]


def occlusion_of(effect: list[float]) -> Occlusion:
    """One target whose seconds had these effects."""
    own = np.array([effect])
    return Occlusion(np.array([0.7]), np.array([0.5]), None, own, own, own)


def test_odd_one_out_finds_a_second_that_is_louder_than_the_others_and_one_that_is_quieter():
    for odd in (0.6, 0.02):
        scores = yardstick_scores(6, measure_cues(seconds_of([0.2, 0.2, 0.2, odd, 0.2, 0.21])))
        assert scores[ODD_ONE_OUT].argmax() == 3
        assert (scores[LOUDEST].argmax() == 3) == (odd > 0.2), "the quietest second is not the loudest"


def test_odd_one_out_finds_the_second_of_another_picture_or_another_sound():
    cues = measure_cues(seconds_of([0.2] * 5, [90, 90, 160, 90, 90]))
    assert cues[CUES.index("brightness")].argmax() == 2
    assert yardstick_scores(5, cues)[ODD_ONE_OUT].argmax() == 2
    higher = [*seconds_of([0.2] * 3), *seconds_of([0.2], frequency=3000.0), *seconds_of([0.2])]
    assert yardstick_scores(5, measure_cues(higher))[ODD_ONE_OUT].argmax() == 3


def test_place_alone_points_to_the_last_second_and_to_the_middle():
    for seconds, middle in ((5, [2]), (6, [2, 3]), (1, [0])):
        scores = yardstick_scores(seconds, None)
        assert set(scores) == {LAST, MIDDLE}, "cues that nobody measured say nothing"
        assert scores[LAST].argmax() == seconds - 1
        assert np.flatnonzero(scores[MIDDLE] == scores[MIDDLE].max()).tolist() == middle


def test_a_clip_that_never_changes_has_no_odd_second():
    scores = yardstick_scores(4, measure_cues(seconds_of([0.3] * 4)))
    assert np.ptp(scores[ODD_ONE_OUT]) == 0
    assert np.ptp(scores[LOUDEST]) == 0


def test_z_is_that_of_scipy_and_what_was_not_measured_counts_as_the_mean():
    cues = np.random.default_rng(0).normal(5, 2, (5, 9))
    np.testing.assert_allclose(standardise(cues), scipy.stats.zscore(cues, axis=1), atol=1e-12)
    cues[4, 2:4], cues[1] = np.nan, np.nan
    expected = scipy.stats.zscore(cues[4], nan_policy="omit")
    np.testing.assert_allclose(standardise(cues)[4], np.nan_to_num(expected), atol=1e-12)
    assert not standardise(cues)[1].any()


def test_a_clip_without_sound_or_picture_is_judged_by_the_other():
    silent = [Second(s.index, s.frames, None, None, False) for s in seconds_of([0.1] * 4, [90, 90, 90, 160])]
    assert yardstick_scores(4, measure_cues(silent))[ODD_ONE_OUT].argmax() == 3
    blind = [Second(s.index, None, s.samples, None, False) for s in seconds_of([0.1, 0.5, 0.1, 0.1])]
    scores = yardstick_scores(4, measure_cues(blind))
    assert scores[ODD_ONE_OUT].argmax() == scores[LOUDEST].argmax() == 1


def test_the_centroid_of_a_tone_is_its_frequency_and_digital_silence_has_none():
    for frequency in (250.0, 2000.0):
        (second,) = seconds_of([0.5], frequency=frequency)
        assert spectral_centroid(second.samples) == pytest.approx(np.log2(1 + frequency), abs=0.01)
    assert np.isnan(spectral_centroid(np.zeros(SAMPLE_RATE, np.float32)))


def test_the_gain_over_the_odd_one_out_is_a_paired_bootstrap_by_slow_loops():
    rng = np.random.default_rng(3)
    own, other = (rng.random(40) < 0.8).astype(float).tolist(), (rng.random(40) < 0.5).astype(float).tolist()
    names = [f"c{i}" for i in range(40)]
    gain = paired_gain(own, other, ODD_ONE_OUT, names)
    assert gain["value"] == pytest.approx(np.mean(own) - np.mean(other))
    means = []
    for _ in range(4000):
        drawn = rng.integers(0, 40, 40)
        means.append(np.mean([own[i] - other[i] for i in drawn]))
    np.testing.assert_allclose(gain["interval"], np.percentile(means, (2.5, 97.5)), atol=0.03)
    assert paired_gain(own, own, "x", names)["interval"] == [0, 0], "what both find alike has no width"
    assert paired_gain(own, other, "x", ["one film"] * 40)["interval"] is None


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Path:
    """Three known-truth clips."""
    folder = tmp_path_factory.mktemp("yardsticks") / "data"
    drain(make_clips(folder, 3, 78, workers=1))
    return folder


def test_shares_are_those_of_a_slow_loop_over_clips(planted):
    truth, rows = read_planted(planted), open_data(planted).rows
    rng = np.random.default_rng(0)
    predicted = [(row, occlusion_of(rng.normal(size=len(truth[row.id].decisive)).tolist())) for row in rows]
    cues = drain(measure_steps(rows, ENCODER, workers=0, limits=MediaLimits()))
    pointed = point(("a",), truth, predicted, cues)
    for name in (LAST, MIDDLE, LOUDEST, ODD_ONE_OUT):
        hits = []
        for row in rows:
            scores = yardstick_scores(cues[row.id].shape[1], cues[row.id])[name]
            tops = [t for t in range(len(scores)) if scores[t] == scores.max()]
            hits.append(np.mean([truth[row.id].decisive[t] for t in tops]))
        assert pointed.shares[name] == pytest.approx(np.mean(hits))
    without = point(("a",), truth, predicted, None)
    assert without.gains == []
    assert [gain["over"] for gain in pointed.gains] == [LOUDEST, ODD_ONE_OUT]
    for gain in pointed.gains:
        assert gain["value"] == pytest.approx(pointed.shares["occlusion"] - pointed.shares[gain["over"]])
    assert set(pointed.shares) - set(without.shares) == {LOUDEST, ODD_ONE_OUT}


def test_no_share_is_told_where_no_clip_has_a_decisive_second(planted):
    truth = {
        name: p.__class__(**{**vars(p), "decisive": p.decisive & False}) for name, p in read_planted(planted).items()
    }
    predicted = [(row, occlusion_of([0.1] * len(truth[row.id].decisive))) for row in open_data(planted).rows]
    assert point(("a",), truth, predicted, None) is None


def test_the_report_holds_the_yardsticks_with_and_without_a_cache_and_every_form_shows_them(planted, tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    data = OpenedData(open_data(planted))
    decoded = drain(evaluate_steps(bundle, data, split="all", workers=0)).report
    for _ in range(2):  # the second time no clip is decoded for its tokens
        cached = drain(evaluate_steps(bundle, data, split="all", workers=0, cache=tmp_path / "tokens")).report
        for name in (LAST, MIDDLE, LOUDEST, ODD_ONE_OUT, "chance"):
            assert cached["pointing"][name] == decoded["pointing"][name]
        assert [gain["over"] for gain in cached["pointing_gains"]] == [LOUDEST, ODD_ONE_OUT]
    for text in (as_text(decoded), as_page(decoded), as_fragment(decoded, [])):
        for name in (LAST, MIDDLE, LOUDEST, ODD_ONE_OUT):
            assert f"{name}: {decoded['pointing'][name]:.3f} (no model: " in text.replace("&#43;", "+")
        for gain in decoded["pointing_gains"]:
            assert f"occlusion: {signed(gain['value'], 3)}" in text.replace("&#43;", "+")


def test_a_report_on_features_says_that_two_yardsticks_are_left_out(planted, tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    truth, rows = read_planted(planted), open_data(planted).rows
    ones = np.ones((3, 8))
    predicted = [(row, Occlusion(ones[:, 0], ones[:, 0], None, ones, ones, ones)) for row in rows]
    report = {"remarks": []}
    add_pointing(report, bundle, truth, predicted, None)
    assert report["remarks"] == [NO_CUES]
    assert report["pointing_gains"] == []
    assert set(report["pointing"]) == {"occlusion", "chance", LAST, MIDDLE}


def test_a_clip_whose_cues_cannot_be_decoded_is_named(tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    with pytest.raises(DataError, match=r"broken\.mp4"):
        drain(measure_steps([Row("b", broken, {}, "test", "b")], ENCODER, workers=0, limits=MediaLimits()))
