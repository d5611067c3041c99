"""Further witnesses beside the verdict's five criteria: they can turn "trust" into "careful" and nothing else.

The verdict says whether attention agrees with the effect that was measured in this clip. These ask whether that means
something: would random weights have given the same, does the model know such seconds and clips as long as this one,
do the effects hold when something else stands in the place of a second, and would another cut have named other seconds?

T seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sec2sec.explanations.effects import RANDOM_SECONDS, SIMILAR_SECONDS
from sec2sec.explanations.randomisation import HARDLY_CHANGES
from sec2sec.explanations.ranks import correlation
from sec2sec.explanations.results import (
    ClipLength,
    Grade,
    OutOfDistribution,
    SecondEffects,
    Stability,
    TargetExplanation,
    Witness,
)
from sec2sec.words import percent, r_words, share_words

MAX_UNKNOWN_SHARE = 0.5  # of the effect that seconds out of distribution may have
MIN_REFERENCE_CORRELATION = 0.5  # of effects against real training seconds with those against their mean


def further_witnesses(
    target: TargetExplanation, unlike: Sequence[OutOfDistribution] | None, length: ClipLength | None
) -> Iterator[Witness]:
    """What else was measured of one target.

    unlike: None where the seconds were not measured. length: None where the checkpoint does not say.
    """
    if target.randomisation is not None and np.isfinite(target.randomisation.attention[-1]):
        test = target.randomisation
        yield learning_witness(float(test.attention[-1]), float(test.effect[-1]))
    if unlike is not None:
        yield familiarity_witness(target.effect, unlike)
    yield from reference_witnesses(target.effects)
    if length is not None:
        yield length_witness(length)


def learning_witness(attention: float, effect: float) -> Witness:
    """Whether attention, or the effects that it agrees with, would have come out like this without any training.

    attention, effect: rank correlation with those of random weights; an effect that is NaN says nothing.
    """
    grade: Grade = "weak" if attention >= HARDLY_CHANGES or effect >= HARDLY_CHANGES else "holds"
    words = f"with random weights the attention has a rank correlation of {r_words(attention)} with this one"
    if np.isfinite(effect):
        words += f", and the effects have one of {r_words(effect)} with these"
    return Witness("learning", grade, words, f"below {HARDLY_CHANGES:g}")


def familiarity_witness(effect: np.ndarray, unlike: Sequence[OutOfDistribution]) -> Witness:
    """Whether the effect comes from seconds that the model could know."""
    size = np.abs(effect)
    seconds = sorted({one.second for one in unlike})
    share = float(size[seconds].sum() / size.sum()) if size.sum() > 0 else 0.0
    count = f"{len(seconds)} of {len(size)} seconds"
    words = f"{count} are out of distribution, and {share_words(share)} of the effect is theirs"
    grade: Grade = "weak" if share > MAX_UNKNOWN_SHARE else "holds"
    return Witness("familiarity", grade, words, f"at most {percent(MAX_UNKNOWN_SHARE)}")


def reference_witnesses(effects: Sequence[SecondEffects]) -> Iterator[Witness]:
    """Whether the effects hold when real training seconds stand where the training mean stood; nothing without them.

    Pearson's r of signed effects, which centres them within the clip: another reference adds nearly the same to
    the effect of every second, and that changes no order. Ranks would count the noise of seconds without any effect.
    """
    against = {one.reference: correlation(effects[0].whole, one.whole) for one in effects}
    names = {RANDOM_SECONDS: "random", SIMILAR_SECONDS: "similar"}
    figures = {name: float(against[key]) for key, name in names.items() if np.isfinite(against.get(key, np.nan))}
    if figures:
        listed = " and ".join(f"{r_words(r)} ({name})" for name, r in figures.items())
        grade: Grade = "holds" if min(figures.values()) >= MIN_REFERENCE_CORRELATION else "weak"
        words = f"against real training seconds the effects agree with r = {listed}"
        yield Witness("reference", grade, words, f"at least {MIN_REFERENCE_CORRELATION:g}")


def length_witness(length: ClipLength) -> Witness:
    """Whether the model learned from clips as long as this one."""
    learned = f"{length.longest} s" if length.shortest == length.longest else f"{length.shortest}–{length.longest} s"
    words = f"the clip has {length.seconds} s, and the clips that the model learned from have {learned}"
    return Witness("length", "weak" if length.words else "holds", words)


def stability_witnesses(
    attention: np.ndarray | None, bands: Sequence[Stability], start: float = 0.0
) -> Iterator[Witness]:
    """Whether the most attended second stays so under other cuts, or in other seeds of the training.

    start: of the analysed part, s into the file.
    """
    if attention is None:
        return
    top, equal = int(attention.argmax()), 1 / len(attention)
    for band in bands:
        lowest = float(band.attention_low[top])
        place = f"{start + top:g}–{start + top + 1:g} s"
        words = (
            f"over {band.over}, the most attended second ({place}) keeps at least {share_words(lowest)} of "
            f"the attention; an equal share is {share_words(equal)}"
        )
        yield Witness("stability", "holds" if lowest > equal else "weak", words)
