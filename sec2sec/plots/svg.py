"""Small charts as SVG: they need no script, stand in a card, a report or a page, and print well.

A page styles them by the classes of their elements. ElementTree writes them, so a name never becomes markup.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import count
from typing import Literal
from xml.etree import ElementTree

import numpy as np

from sec2sec.explanations.results import OrderCurve

KEY_PX, ROW_PX = 18, 24  # height of a line of the legend, and of a row of `ranges`
FIGURE_NUMBER = count(1)  # ids must differ within a page


class Svg(str):
    """Markup that is whole; templates know it by `__html__` and do not escape it."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def standalone(figure: Svg) -> str:
    """The drawing of a figure as a file of its own, with colours and fonts for print."""
    drawing = ElementTree.fromstring(figure).find(".//svg")
    assert drawing is not None, "every chart is one"
    drawing.set("xmlns", "http://www.w3.org/2000/svg")
    width, height = drawing.get("viewBox", "0 0 640 480").split()[2:]
    drawing.attrib |= {"width": width, "height": height}
    for name in ("title", "desc"):  # numbered within a page; here the same figure is the same file
        if (element := drawing.find(name)) is not None:
            element.set("id", name)
    drawing.set("aria-labelledby", "title desc")
    style = ElementTree.Element("style")
    style.text = (resources.files(__package__) / "figure.css").read_text(encoding="utf-8")
    drawing.insert(0, style)
    return f"<!-- made with sec2sec -->\n{ElementTree.tostring(drawing, encoding='unicode')}\n"


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


class Drawing:
    """The elements of one chart, and its axes: values → places in the drawing's own units, which a page scales."""

    def __init__(
        self,
        size: tuple[float, float],
        margins: tuple[float, float, float, float],
        x_limits: tuple[float, float] = (0.0, 1.0),
        y_limits: tuple[float, float] = (0.0, 1.0),
        **attributes: str,
    ) -> None:
        """size: width and height. margins: left, right, top, bottom, around the axes. limits: values at their ends."""
        left, right, top, bottom = margins
        self.left, self.right, self.top, self.bottom = left, size[0] - right, top, size[1] - bottom
        self.x_limits, self.y_limits = x_limits, y_limits
        box = {"viewBox": f"0 0 {size[0]:g} {size[1]:g}", "role": "img"}
        self.root = ElementTree.Element("svg", _named(attributes) | box)

    def x(self, value: float) -> float:
        """A value of the x-axis in the drawing's units."""
        low, high = self.x_limits
        return round(self.left + (float(value) - low) / (high - low) * (self.right - self.left), 2)

    def y(self, value: float) -> float:
        """A value of the y-axis in the drawing's units, which grow downwards."""
        low, high = self.y_limits
        return round(self.bottom - (float(value) - low) / (high - low) * (self.bottom - self.top), 2)

    def points(self, xs: Iterable[float], ys: Iterable[float]) -> str:
        """Places of values, without those that are not known."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in zip(xs, ys, strict=True) if np.isfinite(y))

    def add(self, tag: str, words: str | None = None, **attributes: object) -> None:
        """An element. Of an attribute's name, `_` stands for a hyphen, and one at the end for nothing."""
        ElementTree.SubElement(self.root, tag, _named(attributes)).text = words

    def text(self, words: str, x: float, y: float, anchor: str = "middle", **attributes: object) -> None:
        """Words whose middle, start or end stands at x."""
        self.add("text", words, **attributes, x=x, y=y, text_anchor=anchor)

    def titles(self, x_title: str, y_title: str, below: float, edge: float) -> None:
        """What the axes hold: `below` the x-axis, and `edge` from the left edge."""
        self.text(x_title, (self.left + self.right) / 2, self.bottom + below)
        turned = f"translate({edge:g} {(self.top + self.bottom) / 2:g}) rotate(-90)"
        self.add("text", y_title, transform=turned, text_anchor="middle")

    def plain(self) -> Svg:
        """The drawing alone."""
        return _written(self.root)

    def figure(self, title: str, description: str, **attributes: str) -> Svg:
        """The drawing under its title. description: what a person sees in it, for those who do not."""
        number = next(FIGURE_NUMBER)
        self.root.set("aria-labelledby", f"t{number} d{number}")
        for place, (tag, words) in enumerate({"title": title, "desc": description}.items()):
            self.root.insert(place, ElementTree.Element(tag, {"id": f"{tag[0]}{number}"}))
            self.root[place].text = words
        figure = ElementTree.Element("figure", _named(attributes))
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
    words = (
        f"{title}: from {values[0]:.2f} to {values[-1]:.2f} over {last:g} seconds, most attended first; "
        "the figures are in the table beside it"
    )
    drawing = Drawing((300, 168), (44, 8, 8, 38), (0, last), (low, high), class_="curve", aria_label=words)
    there_and_back = np.concatenate([steps, steps[::-1]])
    band = drawing.points(there_and_back, np.concatenate([curve.random_high, curve.random_low[::-1]]))
    drawing.add("polygon", class_="random", points=band)
    for step in sorted({0, round(last / 2), round(last)}):
        drawing.text(str(step), drawing.x(step), drawing.bottom + 13)
    for tick in (low + (high - low) * share for share in (0.05, 0.5, 0.95)):
        drawing.add("path", class_="grid", d=f"M{drawing.left} {drawing.y(tick)}H{drawing.right}")
        drawing.text(f"{tick:.2f}", drawing.left - 4, drawing.y(tick) + 3.5, "end")
    drawing.add("polyline", class_="last", points=drawing.points(steps, last_first))
    drawing.add("polyline", class_="own", points=drawing.points(steps, values))
    drawing.titles(x_title, "prediction", below=32, edge=10)
    return drawing.plain()


