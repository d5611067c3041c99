"""Small charts as SVG: they need no script, stand in a card, a report or a page, and print well.

A page styles them by the classes of their elements. ElementTree writes them, so a name never becomes markup.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal
from xml.etree import ElementTree

import numpy as np

from sec2sec.explanations.results import OrderCurve

KEY_PX, ROW_PX = 18, 24  # height of a line of the legend, and of a row of `ranges`
FIGURE_NUMBER = count(1)  # ids must differ within a page
UNIT_TICKS = (0, 0.25, 0.5, 0.75, 1)


class Svg(str):
    """Markup that is whole; templates know it by `__html__` and do not escape it."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


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


@dataclass(frozen=True)
class Frame:
    """Where the axes lie in a drawing, in its own units (a page scales it), and the values at their ends."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_limits: tuple[float, float] = (0.0, 1.0)
    y_limits: tuple[float, float] = (0.0, 1.0)

    @property
    def floor(self) -> float:
        """y of the x-axis."""
        return self.height - self.bottom

    @property
    def end(self) -> float:
        """x of the end of the x-axis."""
        return self.width - self.right

    def x(self, value: float) -> float:
        """A value of the x-axis in the drawing's units."""
        low, high = self.x_limits
        return round(self.left + (float(value) - low) / (high - low) * (self.end - self.left), 2)

    def y(self, value: float) -> float:
        """A value of the y-axis in the drawing's units, which grow downwards."""
        low, high = self.y_limits
        return round(self.floor - (float(value) - low) / (high - low) * (self.floor - self.top), 2)


class Drawing:
    """The elements of one chart."""

    def __init__(self, frame: Frame, legend: float = 0.0, **attributes: str) -> None:
        """legend: the height of what stands below the frame."""
        self.frame = frame
        self.root = ElementTree.Element("svg")
        self.root.attrib |= {**_named(attributes), "viewBox": f"0 0 {frame.width:g} {frame.height + legend:g}"}
        self.root.set("role", "img")

    def add(self, tag: str, words: str | None = None, **attributes: object) -> None:
        """An element. Of an attribute's name, `_` stands for a hyphen, and one at the end for nothing."""
        element = ElementTree.SubElement(self.root, tag)
        element.attrib |= _named(attributes)
        element.text = words

    def text(self, words: str, x: float, y: float, anchor: str = "middle", **attributes: object) -> None:
        """Words whose middle, start or end stands at x."""
        self.add("text", words, **attributes, x=x, y=y, text_anchor=anchor)

    def line(self, kind: str, path: str) -> None:
        """A path of a class."""
        self.add("path", class_=kind, d=path)

    def points(self, xs: Iterable[float], ys: Iterable[float]) -> str:
        """Places of values, without those that are not known."""
        places = zip(xs, ys, strict=True)
        return " ".join(f"{self.frame.x(x)},{self.frame.y(y)}" for x, y in places if np.isfinite(y))

    def titles(self, x_title: str, y_title: str, gap: float, edge: float) -> None:
        """What the axes hold: below the x-axis by `gap`, and `edge` from the left edge."""
        frame = self.frame
        self.text(x_title, (frame.left + frame.end) / 2, frame.floor + gap)
        turned = f"translate({edge:g} {(frame.top + frame.floor) / 2:g}) rotate(-90)"
        self.add("text", y_title, transform=turned, text_anchor="middle")

    def svg(self) -> Svg:
        """The drawing alone."""
        return _written(self.root)

    def figure(self, title: str, description: str, kind: str = "") -> Svg:
        """The drawing under its title. description: what a person sees in it, for those who do not.

        kind: the class of the figure; one that is "broad" scrolls by itself.
        """
        number = next(FIGURE_NUMBER)
        self.root.set("aria-labelledby", f"t{number} d{number}")
        for place, (tag, words) in enumerate({"title": title, "desc": description}.items()):
            element = ElementTree.Element(tag, {"id": f"{tag[0]}{number}"})
            element.text = words
            self.root.insert(place, element)
        figure = ElementTree.Element("figure", {"class": kind, "tabindex": "0"} if kind else {})
        ElementTree.SubElement(figure, "figcaption").text = title
        figure.append(self.root)
        return _written(figure)


