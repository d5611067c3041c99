"""Scales on which people judged. Nothing here imports torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scale:
    """The scale on which people judged a target, of which a prediction of 0..1 is a share."""

    target: str
    lowest: float
    highest: float

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Scale:
        """From config.json of a checkpoint. Raises KeyError, TypeError or ValueError for anything else."""
        scale = cls(str(values["target"]), float(values["lowest"]), float(values["highest"]))
        if not -math.inf < scale.lowest < scale.highest < math.inf:
            raise ValueError(f"the scale of {scale.target} runs from {scale.lowest} to {scale.highest}")
        return scale

    def value(self, prediction: float) -> float:
        """A prediction of 0..1 as people would say it."""
        return self.lowest + prediction * (self.highest - self.lowest)

    def figure(self, prediction: float) -> str:
        """The same with one place, which is what the scale's own answers can tell."""
        return f"{self.value(prediction):.1f}"

    def change(self, change: float) -> float:
        """A change of a prediction, or how far two of them lie apart."""
        return change * (self.highest - self.lowest)

    @property
    def ends(self) -> str:
        """From where to where it runs."""
        return f"{self.lowest:g}–{self.highest:g}"

    def words(self, prediction: float) -> str:
        """A prediction of 0..1 with the scale that it is on."""
        return f"{self.figure(prediction)} on people's scale of {self.lowest:g} to {self.highest:g}"


def figure_on(scale: Scale | None, prediction: float) -> str:
    """A prediction on people's scale, or with two places where there is none but 0 to 1."""
    return f"{prediction:.2f}" if scale is None else scale.figure(prediction)


def spread_on(scale: Scale | None, spread: float) -> str:
    """How far predictions lie apart, in the same units."""
    return f"{spread:.2f}" if scale is None else f"{scale.change(spread):.1f}"
