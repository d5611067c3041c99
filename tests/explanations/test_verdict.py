"""The verdict's word follows its figures; attention that is wrong by construction is not trusted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from recipes.adversarial import look_away
from recipes.calibration_kinds import OWN, RIGHT_BY_HAND, PlantedSeconds, attention_of_each_kind
from sec2sec import explain, load
from sec2sec.explanations.curves import RANDOM_ORDERS, most_attended_first, random_orders
from sec2sec.explanations.masker import SecondMasker
from sec2sec.explanations.results import Occlusion, Verdict, Witness
from sec2sec.explanations.verdict import (
    MAX_EVENNESS,
    MAX_P_HOLDS,
    MIN_CHANGE,
    MIN_SECONDS_FOR_VERDICT,
    MIN_USE,
    NO_ATTENTION,
    Evidence,
    are_alike,
    corrected,
    mass_criterion,
    order_criterion,
    position_criterion,
    under_other_weights,
    unevenness_criterion,
    use_criterion,
    verdicts,
    with_witnesses,
    word_of,
)
from tests.helpers import clips
from tests.helpers.explaining import random_masker
from tests.helpers.models import tiny_bundle

CRITERIA = ("use", "unevenness", "mass", "position", "order")


def additive(weights: np.ndarray):
    """A system whose truth is known: one target, the logit is the sum of the present seconds' weights."""

    def predict(picture, sound):
        return 1 / (1 + np.exp(-((picture & sound) @ weights)))[:, None]

    return predict


def occlusion_of(weights: np.ndarray, attention: np.ndarray) -> Occlusion:
    """What the additive system says, with some attention (T,), which average seconds get in equal shares."""
    predict, seconds = additive(weights), len(weights)
    whole, without = np.ones((1, seconds), bool), ~np.eye(seconds, dtype=bool)
    prediction = predict(whole, whole)[0]
    effect = (prediction - predict(without, without)).T
    return Occlusion(prediction, predict(~whole, ~whole)[0], attention[None], effect, effect, effect)


def judged(weights: np.ndarray, attention: np.ndarray, use: float = 0.5) -> Verdict:
    """The verdict on some attention (T,) of the additive system. use: what other weights change."""
    changes = np.array([use]), np.array([use])
    return verdicts(additive(weights), occlusion_of(weights, attention), changes)[0]


def named(verdict: Verdict) -> dict[str, Witness]:
    return {witness.name: witness for witness in verdict.witnesses}


RANKED = np.array([0.1, 0.9, 0.2, 0.05, 1.4, 0.0, 0.3, 0.15, 0.02, 0.6])
OPPOSED = np.array([2.0, -2.0, 0.1, -0.1, 0.3, -0.3, 0.01, -0.01])


def shares(weights: np.ndarray) -> np.ndarray:
    return np.abs(weights) / np.abs(weights).sum()


@pytest.mark.parametrize("sign", [1, -1])
def test_attention_in_the_amount_of_the_effect_is_trusted_and_its_reverse_is_not(sign):
    right = shares(RANKED)
    verdict = judged(sign * RANKED, right)
    assert verdict.word == "trust"
    assert verdict.rank_correlation == pytest.approx(1)
    assert verdict.mass_p_value < 0.001
    reverse = np.sort(right)[::-1][np.argsort(np.argsort(right))]
    assert judged(sign * RANKED, reverse).word == "do not trust"


def test_seconds_that_oppose_each_other_do_not_count_against_attention_that_names_them():
    """The signed curves lose what cancels; the prediction may even lie at the baseline."""
    verdict = judged(OPPOSED, shares(OPPOSED))
    assert verdict.word == "trust"
    assert abs(verdict.deletion.values[0] - verdict.deletion.values[-1]) < MIN_CHANGE
    assert verdict.order_share >= 1 - MAX_P_HOLDS


def test_attention_that_the_prediction_does_not_use_is_not_trusted_however_right_it_is():
    verdict = judged(RANKED, shares(RANKED), use=0.0)
    assert verdict.word == "do not trust"
    assert "prediction does not use this attention" in verdict.sentence
    assert {name for name, witness in named(verdict).items() if witness.grade == "holds"} == set(CRITERIA) - {"use"}


def test_use_that_was_not_measured_is_never_trust():
    occlusion = occlusion_of(RANKED, shares(RANKED))
    (verdict,) = verdicts(additive(RANKED), occlusion)
    assert verdict.word == "careful"
    assert named(verdict)["use"].grade == "not measured"


