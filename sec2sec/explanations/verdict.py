"""Is the attention of a target an explanation of its prediction? Three criteria, their thresholds, and one word.

Attention over seconds claims that the seconds it weighs are those the prediction rests on. Three measurements test it:

- rank correlation: do more attended seconds have the larger |effect|? Spearman, one-sided permutation test.
- deletion: is the prediction gone sooner when they are taken away first than in random orders? (curves.py)
- insertion: is it there sooner when they are put back first?

All thresholds stand here. They were set, and are checked, by recipes/calibrate_verdict.py: of attention that is wrong
by construction at most 5 % may be called supported, of attention that follows a planted truth at least 80 %. One
criterion alone would be passed by chance in 5 % of cases; of these three, which are not independent, two are passed in
2 to 4 %.

Shuffled and equal weights (Jain & Wallace 2019) stand beside it and decide nothing: a prediction that hardly moves
does not make the named seconds wrong (Wiegreffe & Pinter 2019), it says that the weights could have been others.

T seconds, K targets, P permutations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from sec2sec.explanations.curves import (
    RANDOM_ORDERS,
    comprehensiveness,
    curves,
    most_attended_first,
    random_orders,
    sufficiency,
)
from sec2sec.explanations.embeddings import all_seconds, clips_per_pass, to_numpy
from sec2sec.explanations.masker import Effort, MaskedPredictor, SecondMasker
from sec2sec.explanations.ranks import permutation_test
from sec2sec.explanations.results import OrderCurve, Verdict, Word
from sec2sec.model import AttentionLSTM

MIN_SECONDS_FOR_VERDICT = 5  # with fewer, there are too few orders to tell any from chance
MAX_P_HOLDS, MAX_P_WEAK = 0.05, 0.2  # permutation p of the rank correlation, at most
MIN_SHARE_HOLDS, MIN_SHARE_WEAK = 0.95, 0.8  # of random orders beaten, at least
MIN_CRITERIA = 2  # criteria that must hold for "supported"; with none, as many must be weak for "mixed"
# |prediction − baseline|; below it no order of seconds can carry anything, and the curves do not count
MIN_CHANGE = 0.02
EQUAL_ATTENTION = 1e-6  # seconds that differ by less have the same, and their order is nobody's choice

Grade = Literal["holds", "weak", "fails", "does not count"]


@dataclass(frozen=True)
class Criterion:
    """One measurement with its grade, in words."""

    grade: Grade
    words: str
    threshold: str = ""  # what it takes to hold

    @property
    def reason(self) -> str:
        """Grade and figures as a sentence."""
        return f"{self.grade.capitalize()}: {self.words}{self.threshold and f' (threshold {self.threshold})'}."


def verdicts(
    predict: MaskedPredictor,
    attention: np.ndarray | None,
    effect: np.ndarray,
    prediction: np.ndarray,
    baseline: np.ndarray,
    changes_under_other_weights: tuple[np.ndarray, np.ndarray] | None = None,
    effort: Effort = "full",
) -> list[Verdict]:
    """One verdict per target. attention (K, T) or None, effect (K, T), prediction and baseline (K,).

    changes_under_other_weights: what shuffled and equal weights change, (K,) each, where it
    has attention over seconds (of under_other_weights()).
    effort: how many variants may be run: all orders, few, or none, which leaves the rank correlation alone.
    """
    targets = len(effect)
    if attention is None:
        words = "This model has no attention over seconds to judge; the measured effects stand for themselves."
        return [Verdict("no attention", words, (), float("nan"), float("nan"))] * targets
    shuffled, uniform = changes_under_other_weights or (np.full(targets, np.nan),) * 2
    signs = np.where(prediction >= baseline, 1.0, -1.0)
    order_curves: Sequence[tuple[OrderCurve | None, OrderCurve | None]] = [(None, None)] * targets
    if effort != "none":
        order_curves = curves(predict, most_attended_first(attention), signs, few=effort == "few")
    return [
        judge(
            attention[k],
            effect[k],
            float(prediction[k] - baseline[k]),
            *order_curves[k],
            shuffled=float(shuffled[k]),
            uniform=float(uniform[k]),
        )
        for k in range(targets)
    ]


def judge(
    attention: np.ndarray,
    effect: np.ndarray,
    change_from_baseline: float,
    deletion: OrderCurve | None,
    insertion: OrderCurve | None,
    shuffled: float = float("nan"),
    uniform: float = float("nan"),
) -> Verdict:
    """The figures of one target, its word and its sentence.

    attention, effect (T,); change_from_baseline: prediction − baseline.
    """
    rho, p = permutation_test(attention, np.abs(effect))
    if len(attention) > 1 and np.ptp(attention) < EQUAL_ATTENTION:
        # curves of such attention would be those of the order in which ties are broken, from the start of the clip
        rho = p = float("nan")
        deletion = insertion = None
        criteria = [Criterion("fails", "every second has the same attention, so it names none")]
    else:
        criteria = [
            correlation_criterion(rho, p),
            order_criterion(
                change_from_baseline,
                deletion,
                "taken away first, the most attended seconds move the prediction to the baseline",
            ),
            order_criterion(change_from_baseline, insertion, "put back first, the most attended seconds bring it back"),
        ]
    word = word_of(criteria) if len(attention) >= MIN_SECONDS_FOR_VERDICT else "too short"
    sign = 1.0 if change_from_baseline >= 0 else -1.0
    comprehensive = np.ones(0) if deletion is None else comprehensiveness(deletion, sign)
    sufficient = np.ones(0) if insertion is None else sufficiency(insertion, sign)
    reasons = [criterion.reason for criterion in criteria]
    if np.isfinite(shuffled):
        reasons.append(
            f"For comparison, with shuffled weights the prediction changes by {shuffled:.3f} "
            f"(median of {RANDOM_ORDERS}), with equal weights by {uniform:.3f}."
        )
    return Verdict(
        word=word,
        sentence=sentence_of(word, criteria, len(attention)),
        reasons=tuple(reasons),
        rank_correlation=rho,
        p_value=p,
        deletion=deletion,
        insertion=insertion,
        comprehensiveness=comprehensive,
        sufficiency=sufficient,
        aopc_comprehensiveness=float(comprehensive.mean()) if len(comprehensive) else float("nan"),
        aopc_sufficiency=float(sufficient.mean()) if len(sufficient) else float("nan"),
        shuffled_change=shuffled,
        uniform_change=uniform,
    )


def correlation_criterion(rho: float, p: float) -> Criterion:
    """Whether more attended seconds have the larger effect."""
    if not np.isfinite(rho):
        return Criterion("fails", "there is no ranking, as all seconds have the same effect")
    grade: Grade = "holds" if p <= MAX_P_HOLDS else "weak" if p <= MAX_P_WEAK else "fails"
    words = f"the rank correlation of attention with the size of the effect is {rho:.2f} ({p_words(p)})"
    return Criterion(grade, words, f"p ≤ {MAX_P_HOLDS:g}")


def order_criterion(change_from_baseline: float, curve: OrderCurve | None, what: str) -> Criterion:
    """Whether the most attended seconds move the prediction sooner than random ones do. what: the order, in words."""
    if curve is None:
        return Criterion("does not count", "deletion and insertion were not measured, as each point takes a whole run")
    better = curve.better_than_random
    if abs(change_from_baseline) < MIN_CHANGE:
        return Criterion(
            "does not count",
            f"the prediction lies within {MIN_CHANGE:g} of the baseline, so no order of seconds carries it",
        )
    grade: Grade = "holds" if better >= MIN_SHARE_HOLDS else "weak" if better >= MIN_SHARE_WEAK else "fails"
    words = f"{what} sooner than {share_words(better)} of random orders do"
    return Criterion(grade, words, f"{MIN_SHARE_HOLDS:.0%}".replace("%", " %"))


def p_words(p: float) -> str:
    """Rounded up: p never looks like a threshold that it does not reach."""
    return "p < 0.001" if p < 0.001 else f"p = {math.ceil(1000 * p - 1e-6) / 1000:.3f}"


def share_words(share: float) -> str:
    """Rounded down, for the same reason."""
    return f"{math.floor(100 * share + 1e-6)} %"


def word_of(criteria: list[Criterion]) -> Word:
    """The one rule: enough criteria hold; or one holds, or enough are weak; or neither."""
    grades = [criterion.grade for criterion in criteria]
    if grades.count("holds") >= MIN_CRITERIA:
        return "supported"
    if "holds" in grades or grades.count("weak") >= MIN_CRITERIA:
        return "mixed"
    return "not supported"


def sentence_of(word: Word, criteria: list[Criterion], seconds: int) -> str:
    """What the word means here, with the figures that made it."""
    if word == "too short":
        least = MIN_SECONDS_FOR_VERDICT
        return f"The clip is too short for a verdict: {seconds} s, and chance cannot be ruled out below {least} s."
    figures = "; ".join(dict.fromkeys(criterion.words for criterion in criteria))
    opening = {
        "supported": "The attention is supported: the seconds that it names carry this prediction.",
        "mixed": "The evidence for the attention is mixed.",
        "not supported": "The attention is not supported: chance would name the seconds about as well, or better.",
    }[word]
    return f"{opening} {figures[0].upper()}{figures[1:]}."


@torch.inference_mode()
def under_other_weights(masker: SecondMasker) -> tuple[np.ndarray, np.ndarray] | None:
    """How far the prediction moves under permuted and under equal weights: median over P and value, (K,) each.

    Jain & Wallace 2019, §4.2.1: the states stay as they are, the weights are permuted over seconds. None for a model
    without attention over seconds.
    """
    temporal = masker.model.temporal
    if not isinstance(temporal, AttentionLSTM):
        return None
    seconds, embedding = masker.seconds, masker.embeddings.both[None]
    states = temporal.lstm(embedding)[0]
    attention = masker.model.temporal(embedding, all_seconds(embedding))[1]
    assert attention is not None
    orders = torch.from_numpy(random_orders(seconds).copy()).to(states.device)
    shuffled = attention[0][:, orders].transpose(0, 1)  # (P, K, T)
    as_it_is, equal = attention, torch.full_like(attention, 1 / seconds)
    predictions = []
    for weights in torch.cat([as_it_is, equal, shuffled]).split(clips_per_pass(states)):
        repeated = states.expand(len(weights), -1, -1)
        predictions.append(to_numpy(temporal.decide(repeated, weights, all_seconds(repeated)).sigmoid()))
    under_its_own, under_equal, *under_shuffled = np.concatenate(predictions)
    shuffled_changes: np.ndarray = np.abs(np.stack(under_shuffled) - under_its_own)
    return np.median(shuffled_changes, 0), np.abs(under_equal - under_its_own)
