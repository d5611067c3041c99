"""What speaks for a claim, and what against it: the criteria of claims.py, with their thresholds.

T seconds, N other places, I times that a claim names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sec2sec.explanations.ranks import correlation, correlation_tests
from sec2sec.explanations.results import Grade, Witness
from sec2sec.explanations.verdict import MAX_P_WEAK, MIN_EFFECT
from sec2sec.words import p_words, percent, r_words

Modality = Literal["audio", "video"]

MIN_OF_STRONGEST = 0.8  # of what the strongest other place does: a difference that a person would call one
MIN_OF_STRONGEST_WEAK = 0.5
MAX_AS_STRONG = 0.05  # of the other places may do as much
MIN_OF_PART = 0.1  # of the strongest part of the claim, that each of its parts does
MIN_SHARE_OF_MODALITY = 0.6  # of what sound and picture do
MIN_SHARE_OF_MODALITY_WEAK = 0.4

MODALITY_WORDS: Mapping[Modality, str] = {"audio": "sound", "video": "picture"}


@dataclass(frozen=True)
class Measured:
    """What a claim's part and its rivals do, in units of the prediction."""

    seconds: int  # that are named
    clip: float  # |prediction − baseline|: what the whole clip does
    deletion: float  # of what is named
    insertion: float  # NaN where it was not run
    named: float  # mean of both, as all that follow
    strongest: float  # of the place that the effects promise most of; NaN, as both ends, of a whole clip
    last: float  # of as many seconds at the end of the clip
    first: float
    others: np.ndarray  # (N,) without those that failed
    each: np.ndarray  # (I,) of each time that is named
    times: tuple[tuple[float, float], ...]  # those, in s
    modality: Modality | None
    other_modality: float  # of the same seconds; NaN where no modality is named


@dataclass(frozen=True)
class WeightTest:
    """How well weights agree with the size of the effects."""

    r: float  # Pearson's
    p: float  # by permutation, one-sided
    least_p: float  # of the best arrangement of these weights: equal ones leave few
    ramp: float  # the largest r of a ramp over the clip


def weight_test(weights: np.ndarray, size: np.ndarray) -> WeightTest:
    """Of weights (T,) with |effect| (T,)."""
    best = np.empty_like(weights)
    best[np.argsort(size, kind="stable")] = np.sort(weights)
    r, p = correlation_tests(np.stack([weights, best]), size)
    time = np.arange(len(size))
    ramps = np.stack([time, -time, 1 / (1 + time), 1 / (1 + time[::-1])])
    of_ramps = correlation(ramps, np.broadcast_to(size, ramps.shape))
    return WeightTest(float(r[0]), float(p[0]), float(p[1]), float(np.nanmax(of_ramps, initial=-1.0)))


def claim_witnesses(case: Measured, limit: float) -> list[Witness]:
    """All that was measured of what is named and of what lies elsewhere. limit: what counts as noise."""
    witnesses = [change_witness(case, limit)]
    if not np.isfinite(case.insertion):
        words = "what it names was not left alone in an empty clip, for want of calls"
        witnesses.append(Witness("insertion", "not measured", words))
    if np.isfinite(case.strongest):
        witnesses += [strongest_witness(case, limit), elsewhere_witness(case), position_witness(case, limit)]
    if len(case.each) > 1:
        witnesses += [parts_witness(case, limit), order_witness(case)]
    if case.modality is not None:
        witnesses.append(modality_witness(case, limit))
    return witnesses


def change_witness(case: Measured, limit: float) -> Witness:
    """Whether the prediction moves at all, beyond the noise."""
    grade: Grade = "fails" if case.named < MIN_EFFECT else "weak" if case.named < limit else "holds"
    how = "taken away, at once or second by second" if case.seconds > 1 else "taken away"
    words = f"{how}, what it names moves the prediction by {_figure(case.deletion)}"
    if np.isfinite(case.insertion):
        words += f", and put alone into an empty clip by {_figure(case.insertion)}"
    words += f"; the whole clip moves it by {_figure(case.clip)}"
    return Witness("change", grade, words, f"at least {_figure(max(MIN_EFFECT, limit))} on average")


def strongest_witness(case: Measured, limit: float) -> Witness:
    """Whether another place of the same lengths does more."""
    most = float(np.nanmax([*case.others, case.strongest, 0.0]))
    words = f"what it names moves the prediction by {_figure(case.named)} on average, the strongest other place of the "
    words += f"same length by {_figure(most)}"
    return Witness("strongest", _beside(case.named, most, limit), words, f"{percent(MIN_OF_STRONGEST)} of that")


