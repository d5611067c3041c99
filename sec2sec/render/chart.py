"""The still parts of an annotated film: bars of attention and effect over seconds, and what stands beside the picture.

Drawn once with PIL; while the film plays only the playhead, the marked second and the picture change. T seconds.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sec2sec.checkpoints import CheckpointSummary
from sec2sec.explanations.results import Curve, TargetExplanation
from sec2sec.plots import LOWERS, RAISES
from sec2sec.scales import Scale, figure_on

GROUND, PANEL, INK, SOFT, LINE = "#12161d", "#1a2029", "#eef1f6", "#b3bdcb", "#4a5566"
ATTENTION, WAVE = "#9aabc6", "#8fb0d0"
LEVEL = "#46b3a6"
UP, DOWN = "#e8793a", "#6aa4ea"  # plots' hues, lighter, for a ground that is always dark
WORD_COLOURS = {"trust": LEVEL, "careful": UP, "do not trust": "#ff5c6c"}  # beside the word, which says it
assert (RAISES, LOWERS) == ("#c2571a", "#3b78c4"), "UP and DOWN are these two, lightened"
TICK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120)  # s between labels of the axis
MAX_TICKS = 15
LABELS_PX = 128  # left of the lanes
RIGHT_PX = 20
AXIS_PX = 42  # under the lanes: ticks and the axis's name
GAP_PX = 8
BREAKS = re.compile(r"[ \t\r\n]+")
LEAST_EFFECT = 0.02  # of the prediction, at the end of the scale: noise must not look tall, as in plots


SPELLED = {0x2212: "-", 0x2013: "-", 0x2192: "->", 0x00D7: "x", 0x2264: "<=", 0x2265: ">=", 0x03C1: "rho"}


def plain(text: str) -> str:
    """What PIL's own font can draw: no accents, a hyphen for a minus."""
    text = text.translate(SPELLED)
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c if c.isascii() or c in "·±…’“”" else "" if unicodedata.combining(c) else "?" for c in decomposed)


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """PIL's own font. size: px."""
    return ImageFont.load_default(size=size)


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Chart:
    """Where the lanes lie, and which seconds they show."""

    box: Box
    seconds: int  # T

    @property
    def left(self) -> int:
        """Pixel column where the lanes begin."""
        return self.box.left + LABELS_PX

    @property
    def right(self) -> int:
        """Pixel column where the lanes end."""
        return self.box.left + self.box.width - RIGHT_PX

    @property
    def bottom(self) -> int:
        """Pixel row where the lanes end."""
        return self.box.top + self.box.height - AXIS_PX

    def x(self, time: float) -> float:
        """Pixel column of an instant, s from the beginning of the part that was analysed."""
        return self.left + (self.right - self.left) * time / self.seconds


def draw_chart(
    canvas: Image.Image,
    chart: Chart,
    targets: Mapping[str, TargetExplanation],
    start: float,
    envelope: np.ndarray | None = None,
    curve: Curve | None = None,
    scales: Sequence[Scale] = (),
) -> None:
    """Two lanes a target on one axis of seconds; envelope (columns,) 0..1: a lane of sound above them.

    curve: of a film; its predictions in windows stand in the place of the attention that it has in one piece, on the
    scale of their target.
    """
    pen = ImageDraw.Draw(canvas)
    lanes = [(name, kind) for name in targets for kind in ("attention" if curve is None else "windows", "effect")]
    count = len(lanes) + (envelope is not None)
    height = (chart.bottom - chart.box.top - GAP_PX * (count - 1)) / count
    top = float(chart.box.top)
    if envelope is not None:
        _wave(pen, chart, envelope, top, top + height)
        top += height + GAP_PX
    attended = [t.attention for t in targets.values() if t.attention is not None]
    most_attention = max((float(a.max()) for a in attended), default=0.0)
    most_effect = max(LEAST_EFFECT, *(float(np.abs(t.effect).max()) for t in targets.values()))
    for name, kind in lanes:
        target = targets[name]
        if curve is not None and kind == "windows":
            _curve(canvas, chart, curve, name, start, Box(chart.left, round(top), 0, round(height)))
            scale = next((scale for scale in scales if scale.target == name), Scale(name, 0, 1))
            ends = f"{scale.highest:g}", f"{scale.lowest:g}"
            _label(pen, chart, top, height, name, f"{curve.window:g}-s windows", *ends)
        elif kind == "attention":
            if target.attention is None:
                _label(pen, chart, top, height, name, "no attention", "", "")
            else:
                _bars(pen, chart, target.attention / (most_attention or 1.0), top, top + height)
                _label(pen, chart, top, height, name, "attention", f"{100 * most_attention:.0f} %", "0")
        else:
            middle = top + height / 2
            signed = target.effect / most_effect
            _bars(pen, chart, np.maximum(signed, 0), top, middle, UP)
            _bars(pen, chart, np.maximum(-signed, 0), middle, top + height, DOWN, downwards=True)
            _label(pen, chart, top, height, name, "effect", f"+{most_effect:.2f}", f"-{most_effect:.2f}")
            pen.line([(chart.left, middle), (chart.right, middle)], fill=SOFT)
        top += height + GAP_PX
    _axis(pen, chart, start)


