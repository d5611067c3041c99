"""What people said over time, laid beside a clip, and how well the model's curves fit it.

T seconds of the analysed part, N instants of the track.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sec2sec.explanations.lagged import MAX_LAG, LaggedCorrelation

CURVE, EFFECT, ATTENTION = "prediction curve", "effect", "attention"
YARDSTICKS = ("loudness", "motion")  # measured without a model; a model that fits no better tells nothing more
HEADS = ("with", "lag", "r", "corrected for picking the lag", "95 % interval", "reached by chance")


@dataclass(frozen=True)
class RatingFit:
    """One curve beside the ratings."""

    target: str  # empty for a yardstick
    series: str  # CURVE, EFFECT, ATTENTION, or one of YARDSTICKS
    correlation: LaggedCorrelation | None  # None where it cannot be told
    absent: str = ""  # why not, as a clause

    @property
    def name(self) -> str:
        """The curve in words."""
        return f"{self.series} of {self.target}" if self.target else f"{self.series} (no model)"

    @property
    def cells(self) -> tuple[str, ...]:
        """The figures under HEADS."""
        fit = self.correlation
        if fit is None:
            return self.name, "–", "–", "–", self.absent, "–"
        chance = "–" if math.isnan(fit.chance) else f"{decimals(fit.chance)} ({100 * fit.chance_share:.0f} % of shifts)"
        interval = f"{decimals(fit.low, True)} to {decimals(fit.high, True)}"
        return self.name, f"{fit.lag} s", decimals(fit.r, True), decimals(fit.corrected, True), interval, chance


@dataclass(frozen=True)
class Rating:
    """A judgement over time beside a clip."""

    name: str  # of the column or tier
    file: str
    times: np.ndarray  # (N,) s from the beginning of the analysed part
    values: np.ndarray  # (N,) in the units of the file; NaN where nobody said anything
    seconds: np.ndarray  # (T,) mean of each second
    fits: tuple[RatingFit, ...] = ()
    window: int = 0  # s over which every curve was averaged, as the prediction of a window is
    note: str = ""  # why nothing was compared, as a sentence

    def part(self, first: int, end: int) -> Rating:
        """The same of the seconds [first, end) alone, compared with nothing: the fits are those of the whole."""
        inside = (self.times >= first) & (self.times < end)
        note = "Ratings of one window: how well they fit is told of the whole film."
        return replace(
            self,
            times=self.times[inside] - first,
            values=self.values[inside],
            seconds=self.seconds[first:end],
            fits=(),
            note=note,
        )

    @property
    def title(self) -> str:
        """Its name, and where it comes from."""
        return f"{self.name} ({self.file})"

    @property
    def is_compared(self) -> bool:
        """Whether anything could be compared with it."""
        return any(fit.correlation for fit in self.fits)

    @property
    def compared(self) -> str:
        """What was compared and how, or why nothing was: sentences."""
        if not self.is_compared:
            return self.note or "Nothing could be compared: " + "; ".join(
                f"{fit.name}: {fit.absent}" for fit in self.fits
            )
        return procedure([self])


def procedure(ratings: Sequence[Rating]) -> str:
    """How the curves were compared with ratings of one clip, as sentences."""
    fits = [fit.correlation for rating in ratings for fit in rating.fits if fit.correlation is not None]
    points, windows, blocks = (
        _range(values)
        for values in ([f.seconds for f in fits], [rating.window for rating in ratings], [f.block for f in fits])
    )
    return (
        f"{points} points, one per second, each curve averaged over {windows} s. People react late: of the lags from 0 "
        f"to {MAX_LAG} s the one that fits best was taken. That flatters, so the intervals pick it anew in each "
        "resample; at an end of the range a better one may lie beyond. Neighbouring seconds resemble each other, so a "
        f"resample is made of blocks of {blocks} s. “Reached by chance”: what the best lag reaches in 5 % of the "
        "circular shifts of the curve, and how many shifts fit as well as the clip."
    )


def _range(values: Sequence[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def decimals(value: float, signed: bool = False) -> str:
    """A correlation with two decimals and no zero before the point."""
    text = f"{abs(value):.2f}".removeprefix("0")
    if not signed or not float(text):
        return text
    return ("−" if value < 0 else "+") + text
