"""What all figures share: colours, sizes, axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Figure = dict[str, Any]

RAISES, LOWERS = "#c2571a", "#3b78c4"  # the second pushed the prediction up, down
SOUND, PICTURE, INTERACTION = "#0e8a7d", "#9061c9", "#b0337a"
WAVE = "#64809c"
ATTENTION = ("#7688a6", "#8a7fa8", "#5f8f8b", "#94826a", "#a17487")  # muted: attention has no sign, hence no hue of one

FEW_SECONDS = 60  # above this, markers would touch: lines take their place
MAX_WAVE_POINTS = 4000


def y_axis(
    title: str, limits: tuple[float, float], ticks: list[float] | None = None, form: str = "", count: int = 3
) -> dict[str, Any]:
    """title with the unit; ticks at these values, or `count` of them: around zero where the axis is symmetric."""
    axis: dict[str, Any] = {"title": {"text": title, "standoff": 2}, "range": list(limits), "zeroline": limits[0] < 0}
    if ticks is None and limits[0] == -limits[1]:
        ticks = ticks_around_zero(limits[1], count // 2)
    chosen: dict[str, Any] = {"nticks": count} if ticks is None else {"tickvals": ticks}
    return axis | chosen | ({"tickformat": form} if form else {})


def ticks_around_zero(limit: float, half: int) -> list[float]:
    """`half` round steps to each side that use most of the axis; fewer where they would crowd around zero."""
    step = round_below(limit / half)
    if half > 1 and half * step < 0.7 * limit:
        return ticks_around_zero(limit, half - 1)
    return [step * i for i in range(-half, half + 1)]


def round_below(limit: float) -> float:
    """The largest of 1, 2, 5 · 10ⁿ that is not above limit > 0."""
    power = 10.0 ** math.floor(math.log10(limit))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= limit * (1 + 1e-9))


def lane(
    key: str,
    title: str,
    detail: str,
    px: int,
    axis: dict[str, Any],
    data: list[dict[str, Any]],
    shapes: list[dict[str, Any]] | None = None,
) -> Figure:
    """One lane of the timeline, px high inside. key names it where the screen remembers what is folded."""
    for trace in data:
        trace |= {"xaxis": "x", "yaxis": "y"}
    return {
        "data": data,
        "layout": {
            "height": px,
            "yaxis": axis,
            "shapes": shapes or [],
            "meta": {"key": key, "title": title, "detail": detail},
        },
    }


def plain(values: np.ndarray) -> list[float | None]:
    """Numbers as JSON knows them: six digits are more than a screen has pixels, and NaN becomes a gap."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]


def check(what: str, values: np.ndarray, seconds: int) -> None:
    """Raises ValueError for an array of another length than `seconds`."""
    if len(values) != seconds:
        raise ValueError(f"{what} has {len(values)} seconds, the timeline {seconds}")


def highest(*arrays: np.ndarray) -> float:
    """The largest finite |value|; 0 where there is none."""
    return max((float(np.abs(a[np.isfinite(a)]).max()) for a in arrays if np.isfinite(a).any()), default=0.0)