def _bars(
    pen: ImageDraw.ImageDraw,
    chart: Chart,
    heights: np.ndarray,
    top: float,
    bottom: float,
    fill: str = ATTENTION,
    downwards: bool = False,
) -> None:
    gap = min(3.0, 0.12 * (chart.x(1) - chart.x(0)))
    for i, height in enumerate(heights):
        reach = float(height) * (bottom - top)
        if reach >= 0.5:
            high, low = (top, top + reach) if downwards else (bottom - reach, bottom)
            pen.rectangle([chart.x(i) + gap, high, max(chart.x(i + 1) - gap, chart.x(i) + gap + 1), low], fill=fill)
    if not downwards:
        pen.line([(chart.left, bottom), (chart.right, bottom)], fill=LINE)


def _curve(canvas: Image.Image, chart: Chart, curve: Curve, name: str, start: float, lane: Box) -> None:
    """The line of a target's windows over the band of their spread, 0 to 1."""
    pen = ImageDraw.Draw(canvas)
    columns = [chart.x(float(time) - start) for time in curve.times]

    def points(values: np.ndarray) -> list[tuple[float, float]]:
        rows = lane.top + lane.height * (1 - values)
        return list(zip(columns, rows.tolist(), strict=True))

    low, high = curve.spread[name]
    if len(columns) > 1:
        pen.polygon([*points(high), *reversed(points(low))], fill=LINE)
        pen.line(points(curve.values[name]), fill=INK, width=2)
    bottom = lane.top + lane.height
    pen.line([(chart.left, bottom), (chart.right, bottom)], fill=LINE)


def point_at(curve: Curve, time: float) -> int:
    """The point whose time in the file is nearest."""
    return int(np.abs(curve.times - time).argmin())


def _label(
    pen: ImageDraw.ImageDraw, chart: Chart, top: float, height: float, name: str, kind: str, high: str, low: str
) -> None:
    """Name of a lane, and its scale at both ends."""
    edge = chart.left - 6
    small = font(14)
    pen.text((chart.box.left, top + height / 2), shortened(name, 84, 15), font=font(15), fill=INK, anchor="ls")
    pen.text((chart.box.left, top + height / 2 + 2), kind, font=small, fill=SOFT, anchor="lt")
    if high and height >= 30:
        pen.text((edge, top), high, font=small, fill=SOFT, anchor="rt")
        pen.text((edge, top + height), low, font=small, fill=SOFT, anchor="rs")


def _wave(pen: ImageDraw.ImageDraw, chart: Chart, envelope: np.ndarray, top: float, bottom: float) -> None:
    middle, reach = (top + bottom) / 2, (bottom - top) / 2
    columns = np.linspace(chart.left, chart.right, len(envelope))
    loudest = max(float(envelope.max()), 1e-6)
    for x, level in zip(columns, envelope / loudest, strict=True):
        pen.line([(x, middle - reach * level), (x, middle + reach * level)], fill=WAVE)
    _label(pen, chart, top, bottom - top, "sound", "amplitude", f"{loudest:.2g}", f"-{loudest:.2g}")


