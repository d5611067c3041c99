"""What people said over time, laid beside a clip, and how well the model's curves fit it.

T seconds of the analysed part, N instants of the track.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
        chance = "–" if math.isnan(fit.chance) else f"{decimals(fit.chance)} ({fit.chance_share:.0%} of shifts)"
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

    @property
    def title(self) -> str:
        """Its name, and where it comes from."""
        return f"{self.name} ({self.file})"

    @property
    def compared(self) -> str:
        """What was compared and how, or why nothing was: sentences."""
        fits = [fit.correlation for fit in self.fits if fit.correlation is not None]
        if not fits:
            return self.note or "Nothing could be compared: " + "; ".join(
                f"{fit.name}: {fit.absent}" for fit in self.fits
            )
        blocks = sorted({fit.block for fit in fits})
        span = f"{blocks[0]}" if len(blocks) == 1 else f"{blocks[0]} to {blocks[-1]}"
        return (
            f"{fits[0].seconds} points, one per second, each curve averaged over {self.window} s. People react late: "
            f"of the lags from 0 to {MAX_LAG} s the one that fits best was taken, which flatters, so the intervals "
            "pick it anew in each resample. Neighbouring seconds resemble each other, so a resample is made of blocks "
            f"of {span} s. “Reached by chance”: what the best lag reaches in 5 % of the circular shifts of the curve, "
            "and how many shifts fit as well as the clip."
        )


def decimals(value: float, signed: bool = False) -> str:
    """A correlation with two decimals and no zero before the point."""
    text = f"{abs(value):.2f}".removeprefix("0")
    if not signed or not float(text):
        return text
    return ("−" if value < 0 else "+") + text
