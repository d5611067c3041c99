"""What the methods of explanation return: one tree, Explanation → targets → figures. Arrays are numpy's, on the CPU.

Effects are in units of the prediction (0..1), signed. B clips, T seconds, V visual and A audio tokens in a second,
H heads, K targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from sec2sec.checkpoints import CheckpointSummary
from sec2sec.config import Bands, TrackChoice
from sec2sec.explanations.ratings import Rating
from sec2sec.words import BASELINE

SCHEMA = "sec2sec.explanation/1"

# A map at or above this share of the entropy of a uniform one points nowhere: it is described, not drawn as a finding.
NEARLY_UNIFORM = 0.97

Word = Literal["trust", "careful", "do not trust", "nothing to judge"]
Grade = Literal["holds", "weak", "fails", "not measured"]
About = Literal["attention", "claim", "no claim"]  # whose truth is judged; a predictor may claim nothing
GRADE_WORDS: Mapping[Grade, str] = {
    "holds": "holds",
    "weak": "is weak",
    "fails": "fails",
    "not measured": "was not measured",
}


@dataclass(frozen=True)
class ClipSummary:
    """The clip that was explained. duration in seconds; warnings are sentences for a person."""

    name: str
    sha256: str
    start: float  # s into the file at which the analysed part begins
    duration: float  # s analysed
    seconds: int  # T
    has_audio: bool
    has_video: bool
    partial: bool = False  # the last second holds less than a whole second
    warnings: tuple[str, ...] = ()
    video_track: int | None = None  # number of the track that was chosen, from 1; None: the file's own choice
    audio_track: int | None = None

    @property
    def tracks(self) -> TrackChoice:
        """The tracks that were analysed, to open the file again."""
        return TrackChoice(self.video_track, self.audio_track)

    def part(self, first: int, end: int) -> ClipSummary:
        """The same of its seconds [first, end) alone."""
        is_end = end == self.seconds
        return replace(
            self,
            start=self.start + first,
            duration=self.duration - first if is_end else float(end - first),
            seconds=end - first,
            partial=self.partial and is_end,
        )


@dataclass(frozen=True)
class SecondEffects:
    """The effect of each second when something else stands in its place; each (T,)."""

    # what stands there: "training mean", "neighbouring second", "random training seconds", "similar training seconds"
    reference: str
    whole: np.ndarray
    audio: np.ndarray  # its sound alone replaced; NaN, as the two below, under a reference that replaces whole seconds
    video: np.ndarray  # its picture alone replaced
    interaction: np.ndarray  # whole − audio − video: what sound and picture do together beyond each alone

    @property
    def split(self) -> bool:
        """Whether sound and picture were measured alone: not where whole seconds were replaced and nothing else."""
        return not np.isfinite(self.whole).any() or bool(np.isfinite(self.audio).any())


@dataclass(frozen=True)
class Occlusion:
    """What taking away each second does to every target (Zeiler & Fergus 2014); "away" is at the training mean."""

    prediction: np.ndarray  # (K,)
    baseline: np.ndarray  # (K,) prediction with every second away
    attention: np.ndarray | None  # (K, T) the model's own attention to seconds; None where it has none
    effect: np.ndarray  # (K, T) prediction minus the prediction without the second
    effect_audio: np.ndarray  # (K, T) the same, its sound alone away
    effect_video: np.ndarray  # (K, T) the same, its picture alone away
    baseline_attention: np.ndarray | None = None  # (K, T) with every second away: what the place of a second alone gets


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
    better_than_random: float  # share of random orders whose area this one beats, 0..1; towards or from the baseline
    earlier_than_random: float  # share of random orders whose steps, whatever their sign, come later than this one's


@dataclass(frozen=True)
class Witness:
    """One measurement that speaks for the attention or against it."""

    name: str  # use, unevenness, mass, position, order; learning, familiarity, reference, length, stability
    grade: Grade
    words: str  # what was measured, with its figures; a clause
    threshold: str = ""  # what it takes to hold

    @property
    def against_threshold(self) -> str:
        """The figures with what it takes to hold; a clause."""
        return f"{self.words}; {self.threshold} is asked" if self.threshold else self.words

    @property
    def reason(self) -> str:
        """Grade and figures as a sentence."""
        threshold = f" (threshold {self.threshold})" if self.threshold else ""
        return f"{self.name.capitalize()} {GRADE_WORDS[self.grade]}: {self.words}{threshold}."


@dataclass(frozen=True)
class Verdict:
    """Is the attention of this target, or what a predictor claims, an explanation of this prediction?

    Figures, then a word by written thresholds.
    """

    word: Word
    sentence: str  # plain words, for a person: the word and its weakest reason
    reasons: tuple[str, ...]  # a sentence for each witness, the weakest first
    rank_correlation: float  # of attention with |effect|; NaN where it is undefined
    p_value: float  # by permutation, one-sided
    deletion: OrderCurve | None = None
    insertion: OrderCurve | None = None
    comprehensiveness: np.ndarray = field(default_factory=lambda: np.ones(0))  # (S − 1,) ERASER, at steps[1:]
    sufficiency: np.ndarray = field(default_factory=lambda: np.ones(0))  # (S − 1,) ERASER, at steps[1:]
    shuffled_change: float = float("nan")  # median |change| of the prediction under permuted attention weights
    uniform_change: float = float("nan")  # |change| of the prediction under equal weights
    aopc_comprehensiveness: float = float("nan")  # their means over the steps, ERASER's area over the curve
    aopc_sufficiency: float = float("nan")
    witnesses: tuple[Witness, ...] = ()  # the weakest first
    use: float = float("nan")  # what other weights change, as a share of what the clip changes
    evenness: float = float("nan")  # entropy of the attention, as a share of that of equal weights
    mass_correlation: float = float("nan")  # Pearson, of attention with |effect|
    mass_p_value: float = float("nan")  # by permutation, one-sided
    position_correlation: float = float("nan")  # of the attention beyond that of a clip of average seconds
    position_p_value: float = float("nan")
    order_share: float = float("nan")  # of random orders that are later, mean of deletion and insertion
    level: float = float("nan")  # largest p that holds here, corrected for the family of targets
    family: int = 0  # targets that were judged together
    about: About = "attention"
    claim: str = ""  # what a predictor names, as a phrase: "the sound of 12–14 s"


@dataclass(frozen=True)
class RandomisationTest:
    """Similarity of what was measured to the same of a model with random weights (Adebayo et al. 2018).

    The parts of the model are randomised one after the other, from the predictor backwards.
    """

    steps: tuple[str, ...]  # what is random by then: predictor, seconds (LSTM), co-attention (and join), self-attention
    attention: np.ndarray  # (steps,) rank correlation with the trained model's; NaN where there is none
    effect: np.ndarray  # (steps,)
    maps: np.ndarray  # (steps,) of the co-attention maps
    integrated: np.ndarray  # (steps,) of integrated gradients; computed after the last step alone, NaN before
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
class ProfileDeviation:
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
class OutOfDistribution:
    """A second unlike those that the model learned from."""

    second: int
    kind: Literal["silent", "black", "frozen", "partial", "unlike"]
    words: str  # a clause: "the picture is less typical than in 99 % of the training seconds"
    value: float  # in the unit that `words` names; of "unlike" the share of training seconds nearer the centre, %


@dataclass(frozen=True)
class ClipLength:
    """The length of the clip beside those of the clips that the model learned from."""

    seconds: int  # of this clip
    shortest: int  # s, of the training clips
    longest: int  # s
    clips: int  # of the training
    shorter: float  # share of the training clips that are shorter than this one, %
    longer: float  # share that are longer, %
    window: int  # s, in which a longer part is predicted
    words: str  # where the length is unfamiliar, a sentence with the figures; else empty


@dataclass(frozen=True)
class Curve:
    """The predictions of a clip's N windows, in their order. Times are seconds of the file, as in every table."""

    window: float  # s, the length of a window; the clip's own where that is shorter
    hop: float  # s from the start of one window to that of the next; the last window ends with the clip
    starts: np.ndarray  # (N,)
    ends: np.ndarray  # (N,)
    values: Mapping[str, np.ndarray]  # by target: (N,) the prediction of each window, 0..1
    spread: Mapping[str, np.ndarray]  # by target: (2, N) lowest and highest of the windows that cover a point's time

    @property
    def times(self) -> np.ndarray:
        """(N,) where a window's point stands: at its centre."""
        centres: np.ndarray = (self.starts + self.ends) / 2
        return centres


