"""Whether an explanation is true: what was measured of each target and each second. Types alone; one file a question.

All effects are in units of the prediction (0..1), signed. T seconds, V visual and A audio tokens in a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Word = Literal["supported", "mixed", "not supported", "too short", "no attention"]


@dataclass(frozen=True)
class SecondEffects:
    """The effect of each second when something else stands in its place; each (T,)."""

    reference: str  # what stands there: "training mean", "neighbouring second"
    whole: np.ndarray
    audio: np.ndarray  # its sound alone replaced
    video: np.ndarray  # its picture alone replaced
    interaction: np.ndarray  # whole − audio − video: what sound and picture do together beyond each alone


@dataclass(frozen=True)
class OrderCurve:
    """The prediction while seconds are taken away (deletion) or put back (insertion), most attended first.

    steps (S,) seconds changed so far, 0..T; every second in clips of up to a limit, evenly spaced ones beyond it.
    """

    steps: np.ndarray
    values: np.ndarray  # (S,)
    area: float  # under it, trapezoids over steps / T
    random_low: np.ndarray  # (S,) 5th percentile over the random orders
    random_high: np.ndarray  # (S,) 95th percentile
    random_area: float  # mean over the random orders
    last_first: np.ndarray  # (S,) the last seconds first
    last_first_area: float
    better_than_random: float  # share of random orders that this one beats, 0..1


@dataclass(frozen=True)
class Verdict:
    """Is the attention of this target an explanation of this prediction? Figures, then a word by written thresholds."""

    word: Word
    sentence: str  # plain words, for a person
    reasons: tuple[str, ...]  # one a criterion, with its figure
    rank_correlation: float  # of attention with |effect|; NaN where it cannot be told
    p_value: float  # by permutation, one-sided
    deletion: OrderCurve | None = None
    insertion: OrderCurve | None = None
    comprehensiveness: np.ndarray = field(default_factory=lambda: np.ones(0))  # (S − 1,) ERASER, at steps[1:]
    sufficiency: np.ndarray = field(default_factory=lambda: np.ones(0))  # (S − 1,) ERASER, at steps[1:]
    shuffled_change: float = float("nan")  # median |change| of the prediction under permuted attention weights
    uniform_change: float = float("nan")  # |change| of the prediction under equal weights
    aopc_comprehensiveness: float = float("nan")  # their means over the steps, ERASER's area over the curve
    aopc_sufficiency: float = float("nan")


@dataclass(frozen=True)
class Sanity:
    """Similarity of what was found to the same of a model whose parts are randomised, from the predictor backwards."""

    steps: tuple[str, ...]  # what is random by then: predictor, seconds (LSTM), co-attention (and join), self-attention
    attention: np.ndarray  # (steps,) rank correlation with the trained model's; NaN where there is none
    effect: np.ndarray  # (steps,)
    maps: np.ndarray  # (steps,) of the co-attention maps
    integrated: np.ndarray  # (steps,) of integrated gradients; asked after the last step alone, NaN before
    relevance: np.ndarray  # (steps,) of the relevance of tokens within a second; after the last step alone, NaN before
    warning: str = ""  # a sentence where something hardly changes


@dataclass(frozen=True)
class Shapley:
    """Exact Shapley values of sound and picture; sound + picture = prediction − baseline."""

    sound: float
    picture: float
    sound_seconds: np.ndarray  # (T,) the same two players within each second, the rest of the clip as it is
    picture_seconds: np.ndarray  # (T,)
    conflict: bool  # they pull the clip's prediction in opposite directions, both more than a threshold
    conflict_seconds: np.ndarray  # (T,) bool


@dataclass(frozen=True)
class Position:
    """The clip's attention minus the checkpoint's mean attention at that place; NaN where the profile ends."""

    from_start: np.ndarray  # (T,)
    from_end: np.ndarray  # (T,)


@dataclass(frozen=True)
class Gradients:
    """Integrated gradients on the joint vectors (captum), from every second at the training mean to the clip."""

    integrated: np.ndarray  # (T,) in logits, signed; sums to the change of the logit but for the gap
    gap: float  # |sum − change of the logit| ÷ |change of the logit|
    relevance_video: np.ndarray | None = None  # (T, V) gradient × attention relevance (Chefer et al. 2021), ≥ 0
    relevance_audio: np.ndarray | None = None  # (T, A)


@dataclass(frozen=True)
class Stability:
    """Lowest and highest of each second over shifted cuts, or over the seeds of a checkpoint; each (T,)."""

    over: str  # "cuts shifted by ±0.25 and ±0.5 s"
    attention_low: np.ndarray
    attention_high: np.ndarray
    effect_low: np.ndarray
    effect_high: np.ndarray
    prediction_low: float
    prediction_high: float


@dataclass(frozen=True)
class TargetEvidence:
    """What was measured of one target."""

    effects: tuple[SecondEffects, ...]  # one a reference, the training mean first
    spread: np.ndarray  # (2, T) lowest and highest effect of each second over the references: the whisker
    verdict: Verdict
    sanity: Sanity | None = None
    shapley: Shapley | None = None
    position: Position | None = None
    gradients: Gradients | None = None
    stability: tuple[Stability, ...] = ()  # on demand: over shifted cuts, and over the seeds of a training


@dataclass(frozen=True)
class Unfamiliar:
    """A second that the model has little to say about."""

    second: int
    kind: Literal["silent", "black", "frozen", "partial", "unlike"]
    words: str  # "no sound above −60 dB", "unlike 99 % of the training seconds"
    value: float  # in the unit that `words` names


@dataclass(frozen=True)
class Cue:
    """What a person can hear or see, beside what the model did."""

    name: str  # loudness, motion, cuts, brightness, saturation, tempo, onset strength, speech
    unit: str  # dB, share, a second, …
    values: np.ndarray  # (T,) NaN where it cannot be told
    goes_along: Mapping[str, float]  # target → rank correlation with its effect in this clip; NaN where it cannot be


@dataclass(frozen=True)
class Evidence:
    """Everything asked of an explanation."""

    targets: Mapping[str, TargetEvidence]
    unfamiliar: tuple[Unfamiliar, ...] = ()
    cues: tuple[Cue, ...] = ()
