"""The reports of a training → Plotly figures, as plain dicts ready for JSON. The axes keep still while it learns.

Colours as in plots.py; no line is told from another by its colour alone: dashes and symbols differ as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sec2sec.plots import LOWERS, PICTURE, RAISES, SOUND, WAVE, Figure

TRAINING, VALIDATION, TRIVIAL, MEAN = LOWERS, RAISES, WAVE, SOUND
TARGETS = (PICTURE, "#94826a", "#5f8f8b", "#a17487", "#7688a6", "#8a7fa8")
SYMBOLS = ("square-open", "diamond-open", "triangle-up-open", "x-thin-open", "star-open", "hexagon-open")
STEPS = (5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000)  # ends of the axis of epochs
HEIGHT = 230  # px
MARGIN = {"l": 52, "r": 12, "t": 8, "b": 42}


def losses(training: Sequence[float], validation: Sequence[float], epochs: int) -> Figure:
    """Both losses after each epoch, of at most `epochs`."""
    axis = _epochs(len(training), epochs)
    lines = [
        _line("training loss", training, TRAINING, symbol="circle"),
        _line("validation loss", validation, VALIDATION, symbol="square"),
    ]
    return _figure(lines, axis, _loss_axis(max([*training, *validation], default=1.0)))


def scores(
    mean: Sequence[float],
    targets: Mapping[str, Sequence[float | None]],
    trivial: Sequence[float],
    epochs: int,
    best: int,
) -> Figure:
    """The validation score after each epoch, beside the best answer that looks at no clip.

    targets: of each target, where there are several. best: the epoch whose weights are kept.
    """
    lines: list[dict[str, Any]] = []
    if len(targets) > 1:
        for i, (name, values) in enumerate(targets.items()):
            colour, symbol = TARGETS[i % len(TARGETS)], SYMBOLS[i % len(SYMBOLS)]
            lines.append(_line(name, values, colour, symbol=symbol, width=1))
    name = "mean of the targets" if len(targets) > 1 else next(iter(targets), "score")
    lines.append(_line(name, mean, MEAN, symbol="circle", width=3))
    lines.append(_line("best trivial answer", trivial, TRIVIAL, dash="dash"))  # above the others: it is what counts
    if 1 <= best <= len(mean):
        marker = {"color": MEAN, "size": 15, "symbol": "star", "line": {"width": 0}}
        lines.append(
            {"type": "scatter", "mode": "markers", "name": "weights that are kept", "x": [best], "y": [mean[best - 1]]}
            | {"marker": marker, "hovertemplate": "kept: epoch %{x}, %{y:.3f}<extra></extra>"}
        )
    y = {"title": {"text": "score"}, "range": [0, 1.03], "dtick": 0.25, "tickformat": ".2f"}
    return _figure(lines, _epochs(len(mean), epochs), y)


def _line(
    name: str,
    values: Sequence[float | None],
    colour: str,
    *,
    symbol: str | None = None,
    dash: str = "solid",
    width: int = 2,
) -> dict[str, Any]:
    """One value an epoch, from the first on."""
    few = len(values) <= STEPS[3]  # above this, symbols would touch
    return {
        "type": "scatter",
        "mode": "lines+markers" if symbol and few else "lines",
        "name": name,
        "x": list(range(1, len(values) + 1)),
        "y": list(values),
        "line": {"color": colour, "width": width, "dash": dash},
        "marker": {"color": colour, "symbol": symbol or "circle", "size": 7},
        "hovertemplate": f"{name}, epoch %{{x}}: %{{y:.3f}}<extra></extra>",
    }


def _epochs(done: int, epochs: int) -> dict[str, Any]:
    """The axis grows in steps: a training of at most 250 epochs often ends after 20."""
    end = min(epochs, next((step for step in STEPS if step >= done), done))
    end = max(end, done, 2)
    dtick = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if end / step <= 10 or step == 500)
    return {"title": {"text": "epoch"}, "range": [0.5, end + 0.5], "dtick": dtick, "tick0": 0, "tickformat": "d"}


def _loss_axis(highest: float) -> dict[str, Any]:
    """From 0 to a round figure above the highest, so that it moves seldom."""
    highest = highest if math.isfinite(highest) and highest > 0 else 1.0
    scale = 10 ** math.floor(math.log10(highest))
    top = next(step * scale for step in (1, 1.5, 2, 3, 5, 7.5, 10.1) if step * scale >= highest)
    return {"title": {"text": "loss"}, "range": [0, top], "nticks": 5}


def _figure(lines: list[dict[str, Any]], x: dict[str, Any], y: dict[str, Any]) -> Figure:
    return {
        "data": lines,
        "layout": {"xaxis": x, "yaxis": y, "height": HEIGHT, "margin": MARGIN, "hovermode": "closest"},
    }
