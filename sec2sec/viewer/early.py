"""What is shown of a film before it is explained: the curve of its windows, drawn once and asking nothing."""

from __future__ import annotations

import numpy as np

from sec2sec.checkpoints import CheckpointSummary
from sec2sec.explanations.results import Curve
from sec2sec.export.curve import target_words, windows_words
from sec2sec.plots.svg import Drawing, Svg
from sec2sec.scales import Scale
from sec2sec.viewer.templates import render

SIZE, MARGINS = (460, 110), (40, 12, 8, 34)  # of the drawing of a target; left, right, top, bottom
TICKS = 5  # of the axis of time, about


def early_curve(curve: Curve, checkpoint: CheckpointSummary, *, diagnostics: bool) -> str:
    """The curve of each target in words and as a drawing. HTML. diagnostics: also those of known-truth clips alone."""
    hidden = () if diagnostics else checkpoint.diagnostics
    targets = [
        (name, target_words(curve, name, checkpoint.scale_of(name)), drawn(curve, name, checkpoint.scale_of(name)))
        for name in curve.values
        if name not in hidden
    ]
    return render("early.html", windows=windows_words(curve), targets=targets, checkpoint=checkpoint)


def drawn(curve: Curve, name: str, scale: Scale | None) -> Svg:
    """The line of the windows over the band of their spread, on the scale of the target."""
    ends = (0.0, 1.0) if scale is None else (scale.lowest, scale.highest)
    start, end = float(curve.starts[0]), float(curve.ends[-1])
    drawing = Drawing(SIZE, MARGINS, (start, end), ends, class_="curve", aria_label=f"{name} over the film")
    low, high = (ends[0] + values * (ends[1] - ends[0]) for values in curve.spread[name])
    values = ends[0] + curve.values[name] * (ends[1] - ends[0])
    for tick in (ends[0], sum(ends) / 2, ends[1]):
        drawing.add("path", class_="grid", d=f"M{drawing.left} {drawing.y(tick)}H{drawing.right}")
        drawing.text(f"{tick:g}", drawing.left - 5, drawing.y(tick) + 4, "end")
    there_and_back = np.concatenate([curve.times, curve.times[::-1]])
    band = drawing.points(there_and_back, np.concatenate([high, low[::-1]]))
    drawing.add("polygon", class_="random", points=band)
    drawing.add("polyline", class_="own", points=drawing.points(curve.times, values))
    for time in np.linspace(start, end, TICKS):
        drawing.text(f"{time:.0f}", drawing.x(time), drawing.bottom + 14)
    drawing.text("time, s", (drawing.left + drawing.right) / 2, drawing.bottom + 28)
    return drawing.plain()
