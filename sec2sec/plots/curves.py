"""The small curves of a verdict, as SVG: they stand in a card and in a report, need no script, and print well."""

from __future__ import annotations

import html

import numpy as np

WIDTH, HEIGHT = 300, 168  # of the drawing; the page scales it
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 8, 38


def order_curve(
    title: str,
    steps: np.ndarray,
    values: np.ndarray,
    last_first: np.ndarray,
    random_low: np.ndarray,
    random_high: np.ndarray,
    x_title: str,
) -> str:
    """Prediction (S,) over the seconds changed so far (S,), the band of random orders and the last seconds first."""
    finite = np.concatenate([values, last_first, random_low, random_high])
    finite = finite[np.isfinite(finite)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    middle, span = (low + high) / 2, max(high - low, 0.02) * 1.1  # never so small that noise looks tall
    low, high = max(middle - span / 2, 0.0), min(middle + span / 2, 1.0)
    last = float(steps[-1]) or 1.0

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * float(step) / last

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (float(value) - low) / (high - low)

    def points(line: np.ndarray, at: np.ndarray = steps) -> str:
        return " ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in zip(at, line, strict=True) if np.isfinite(v))

    band = points(np.concatenate([random_high, random_low[::-1]]), np.concatenate([steps, steps[::-1]]))
    ticks_x = sorted({0, round(last / 2), round(last)})
    ticks_y = [low + (high - low) * share for share in (0.05, 0.5, 0.95)]
    said = html.escape(
        f"{title}: from {values[0]:.2f} to {values[-1]:.2f} over {last:g} seconds, most attended first; "
        "the figures are in the table beside it"
    )
    axes = "".join(
        f'<text x="{x(t):.1f}" y="{HEIGHT - BOTTOM + 13}" text-anchor="middle">{t}</text>' for t in ticks_x
    ) + "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(t):.1f}" y2="{y(t):.1f}"/>'
        f'<text x="{LEFT - 4}" y="{y(t) + 3.5:.1f}" text-anchor="end">{t:.2f}</text>'
        for t in ticks_y
    )
    middle_y = TOP + (HEIGHT - TOP - BOTTOM) / 2
    return (
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">'
        f'<polygon class="random" points="{band}"/>{axes}'
        f'<polyline class="last" points="{points(last_first)}"/>'
        f'<polyline class="own" points="{points(values)}"/>'
        f'<text x="{LEFT + (WIDTH - LEFT - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{html.escape(x_title)}'
        f'</text><text transform="translate(10 {middle_y}) rotate(-90)" text-anchor="middle">prediction</text></svg>'
    )
