"""Does a prediction rest on what its predictor claims to have gone by? Each claim is tested by taking it away.

A claim names times, weights over seconds, a modality, or times of one modality. What it names is taken away from the
clip, and is left alone in a clip that holds nothing else (variants.py); the same is done with as much elsewhere. Of
attention it is asked whether the prediction uses it. That is no question here: a claim is no part of the predictor, and
is true where the prediction goes by what it names, whoever said it.

- change: does what it names move the prediction at all, by more than the predictor's own noise?
- strongest: does any other place of the same lengths do more?
- elsewhere: how many other places do as much? (all of them where they are few, else drawn)
- position: does it do more than as many seconds at the end, or at the beginning, of the clip?
- modality: does the sound do more than the picture, or the other way round?
- parts, order: of several times, does each do something, and the first the most?
- mass: do seconds get weight in the amount of their |effect|, beyond what a ramp over the clip has?

*Trust*: all that can be asked hold. *Do not trust*: change, strongest, position, modality or mass fails. *Careful*:
anything between. The thresholds stand in claim_witnesses.py; recipes/calibrate_claims.py checks them.

T seconds, K targets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from sec2sec.errors import UserError
from sec2sec.explanations.masker import MaskedPredictor
from sec2sec.explanations.ranks import evenness, permutation_test
from sec2sec.explanations.results import SecondEffects, Verdict
from sec2sec.explanations.verdict import (
    MAX_EVENNESS,
    MAX_P_HOLDS,
    MIN_CHANGE,
    MIN_EFFECT,
    MIN_SECONDS_FOR_VERDICT,
    holm_levels,
    in_words,
    weakest_first,
)
from sec2sec.predictors.claim_witnesses import (
    MODALITY_WORDS,
    Measured,
    Modality,
    claim_witnesses,
    mass_witness,
    weight_test,
)
from sec2sec.predictors.placements import at_the_end, heaviest_seconds, named_seconds, placements, runs, strongest
from sec2sec.predictors.variants import KnownVariants, Sizes, part_of
from sec2sec.words import listed

OTHER_PLACES = (
    20,
    10,
    4,
)  # that are tried for one second, half as many for several, which cost two calls; fewer where calls are dear
MAX_TIMES_SHOWN = 4  # of a claim, in a sentence
MAX_BEYOND_END = 1.0  # s that an end may lie beyond the clip's: people round up

NO_CLAIM = "The predictor claims nothing about this target; the measured effects stand for themselves."


class ClaimError(UserError):
    """A claim that says nothing that can be tested: what was found, and what is expected."""


@dataclass(frozen=True)
class Claim:
    """What a predictor says that a prediction rests on: times or weights, of one modality or both; or a modality."""

    intervals: tuple[tuple[float, float], ...] = ()  # s of the clip, the strongest first
    weights: tuple[float, ...] | None = None  # one per second, ≥ 0
    modality: Modality | None = None  # alone: over the whole clip

    def __post_init__(self) -> None:
        """Raises ClaimError where it names nothing, or where a time or a weight cannot be one."""
        if self.intervals and self.weights is not None:
            raise ClaimError("the claim has times and weights; give one of them")
        if not self.intervals and self.weights is None and self.modality is None:
            raise ClaimError("the claim is empty; name times, weights or a modality, or leave the claim out")
        if self.modality not in (None, "audio", "video"):
            raise ClaimError(f'the claim names the modality {self.modality!r}; expected "audio" or "video"')
        for begin, end in self.intervals:
            if not (math.isfinite(begin) and math.isfinite(end) and 0 <= begin < end):
                raise ClaimError(f"the claim names {begin:g} to {end:g} s; expected numbers with 0 ≤ begin < end")
        if self.weights is not None:
            if not all(math.isfinite(weight) and weight >= 0 for weight in self.weights):
                raise ClaimError("the claim has a weight that is negative or no number; expected numbers from 0 up")
            if not sum(self.weights) > 0:
                raise ClaimError("all weights of the claim are 0, so it names nothing; leave the claim out")

    def words(self, start: float = 0.0) -> str:
        """What it names, as a phrase. start: of the clip, s into the file."""
        of = "" if self.modality is None else f"the {MODALITY_WORDS[self.modality]}"
        times = list(self.intervals)
        if self.weights is not None:
            heaviest = runs(heaviest_seconds(np.array(self.weights)))
            times = [(first, first + length) for first, length in heaviest]
        spans = [f"{start + begin:g}–{start + end:g} s" for begin, end in times[:MAX_TIMES_SHOWN]]
        if len(times) > MAX_TIMES_SHOWN:
            spans.append(f"{len(times) - MAX_TIMES_SHOWN} more")
        named = listed(spans)
        if self.weights is not None:
            named = f"weights, half of them on {named}"
        return f"{of} of {named}" if of and named else of or named


@dataclass(frozen=True)
class _Question:
    """A claim that can be tested, with all parts of the clip that it is compared with."""

    target: int
    claim: Claim
    named: np.ndarray  # (T,) bool
    intervals: tuple[np.ndarray, ...]  # (T,) bool each, in the order of the claim
    size: np.ndarray  # (T,) |effect| of each second in the claim's modality; a gap counts as 0
    change: float  # |prediction − baseline|

    @property
    def of_time(self) -> bool:
        """Whether it names some seconds before others."""
        return not self.named.all()

    def others(self, places: int) -> np.ndarray:
        """(N, T) as many seconds at other places."""
        if not self.of_time:
            return np.zeros((0, len(self.named)), bool)
        return placements(self.named, places if self.named.sum() == 1 else places // 2)

    def parts(self, places: int) -> np.ndarray:
        """(N, 2, T) the claim, then its rivals, as measured() takes them apart."""
        modality, masks = self.claim.modality, [self.named]
        if self.of_time:
            masks += [strongest(self.named, self.size), *at_the_end(self.named), *self.intervals, *self.others(places)]
        rows = part_of(np.stack(masks), modality)
        if modality is None:
            return rows
        return np.concatenate([rows, part_of(self.named, "video" if modality == "audio" else "audio")[None]])

    def measured(self, sizes: Sizes) -> Measured:
        """What the claim and its rivals do, from the sizes of parts()."""
        both, count = sizes.both[:, self.target], len(self.intervals)
        end = len(both) - (self.claim.modality is not None)
        ends = both[1:4] if self.of_time else np.full(3, np.nan)
        others = both[4 + count : end] if self.of_time else both[:0]
        return Measured(
            seconds=int(self.named.sum()),
            clip=self.change,
            deletion=float(sizes.deletion[0, self.target]),
            insertion=float("nan") if sizes.insertion is None else float(sizes.insertion[0, self.target]),
            named=float(both[0]),
            strongest=float(ends[0]),
            last=float(ends[1]),
            first=float(ends[2]),
            others=others[np.isfinite(others)],
            each=both[4 : 4 + count] if self.of_time else both[:0],
            times=self.claim.intervals,
            modality=self.claim.modality,
            other_modality=float(both[-1]) if end < len(both) else float("nan"),
        )


def judge_claims(
    predict: MaskedPredictor,
    prediction: np.ndarray,
    baseline: np.ndarray,
    effects: Mapping[str, SecondEffects],
    claims: Mapping[str, Claim],
    noise: np.ndarray | None = None,
    max_calls: int | None = None,
    start: float = 0.0,
    of_one_second: bool = True,
) -> dict[str, Verdict]:
    """One verdict per target of `effects`, whose order is that of the predictor.

    prediction, baseline (K,): of the clip, and of nothing. effects: of each second, under the reference that stands for
    what is away. noise (K,): standard deviation of a prediction from one call to the next. max_calls: of distinct new
    variants; where it does not suffice, fewer places are tried, then insertion is left out, then nothing is judged.
    A failed variant is NaN. start: of the clip, s into the file, for the words. of_one_second: no effect is a share of
    what several seconds did together.
    """
    targets = list(effects)
    own_noise = np.zeros(len(targets)) if noise is None else np.asarray(noise, np.float64)
    verdicts = {name: _no_claim() for name in targets}
    questions: list[_Question] = []
    for k, name in enumerate(targets):
        if name in claims:
            question = _question(k, claims[name], effects[name], float(prediction[k] - baseline[k]), own_noise[k])
            if isinstance(question, _Question):
                questions.append(question)
            else:
                verdicts[name] = _nothing_to_judge(claims[name], question, start)
    known = KnownVariants(prediction, baseline, list(effects.values()), of_one_second)
    plan = _plan(known, questions, max_calls)
    if plan is None:
        return verdicts | {
            targets[q.target]: _nothing_to_judge(q.claim, _too_dear(max_calls), start) for q in questions
        }
    places, insertion, variants = plan
    known.ask(predict, variants)
    measured = [q.measured(known.sizes(q.parts(places), insertion, own_noise)) for q in questions]
    return verdicts | {
        targets[q.target]: verdict
        for q, verdict in zip(questions, _judged(questions, measured, own_noise, start), strict=True)
    }


def count_calls(claims: Mapping[str, Claim], seconds: int) -> int:
    """How many new predictions these claims need of a clip of T seconds, beyond those of the effects; about."""
    flat = np.arange(seconds, 0, -1.0)  # any effects: which places are strongest changes little
    nothing = SecondEffects("", flat, flat, flat, flat)
    questions = [_question(k, claim, nothing, 1.0, 0.0) for k, claim in enumerate(claims.values())]
    known = KnownVariants(np.zeros(1), np.zeros(1), [nothing])
    plan = _plan(known, [q for q in questions if isinstance(q, _Question)], None)
    assert plan is not None, "no limit"
    return len(plan[2])


def _plan(
    known: KnownVariants, questions: Sequence[_Question], max_calls: int | None
) -> tuple[int, bool, np.ndarray] | None:
    """How many other places are tried, whether insertion is run, and the variants; None where too many remain."""
    for insertion in (True, False):
        for places in OTHER_PLACES:
            parts = [q.parts(places) for q in questions]
            together = np.concatenate(parts) if parts else np.zeros((0, 2, known.seconds), bool)
            variants = known.missing(together, insertion)
            if max_calls is None or len(variants) <= max_calls:
                return places, insertion, variants
    return None


def _question(target: int, claim: Claim, effects: SecondEffects, change: float, noise: float) -> _Question | str:
    """The claim as parts of the clip; or why there is nothing to judge, as a sentence."""
    seconds = len(effects.whole)
    kind = {"audio": effects.audio, "video": effects.video}.get(claim.modality or "", effects.whole)
    size = np.nan_to_num(np.abs(kind))
    if reason := _cannot_be_tested(claim, seconds):
        return reason
    everywhere = np.ones(seconds, bool)
    if claim.weights is not None:
        named, intervals = heaviest_seconds(np.array(claim.weights)), []
    elif claim.intervals:
        intervals = named_seconds(claim.intervals, seconds)
        named = np.any(intervals, axis=0)
    else:
        named, intervals = everywhere, []
    if reason := _names_too_much(claim, named) or _nothing_moved(effects, change, noise):
        return reason
    return _Question(target, claim, named, tuple(intervals) if not named.all() else (), size, abs(change))


def _cannot_be_tested(claim: Claim, seconds: int) -> str:
    """Why this clip has nothing of what it names."""
    if claim.weights is not None and len(claim.weights) != seconds:
        return f"The claim has {len(claim.weights)} weights, and the clip {seconds} s; one for each second is expected."
    for begin, end in claim.intervals:
        if begin >= seconds or end > seconds + MAX_BEYOND_END:
            return f"The claim names {begin:g}–{end:g} s, and the clip ends at {seconds} s."
    if (claim.intervals or claim.weights is not None) and seconds < MIN_SECONDS_FOR_VERDICT:
        least = MIN_SECONDS_FOR_VERDICT
        return f"The clip is too short: {seconds} s, and a claim about times is judged from {least} s on."
    return ""


def _names_too_much(claim: Claim, named: np.ndarray) -> str:
    """Why no other part of the clip can be compared with what it names."""
    if claim.weights is not None and evenness(np.array(claim.weights) / sum(claim.weights)) >= MAX_EVENNESS:
        return "The weights of the claim are nearly even, so they name no seconds."
    if named.all():
        return "" if claim.modality else "The claim names the whole clip, so there is nothing to compare it with."
    if 2 * named.sum() > len(named):
        count = f"{named.sum()} of {len(named)} s"
        return f"The claim names {count}; no part of the rest is as long, so there is nothing to compare it with."
    return ""


def _nothing_moved(effects: SecondEffects, change: float, noise: float) -> str:
    """Why no claim can be right or wrong."""
    largest = max(np.nan_to_num(np.abs(kind)).max() for kind in (effects.whole, effects.audio, effects.video))
    of_change, of_effect = (_beyond_noise(noise, count) for count in (1, 3 * len(effects.whole)))
    if abs(change) >= max(MIN_CHANGE, of_change) or largest >= max(MIN_EFFECT, of_effect):
        return ""
    if noise > 0 and max(of_change, of_effect) > MIN_EFFECT:
        return f"Nothing moved beyond the predictor's own noise (standard deviation {noise:.2g})."
    return f"Nothing moved: the prediction lies within {MIN_CHANGE:g} of the baseline, and no second changes it."


def _beyond_noise(noise: float, count: int, level: float = MAX_P_HOLDS) -> float:
    """What the largest of `count` differences of two predictions stays below by noise alone, but for `level`."""
    return float(NormalDist().inv_cdf(1 - level / 2 / count) * math.sqrt(2) * noise)


def _judged(
    questions: Sequence[_Question], measured: Sequence[Measured], noise: np.ndarray, start: float
) -> list[Verdict]:
    """The verdicts, with what p must be, and what counts as noise, corrected for their number."""
    tests = {k: weight_test(np.array(q.claim.weights), q.size) for k, q in enumerate(questions) if q.claim.weights}
    p = [test.p if np.isfinite(test.p) else 1.0 for test in tests.values()]
    levels = dict(zip(tests, holm_levels(p), strict=True))
    verdicts = []
    for k, (question, case) in enumerate(zip(questions, measured, strict=True)):
        if not np.isfinite(case.named):
            gap = "The predictor gave no prediction of the clip without what the claim names."
            verdicts.append(_nothing_to_judge(question.claim, gap, start))
            continue
        limit = _beyond_noise(float(noise[question.target]), 2 * len(questions))  # of deletion and insertion
        witnesses = claim_witnesses(case, limit)
        verdict = _with_figures(question, start)
        if (test := tests.get(k)) is not None:
            witnesses.append(mass_witness(test, levels[k]))
            verdict = replace(verdict, mass_correlation=test.r, mass_p_value=test.p, level=levels[k], family=len(tests))
        verdicts.append(in_words(verdict, weakest_first(witnesses)))
    return verdicts


def _with_figures(question: _Question, start: float) -> Verdict:
    """A verdict without its word: what the claim names, and how that agrees with the effects in its order."""
    verdict = Verdict("careful", "", (), float("nan"), float("nan"), about="claim", claim=question.claim.words(start))
    if not question.of_time:
        return verdict
    weights = np.array(question.claim.weights or question.named, np.float64)
    rho, p = permutation_test(weights, question.size)
    return replace(verdict, rank_correlation=rho, p_value=p, evenness=evenness(weights / weights.sum()))


def _too_dear(max_calls: int | None) -> str:
    return f"The claim was not tested: {max_calls} more predictions do not suffice for it."


def _no_claim() -> Verdict:
    return Verdict("nothing to judge", NO_CLAIM, (), float("nan"), float("nan"), about="no claim")


def _nothing_to_judge(claim: Claim, why: str, start: float) -> Verdict:
    words = claim.words(start)
    return Verdict("nothing to judge", why, (), float("nan"), float("nan"), about="claim", claim=words)