def _named(attributes: Mapping[str, object]) -> dict[str, str]:
    return {name.rstrip("_").replace("_", "-"): str(value) for name, value in attributes.items()}


def _written(element: ElementTree.Element) -> Svg:
    return Svg(ElementTree.tostring(element, encoding="unicode"))


def order_curve(title: str, curve: OrderCurve, x_title: str) -> Svg:
    """Prediction over the seconds changed so far, the band of random orders and the last seconds first."""
    steps, values, last_first = curve.steps, curve.values, curve.last_first
    shown = np.concatenate([values, last_first, curve.random_low, curve.random_high])
    shown = shown[np.isfinite(shown)]
    low, high = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 1.0)
    middle, span = (low + high) / 2, max(high - low, 0.02) * 1.1  # never so small that noise looks tall
    low, high = max(middle - span / 2, 0.0), min(middle + span / 2, 1.0)
    last = float(steps[-1]) or 1.0
    frame = Frame(300, 168, left=44, right=8, top=8, bottom=38, x_limits=(0, last), y_limits=(low, high))
    words = (
        f"{title}: from {values[0]:.2f} to {values[-1]:.2f} over {last:g} seconds, most attended first; "
        "the figures are in the table beside it"
    )
    drawing = Drawing(frame, class_="curve", aria_label=words)
    both_ways = np.concatenate([steps, steps[::-1]])
    band = drawing.points(both_ways, np.concatenate([curve.random_high, curve.random_low[::-1]]))
    drawing.add("polygon", class_="random", points=band)
    for step in sorted({0, round(last / 2), round(last)}):
        drawing.text(str(step), frame.x(step), frame.floor + 13)
    for tick in (low + (high - low) * share for share in (0.05, 0.5, 0.95)):
        drawing.line("grid", f"M{frame.left} {frame.y(tick)}H{frame.end}")
        drawing.text(f"{tick:.2f}", frame.left - 4, frame.y(tick) + 3.5, "end")
    drawing.add("polyline", class_="last", points=drawing.points(steps, last_first))
    drawing.add("polyline", class_="own", points=drawing.points(steps, values))
    drawing.titles(x_title, "prediction", gap=32, edge=10)
    return drawing.svg()


def chart(title: str, x_title: str, y_title: str, series: Sequence[Series], description: str) -> Svg:
    """A chart over the unit square, both axes from 0 to 1, in a figure. description: what a person sees in it."""
    frame = Frame(380, 300, left=48, right=12, top=22, bottom=48)
    drawing = Drawing(frame, legend=KEY_PX * len(series))
    for tick in UNIT_TICKS:
        x, y = frame.x(tick), frame.y(tick)
        drawing.line("grid", f"M{x} {frame.floor}V{frame.top}M{frame.left} {y}H{frame.end}")
        drawing.text(f"{tick:g}", x, frame.floor + 15, class_="tick")
        drawing.text(f"{tick:g}", frame.left - 6, y + 4, "end", class_="tick")
    drawing.line("axis", f"M{frame.left} {frame.top}V{frame.floor}H{frame.end}")
    for one in series:
        _draw(drawing, one)
    drawing.titles(x_title, y_title, gap=34, edge=14)
    for row, one in enumerate(series):
        y = frame.height + KEY_PX * row + 4
        _draw_key(drawing, one.kind, frame.left, y)
        drawing.text(one.name, frame.left + 28, y + 4, "start")
    return drawing.figure(title, description)