def _beside(named: float, rival: float, limit: float) -> Grade:
    """By its share of what a rival does; where even that is noise, nothing fails."""
    grade = _grade(named / rival, MIN_OF_STRONGEST, MIN_OF_STRONGEST_WEAK) if rival > 0 else "holds"
    return "weak" if grade == "fails" and rival < limit else grade


def elsewhere_witness(case: Measured) -> Witness:
    """How many other places do as much: what a guess would have been worth."""
    count = len(case.others)
    if not count:
        return Witness("elsewhere", "not measured", "no other place of the same length could be tried")
    as_strong = int((case.others >= case.named * (1 - 1e-6)).sum())
    grade: Grade = "holds" if as_strong <= MAX_AS_STRONG * count else "weak"
    words = f"{as_strong} of {count} other places of the same length move the prediction as much"
    return Witness("elsewhere", grade, words, f"at most {percent(MAX_AS_STRONG)}")


def position_witness(case: Measured, limit: float) -> Witness:
    """Whether its place alone would have done: the last seconds, or the first."""
    ends = float(np.nanmax([case.last, case.first, 0.0]))
    words = f"as many seconds at the end move the prediction by {_figure(case.last)}, at the beginning by "
    words += f"{_figure(case.first)}, what it names by {_figure(case.named)}"
    return Witness("position", _beside(case.named, ends, limit), words, f"{percent(MIN_OF_STRONGEST)} of either")


def parts_witness(case: Measured, limit: float) -> Witness:
    """Whether each of several times does something: a claim that names much is no better for it."""
    least, most = int(np.argmin(case.each)), float(case.each.max())
    grade: Grade = "holds" if case.each[least] >= max(MIN_OF_PART * most, MIN_EFFECT, limit) else "weak"
    begin, end = case.times[least]
    words = f"of the times that it names {begin:g}–{end:g} s moves the prediction least, by "
    words += f"{_figure(float(case.each[least]))}; the strongest by {_figure(most)}"
    return Witness("parts", grade, words, f"{percent(MIN_OF_PART)} of that")


def order_witness(case: Measured) -> Witness:
    """Whether the times stand in the order of what they do; nearly equal ones may stand in any."""
    ahead, after = case.each[:-1], case.each[1:]
    wrong = np.flatnonzero(ahead < MIN_OF_STRONGEST * np.maximum.accumulate(after[::-1])[::-1])
    if not len(wrong):
        return Witness("order", "holds", "the times stand in the order of what they do")
    begin, end = case.times[wrong[0]]
    words = f"{begin:g}–{end:g} s, which stands before others, does less than one of them"
    return Witness("order", "weak", words, "the strongest first")


def modality_witness(case: Measured, limit: float) -> Witness:
    """Whether the modality that it names does more than the other, in the same seconds."""
    assert case.modality is not None
    total = case.named + case.other_modality
    share = case.named / total if total > 0 else float("nan")
    grade = _grade(share, MIN_SHARE_OF_MODALITY, MIN_SHARE_OF_MODALITY_WEAK)
    if abs(case.named - case.other_modality) < limit:
        grade = "weak"
    if not np.isfinite(share):
        grade = "not measured"
    own, other = MODALITY_WORDS[case.modality], MODALITY_WORDS["video" if case.modality == "audio" else "audio"]
    words = f"the {own} moves the prediction by {_figure(case.named)}, the {other} of the same seconds by "
    words += _figure(case.other_modality)
    return Witness("modality", grade, words, f"{percent(MIN_SHARE_OF_MODALITY)} of both")


def mass_witness(test: WeightTest, level: float) -> Witness:
    """Whether seconds get weight in the amount of their effect, and more so than a ramp over the clip.

    level: what p must be. Equal weights leave so few arrangements that none reaches it: the best does then.
    """
    if not np.isfinite(test.r):
        return Witness("mass", "fails", "every second has the same weight or the same effect")
    asked = max(level, test.least_p)
    grade: Grade = "fails" if test.p > MAX_P_WEAK else "weak"
    if test.p <= min(asked, MAX_P_WEAK) + 1e-9 and test.r >= test.ramp - 1e-9:
        grade = "holds"
    words = (
        f"weights and the size of the effect agree in amount with r = {r_words(test.r)} ({p_words(test.p)}), a ramp "
    )
    words += f"over the clip with up to {r_words(test.ramp)}"
    return Witness("mass", grade, words, f"p ≤ {asked:.3g}, and no ramp that agrees better")


def _grade(share: float, holds: float, weak: float) -> Grade:
    """By the least shares that hold, and that are weak."""
    return "holds" if share >= holds else "weak" if share >= weak else "fails"


def _figure(value: float) -> str:
    """A distance of predictions with two places, or three where two would hide it."""
    if not math.isfinite(value):
        return "an unknown amount"
    return f"{value:.2f}" if value >= MIN_EFFECT or value < 0.0005 else f"{value:.3f}"
