"""Is the attention of a target an explanation of its prediction? Five criteria, their thresholds, and one word.

Attention over seconds claims that the seconds it weighs are those the prediction rests on. Five measurements test it:

- use: does the prediction move when other weights stand in the place of the attention (Jain & Wallace 2019)?
- unevenness: does the attention name any seconds, or is it nearly the same everywhere?
- mass: do seconds get attention in the amount of their |effect|? Pearson, one-sided permutation test.
- position: and that beyond what their place alone gets, with every second at the training average?
- order: do the large steps of the prediction come early when the most attended seconds are taken away first, or put
  back first, whatever the sign of each step? (curves.py)

*Trust*: all five hold. *Do not trust*: use, unevenness, mass or position fails. *Careful*: anything between. *Nothing
to judge*: there is no question to ask. Each target of a model is another chance to be wrong, so what p must be is
corrected for the family of its targets (Holm 1979).

Further witnesses (witnesses.py) can turn *trust* into *careful* and nothing else.

All thresholds stand here. They were set, and are checked, by recipes/calibrate_verdict.py. Of mass, position and order
none alone is enough: ranks and orders are blind to amounts, amounts follow the place of a second where both are smooth.

T seconds, K targets, P permutations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from sec2sec.explanations.curves import (
    ChanceCurves,
    comprehensiveness,
    curves,
    measure_chance,
    most_attended_first,
    random_orders,
    sufficiency,
)
from sec2sec.explanations.embeddings import all_seconds, clips_per_pass, to_numpy
from sec2sec.explanations.masker import Effort, MaskedPredictor, SecondMasker
from sec2sec.explanations.ranks import correlation_tests, evenness, permutation_test
from sec2sec.explanations.results import NEARLY_UNIFORM, About, Grade, Occlusion, OrderCurve, Verdict, Witness, Word
from sec2sec.model import AttentionLSTM
from sec2sec.words import p_words, percent, r_words, share_words

MIN_SECONDS_FOR_VERDICT = 5  # with fewer, there are too few orders to tell any from chance
MAX_P_HOLDS = 0.05  # of mass, position and order, over the family of targets
MAX_P_WEAK = 0.2  # of each alone
MIN_USE = 0.05  # that other weights change, as a share of what the clip changes
MAX_EVENNESS = NEARLY_UNIFORM  # of the entropy of equal weights: the rule of the co-attention maps
MIN_CHANGE = 0.02  # |prediction − baseline|; below it, and with no second above MIN_EFFECT, nothing moved
MIN_EFFECT = 0.01  # |effect| of a second
MIN_EFFECT_SPREAD = 0.001  # largest − smallest |effect|; below it no second did more than another
MAX_ALIKE = 0.1  # of the distance from an average second; the same second ten times through H.264 and AAC: 0.02 to 0.1
# where one of them fails, the word is "do not trust"; the last three are asked of claims alone
MUST_HOLD = ("use", "unevenness", "mass", "position", "change", "strongest", "modality")

GRADES: tuple[Grade, ...] = ("fails", "weak", "not measured", "holds")  # the weakest first
NO_ATTENTION = "This model has no attention over seconds; the measured effects stand for themselves."
OPENINGS: dict[tuple[About, Word], str] = {
    ("attention", "trust"): "The attention names the seconds that this prediction rests on; the weakest of its reasons",
    ("attention", "careful"): "The attention may name the wrong seconds",
    ("attention", "do not trust"): "The attention does not say what this prediction rests on",
    ("claim", "trust"): "It claims {claim}, and this prediction rests on that; the weakest of the reasons",
    ("claim", "careful"): "It claims {claim}, which may be wrong, or a part of the truth alone",
    ("claim", "do not trust"): "It claims {claim}, and this prediction does not rest on that",
}
SAY_IT_ALL = ("use", "unevenness")  # criteria whose failure needs no opening


@dataclass(frozen=True)
class Evidence:
    """What was measured of one target's attention. p of each test, and what it takes to hold, are set per family."""

    attention: np.ndarray  # (T,)
    effect: np.ndarray  # (T,)
    change: float  # prediction − baseline
    deletion: OrderCurve | None
    insertion: OrderCurve | None
    shuffled: float  # change of the prediction under shuffled weights, median
    uniform: float  # under equal weights
    mass: tuple[float, float]  # r and p
    position: tuple[float, float]  # the same of the attention beyond that with every second at the training average
    level: float = MAX_P_HOLDS
    family: int = 1
    nothing: str = field(default="")  # why there is nothing to judge, as a sentence

    @property
    def use(self) -> float:
        """What other weights change, as a share of what the clip, or its strongest second, changes."""
        scale = max(abs(self.change), float(np.abs(self.effect).max()))
        return min(self.shuffled, self.uniform) / scale if scale > 0 else float("nan")

    @property
    def evenness(self) -> float:
        """Entropy of the attention as a share of that of equal weights."""
        return evenness(self.attention)

    @property
    def order_share(self) -> float:
        """Of random orders that are later, mean of deletion and insertion; NaN where they were not run."""
        if self.deletion is None or self.insertion is None:
            return float("nan")
        return (self.deletion.earlier_than_random + self.insertion.earlier_than_random) / 2

    @property
    def p(self) -> float:
        """The largest p of the three tests: all of them have to hold. 1 where one has none."""
        tests = (self.mass[1], self.position[1], 1 - self.order_share)
        return max(p if np.isfinite(p) else 1.0 for p in tests)


