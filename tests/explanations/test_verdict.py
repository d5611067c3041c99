"""The verdict's word follows its figures; attention that is wrong by construction is not called supported."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from recipes.adversarial import look_away
from recipes.calibrate_verdict import (
    ADVERSARIAL,
    MAX_WRONG,
    MIN_RIGHT,
    RIGHT,
    WRONG_BY_HAND,
    WRONG_KINDS,
    Calibration,
    wrong_attention,
)
from sec2sec.explanations.curves import RANDOM_ORDERS, most_attended_first, random_orders
from sec2sec.explanations.masker import SecondMasker
from sec2sec.explanations.results import OrderCurve, Verdict
from sec2sec.explanations.verdict import (
    MAX_P_HOLDS,
    MIN_CHANGE,
    MIN_SECONDS_FOR_VERDICT,
    MIN_SHARE_HOLDS,
    Criterion,
    correlation_criterion,
    judge,
    order_criterion,
    under_other_weights,
    verdicts,
    word_of,
)
from tests.helpers.explaining import random_masker
from tests.helpers.models import tiny_bundle


def additive(weights: np.ndarray):
    """A system whose truth is known: one target, the logit is the sum of the kept seconds' weights."""

    def predict(picture, sound):
        return 1 / (1 + np.exp(-((picture & sound) @ weights)))[:, None]

    return predict


def judged(weights: np.ndarray, attention: np.ndarray) -> Verdict:
    """The verdict on some attention (T,) of the additive system."""
    seconds = len(weights)
    predict = additive(weights)
    whole, without = np.ones((1, seconds), bool), ~np.eye(seconds, dtype=bool)
    prediction = predict(whole, whole)[0]
    effect = prediction - predict(without, without)
    return verdicts(predict, attention[None], effect.T, prediction, predict(~whole, ~whole)[0])[0]


@pytest.mark.parametrize("sign", [1, -1])
def test_attention_that_names_what_carries_the_prediction_is_supported_and_its_reverse_is_not(sign):
    weights = sign * np.array([0.1, 0.9, 0.2, 0.05, 1.4, 0.0, 0.3, 0.15, 0.02, 0.6])
    right = np.abs(weights) / np.abs(weights).sum()
    found = judged(weights, right)
    assert found.word == "supported"
    assert found.rank_correlation == pytest.approx(1)
    assert found.p_value < 0.001
    reverse = np.sort(right)[::-1][np.argsort(np.argsort(right))]
    assert judged(weights, reverse).word == "not supported"


@pytest.mark.parametrize("noise", [0.0, 1e-8])
def test_equal_attention_is_never_supported_even_where_the_order_of_its_ties_is_a_good_one(noise):
    """The seconds fall in strength from the start, which is how ties are broken."""
    weights = np.array([2, 1, 0.5, 0.2, 0.1, 0.05, 0.01, 0])
    found = judged(weights, np.full(8, 1 / 8) * (1 + noise * np.arange(8)[::-1]))
    assert found.word == "not supported"
    assert "very second has the same attention, so it names none" in found.sentence
    assert np.isnan(found.p_value)
    assert found.deletion is None
    assert found.insertion is None


def test_seconds_of_equal_effect_have_no_ranking():
    found = judged(np.full(6, 0.3), np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.1]))
    assert found.word == "not supported"
    assert "no ranking" in found.sentence


def test_a_prediction_at_its_baseline_is_never_supported_since_no_seconds_carry_it():
    """Two strong seconds cancel: attention may rank them rightly, yet there is nothing that they carry."""
    weights = np.array([2.0, -2.0, 0.1, -0.1, 0.3, -0.3, 0.01, -0.01])
    found = judged(weights, np.abs(weights) / np.abs(weights).sum())
    assert found.p_value <= MAX_P_HOLDS
    assert found.word == "mixed"
    assert f"within {MIN_CHANGE:g} of the baseline" in found.sentence


@pytest.mark.parametrize("seconds", [1, 2, MIN_SECONDS_FOR_VERDICT - 1])
def test_a_short_clip_gets_its_figures_and_no_verdict(seconds):
    found = judged(np.arange(1.0, seconds + 1), np.arange(1.0, seconds + 1))
    assert found.word == "too short"
    assert f"{seconds} s" in found.sentence
    assert found.deletion is not None
    assert len(found.comprehensiveness) == seconds


def test_the_shortest_clip_with_a_verdict_can_be_supported():
    weights = np.array([0.2, 1.5, 0.1, 0.7, 0.4])
    assert len(weights) == MIN_SECONDS_FOR_VERDICT
    assert judged(weights, weights / weights.sum()).word == "supported"


def test_the_size_of_an_effect_counts_and_not_its_sign():
    attention, effect = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.1, -0.2, 0.3, -0.4])
    assert judge(attention, effect, 0.3, None, None).rank_correlation == pytest.approx(1)
    assert judge(attention, -effect, 0.3, None, None).rank_correlation == pytest.approx(1)


