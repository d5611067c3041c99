"""Deletion and insertion curves and ERASER's figures against slow loops of their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sec2sec.explanations.curves import (
    comprehensiveness,
    curve_steps,
    curves,
    measure_chance,
    most_attended_first,
    present_after,
    random_orders,
    sufficiency,
)
from tests.helpers.explaining import SECONDS, explained, random_masker
from tests.helpers.models import tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("checkpoint") / "tiny")


@torch.no_grad()
def kept_alone(masker, kept) -> np.ndarray:
    """The prediction with some seconds kept, one run of the LSTM: the slow way → (K,)."""
    both, neither = masker.embeddings.both, masker.embeddings.neither
    embedding = torch.stack([both[t] if kept[t] else neither[t] for t in range(len(kept))])
    return masker.model.temporal(embedding[None], torch.ones(1, len(kept), dtype=torch.bool))[0].sigmoid()[0].numpy()


def test_curves_equal_slow_loops_over_orders_one_run_at_a_time(bundle):
    masker = random_masker(bundle)
    found, predict = masker.occlusion, masker.predictor
    orders = most_attended_first(found.attention)
    signs = np.sign(found.prediction - found.baseline)

    def slow(order, insertion, target):
        values = []
        for count in range(SECONDS + 1):
            kept = [(t in list(order[:count])) == insertion for t in range(SECONDS)]
            values.append(kept_alone(masker, kept)[target])
        return np.array(values)

    for k, pair in enumerate(curves(predict, orders, signs, measure_chance(predict, SECONDS))):
        for curve, insertion in zip(pair, (False, True), strict=True):
            chance = [slow(order[::-1] if insertion else order, insertion, k) for order in random_orders(SECONDS)[:20]]
            np.testing.assert_allclose(curve.values, slow(orders[k], insertion, k), atol=1e-5)
            np.testing.assert_allclose(curve.last_first, slow(range(SECONDS)[::-1], insertion, k), atol=1e-5)
            assert curve.area == pytest.approx(np.trapezoid(curve.values, dx=1 / SECONDS), abs=1e-6)
            every = all_orders(predict, insertion)[..., k]
            np.testing.assert_allclose(every[:20], chance, atol=1e-5)
            np.testing.assert_allclose(curve.random_low, np.percentile(every, 5, axis=0), atol=1e-5)
            np.testing.assert_allclose(curve.random_high, np.percentile(every, 95, axis=0), atol=1e-5)
            areas = np.trapezoid(every, dx=1 / SECONDS, axis=1)
            assert curve.random_area == pytest.approx(areas.mean(), abs=1e-5)
            gain = signs[k] * (curve.area - areas) * (1 if insertion else -1)
            beaten = np.mean([1.0 if g > 1e-6 else 0.5 if g > -1e-6 else 0.0 for g in gain])
            assert curve.better_than_random == pytest.approx(beaten, abs=0.011)


def all_orders(predict, insertion):
    """(R, T + 1, K) the curves of the random orders, asked of `predict` mask by mask."""
    rows = []
    for order in random_orders(SECONDS):
        order = order[::-1] if insertion else order
        kept = np.array([[(t in order[:n]) == insertion for t in range(SECONDS)] for n in range(SECONDS + 1)])
        rows.append(predict(kept, kept))
    return np.array(rows)


def test_erasers_figures_follow_their_definition(bundle):
    """DeYoung et al. 2020, eqs. 1–2: m(x) − m(x ∖ r) and m(x) − m(r), on the side of the prediction."""
    masker = random_masker(bundle)
    explanation = explained(bundle, masker)
    orders = most_attended_first(masker.occlusion.attention)
    for k, target in enumerate(explanation.targets.values()):
        verdict, whole = target.verdict, kept_alone(masker, [True] * SECONDS)[k]
        sign = 1 if whole >= kept_alone(masker, [False] * SECONDS)[k] else -1
        for i, count in enumerate(range(1, SECONDS + 1)):
            rationale = [t in orders[k][:count] for t in range(SECONDS)]
            without = kept_alone(masker, [not r for r in rationale])[k]
            alone = kept_alone(masker, rationale)[k]
            assert verdict.comprehensiveness[i] == pytest.approx(sign * (whole - without), abs=1e-5)
            assert verdict.sufficiency[i] == pytest.approx(sign * (whole - alone), abs=1e-5)
        assert verdict.aopc_comprehensiveness == pytest.approx(verdict.comprehensiveness.mean())
        assert verdict.aopc_sufficiency == pytest.approx(verdict.sufficiency.mean())


def test_a_planted_second_falls_first_and_beats_nearly_every_random_order():
    weights = np.zeros(12)
    weights[[3, 7]] = 3.0

    def predict(picture, sound):
        return 1 / (1 + np.exp(-((picture & sound) @ weights)))[:, None]

    chance = measure_chance(predict, 12)
    (deletion, insertion), *_ = curves(predict, np.array([[3, 7, 0, 1, 2, 4, 5, 6, 8, 9, 10, 11]]), np.ones(1), chance)
    assert deletion.better_than_random > 0.97
    assert insertion.better_than_random > 0.97
    assert comprehensiveness(deletion, 1.0)[1] == pytest.approx(deletion.values[0] - 0.5)
    assert sufficiency(insertion, 1.0)[1:] == pytest.approx(0, abs=1e-9)
    (worst, _), *_ = curves(predict, np.array([[0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 3, 7]]), np.ones(1), chance)
    assert worst.better_than_random < 0.03


def test_the_better_direction_turns_with_the_sign_of_the_prediction():
    weights = np.array([-3.0, 0, 0, 0, 0, 0, 0, 0])

    def predict(picture, _sound):
        return 1 / (1 + np.exp(-(picture @ weights)))[:, None]

    (deletion, insertion), *_ = curves(predict, np.arange(8)[None], -np.ones(1), measure_chance(predict, 8))
    assert deletion.better_than_random > 0.9
    assert insertion.better_than_random > 0.9


@pytest.mark.parametrize("seconds", [1, 2, 15, 20, 21, 60, 61, 900])
def test_steps_run_from_none_to_all_alike_from_both_ends_and_are_few_for_long_clips(seconds):
    steps = curve_steps(seconds)
    assert steps[0] == 0
    assert steps[-1] == seconds
    assert (np.diff(steps) > 0).all()
    np.testing.assert_array_equal(steps, seconds - steps[::-1])
    assert len(steps) == (seconds + 1 if seconds <= 20 else 8)


def test_insertion_backwards_passes_through_the_variants_of_deletion():
    orders, steps = random_orders(9), curve_steps(9)
    deleted, inserted = present_after(orders, steps, False), present_after(orders[:, ::-1], steps, True)
    np.testing.assert_array_equal(deleted, inserted[:, ::-1])