def verdicts(
    predict: MaskedPredictor,
    occlusion: Occlusion,
    changes_under_other_weights: tuple[np.ndarray, np.ndarray] | None = None,
    effort: Effort = "full",
    alike: bool = False,
) -> list[Verdict]:
    """One verdict per target.

    changes_under_other_weights: what shuffled and equal weights change, (K,) each, where it
    has attention over seconds (of under_other_weights()).
    effort: how many variants may be run: all orders, few, or none, which leaves order unmeasured.
    alike: all seconds of the clip are one, repeated (of are_alike()).
    """
    if occlusion.attention is None:
        return [Verdict("nothing to judge", NO_ATTENTION, (), float("nan"), float("nan"))] * len(occlusion.effect)
    chance = None
    if effort != "none":
        chance = measure_chance(predict, occlusion.effect.shape[1], few=effort == "few")
    return [judge(case) for case in corrected(measure(predict, occlusion, changes_under_other_weights, alike, chance))]


def measure(
    predict: MaskedPredictor,
    occlusion: Occlusion,
    changes_under_other_weights: tuple[np.ndarray, np.ndarray] | None,
    alike: bool,
    chance: ChanceCurves | None,
) -> list[Evidence]:
    """What is to be known of each target. chance: the random orders, which any attention to this clip can share."""
    attention, size = occlusion.attention, np.abs(occlusion.effect)
    assert attention is not None
    targets, seconds = size.shape
    shuffled, uniform = changes_under_other_weights or (np.full(targets, np.nan),) * 2
    change = occlusion.prediction - occlusion.baseline
    order_curves: Sequence[tuple[OrderCurve | None, OrderCurve | None]] = [(None, None)] * targets
    if chance is not None:
        order_curves = curves(predict, most_attended_first(attention), np.where(change >= 0, 1.0, -1.0), chance)
    by_place = occlusion.baseline_attention
    beyond_place = attention - (1 / seconds if by_place is None else by_place)
    cases = []
    for k in range(targets):
        r, p = correlation_tests(np.stack([attention[k], beyond_place[k]]), size[k])
        case = Evidence(
            attention[k],
            occlusion.effect[k],
            float(change[k]),
            *order_curves[k],
            shuffled=float(shuffled[k]),
            uniform=float(uniform[k]),
            mass=(float(r[0]), float(p[0])),
            position=(float(r[1]), float(p[1])),
        )
        cases.append(replace(case, nothing=nothing_to_judge(case, alike)))
    return cases


def nothing_to_judge(case: Evidence, alike: bool) -> str:
    """Why there is no question to ask, as a sentence; empty where there is one."""
    seconds, least = len(case.effect), MIN_SECONDS_FOR_VERDICT
    size = np.abs(case.effect)
    if seconds < least:
        return f"The clip is too short for a verdict: {seconds} s, and chance cannot be ruled out below {least} s."
    if alike:
        return "All seconds of the clip are alike, so none of them can be named before another."
    if abs(case.change) < MIN_CHANGE and size.max() < MIN_EFFECT:
        return f"Nothing moved: the prediction lies within {MIN_CHANGE:g} of the baseline, and no second changes it."
    if np.ptp(size) < MIN_EFFECT_SPREAD:
        return "All seconds have the same effect, so none of them can be named before another."
    return ""