def test_without_attention_there_is_no_verdict():
    found = verdicts(additive(np.ones(6)), None, np.zeros((1, 6)), np.array([0.9]), np.array([0.5]))
    assert [v.word for v in found] == ["no attention"]
    assert found[0].deletion is None


@pytest.mark.parametrize(
    ("grades", "word"),
    [
        ("holds holds holds", "supported"),
        ("holds holds fails", "supported"),
        ("holds weak weak", "mixed"),
        ("holds fails fails", "mixed"),
        ("weak weak fails", "mixed"),
        ("weak fails fails", "not supported"),
        ("fails fails fails", "not supported"),
        ("holds does_not_count does_not_count", "mixed"),
    ],
)
def test_the_word_counts_the_criteria_that_hold(grades, word):
    assert word_of([Criterion(grade.replace("_", " "), "") for grade in grades.split()]) == word


def beating(share: float) -> OrderCurve:
    """A curve that beats this share of the random orders."""
    some = np.zeros(2)
    return OrderCurve(np.array([0, 1]), some, 0.0, some, some, 0.0, some, 0.0, share)


def test_a_criterion_holds_from_its_threshold_on_and_says_its_figure():
    assert correlation_criterion(0.61, MAX_P_HOLDS).grade == "holds"
    assert correlation_criterion(0.61, MAX_P_HOLDS + 0.001).grade == "weak"
    assert correlation_criterion(-0.4, 0.9).grade == "fails"
    assert "0.61 (p = 0.050)" in correlation_criterion(0.61, 0.05).words
    assert "p < 0.001" in correlation_criterion(0.9, 0.0002).words
    assert order_criterion(0.3, beating(MIN_SHARE_HOLDS), "x").grade == "holds"
    assert order_criterion(-0.3, beating(0.9), "x").grade == "weak"
    assert order_criterion(0.3, beating(0.5), "x").grade == "fails"
    assert order_criterion(0.3, None, "x").grade == "does not count"
    assert order_criterion(MIN_CHANGE / 2, beating(1.0), "x").grade == "does not count"


def test_the_sentence_and_the_reasons_carry_the_figures_of_the_verdict():
    weights = np.array([0.1, 0.9, 0.2, 0.05, 1.4, 0.0, 0.3, 0.15, 0.02, 0.6])
    for attention in (weights / weights.sum(), np.random.default_rng(1).dirichlet(np.ones(10))):
        found = judged(weights, attention)
        opening = {
            "supported": "The attention is supported",
            "mixed": "The evidence for the attention is mixed",
            "not supported": "The attention is not supported",
        }
        assert found.sentence.startswith(opening[found.word])
        for text in (found.sentence, " ".join(found.reasons)):
            assert f"{found.rank_correlation:.2f}" in text
            assert f"{int(100 * found.deletion.better_than_random + 1e-6)} % of random orders" in text
            assert f"{int(100 * found.insertion.better_than_random + 1e-6)} % of random orders" in text
        assert "(threshold p ≤ 0.05)" in found.reasons[0]
        assert all("(threshold 95 %)" in reason for reason in found.reasons[1:3])


def test_a_figure_just_short_of_its_threshold_does_not_look_like_it():
    assert "94 % of random orders" in order_criterion(0.3, beating(0.9475), "x").words
    assert "95 % of random orders" in order_criterion(0.3, beating(0.95), "x").words
    assert "p = 0.051" in correlation_criterion(0.5, 0.0502).words
    assert "p = 0.050" in correlation_criterion(0.5, 0.05).words


def test_wrong_attention_is_rarely_supported_and_the_truth_mostly_is_in_systems_that_add_up():
    """200 random additive systems: what the thresholds promise of known-truth clips holds for these as well."""
    rng = np.random.default_rng(5)
    counts = {kind: Counter() for kind in (*WRONG_BY_HAND, RIGHT)}
    for _ in range(200):
        seconds = int(rng.integers(8, 13))
        weights = rng.normal(0, 0.15, seconds)
        decisive = rng.permutation(seconds)[: rng.integers(1, 4)]
        weights[decisive] += rng.choice([-1, 1]) * 1.2
        truth = np.abs(weights) / np.abs(weights).sum()
        given = wrong_attention(truth[None], truth[None], rng) | {RIGHT: truth[None]}
        for kind, attention in given.items():
            counts[kind][judged(weights, attention[0]).word] += 1
    found = Calibration(counts)
    for kind in WRONG_BY_HAND:
        assert found.supported(kind) <= MAX_WRONG, f"{kind}\n{found.as_text()}"
    assert found.supported(RIGHT) >= MIN_RIGHT, found.as_text()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("checkpoint") / "tiny")