def test_use_is_the_least_that_other_weights_change_of_what_the_clip_or_its_strongest_second_does():
    case = Evidence(
        np.full(6, 1 / 6), np.array([0.4, 0, 0, 0, 0, 0]), 0.1, None, None, 0.03, 0.04, (0.9, 0.01), (0.9, 0.01)
    )
    assert case.use == pytest.approx(0.03 / 0.4)
    assert use_criterion(case).grade == "holds"
    assert use_criterion(replace(case, shuffled=0.4 * MIN_USE - 0.001)).grade == "fails"
    assert replace(case, change=-0.8).use == pytest.approx(0.03 / 0.8)
    assert "less than 1 %" in use_criterion(replace(case, uniform=0.001)).words


def test_nearly_all_attention_on_the_second_with_the_least_effect_is_not_trusted_though_all_others_are_in_order():
    """Ranks alone are blind to this: in 60 seconds the one that is wrong hardly counts."""
    weights = np.random.default_rng(2).exponential(0.1, 60)
    attention = np.where(np.arange(60) == weights.argmin(), 0.9, 0.1 * shares(weights))
    verdict = judged(weights, shares(attention))
    assert verdict.p_value < 0.001
    assert verdict.word == "do not trust"
    assert named(verdict)["mass"].grade == "fails"


def test_attention_that_is_flat_to_a_thousandth_is_not_trusted_though_it_has_the_right_order():
    attention = np.full(10, 0.1) * (1 + 1e-3 * np.argsort(np.argsort(RANKED)) / 9)
    verdict = judged(RANKED, attention)
    assert verdict.p_value < 0.001
    assert verdict.word == "do not trust"
    assert "names no seconds" in verdict.sentence


@pytest.mark.parametrize("noise", [0.0, 1e-8])
def test_equal_attention_is_never_trusted_even_where_the_order_of_its_ties_is_a_good_one(noise):
    """The seconds fall in strength from the start, which is how ties are broken."""
    weights = np.array([2, 1, 0.5, 0.2, 0.1, 0.05, 0.01, 0])
    verdict = judged(weights, np.full(8, 1 / 8) * (1 + noise * np.arange(8)[::-1]))
    assert verdict.word == "do not trust"
    assert named(verdict)["unevenness"].grade == "fails"


def test_attention_that_never_looked_at_the_clip_is_not_trusted_where_it_happens_to_be_right():
    """1 / (1 + t), as average seconds get it as well, in a clip whose effect falls from the start."""
    ramp = shares(1 / (1 + np.arange(10)))
    weights = 3 * ramp
    occlusion = occlusion_of(weights, ramp)
    changes = np.array([0.5]), np.array([0.5])
    (by_place,) = verdicts(additive(weights), replace(occlusion, baseline_attention=ramp[None]), changes)
    assert by_place.word == "do not trust"
    assert "it never looked at this clip" in by_place.sentence
    assert verdicts(additive(weights), occlusion, changes)[0].word == "trust"


def test_seconds_of_equal_effect_are_nothing_to_judge():
    verdict = judged(np.full(6, 0.3), np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.1]))
    assert verdict.word == "nothing to judge"
    assert "same effect" in verdict.sentence


def test_one_second_repeated_is_nothing_to_judge():
    second, average = np.random.default_rng(0).random((2, 12))
    assert are_alike(np.tile(second, (10, 1)), average)
    assert not are_alike(np.stack([second, average, second]), average)
    occlusion = occlusion_of(RANKED, shares(RANKED))
    (verdict,) = verdicts(additive(RANKED), occlusion, (np.ones(1), np.ones(1)), alike=True)
    assert verdict.word == "nothing to judge"
    assert "alike" in verdict.sentence


def test_a_still_picture_with_one_tone_is_nothing_to_judge_even_through_a_codec(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(6 * clips.SOUND_RATE) / clips.SOUND_RATE).astype(np.float32)
    path = clips.make_clip(tmp_path / "still.mp4", 6, fps=8, picture=lambda *_: picture, sound=tone)
    explanation = explain(path, load())
    assert {target.verdict.word for target in explanation.targets.values()} == {"nothing to judge"}
    assert "alike" in explanation.targets["arousal"].verdict.sentence