def chart(title: str, x_title: str, y_title: str, series: Sequence[Series], description: str) -> Svg:
    """A chart over the unit square, both axes from 0 to 1, in a figure. description: what a person sees in it."""
    legend = KEY_PX * len(series)
    drawing = Drawing((380, 300 + legend), (48, 12, 22, 48 + legend))
    left, right, top, bottom = drawing.left, drawing.right, drawing.top, drawing.bottom
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x, y = drawing.x(tick), drawing.y(tick)
        drawing.add("path", class_="grid", d=f"M{x} {bottom}V{top}M{left} {y}H{right}")
        drawing.text(f"{tick:g}", x, bottom + 15, class_="tick")
        drawing.text(f"{tick:g}", left - 6, y + 4, "end", class_="tick")
    drawing.add("path", class_="axis", d=f"M{left} {top}V{bottom}H{right}")
    for row, one in enumerate(series):
        _draw(drawing, one)
        _draw_key(drawing, one, left, 304 + KEY_PX * row)
    drawing.titles(x_title, y_title, below=34, edge=14)
    return drawing.figure(title, description)


def _draw(drawing: Drawing, series: Series) -> None:
    places = [(drawing.x(x), drawing.y(y)) for x, y in zip(series.x, series.y, strict=True)]
    if series.kind in ("line", "dashed"):
        drawing.add("path", class_=series.kind, d="M" + "L".join(f"{x} {y}" for x, y in places))
    elif series.kind == "dot":
        for x, y in places:
            drawing.add("circle", class_="dot", cx=x, cy=y, r=3)
    else:
        width = round(series.width * (drawing.right - drawing.left), 2)
        for (x, y), label in zip(places, series.labels, strict=True):
            corner, height = round(x - width / 2, 2), round(drawing.bottom - y, 2)
            drawing.add("rect", class_="bar", x=corner, y=y, width=width, height=height)
            drawing.text(label, x, y - 4, class_="count")


def _draw_key(drawing: Drawing, series: Series, x: float, y: float) -> None:
    if series.kind in ("line", "dashed"):
        drawing.add("path", class_=series.kind, d=f"M{x} {y}h22")
    elif series.kind == "dot":
        drawing.add("circle", class_="dot", cx=x + 11, cy=y, r=4)
    else:
        drawing.add("rect", class_="bar", x=x + 4, y=y - 6, width=14, height=12)
    drawing.text(series.name, x + 28, y + 4, "start")


def ranges(title: str, x_title: str, rows: Sequence[Range], mark: str, description: str) -> Svg:
    """Values with their intervals, a row each, over an axis that holds them all, in a figure.

    mark: what the diamonds are.
    """
    shown = [v for row in rows for v in (row.value, row.mark, *(row.interval or ())) if v is not None]
    ticks = _round_ticks(min(shown), max(shown)) if shown else [0.0, 0.5, 1.0]
    drawing = Drawing((640, ROW_PX * len(rows) + 76), (170, 28, 22, 54), (ticks[0], ticks[-1]))
    left, top, bottom = drawing.left, drawing.top, drawing.bottom
    for value in ticks:
        drawing.add("path", class_="grid", d=f"M{drawing.x(value)} {top}V{bottom}")
        drawing.text(f"{value:g}".replace("-", "−"), drawing.x(value), bottom + 15, class_="tick")
    drawing.add("path", class_="axis", d=f"M{left} {top}V{bottom}H{drawing.right}")
    for number, row in enumerate(rows):
        _draw_range(drawing, row, top + ROW_PX * (number + 0.5))
    drawing.text(x_title, (left + 640) / 2, bottom + 34)
    drawing.add("circle", class_="dot", cx=left + 5, cy=bottom + 42, r=5)
    drawing.text("here, with 95 %", left + 16, bottom + 46, "start")
    if any(row.mark is not None for row in rows):
        _draw_diamond(drawing, left + 150, bottom + 42)
        drawing.text(mark, left + 161, bottom + 46, "start")
    return drawing.figure(title, description, class_="broad", tabindex="0")


def _draw_range(drawing: Drawing, row: Range, y: float) -> None:
    drawing.text(row.name, drawing.left - 8, y + 4, "end")
    if row.interval is not None:
        low, high = (drawing.x(value) for value in row.interval)
        drawing.add("path", class_="range", d=f"M{low} {y}H{high}M{low} {y - 4}v8M{high} {y - 4}v8")
    if row.value is not None:
        drawing.add("circle", class_="dot", cx=drawing.x(row.value), cy=y, r=5)
    if row.mark is not None:
        _draw_diamond(drawing, drawing.x(row.mark), y)


def _draw_diamond(drawing: Drawing, x: float, y: float) -> None:
    drawing.add("path", class_="mark", d=f"M{x} {y - 6}l6 6l-6 6l-6 -6z")


def _round_ticks(low: float, high: float) -> list[float]:
    """Round numbers in even steps, six at most, from below the lowest value to above the highest."""
    span = max(high - low, 1e-3 * max(1.0, abs(low), abs(high)))  # equal values have an axis too
    power = 10.0 ** math.floor(math.log10(span))
    for step in (round(size * power, 12) for size in (0.2, 0.25, 0.5, 1.0, 2.0, 5.0)):
        first, last = math.floor(round(low / step, 6)), math.ceil(round(high / step, 6))
        if last - first <= 5:
            break
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]
