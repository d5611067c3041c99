"""The curve of a film as words and as a tidy table: a row for each target and window."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import numpy as np

from sec2sec.explanations.results import Curve, Explanation
from sec2sec.scales import Scale, figure_on, spread_on

COLUMNS = ("target", "window", "start", "end", "time", "prediction", "lowest", "highest", "scale", "on_scale")
SPREAD = "the range over all windows that cover a point's time: how much a figure depends on where the film was cut"


def curve_csv(curve: Curve, names: Sequence[str], scales: Sequence[Scale] = ()) -> str:
    """The tidy table of the targets `names`, in their order; times in s of the file.

    scales: on which people judged, of the targets that have one. Predictions are 0 to 1; `scale` says from where to
    where people's scale runs, and `on_scale` is the prediction there.
    """
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    sheet.writerow(COLUMNS)
    of_target = {scale.target: scale for scale in scales}
    for name in names:
        scale = of_target.get(name, Scale(name, 0, 1))
        figures = (curve.starts, curve.ends, curve.times, curve.values[name], *curve.spread[name])
        for window, row in enumerate(zip(*figures, strict=True)):
            on_scale = scale.value(float(row[3]))
            sheet.writerow([name, window, *(f"{value:.7g}" for value in row), scale.ends, f"{on_scale:.7g}"])
    return out.getvalue()


def curve_words(explanation: Explanation, names: Sequence[str]) -> Iterator[str]:
    """What the curve comes to, a sentence each: the windows, then each target; nothing without a curve."""
    curve = explanation.curve
    if curve is None:
        return
    length = explanation.length
    yield windows_words(curve)
    if length is not None and not length.shortest <= curve.window <= length.longest:
        yield f"The model learned from no windows of {curve.window:g} s, but from {length.shortest}–{length.longest} s."
    for name in names:
        yield f"{name[:1].upper()}{name[1:]} {target_words(curve, name, explanation.checkpoint.scale_of(name))}"


def windows_words(curve: Curve) -> str:
    """How many windows there are, and how long, as a sentence."""
    count = len(curve.starts)
    if count == 1:
        return f"Predicted in one window of {curve.window:g} s."
    return f"Predicted in {count} windows of {curve.window:g} s, one every {curve.hop:g} s."


def target_words(curve: Curve, name: str, scale: Scale | None = None) -> str:
    """The range of one target's curve, where it is highest and lowest, and its spread; on people's scale if any."""
    values, (low, high) = curve.values[name], curve.spread[name]
    on = "" if scale is None else f" on people's scale of {scale.lowest:g} to {scale.highest:g}"
    if len(values) == 1:
        return f"{figure_on(scale, values[0])}{on}."
    top, bottom = int(values.argmax()), int(values.argmin())
    lowest, highest, median = (figure_on(scale, value) for value in (values.min(), values.max(), np.median(values)))
    return (
        f"{lowest} to {highest}{on}, median {median}: highest in "
        f"{curve.starts[top]:g}–{curve.ends[top]:g} s, lowest in {curve.starts[bottom]:g}–{curve.ends[bottom]:g} s. "
        f"Windows that cover the same moment differ by {spread_on(scale, np.median(high - low))} (median)."
    )