def test_a_clip_that_moves_nothing_is_nothing_to_judge():
    verdict = judged(RANKED / 100, shares(RANKED))
    assert verdict.word == "nothing to judge"
    assert verdict.sentence.startswith("Nothing moved")
    assert verdict.deletion is not None


@pytest.mark.parametrize("seconds", [1, 2, MIN_SECONDS_FOR_VERDICT - 1])
def test_a_short_clip_gets_its_figures_and_no_verdict(seconds):
    verdict = judged(np.arange(1.0, seconds + 1), shares(np.arange(1.0, seconds + 1)))
    assert verdict.word == "nothing to judge"
    assert f"{seconds} s" in verdict.sentence
    assert verdict.deletion is not None
    assert len(verdict.comprehensiveness) == seconds


def test_the_shortest_clip_with_a_verdict_can_be_trusted():
    weights = np.array([0.2, 1.5, 0.1, 0.7, 0.4])
    assert len(weights) == MIN_SECONDS_FOR_VERDICT
    assert judged(weights, shares(weights)).word == "trust"


def test_without_attention_there_is_nothing_to_judge():
    none = Occlusion(np.array([0.9]), np.array([0.5]), None, *[np.zeros((1, 6))] * 3)
    (verdict,) = verdicts(additive(np.ones(6)), none)
    assert (verdict.word, verdict.sentence) == ("nothing to judge", NO_ATTENTION)
    assert verdict.deletion is None


@pytest.mark.parametrize(
    ("grades", "word"),
    [
        ("holds holds holds holds holds", "trust"),
        ("fails holds holds holds holds", "do not trust"),
        ("holds fails holds holds holds", "do not trust"),
        ("holds holds fails holds holds", "do not trust"),
        ("holds holds holds fails holds", "do not trust"),
        ("holds holds holds holds fails", "careful"),
        ("holds holds weak holds holds", "careful"),
        ("holds holds holds holds not_measured", "careful"),
        ("holds holds weak weak weak", "careful"),
    ],
)
def test_the_word_is_that_of_the_weakest_criterion(grades, word):
    witnesses = [Witness(n, g.replace("_", " "), "") for n, g in zip(CRITERIA, grades.split(), strict=True)]
    assert word_of(witnesses) == word


def test_a_criterion_holds_from_its_threshold_on_and_says_its_figure():
    assert mass_criterion(0.61, 0.05, 0.05).grade == "holds"
    assert mass_criterion(0.61, 0.051, 0.05).grade == "weak"
    assert mass_criterion(-0.4, 0.9, 0.05).grade == "fails"
    assert mass_criterion(np.nan, np.nan, 0.05).grade == "fails"
    assert "r = 0.61 (p = 0.050)" in mass_criterion(0.61, 0.05, 0.05).words
    assert "p < 0.001" in mass_criterion(0.9, 0.0002, 0.05).words
    assert position_criterion(0.6, 0.01, 0.025).reason.endswith("(threshold p ≤ 0.025).")
    assert order_criterion(0.95, 0.05).grade == "holds"
    assert order_criterion(0.94, 0.05).grade == "weak"
    assert order_criterion(0.5, 0.05).grade == "fails"
    assert order_criterion(0.95, 0.025).grade == "weak"
    assert order_criterion(np.nan, 0.05).grade == "not measured"
    assert unevenness_criterion(MAX_EVENNESS).grade == "fails"
    assert unevenness_criterion(MAX_EVENNESS - 0.01).grade == "holds"


def test_a_figure_just_short_of_its_threshold_does_not_look_like_it():
    assert "94 % of random orders" in order_criterion(0.9475, 0.05).words
    assert "95 % of random orders" in order_criterion(0.95, 0.05).words
    assert "p = 0.051" in mass_criterion(0.5, 0.0502, 0.05).words
    assert "p = 0.050" in mass_criterion(0.5, 0.05, 0.05).words


def test_the_sentence_gives_the_weakest_reason_and_the_reasons_begin_with_it():
    for attention in (shares(RANKED), np.random.default_rng(1).dirichlet(np.ones(10))):
        verdict = judged(RANKED, attention)
        grades = [witness.grade for witness in verdict.witnesses]
        assert grades == sorted(grades, key=["fails", "weak", "not measured", "holds"].index)
        weakest = verdict.witnesses[0]
        figures = weakest.against_threshold if weakest.grade == "weak" else weakest.words
        assert verdict.sentence.endswith(f": {figures}.")
        assert verdict.sentence.count(". ") == 0
        assert verdict.reasons == tuple(witness.reason for witness in verdict.witnesses)
        assert f"r = {verdict.mass_correlation:.2f}".replace("-", "−") in " ".join(verdict.reasons)