@dataclass(frozen=True)
class ReferenceDistance:
    """How far the training mean, taken as a second, lies from the centre of the training seconds (Mahalanobis)."""

    space: str  # where: "picture" or "sound" (pooled tokens), "joint vector"
    distance: float
    nearest: float  # of the training seconds, the smallest distance
    median: float  # of the training seconds
    percentile: float  # share of the training seconds that lie nearer, 0–100

    @property
    def words(self) -> str:
        """The figures, as a phrase."""
        return (
            f"{self.space} {self.distance:.1f} (training seconds: median {self.median:.1f}, nearest {self.nearest:.1f})"
        )


@dataclass(frozen=True)
class Feature:
    """An audio-visual feature that a person can hear or see, measured without the model."""

    name: str  # loudness, motion, cuts, brightness, saturation, tempo, onset strength, speech
    unit: str  # dB, share, a second, …
    values: np.ndarray  # (T,) NaN where it is undefined
    correlation: Mapping[str, float]  # target → rank correlation with its effect in this clip; NaN where it cannot be


@dataclass(frozen=True)
class CoAttention:
    """The co-attention maps of each second, with the grids that say where a token lies."""

    video_grid: tuple[int, int, int]  # (time, height, width); token v = (t · height + y) · width + x
    audio_grid: tuple[int, int]  # (coefficient band, time); token a = band · times + t, band 0 the lowest coefficients
    video_region: tuple[float, float, float, float]  # left, top, right, bottom seen, as shares of the frame
    video_from_audio: np.ndarray | None = None  # (T, H, V, A); rows over sound sum to 1
    audio_from_video: np.ndarray | None = None  # (T, H, A, V); rows over the picture sum to 1
    entropy_video_from_audio: np.ndarray | None = None  # (T, H) mean of rows, share of log(A); 1 uniform
    entropy_audio_from_video: np.ndarray | None = None  # (T, H) the same, share of log(V)
    absent: str = ""  # why there are no maps, as a sentence; empty where there are
    bands: Bands = "mfcc"  # what the bands of the sound are

    @property
    def entropy(self) -> np.ndarray:
        """(T,) mean of both directions and all heads, 1 for a uniform map; empty where there are no maps."""
        if self.entropy_video_from_audio is None or self.entropy_audio_from_video is None:
            return np.ones(0)
        mean: np.ndarray = (self.entropy_video_from_audio.mean(1) + self.entropy_audio_from_video.mean(1)) / 2
        return mean


