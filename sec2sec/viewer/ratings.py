"""Explanation → what the view shows of people's ratings: a lane of each on the axis of the clip, and what fits them."""

from __future__ import annotations

from typing import Any

import numpy as np

from sec2sec.explanations.ratings import HEADS, Rating, procedure
from sec2sec.explanations.results import Explanation

MAX_POINTS = 2000  # of a lane; more than a screen has columns


def ratings_payload(explanation: Explanation) -> list[dict[str, Any]]:
    """For each track its points, its scale, and the table of what was compared, as it is printed elsewhere too."""
    compared = [rating for rating in explanation.ratings if rating.is_compared]
    words = {id(rating): "" if rating.is_compared else rating.compared for rating in explanation.ratings}
    if compared:  # once, below the last table
        words[id(compared[-1])] = procedure(compared)
    return [_payload(rating, words[id(rating)]) for rating in explanation.ratings]


def _payload(rating: Rating, words: str) -> dict[str, Any]:
    times, values = thinned(rating.times, rating.values)
    known = rating.values[np.isfinite(rating.values)]
    return {
        "name": rating.name,
        "file": rating.file,
        "times": [round(float(time), 3) for time in times],
        "values": [float(f"{value:.5g}") if np.isfinite(value) else None for value in values],
        "seconds": [float(f"{value:.5g}") if np.isfinite(value) else None for value in rating.seconds],
        "low": float(known.min()) if len(known) else 0.0,
        "high": float(known.max()) if len(known) else 1.0,
        "compared": words,
        "heads": list(HEADS) if rating.is_compared else [],
        "rows": [list(fit.cells) for fit in rating.fits] if rating.is_compared else [],
    }


def thinned(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most MAX_POINTS of a track: means of neighbours, of those that are known."""
    size = -(-len(times) // MAX_POINTS)
    if size <= 1:
        return times, values
    starts = np.arange(0, len(times), size)
    known = np.isfinite(values)
    counts = np.add.reduceat(known.astype(int), starts)
    sums = np.add.reduceat(np.where(known, values, 0.0), starts)
    means = np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)
    return times[starts], means