@torch.no_grad()
def test_shuffled_and_equal_weights_equal_a_slow_loop_of_the_equations(bundle):
    """r = Σ α_t h_t and h* = tanh(W_p r + W_x h_N) with the weights in another order, one at a time."""
    masker = random_masker(bundle, 9)
    found, attention = masker.occlusion, torch.from_numpy(masker.occlusion.attention).float()
    shuffled, uniform = under_other_weights(masker)
    last = bundle.model.temporal
    states = last.lstm(masker.embeddings.both[None])[0][0]

    def slow(weights, target):
        r = sum(weights[t] * states[t] for t in range(len(states)))
        star = torch.tanh(last.project_summary.weight @ r + last.project_last.weight @ states[-1])
        return torch.sigmoid(last.predict_weight[target] @ star + last.predict_bias[target]).item()

    for k in range(3):
        assert slow(attention[k], k) == pytest.approx(found.prediction[k], abs=1e-5)
        whole = found.prediction[k]
        changes = [abs(slow(attention[k][list(order)], k) - whole) for order in random_orders(9)]
        assert len(changes) == RANDOM_ORDERS
        assert shuffled[k] == pytest.approx(np.median(changes), abs=1e-5)
        assert uniform[k] == pytest.approx(abs(slow(torch.full((9,), 1 / 9), k) - whole), abs=1e-5)


def test_weights_that_the_predictor_does_not_read_change_nothing_when_shuffled(tmp_path):
    bundle = tiny_bundle(tmp_path / "c")
    with torch.no_grad():
        bundle.model.temporal.project_summary.weight.zero_()
    for change in under_other_weights(random_masker(bundle, 9)):
        np.testing.assert_allclose(change, 0, atol=1e-6)


def test_a_model_whose_attention_is_made_to_name_the_wrong_seconds_is_not_supported(tmp_path):
    """Keep everything that makes the prediction and turn the scores of attention round: wrong by construction."""
    bundle = tiny_bundle(tmp_path / "c")
    with torch.no_grad():
        bundle.model.temporal.project_summary.weight.zero_()  # the prediction rests on the last state alone
    masker = random_masker(bundle, 10)
    predict, effect = masker.predictor, masker.occlusion.effect
    prediction, baseline = masker.occlusion.prediction, masker.occlusion.baseline
    strength = np.abs(effect)
    right = strength / strength.sum(1, keepdims=True)
    wrong = np.take_along_axis(np.sort(right, 1)[:, ::-1], np.argsort(np.argsort(right, 1), 1), 1)
    words = {
        name: [v.word for v in verdicts(predict, attention, effect, prediction, baseline)]
        for name, attention in {"right": right, "wrong": wrong}.items()
    }
    assert words["wrong"] == ["not supported"] * 3
    assert "not supported" not in words["right"]
    np.testing.assert_array_equal(most_attended_first(wrong), most_attended_first(right)[:, ::-1])


def test_the_adversarial_model_predicts_the_same_and_looks_away_from_the_marked_seconds(bundle):
    clips = [(random_masker(bundle, seconds), np.arange(seconds) % 4 == 1) for seconds in (9, 7)]
    before = {name: value.clone() for name, value in bundle.model.state_dict().items()}
    changed = look_away(bundle.model, [(masker.embeddings, marked) for masker, marked in clips])
    assert all(torch.equal(value, before[name]) for name, value in bundle.model.state_dict().items())
    for masker, marked in clips:
        own, other = masker.occlusion, SecondMasker(changed, masker.tokens, masker.embeddings).occlusion
        assert own.attention[:, marked].sum(1).min() > 0.1
        assert other.attention[:, marked].sum(1).max() < 0.02
        np.testing.assert_allclose(other.prediction, own.prediction, atol=0.03)
        np.testing.assert_allclose(other.effect, own.effect, atol=0.03)


def test_calibration_counts_and_compares_with_what_is_asked():
    good = {kind: Counter({"supported": 4, "mixed": 20, "not supported": 76}) for kind in WRONG_KINDS}
    good |= {RIGHT: Counter({"supported": 85, "mixed": 15}), "the model's own": Counter({"mixed": 1})}
    found = Calibration(good)
    assert found.holds
    assert found.cases(WRONG_BY_HAND) == 400
    assert "85.0%" in found.as_text()
    assert not Calibration(good | {WRONG_KINDS[1]: Counter({"supported": 6, "mixed": 94})}).holds
    assert not Calibration(good | {RIGHT: Counter({"supported": 79, "mixed": 21})}).holds


@pytest.mark.slow
def test_thresholds_hold_on_unseen_known_truth_clips(tmp_path):
    """The issue's promise, on clips of another seed than the one they were set with: minutes to make them."""
    from recipes.calibrate_verdict import calibrate, tokens_of
    from sec2sec import DEMO
    from sec2sec.checkpoints import load_checkpoint

    bundle = load_checkpoint(DEMO, "cpu")
    found = calibrate(tokens_of(tmp_path / "clips", bundle, 70, 909), bundle)
    print(found.as_text())
    assert all(found.cases([kind]) >= 200 for kind in WRONG_BY_HAND)
    assert found.cases([ADVERSARIAL]) >= 100
    assert found.holds, found.as_text()
