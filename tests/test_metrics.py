"""Metrics against scikit-learn and the paper; intervals by groups; trivial baselines from the training labels."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec.metrics import (
    TrainingLabels,
    _weighted_binary,
    _weighted_score,
    draws,
    main_scores,
    measure,
    trivial_scores,
)


def measure_classes(prediction, label, positive):
    return measure(TrainingLabels("binary", 0, positive, 0.0), prediction, label)


def measure_scores(prediction, label, training_mean, training_median):
    return measure(TrainingLabels("score", 0, training_mean, training_median), prediction, label)


def scored(seed: int, clips: int = 150) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = rng.random(clips)
    return np.clip(label + 0.2 * rng.standard_normal(clips), 0, 1), label


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_measured_as_scikit_learn_and_the_paper_do(seed):
    said, label = scored(seed)
    found = measure_scores(said, label, training_mean=0.4, training_median=0.45)
    assert found["mean_accuracy"] == pytest.approx(1 - sklearn.metrics.mean_absolute_error(label, said))
    assert found["r2"] == pytest.approx(sklearn.metrics.r2_score(label, said))
    assert found["pearson"] == pytest.approx(np.corrcoef(said, label)[0, 1])
    covariance = np.cov(said, label, bias=True)
    gap = (said.mean() - label.mean()) ** 2
    ccc = 2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1] + gap)
    assert found["ccc"] == pytest.approx(ccc)
    assert found["trivial"]["mean"]["mean_accuracy"] == pytest.approx(1 - np.abs(label - 0.4).mean())
    assert found["trivial"]["median"]["mean_accuracy"] == pytest.approx(1 - np.abs(label - 0.45).mean())
    assert found["trivial"]["mean"]["pearson"] is None


def test_a_constant_prediction_has_no_correlation_and_one_clip_no_r2():
    found = measure_scores(np.full(5, 0.5), np.linspace(0, 1, 5), 0.5, 0.5)
    assert found["pearson"] is None
    assert found["ccc"] is None
    assert found["r2"] == pytest.approx(0)
    assert measure_scores(np.array([0.5]), np.array([0.7]), 0.5, 0.5)["r2"] is None


@pytest.mark.parametrize("seed", range(3))
def test_metrics_are_scikit_learns_where_predictions_tie_and_lie_on_the_boundary(seed):
    rng = np.random.default_rng(seed)
    said, label = rng.random(80).round(1), (rng.random(80) < 0.4).astype(float)
    found, answers = measure_classes(said, label, 0.5), said > 0.5
    assert found["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(label, answers))
    assert found["balanced_accuracy"] == pytest.approx(sklearn.metrics.balanced_accuracy_score(label, answers))
    assert found["f1"] == pytest.approx(sklearn.metrics.f1_score(label, answers))
    assert found["macro_f1"] == pytest.approx(sklearn.metrics.f1_score(label, answers, average="macro"))
    assert found["auroc"] == pytest.approx(sklearn.metrics.roc_auc_score(label, said))


def test_answers_that_are_all_alike_score_as_scikit_learn_has_it():
    label = np.array([1.0, 0, 0, 0])
    for value in (0.0, 1.0):
        found, said = measure_classes(np.full(4, value), label, 0.5), np.full(4, value)
        assert found["f1"] == pytest.approx(sklearn.metrics.f1_score(label, said, zero_division=0))
        assert found["macro_f1"] == pytest.approx(
            sklearn.metrics.f1_score(label, said, average="macro", zero_division=0)
        )
        assert found["balanced_accuracy"] == 0.5
        assert found["auroc"] == 0.5


@pytest.mark.parametrize("constant", [0.1, 1 / 3])
def test_scores_that_people_gave_alike_have_no_r2_and_no_correlation(constant):
    said, _ = scored(0)
    found = measure_scores(said, np.full(150, constant), 0.5, 0.5)
    assert (found["r2"], found["pearson"], found["ccc"]) == (None, None, None)
    assert found["mean_accuracy"] == pytest.approx(1 - np.abs(said - constant).mean())


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.integers(0, 3), min_size=6, max_size=12))
def test_a_weight_is_a_repetition(times):
    rng = np.random.default_rng(len(times))
    said, label = rng.random(len(times)).round(1), (np.arange(len(times)) % 2).astype(float)
    again = np.repeat(np.arange(len(times)), times)
    if not 0 < label[again].sum() < len(again):
        return
    weighted = _weighted_binary(said, label, np.array([times], float))
    plain = measure_classes(said[again], label[again], 0.5)
    for name, values in weighted.items():
        assert values[0] == pytest.approx(plain[name], abs=1e-6), name


def test_groups_are_drawn_whole_and_the_draws_follow_the_seed():
    groups = ["a"] * 3 + ["b"] * 5 + ["c"] * 2
    times = draws(groups, seed=1, count=50)
    assert times.shape == (50, 10)
    for members in (slice(0, 3), slice(3, 8), slice(8, 10)):
        assert (times[:, members] == times[:, members][:, :1]).all()
    assert np.array_equal(times[:, 0] + times[:, 3] + times[:, 8], np.full(50, 3))
    assert np.array_equal(times, draws(groups, seed=1, count=50))
    assert not np.array_equal(times, draws(groups, seed=2, count=50))


def test_an_interval_over_films_is_wider_than_one_over_clips_when_films_agree_within():
    rng = np.random.default_rng(0)
    film = np.repeat(np.arange(20), 15)
    label = (rng.random(300) < 0.5).astype(float)
    right = rng.random(20)[film] < 0.6  # whole films right or wrong
    said = np.where(right, label, 1 - label)
    training = TrainingLabels("binary", 300, 0.5, 0.5)
    by_film = measure(training, said, label, [str(f) for f in film])["interval"]["accuracy"]
    by_clip = measure(training, said, label, [str(i) for i in range(300)])["interval"]["accuracy"]
    assert by_film[1] - by_film[0] > 2 * (by_clip[1] - by_clip[0])


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held, training = 0, TrainingLabels("binary", 100, 0.5, 0.5)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        label = (rng.random(120) < 0.5).astype(float)
        said = np.where(rng.random(120) < 0.75, label, 1 - label)
        low, high = measure(training, said, label, [str(i // 2) for i in range(120)])["interval"]["accuracy"]
        held += low <= 0.75 <= high
    assert 52 <= held <= 60


def test_the_gain_is_over_the_best_trivial_baseline_with_the_same_draws():
    label = np.array([1.0] * 70 + [0.0] * 30)
    training = TrainingLabels.of("binary", label)
    found = measure(training, np.ones(100), label, [str(i) for i in range(100)])
    assert found["gain"]["over"] == "majority"
    assert found["gain"]["value"] == 0
    assert found["gain"]["interval"] == [0, 0]  # the same answers: no draw can part them
    scores = np.linspace(0, 1, 50) ** 2
    found = measure(TrainingLabels.of("score", scores), scores, scores, [str(i) for i in range(50)])
    assert found["gain"]["over"] == "median"
    assert found["gain"]["interval"][0] > 0


def test_one_group_alone_has_no_interval_and_a_missing_class_no_auroc():
    training = TrainingLabels("binary", 4, 0.5, 0.5)
    found = measure(training, np.array([0.2, 0.8]), np.array([0.0, 1.0]), ["film", "film"])
    assert found["interval"]["accuracy"] is None
    assert found["gain"]["interval"] is None
    found = measure(training, np.array([0.2, 0.8]), np.array([1.0, 1.0]), ["a", "b"])
    assert found["auroc"] is None
    assert found["interval"]["auroc"] is None


def test_scores_of_an_epoch_leave_out_clips_without_a_label():
    training = {"a": TrainingLabels("binary", 4, 0.75, 1.0), "b": TrainingLabels("score", 4, 0.4, 0.5)}
    probability = np.array([[0.9, 0.5], [0.2, 0.3], [0.6, 0.9]])
    labels = np.array([[1.0, np.nan], [1.0, 0.5], [np.nan, 0.7]])
    assert main_scores(training, probability, labels) == {"a": 0.5, "b": pytest.approx(0.8)}
    assert trivial_scores(training, labels) == {"a": 1.0, "b": pytest.approx(0.9)}
    assert main_scores(training, probability, np.full((3, 2), np.nan)) == {"a": None, "b": None}


@pytest.mark.parametrize("constant", [0.1, 0.497, 1 / 3, 0.0])
def test_correlations_of_a_constant_are_undefined_in_draws_as_they_are_alone(constant):
    _, label = scored(0)
    found = _weighted_score(np.full(150, constant), label, draws([str(i) for i in range(150)], 0, 50))
    assert np.isnan(found["pearson"]).all()
    assert np.isnan(found["ccc"]).all()
    assert np.isfinite(found["mean_accuracy"]).all()