def _axis(pen: ImageDraw.ImageDraw, chart: Chart, start: float) -> None:
    step = next((s for s in TICK_STEPS if chart.seconds / s <= MAX_TICKS), 240)
    for second in range(0, chart.seconds + 1, step):
        x = chart.x(second)
        pen.line([(x, chart.bottom), (x, chart.bottom + 4)], fill=SOFT)
        pen.text((x, chart.bottom + 6), f"{start + second:g}", font=font(14), fill=SOFT, anchor="mt")
    middle = (chart.left + chart.right) / 2
    pen.text((middle, chart.bottom + 24), "time in the clip, s", font=font(14), fill=SOFT, anchor="mt")


def width_of(text: str, size: int) -> float:
    """Pixels that a line of text takes."""
    return font(size).getlength(text)


def shortened(text: str, width: float, size: int) -> str:
    """A text that fits into a width, with … where it was cut."""
    text = plain(text)
    if width_of(text, size) <= width:
        return text
    while text and width_of(text + "…", size) > width:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, width: float, size: int, most: int) -> list[str]:
    """A text in at most `most` lines of a width. A no-break space keeps its neighbours on one line."""
    lines = [""]
    for word in (plain(word) for word in BREAKS.split(text.strip())):
        longer = f"{lines[-1]} {word}".strip()
        if width_of(longer, size) <= width or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = shortened(lines[-1] + " …", width, size)
            break
    return [shortened(line, width, size) for line in lines]


def draw_footer(canvas: Image.Image, box: Box, lines: Sequence[str]) -> None:
    """What the model learned from: on every frame."""
    pen = ImageDraw.Draw(canvas)
    for i, line in enumerate(lines):
        pen.text((box.left, box.top + 20 * i), line, font=font(16), fill=INK, anchor="lt")


def draw_panel(
    canvas: Image.Image,
    box: Box,
    targets: Mapping[str, TargetExplanation],
    second: int,
    start: float,
    notes: Sequence[str],
    checkpoint: CheckpointSummary,
    curve: Curve | None = None,
) -> None:
    """Each target's prediction, and what the second that plays has of attention and effect.

    curve: of a film; the prediction is that of the window around the second, with its spread.
    """
    pen = ImageDraw.Draw(canvas)
    pen.rectangle([box.left, box.top, box.left + box.width - 1, box.top + box.height - 1], fill=PANEL)
    left, width, top = box.left + 16, box.width - 32, box.top + 10
    begin = start + second
    pen.text((left, top), plain(f"{begin:g}–{begin + 1:g} s"), font=font(20), fill=INK, anchor="lt")
    top += 30
    lines = [line for note in notes for line in wrapped(note, width, 14, 2)]
    row = min(92, max(44, (box.height - 40 - 20 * len(lines) - 12) // max(len(targets), 1)))
    for name, target in targets.items():
        prediction, scale = target.prediction, checkpoint.scale_of(name)
        if curve is not None:
            point = point_at(curve, begin + 0.5)
            prediction = float(curve.values[name][point])
        value = f"{prediction:.2f} of 1" if scale is None else f"{scale.figure(prediction)} of {scale.ends}"
        pen.text((left, top), shortened(name, width - 120, 18), font=font(18), fill=INK, anchor="lt")
        pen.text((left + width, top), value, font=font(18), fill=INK, anchor="rt")
        if row >= 62:
            pen.rectangle([left, top + 24, left + width, top + 32], fill=LINE)
            pen.rectangle([left, top + 24, left + width * prediction, top + 32], fill=LEVEL)
        effect = round(float(target.effect[second]), 3) + 0.0  # no minus before a zero
        words = f"effect {effect:+.3f} ({'raises it' if effect > 0 else 'lowers it' if effect < 0 else 'none'})"
        if curve is not None:
            low, high = curve.spread[name][:, point]
            words = f"windows {figure_on(scale, low)} to {figure_on(scale, high)}, {words}"
        elif target.attention is not None:
            words = f"attention {100 * target.attention[second]:.1f} %, " + words
        pen.text(
            (left, top + (38 if row >= 62 else 21)), shortened(words, width, 16), font=font(16), fill=SOFT, anchor="lt"
        )
        top += row
    for i, line in enumerate(reversed(lines)):
        pen.text((left, box.top + box.height - 10 - 18 * i), line, font=font(14), fill=SOFT, anchor="ls")