@dataclass(frozen=True)
class TargetExplanation:
    """Why one target came out as it did, and whether that is true. Arrays are (T,) unless they say otherwise."""

    prediction: float  # 0..1
    baseline: float  # prediction with every second at the training mean
    attention: np.ndarray | None  # sums to 1 over the clip; None where the system has none (plain LSTM)
    effects: tuple[SecondEffects, ...]  # one per reference, the training mean first
    verdict: Verdict
    randomisation: RandomisationTest | None = None
    shapley: Shapley | None = None
    profile: ProfileDeviation | None = None
    gradients: Gradients | None = None
    stability: tuple[Stability, ...] = ()  # on demand: over shifted cuts, and over the seeds of a training
    noise: float = 0.0  # ± that an effect has by chance, of a predictor that answers the same clip differently

    @property
    def effect(self) -> np.ndarray:
        """Prediction minus the prediction with that second's tokens at the training mean."""
        return self.effects[0].whole

    @property
    def effect_audio(self) -> np.ndarray:
        """The same, the sound of that second alone replaced."""
        return self.effects[0].audio

    @property
    def effect_video(self) -> np.ndarray:
        """The same, the picture of that second alone replaced."""
        return self.effects[0].video

    @property
    def effect_range(self) -> np.ndarray:
        """(2, T) lowest and highest effect of each second over the references, and the noise around them.

        An undefined one is left out; NaN where there is none.
        """
        whole = np.stack([effect.whole for effect in self.effects])
        known = np.isfinite(whole)
        low, high = np.where(known, whole, np.inf).min(0), np.where(known, whole, -np.inf).max(0)
        return np.where(known.any(0), np.stack([low - self.noise, high + self.noise]), np.nan)


@dataclass(frozen=True)
class Gap:
    """An edited clip that a predictor gave no answer for."""

    what: str  # which, as a clause
    reason: str  # why, as a clause


@dataclass(frozen=True)
class Audit:
    """How a predictor that is not ours was asked."""

    version: str  # of the predictor; empty where it does not say
    references: tuple[str, ...]  # what stood in the place of a second, the one of verdicts first
    step: int  # s that were taken away at a time
    questions: int  # that the predictor was asked
    remembered: int  # that it had answered in an earlier run
    seconds_per_question: float  # s, of the first
    reencoding: Mapping[str, float]  # by target: the clip encoded again − the file as it came; NaN where not asked
    noise: Mapping[str, float]  # by target: standard deviation of its answers to the very same clip
    repeats: int  # how often that was asked
    left_out: tuple[str, ...] = ()  # what the budget did not allow, a sentence each
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """One clip, one checkpoint, every target."""

    clip: ClipSummary
    checkpoint: CheckpointSummary
    targets: Mapping[str, TargetExplanation]
    co_attention: CoAttention
    out_of_distribution: tuple[OutOfDistribution, ...] = ()
    features: tuple[Feature, ...] = ()
    seconds_taken: Mapping[str, float] = field(default_factory=dict)  # stage → s: decoding, encoding, explaining
    reference_distances: tuple[ReferenceDistance, ...] = ()  # empty where the checkpoint does not know them
    length: ClipLength | None = None  # None where the checkpoint does not say which lengths it learned from
    curve: Curve | None = None  # of a clip that is longer than those, or where windows were asked for
    ratings: tuple[Rating, ...] = ()  # what people said of the clip, where somebody gave it
    audit: Audit | None = None  # of a predictor that is not ours

    @property
    def baseline_words(self) -> str:
        """What predictions are measured against, as a phrase."""
        return (
            BASELINE if self.audit is None else f"the same length, every second replaced by {self.audit.references[0]}"
        )


@dataclass(frozen=True)
class Preview:
    """What a screen shows of the clip itself, small enough to send whole. Lists have T entries."""

    stills: list[bytes | None]  # JPEG of the frame in the middle of each second, display aspect; None without a picture
    waveform: np.ndarray | None  # (T, steps, 2) lowest and highest sample, [-1, 1]
    mfcc: np.ndarray | None  # (T, n_mfcc, steps) MFCC image of each second, before any standardisation

    def part(self, first: int, end: int) -> Preview:
        """The same of the seconds [first, end) alone."""
        arrays = (None if values is None else values[first:end] for values in (self.waveform, self.mfcc))
        return Preview(self.stills[first:end], *arrays)
