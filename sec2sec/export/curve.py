"""The curve of a film as words and as a tidy table: a row for each target and window."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import numpy as np

from sec2sec.explanations.results import Curve, Explanation

COLUMNS = ("target", "window", "start", "end", "time", "prediction", "lowest", "highest")
SPREAD = "the range over all windows that cover a point's time: how much a figure depends on where the film was cut"


def curve_csv(curve: Curve, names: Sequence[str]) -> str:
    """The tidy table of the targets `names`, in their order; times in s of the file."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    sheet.writerow(COLUMNS)
    for name in names:
        figures = (curve.starts, curve.ends, curve.times, curve.values[name], *curve.spread[name])
        for window, row in enumerate(zip(*figures, strict=True)):
            sheet.writerow([name, window, *(f"{value:.7g}" for value in row)])
    return out.getvalue()


def curve_words(explanation: Explanation, names: Sequence[str]) -> Iterator[str]:
    """What the curve comes to, a sentence each: the windows, then each target; nothing without a curve."""
    curve = explanation.curve
    if curve is None:
        return
    count, length = len(curve.starts), explanation.length
    if count == 1:
        yield f"Predicted in one window of {curve.window:g} s."
    else:
        yield f"Predicted in {count} windows of {curve.window:g} s, one every {curve.hop:g} s."
    if length is not None and not length.shortest <= curve.window <= length.longest:
        yield f"The model learned from no windows of {curve.window:g} s, but from {length.shortest}–{length.longest} s."
    for name in names:
        yield f"{name[:1].upper()}{name[1:]} {target_words(curve, name)}"


def target_words(curve: Curve, name: str) -> str:
    """The range of one target's curve, where it is highest and lowest, and its spread."""
    values, (low, high) = curve.values[name], curve.spread[name]
    if len(values) == 1:
        return f"{values[0]:.2f}."
    top, bottom = int(values.argmax()), int(values.argmin())
    return (
        f"{values.min():.2f} to {values.max():.2f}, median {np.median(values):.2f}: highest in "
        f"{curve.starts[top]:g}–{curve.ends[top]:g} s, lowest in {curve.starts[bottom]:g}–{curve.ends[bottom]:g} s. "
        f"Windows that cover the same moment differ by {np.median(high - low):.2f} (median)."
    )