def corrected(cases: Sequence[Evidence]) -> list[Evidence]:
    """The cases with the p that holds in each, over the family of the targets that are judged."""
    judged = [k for k, case in enumerate(cases) if not case.nothing]
    levels = dict(zip(judged, holm_levels([cases[k].p for k in judged]), strict=True))
    return [replace(case, level=levels.get(k, MAX_P_HOLDS), family=len(judged)) for k, case in enumerate(cases)]


def holm_levels(p: Sequence[float]) -> list[float]:
    """What each p must reach, so that of all together one is wrong in MAX_P_HOLDS of clips (Holm 1979).

    The smallest must reach MAX_P_HOLDS ÷ K, the next, if it does, MAX_P_HOLDS ÷ (K − 1), and so on.
    """
    levels, left = [MAX_P_HOLDS] * len(p), len(p)
    for k in sorted(range(len(p)), key=lambda k: p[k]):
        levels[k] = MAX_P_HOLDS / left
        if p[k] <= levels[k]:
            left -= 1
    return levels


def judge(case: Evidence) -> Verdict:
    """The figures of one target, its word and its sentence."""
    rho, p = permutation_test(case.attention, np.abs(case.effect))
    sign = 1.0 if case.change >= 0 else -1.0
    comprehensive = np.ones(0) if case.deletion is None else comprehensiveness(case.deletion, sign)
    sufficient = np.ones(0) if case.insertion is None else sufficiency(case.insertion, sign)
    witnesses = () if case.nothing else weakest_first(criteria(case))
    verdict = Verdict(
        word="nothing to judge",
        sentence=case.nothing,
        reasons=(),
        rank_correlation=rho,
        p_value=p,
        deletion=case.deletion,
        insertion=case.insertion,
        comprehensiveness=comprehensive,
        sufficiency=sufficient,
        aopc_comprehensiveness=float(comprehensive.mean()) if len(comprehensive) else float("nan"),
        aopc_sufficiency=float(sufficient.mean()) if len(sufficient) else float("nan"),
        shuffled_change=case.shuffled,
        uniform_change=case.uniform,
        use=case.use,
        evenness=case.evenness,
        mass_correlation=case.mass[0],
        mass_p_value=case.mass[1],
        position_correlation=case.position[0],
        position_p_value=case.position[1],
        order_share=case.order_share,
        level=case.level,
        family=case.family,
    )
    return verdict if case.nothing else in_words(verdict, witnesses)


def with_witnesses(verdict: Verdict, further: Sequence[Witness]) -> Verdict:
    """The verdict with more witnesses. They can turn "trust" into "careful" and nothing else."""
    if verdict.word == "nothing to judge" or not further:
        return verdict
    return in_words(verdict, weakest_first([*verdict.witnesses, *further]))


def in_words(verdict: Verdict, witnesses: Sequence[Witness]) -> Verdict:
    """The verdict with the word and the sentences that these witnesses, the weakest first, come to."""
    word = word_of(witnesses)
    reasons = [witness.reason for witness in witnesses]
    if verdict.family > 1:
        reasons.append(
            f"{verdict.family} targets were judged together: p ≤ {verdict.level:.3g} is asked of this one, so that "
            f"chance makes any of them trusted in at most {percent(MAX_P_HOLDS)} of clips (Holm)."
        )
    return replace(
        verdict,
        word=word,
        sentence=sentence_of(word, witnesses[0], verdict),
        reasons=tuple(reasons),
        witnesses=tuple(witnesses),
    )


def sentence_of(word: Word, weakest: Witness, verdict: Verdict) -> str:
    """What the word means here, by its weakest reason; of a failure that says it all, the reason alone."""
    if word == "do not trust" and weakest.name in SAY_IT_ALL:
        return f"{weakest.words[0].upper()}{weakest.words[1:]}."
    figures = weakest.against_threshold if weakest.grade == "weak" else weakest.words
    return f"{OPENINGS[verdict.about, word].format(claim=verdict.claim)}: {figures}."


