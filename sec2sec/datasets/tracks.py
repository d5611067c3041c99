"""What people said over time: a rating track, the continuous judgement of one clip.

Its readers are in sec2sec/datasets/track_files.py (tables, and the files of data sets) and sec2sec/datasets/elan.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

EVEN_WITHIN = 0.01  # of the usual step: as far may a step differ that is written with few decimals


@dataclass(frozen=True)
class RatingTrack:
    """Values at instants of a clip, under one or more names; a value that is absent is NaN."""

    times: np.ndarray  # (N,) float64, s from the beginning of the clip, each above the one before
    values: Mapping[str, np.ndarray]  # (N,) float64 by name, in the units of the source
    name: str  # of the file, for people

    @property
    def rate(self) -> float | None:
        """Values per second where the instants are evenly spaced, else None."""
        if len(self.times) < 2:
            return None
        steps = np.diff(self.times)
        usual = float(np.median(steps))
        # times are often written with three decimals: half a millisecond at either end of a step
        if np.abs(steps - usual).max() > max(EVEN_WITHIN * usual, 1.001e-3):
            return None
        return float((len(self.times) - 1) / (self.times[-1] - self.times[0]))

    @property
    def end(self) -> float:
        """Until when the track speaks of the clip (s): its last instant, and one step more where it is even."""
        rate = self.rate
        return float(self.times[-1]) + (1 / rate if rate else 0.0)

    def per_second(self, name: str, seconds: int) -> np.ndarray:
        """The mean of the values in each second [t, t + 1), (seconds,); NaN where there is none."""
        values = self.values[name]
        inside = (self.times < seconds) & np.isfinite(values)
        second = np.floor(self.times[inside] + 1e-9).astype(int)  # 2.9999999999 was 3 before it was added up
        inside_too = second < seconds
        counts = np.bincount(second[inside_too], minlength=seconds)
        sums = np.bincount(second[inside_too], values[inside][inside_too], minlength=seconds)
        means: np.ndarray = np.divide(sums, counts, out=np.full(seconds, np.nan), where=counts > 0)
        return means

    def from_zero(self) -> RatingTrack:
        """The same without what lies before time 0."""
        first = int(np.searchsorted(self.times, -1e-9))
        values = {name: values[first:] for name, values in self.values.items()}
        return RatingTrack(np.maximum(self.times[first:], 0.0), values, self.name)
