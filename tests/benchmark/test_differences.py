"""Which differences between systems hold: intervals, paired bootstrap and Holm's correction against slow loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from sec2sec.benchmark.compare import Draws, LabelledPredictions, differences, measure_trials
from sec2sec.metrics import TrainingLabels, measure


def said_of(seed: int, right: float, clips: int = 200, groups: int = 40) -> LabelledPredictions:
    """A trial that is right about a share of the clips, whole groups more or less."""
    truth = (np.random.default_rng(0).random(clips) < 0.5).astype(float)
    rng = np.random.default_rng(seed + 1)
    correct = rng.random(clips) < right
    ids, of_groups = tuple(f"c{i}" for i in range(clips)), tuple(f"g{i % groups}" for i in range(clips))
    return LabelledPredictions(ids, of_groups, truth, np.where(correct, truth, 1 - truth) * 0.8 + 0.1)


def test_an_interval_over_groups_and_seeds_is_wider_than_over_groups_alone_when_seeds_differ():
    trials = [said_of(0, 0.95), said_of(1, 0.75), said_of(2, 0.55)]
    drawn = Draws(trials[0].groups)
    both = measure_trials("binary", trials, "x", drawn)["accuracy"]
    assert both["value"] == pytest.approx(np.mean(both["seeds"]), abs=1e-6)
    alone = [measure_trials("binary", [each], "x", drawn)["accuracy"]["interval"] for each in trials]
    assert both["interval"][1] - both["interval"][0] > max(high - low for low, high in alone)
    plain = measure(TrainingLabels("binary", 0, 0.5, 0.0), trials[1].prediction, trials[1].label)
    assert both["seeds"][1] == pytest.approx(plain["accuracy"], abs=1e-5)


def test_the_bootstrap_over_both_is_the_slow_loop_of_its_definition():
    trials = [said_of(0, 0.9, 60, 12), said_of(1, 0.7, 60, 12)]
    drawn = Draws(trials[0].groups, count=30)
    seeds = drawn.of_seeds(2, "x")
    slow = []
    for r in range(30):
        total = 0.0
        for s, each in enumerate(trials):
            right = weight = 0.0
            for group, label, said in zip(each.groups, each.label, each.prediction, strict=True):
                times = drawn.times[r, list(drawn.names).index(group)]
                right, weight = right + times * ((said > 0.5) == (label > 0.5)), weight + times
            total += seeds[r, s] * right / weight
        slow.append(total)
    found = measure_trials("binary", trials, "x", drawn)["accuracy"]["interval"]
    assert found == pytest.approx(np.percentile(slow, (2.5, 97.5)))


def test_a_real_difference_holds_and_none_does_not():
    systems = {
        "good": [said_of(0, 0.9), said_of(1, 0.9)],
        "poor": [said_of(2, 0.7), said_of(3, 0.7)],
        "same": [said_of(4, 0.7), said_of(5, 0.7)],
    }
    pairs = [("good", "poor"), ("poor", "same"), ("poor", "poor")]
    first, second, itself = differences("binary", systems, pairs)
    assert first["holds"] is True
    assert first["interval"][0] > 0.1
    assert second["holds"] is False
    assert second["interval"][0] < 0 < second["interval"][1]
    assert (itself["difference"], itself["holds"], itself["p_holm"]) == (0, False, 1)
    (backwards,) = differences("binary", systems, [("poor", "good")])
    assert backwards["difference"] == -first["difference"]
    assert backwards["interval"] == pytest.approx([-first["interval"][1], -first["interval"][0]])


def test_pairing_in_the_groups_sees_what_separate_intervals_cannot():
    rng = np.random.default_rng(0)
    hard = np.repeat(rng.random(40) < 0.5, 5)  # whole groups that both get wrong
    one = said_of(0, 1.0)
    worse = np.where(hard, 1 - one.label, one.label)
    better = np.where(np.arange(200) % 10 == 0, one.label, worse)
    groups = tuple(str(i // 5) for i in range(200))
    systems = {
        n: [LabelledPredictions(one.ids, groups, one.label, p)] for n, p in (("better", better), ("worse", worse))
    }
    drawn = Draws(groups)
    low = measure_trials("binary", systems["better"], "better", drawn)["accuracy"]["interval"][0]
    assert low < measure_trials("binary", systems["worse"], "worse", drawn)["accuracy"]["interval"][1]
    assert differences("binary", systems, [("better", "worse")])[0]["holds"] is True


def test_p_values_of_a_mean_difference_agree_with_the_normal_approximation():
    systems = {"a": [said_of(0, 0.80, 400, 400)], "b": [said_of(1, 0.75, 400, 400)]}
    (found,) = differences("binary", systems, [("a", "b")])
    gap = [
        float((a > 0.5) == (t > 0.5)) - float((b > 0.5) == (t > 0.5))
        for a, b, t in zip(systems["a"][0].prediction, systems["b"][0].prediction, systems["a"][0].label, strict=True)
    ]
    z = np.mean(gap) / (np.std(gap) / np.sqrt(400))
    assert found["p"] == pytest.approx(2 * norm.sf(abs(z)), abs=0.02)


def test_holms_correction_is_its_definition():
    systems = {name: [said_of(i, 0.70 + 0.05 * i)] for i, name in enumerate("abcd")}
    pairs = [(x, y) for x in "abcd" for y in "abcd" if x < y]
    found = differences("binary", systems, pairs)
    ordered = sorted(each["p"] for each in found)
    for each in found:
        rank = ordered.index(each["p"])
        slow = max(min(1, (6 - i) * ordered[i]) for i in range(rank + 1))
        assert each["p_holm"] >= slow - 1e-6  # ties of p share the larger figure
        assert each["holds"] == (each["p_holm"] < 0.05)
    assert {each["holds"] for each in found} == {True, False}


def test_only_clips_that_both_predicted_are_compared_and_one_group_tells_nothing():
    whole, half = said_of(0, 0.9), said_of(1, 0.9)
    half = LabelledPredictions(half.ids[:100], half.groups[:100], half.label[:100], half.prediction[:100])
    (found,) = differences("binary", {"a": [whole], "b": [half]}, [("a", "b")])
    assert found["clips"] == 100
    one = LabelledPredictions(half.ids, ("film",) * 100, half.label, half.prediction)
    (found,) = differences("binary", {"a": [one], "b": [one]}, [("a", "b")])
    assert (found["difference"], found["p"], found["holds"]) == (0, None, None)
    other = LabelledPredictions(tuple(f"x{i}" for i in range(100)), half.groups, half.label, half.prediction)
    (found,) = differences("binary", {"a": [whole], "b": [other]}, [("a", "b")])
    assert (found["difference"], found["holds"]) == (None, None)


def test_scores_are_compared_by_their_mean_accuracy():
    one = said_of(0, 1.0)
    label = np.linspace(0, 1, 200)
    systems = {
        n: [LabelledPredictions(one.ids, one.groups, label, label + d)] for n, d in (("near", 0.05), ("far", -0.15))
    }
    (found,) = differences("score", systems, [("near", "far")])
    assert found["difference"] == pytest.approx(0.10)
    assert (found["metric"], found["holds"]) == ("mean_accuracy", True)