def evidence(p: float, nothing: str = "") -> Evidence:
    some = np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    return Evidence(some, some, 0.5, None, None, 1.0, 1.0, (0.9, p), (0.9, p), nothing=nothing)


def test_what_p_must_be_is_corrected_for_the_targets_that_are_judged(monkeypatch):
    """Holm 1979 by hand: 0.05 ÷ 3, ÷ 2, ÷ 1 while each is reached."""
    monkeypatch.setattr(Evidence, "p", property(lambda self: self.mass[1]))
    assert [c.level for c in corrected([evidence(0.03)])] == [0.05]
    assert [c.level for c in corrected([evidence(0.04), evidence(0.001), evidence(0.02)])] == pytest.approx(
        [0.05, 0.05 / 3, 0.025]
    )
    missed = corrected([evidence(0.04), evidence(0.02), evidence(0.03)])
    assert [c.level for c in missed] == pytest.approx([0.05 / 3] * 3)
    assert [c.family for c in corrected([evidence(0.03), evidence(0.001, "too short")])] == [1, 1]


def test_a_verdict_of_several_targets_says_that_it_is_corrected():
    two = np.stack([RANKED, RANKED[::-1]])

    def predict(picture, sound):
        return 1 / (1 + np.exp(-((picture & sound) @ two.T)))

    one = [occlusion_of(weights, shares(weights)) for weights in two]
    joined = Occlusion(*(np.concatenate([getattr(o, f) for o in one]) for f in ("prediction", "baseline", "attention")),
                       *[np.concatenate([o.effect for o in one])] * 3)  # fmt: skip
    first, second = verdicts(predict, joined, (np.ones(2), np.ones(2)))
    assert first.word == second.word == "trust"
    assert sorted([first.level, second.level]) == [0.025, 0.05]
    assert all("2 targets were judged together" in verdict.reasons[-1] for verdict in (first, second))


def test_further_witnesses_can_only_turn_trust_into_careful():
    against, for_it = Witness("length", "weak", "longer"), Witness("length", "holds", "as long")
    trusted, not_trusted = judged(RANKED, shares(RANKED)), judged(RANKED, shares(RANKED)[::-1])
    assert with_witnesses(trusted, [against]).word == "careful"
    assert with_witnesses(trusted, [against]).sentence.endswith(": longer.")
    assert with_witnesses(trusted, [for_it]).word == "trust"
    assert with_witnesses(not_trusted, [for_it]).word == with_witnesses(not_trusted, [against]).word == "do not trust"
    nothing = judged(np.full(6, 0.3), shares(np.arange(1.0, 7)))
    assert with_witnesses(nothing, [against]) is nothing


def test_wrong_attention_is_rarely_trusted_and_the_truth_mostly_is_in_systems_that_add_up():
    """200 random additive systems of both signs: what the thresholds promise of the table holds for these as well."""
    rng = np.random.default_rng(5)
    counts: dict[str, Counter[str]] = {}
    another = None
    for _ in range(200):
        weights = rng.normal(0, 0.15, 10)
        decisive = rng.permutation(10)[: rng.integers(1, 4)]
        weights[decisive] += rng.choice([-1, 1], len(decisive)) * 1.2
        own = occlusion_of(weights, shares(weights))
        planted = PlantedSeconds(np.abs(weights)[None], np.isin(np.arange(10), decisive))
        kinds = attention_of_each_kind(own, planted, another, rng)
        another = own.attention
        for kind, occlusion in kinds.items():
            word = verdicts(additive(weights), occlusion, (np.ones(1), np.ones(1)))[0].word
            counts.setdefault(kind, Counter())[word] += 1
    for kind, words in counts.items():
        share = words["trust"] / words.total()
        if kind == OWN or kind in RIGHT_BY_HAND[:1]:
            assert share >= 0.8, f"{kind}: {words}"
        elif kind not in RIGHT_BY_HAND:
            assert share <= 0.05, f"{kind}: {words}"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("checkpoint") / "tiny")