def _draw(drawing: Drawing, series: Series) -> None:
    frame = drawing.frame
    places = [(frame.x(x), frame.y(y)) for x, y in zip(series.x, series.y, strict=True)]
    if series.kind in ("line", "dashed"):
        drawing.line(series.kind, "M" + "L".join(f"{x} {y}" for x, y in places))
    elif series.kind == "dot":
        for x, y in places:
            drawing.add("circle", class_="dot", cx=x, cy=y, r=3)
    else:
        width = round(series.width * (frame.end - frame.left), 2)
        for (x, y), label in zip(places, series.labels, strict=True):
            left, height = round(x - width / 2, 2), round(frame.floor - y, 2)
            drawing.add("rect", class_="bar", x=left, y=y, width=width, height=height)
            drawing.text(label, x, y - 4, class_="count")


def _draw_key(drawing: Drawing, kind: str, x: float, y: float) -> None:
    if kind in ("line", "dashed"):
        drawing.line(kind, f"M{x} {y}h22")
    elif kind == "dot":
        drawing.add("circle", class_="dot", cx=x + 11, cy=y, r=4)
    else:
        drawing.add("rect", class_="bar", x=x + 4, y=y - 6, width=14, height=12)


def ranges(title: str, x_title: str, rows: Sequence[Range], mark: str, description: str) -> Svg:
    """Values with their intervals, a row each, over an axis that holds them all, in a figure.

    mark: what the diamonds are.
    """
    shown = [v for row in rows for v in (row.value, row.mark, *(row.interval or ())) if v is not None]
    ticks = _round_ticks(min(shown), max(shown)) if shown else [0.0, 0.5, 1.0]
    top, height = 22, ROW_PX * len(rows) + 76
    bottom = height - top - ROW_PX * len(rows)
    frame = Frame(640, height, left=170, right=28, top=top, bottom=bottom, x_limits=(ticks[0], ticks[-1]))
    drawing = Drawing(frame)
    for value in ticks:
        drawing.line("grid", f"M{frame.x(value)} {top}V{frame.floor}")
        drawing.text(f"{value:g}".replace("-", "−"), frame.x(value), frame.floor + 15, class_="tick")
    drawing.line("axis", f"M{frame.left} {top}V{frame.floor}H{frame.end}")
    for number, row in enumerate(rows):
        _draw_range(drawing, row, top + ROW_PX * (number + 0.5))
    drawing.text(x_title, (frame.left + frame.width) / 2, frame.floor + 34)
    drawing.add("circle", class_="dot", cx=frame.left + 5, cy=height - 12, r=5)
    drawing.text("here, with 95 %", frame.left + 16, height - 8, "start")
    if any(row.mark is not None for row in rows):
        _draw_diamond(drawing, frame.left + 150, height - 12)
        drawing.text(mark, frame.left + 161, height - 8, "start")
    return drawing.figure(title, description, "broad")


def _draw_range(drawing: Drawing, row: Range, y: float) -> None:
    frame = drawing.frame
    drawing.text(row.name, frame.left - 8, y + 4, "end")
    if row.interval is not None:
        low, high = (frame.x(value) for value in row.interval)
        drawing.line("range", f"M{low} {y}H{high}M{low} {y - 4}v8M{high} {y - 4}v8")
    if row.value is not None:
        drawing.add("circle", class_="dot", cx=frame.x(row.value), cy=y, r=5)
    if row.mark is not None:
        _draw_diamond(drawing, frame.x(row.mark), y)


def _draw_diamond(drawing: Drawing, x: float, y: float) -> None:
    drawing.line("mark", f"M{x} {y - 6}l6 6l-6 6l-6 -6z")


def _round_ticks(low: float, high: float) -> list[float]:
    """Round numbers in even steps, six at most, from below the lowest value to above the highest."""
    span = max(high - low, 1e-3 * max(1.0, abs(low), abs(high)))  # equal values have an axis too
    power = 10.0 ** math.floor(math.log10(span))
    for step in (round(size * power, 12) for size in (0.2, 0.25, 0.5, 1.0, 2.0, 5.0)):
        first, last = math.floor(round(low / step, 6)), math.ceil(round(high / step, 6))
        if last - first <= 5:
            break
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]