def word_of(witnesses: Sequence[Witness]) -> Word:
    """The one rule, of criteria and further witnesses."""
    if any(witness.grade == "fails" and witness.name in MUST_HOLD for witness in witnesses):
        return "do not trust"
    return "trust" if all(witness.grade == "holds" for witness in witnesses) else "careful"


def weakest_first(witnesses: Sequence[Witness]) -> list[Witness]:
    """In the order of their grades; of one grade, as they are."""
    return sorted(witnesses, key=lambda witness: GRADES.index(witness.grade))


def word_of_case(case: Evidence) -> Word:
    """The word alone, of the five criteria."""
    return "nothing to judge" if case.nothing else word_of(criteria(case))


def criteria(case: Evidence) -> list[Witness]:
    """The five criteria, what decides most first."""
    return [
        use_criterion(case),
        unevenness_criterion(case.evenness),
        mass_criterion(*case.mass, case.level),
        position_criterion(*case.position, case.level),
        order_criterion(case.order_share, case.level),
    ]


def use_criterion(case: Evidence) -> Witness:
    """Whether the prediction uses this attention."""
    if not np.isfinite(case.use):
        words = "other weights than its own cannot be given to this system"
        return Witness("use", "not measured", words)
    scale = max(abs(case.change), float(np.abs(case.effect).max()))
    equal, shuffled = (
        "less than 1 %" if change < 0.01 * scale else share_words(change / scale)
        for change in (case.uniform, case.shuffled)
    )
    figures = f"equal weights move it by {equal} of what the clip does, shuffled ones by {shuffled}"
    if equal == shuffled:
        figures = f"equal and shuffled weights move it by {equal} of what the clip does"
    if case.use >= MIN_USE:
        return Witness("use", "holds", f"the prediction uses this attention; {figures}", percent(MIN_USE))
    return Witness("use", "fails", f"the prediction does not use this attention; {figures}", percent(MIN_USE))


def unevenness_criterion(evenness: float) -> Witness:
    """Whether the attention names any seconds."""
    figures = f"its entropy is {share_words(evenness)} of that of equal weights"
    if evenness >= MAX_EVENNESS:
        return Witness("unevenness", "fails", f"nearly even attention names no seconds; {figures}")
    return Witness("unevenness", "holds", figures, f"below {percent(MAX_EVENNESS)}")


def mass_criterion(r: float, p: float, level: float) -> Witness:
    """Whether seconds get attention in the amount of their effect."""
    if not np.isfinite(r):
        return Witness("mass", "fails", "every second has the same attention")
    words = f"attention and the size of the effect agree in amount with r = {r_words(r)} ({p_words(p)})"
    return Witness("mass", grade_of(p, level), words, f"p ≤ {level:.3g}")


def position_criterion(r: float, p: float, level: float) -> Witness:
    """Whether the agreement is more than the place of a second gives."""
    if not np.isfinite(r):
        words = "the attention is that of seconds at the training average, so it never looked at this clip"
        return Witness("position", "fails", words)
    figures = f"r = {r_words(r)} ({p_words(p)})"
    words = f"beyond what a second's place alone gets, attention and the size of the effect agree with {figures}"
    return Witness("position", grade_of(p, level), words, f"p ≤ {level:.3g}")


def order_criterion(share: float, level: float) -> Witness:
    """Whether the most attended seconds move the prediction sooner than random ones do."""
    if not np.isfinite(share):
        return Witness("order", "not measured", "deletion and insertion would take a whole run for each point")
    words = (
        "taken away or put back first, the most attended seconds move the prediction sooner than "
        f"{share_words(share)} of random orders do"
    )
    return Witness("order", grade_of(1 - share, level), words, percent(1 - level))


def grade_of(p: float, level: float) -> Grade:
    """By the p of a test."""
    return "holds" if p <= level + 1e-9 else "weak" if p <= MAX_P_WEAK + 1e-9 else "fails"


def are_alike(seconds: np.ndarray, average: np.ndarray) -> bool:
    """Whether a clip is one second, repeated: vectors (T, D) of its seconds, and (D,) of an average one."""
    middle = seconds.mean(0)
    spread = np.sqrt(((seconds - middle) ** 2).sum(1).mean())
    return bool(spread <= MAX_ALIKE * np.linalg.norm(middle - average))


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