@torch.no_grad()
def test_shuffled_and_equal_weights_equal_a_slow_loop_of_the_equations(bundle):
    """r = Σ α_t h_t and h* = tanh(W_p r + W_x h_N) with the weights in another order, one at a time."""
    masker = random_masker(bundle, 9)
    occlusion, attention = masker.occlusion, torch.from_numpy(masker.occlusion.attention).float()
    shuffled, uniform = under_other_weights(masker)
    last = bundle.model.temporal
    states = last.lstm(masker.embeddings.both[None])[0][0]

    def slow(weights, target):
        r = sum(weights[t] * states[t] for t in range(len(states)))
        star = torch.tanh(last.project_summary.weight @ r + last.project_last.weight @ states[-1])
        return torch.sigmoid(last.predict_weight[target] @ star + last.predict_bias[target]).item()

    for k in range(3):
        assert slow(attention[k], k) == pytest.approx(occlusion.prediction[k], abs=1e-5)
        whole = occlusion.prediction[k]
        changes = [abs(slow(attention[k][list(order)], k) - whole) for order in random_orders(9)]
        assert len(changes) == RANDOM_ORDERS
        assert shuffled[k] == pytest.approx(np.median(changes), abs=1e-5)
        assert uniform[k] == pytest.approx(abs(slow(torch.full((9,), 1 / 9), k) - whole), abs=1e-5)


@torch.no_grad()
def test_attention_to_average_seconds_is_that_of_a_clip_of_them(bundle):
    masker = random_masker(bundle, 9)
    average = masker.embeddings.neither
    attention = bundle.model.temporal(average[None], torch.ones(1, 9, dtype=torch.bool))[1][0]
    np.testing.assert_allclose(masker.occlusion.baseline_attention, attention, atol=1e-6)


def test_attention_that_the_predictor_does_not_read_is_never_trusted(tmp_path):
    bundle = tiny_bundle(tmp_path / "c")
    with torch.no_grad():
        bundle.model.temporal.project_summary.weight.zero_()
    masker = random_masker(bundle, 9)
    changes = under_other_weights(masker)
    for change in changes:
        np.testing.assert_allclose(change, 0, atol=1e-6)
    effect = np.abs(masker.occlusion.effect)
    oracle = replace(masker.occlusion, attention=effect / effect.sum(1, keepdims=True))
    assert all(verdict.word != "trust" for verdict in verdicts(masker.predictor, oracle, changes))
    assert any("does not use" in verdict.sentence for verdict in verdicts(masker.predictor, oracle, changes))


def test_a_model_whose_attention_is_made_to_name_the_wrong_seconds_is_not_trusted(bundle):
    """Keep everything that makes the prediction and turn the scores of attention round: wrong by construction."""
    masker = random_masker(bundle, 10)
    occlusion, changes = masker.occlusion, (np.ones(3), np.ones(3))
    strength = np.abs(occlusion.effect)
    right = strength / strength.sum(1, keepdims=True)
    wrong = np.take_along_axis(np.sort(right, 1)[:, ::-1], np.argsort(np.argsort(right, 1), 1), 1)
    np.testing.assert_array_equal(most_attended_first(wrong), most_attended_first(right)[:, ::-1])
    words = [
        [
            named(v)["mass"].grade
            for v in verdicts(masker.predictor, replace(occlusion, attention=a), changes)
            if v.witnesses
        ]
        for a in (right, wrong)
    ]
    assert words[0]
    assert set(words[0]) == {"holds"}
    assert set(words[1]) == {"fails"}


def test_the_adversarial_model_predicts_the_same_and_looks_away_from_the_marked_seconds(bundle):
    marked_clips = [(random_masker(bundle, seconds), np.arange(seconds) % 4 == 1) for seconds in (9, 7)]
    before = {name: value.clone() for name, value in bundle.model.state_dict().items()}
    changed = look_away(bundle.model, [(masker.embeddings, marked) for masker, marked in marked_clips])
    assert all(torch.equal(value, before[name]) for name, value in bundle.model.state_dict().items())
    for masker, marked in marked_clips:
        own, other = masker.occlusion, SecondMasker(changed, masker.tokens, masker.embeddings).occlusion
        assert own.attention[:, marked].sum(1).min() > 0.1
        assert other.attention[:, marked].sum(1).max() < 0.02
        np.testing.assert_allclose(other.prediction, own.prediction, atol=0.03)
        np.testing.assert_allclose(other.effect, own.effect, atol=0.03)
