"""Charts as inline SVG: axes with units, a legend, and a text that says what is seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import Literal

WIDTH, HEIGHT = 380, 300  # of a chart without its legend, in its own units; the page scales it
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 22, 48  # margins; the legend stands below
KEY = 18  # height of a line of the legend
ROW = 24  # height of a row of `ranges`
NUMBER = count(1)  # ids must differ within a page


@dataclass(frozen=True)
class Series:
    """What is drawn: points (x, y) as a line, a dashed line, dots or bars. labels: of the bars, above them."""

    name: str
    kind: Literal["line", "dashed", "dot", "bar"]
    x: Sequence[float]
    y: Sequence[float]
    labels: Sequence[str] = ()
    width: float = 0.0  # of a bar, in units of x


@dataclass(frozen=True)
class Range:
    """A row of `ranges`: a value and its interval, None where there is none. mark: a value to compare with."""

    name: str
    value: float | None
    interval: Sequence[float] | None = None
    mark: float | None = None


def chart(title: str, x_label: str, y_label: str, series: Sequence[Series], text: str) -> str:
    """A chart over the unit square, both axes from 0 to 1. text: what a person sees in it, for those who do not."""
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def across(value: float) -> float:
        return round(LEFT + value * inner_width, 2)

    def up(value: float) -> float:
        return round(TOP + (1 - value) * inner_height, 2)

    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<path class="grid" d="M{across(tick)} {up(0)}V{up(1)}M{across(0)} {up(tick)}H{across(1)}"/>')
        parts.append(f'<text class="tick" x="{across(tick)}" y="{up(0) + 15}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{up(tick) + 4}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<path class="axis" d="M{across(0)} {up(1)}V{up(0)}H{across(1)}"/>')
    for each in series:
        places = [(across(x), up(y)) for x, y in zip(each.x, each.y, strict=True)]
        if each.kind in ("line", "dashed"):
            parts.append(f'<path class="{each.kind}" d="M{"L".join(f"{x} {y}" for x, y in places)}"/>')
        elif each.kind == "dot":
            parts += [f'<circle class="dot" cx="{x}" cy="{y}" r="3"/>' for x, y in places]
        else:
            half = each.width * inner_width / 2
            for (x, y), label in zip(places, each.labels, strict=True):
                box = f'x="{x - half:.2f}" y="{y}" width="{2 * half:.2f}" height="{up(0) - y:.2f}"'
                parts.append(f'<rect class="bar" {box}/>')
                parts.append(f'<text class="count" x="{x}" y="{y - 4}" text-anchor="middle">{escape(label)}</text>')
    middle = TOP + inner_height / 2
    parts.append(f'<text x="{across(0.5)}" y="{up(0) + 34}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>')
    for line, each in enumerate(series):
        y = HEIGHT + KEY * line + 4
        parts.append(_key(each.kind, LEFT, y))
        parts.append(f'<text x="{LEFT + 28}" y="{y + 4}">{escape(each.name)}</text>')
    return _figure(title, text, WIDTH, HEIGHT + KEY * len(series), parts)


def ranges(title: str, x_label: str, rows: Sequence[Range], mark: str, text: str) -> str:
    """Values with their intervals, a row each, over an axis that holds them all. mark: what the diamonds are."""
    shown = [v for row in rows for v in (row.value, row.mark, *(row.interval or ())) if v is not None]
    ticks = _ticks(min(shown), max(shown)) if shown else [0.0, 0.5, 1.0]
    low, high = ticks[0], ticks[-1]
    left, right, width = 170, 28, 640
    height = ROW * len(rows) + 76

    def across(value: float) -> float:
        return round(left + (value - low) / (high - low) * (width - left - right), 2)

    bottom = TOP + ROW * len(rows)
    parts = []
    for value in ticks:
        words = f"{value:g}".replace("-", "−")
        parts.append(f'<path class="grid" d="M{across(value)} {TOP}V{bottom}"/>')
        parts.append(f'<text class="tick" x="{across(value)}" y="{bottom + 15}" text-anchor="middle">{words}</text>')
    parts.append(f'<path class="axis" d="M{left} {TOP}V{bottom}H{width - right}"/>')
    for number, row in enumerate(rows):
        y = TOP + ROW * (number + 0.5)
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{escape(row.name)}</text>')
        if row.interval is not None:
            ends = across(row.interval[0]), across(row.interval[1])
            parts.append(f'<path class="range" d="M{ends[0]} {y}H{ends[1]}M{ends[0]} {y - 4}v8M{ends[1]} {y - 4}v8"/>')
        if row.value is not None:
            parts.append(f'<circle class="dot" cx="{across(row.value)}" cy="{y}" r="5"/>')
        if row.mark is not None:
            parts.append(_diamond(across(row.mark), y))
    parts.append(f'<text x="{(left + width) / 2}" y="{bottom + 34}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(f'<circle class="dot" cx="{left + 5}" cy="{height - 12}" r="5"/>')
    parts.append(f'<text x="{left + 16}" y="{height - 8}">here, with 95 %</text>')
    if any(row.mark is not None for row in rows):
        parts.append(_diamond(left + 150, height - 12))
        parts.append(f'<text x="{left + 161}" y="{height - 8}">{escape(mark)}</text>')
    return _figure(title, text, width, height, parts, "broad")


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers in even steps, six at most, from below the lowest value to above the highest."""
    span = max(high - low, 1e-3 * max(1.0, abs(low), abs(high)))  # equal values have an axis too
    power = 10.0 ** math.floor(math.log10(span))
    for step in (round(size * power, 12) for size in (0.2, 0.25, 0.5, 1.0, 2.0, 5.0)):
        first, last = math.floor(round(low / step, 6)), math.ceil(round(high / step, 6))
        if last - first <= 5:
            break
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def _diamond(x: float, y: float) -> str:
    return f'<path class="mark" d="M{x} {y - 6}l6 6l-6 6l-6 -6z"/>'


def _key(kind: str, x: float, y: float) -> str:
    if kind in ("line", "dashed"):
        return f'<path class="{kind}" d="M{x} {y}h22"/>'
    if kind == "dot":
        return f'<circle class="dot" cx="{x + 11}" cy="{y}" r="4"/>'
    return f'<rect class="bar" x="{x + 4}" y="{y - 6}" width="14" height="12"/>'


def _figure(title: str, text: str, width: float, height: float, parts: Sequence[str], kind: str = "") -> str:
    number = next(NUMBER)
    scrolls = ' tabindex="0"' if kind == "broad" else ""
    return (
        f'<figure class="{kind}"{scrolls}><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="t{number} d{number}">'
        f'<title id="t{number}">{escape(title)}</title><desc id="d{number}">{escape(text)}</desc>'
        + "".join(parts)
        + "</svg></figure>"
    )
