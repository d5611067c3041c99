"""An explanation as one figure for a slide or a paper: what is said of each target, over its seconds.

Each target has one lane: bars are the measured effect, an outline the attention, with a scale of its own at the right.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sec2sec import __version__
from sec2sec.checkpoints import CheckpointSummary
from sec2sec.explanations.results import Explanation, TargetExplanation
from sec2sec.export.headlines import Headline, headlines
from sec2sec.plots.lanes import reach, tallest
from sec2sec.plots.style import round_below
from sec2sec.plots.svg import Drawing, Svg
from sec2sec.scales import figure_on

WIDTH = 760
LEFT, RIGHT = 64, 52  # of the lanes
LINE_PX = 15  # of height for a line of words
LANE_PX, WAVE_PX, PLANTED_PX, GAP_PX = 92, 30, 12, 8
LETTERS = 112  # in a line: DejaVu Sans is a wide type
MAX_TICKS = 21


@dataclass(frozen=True)
class _Lane:
    """Where a target's lane lies, and the scales that all lanes share."""

    top: float
    half: float  # of the effect, at both ends
    tallest: float  # of the attention, at the upper end

    @property
    def zero(self) -> float:
        """The line of no effect and of no attention."""
        return self.top + LANE_PX / 2

    def effect(self, value: float) -> float:
        """Where a bar ends."""
        return round(self.zero - value / self.half * LANE_PX / 2, 2)

    def attention(self, share: float) -> float:
        """Where the outline runs."""
        return round(self.zero - share / self.tallest * LANE_PX / 2, 2)


def timeline(
    explanation: Explanation,
    names: Sequence[str],
    *,
    waveform: np.ndarray | None = None,
    planted: Mapping[str, Sequence[int]] | None = None,
) -> Svg:
    """The figure, light, for the targets `names`. waveform (T, steps, 2): of the sound. planted: seconds by target,
    where the truth of the clip is known.
    """
    clip, truth = explanation.clip, planted or {}
    targets = {name: explanation.targets[name] for name in names}
    said = {one.target: wrapped(one.text) for one in headlines(explanation, names)}
    foot = wrapped(f"Model {explanation.checkpoint.name}. {explanation.checkpoint.about}")
    height = _height(said, foot, waveform is not None, truth)
    drawing = Drawing((WIDTH, height), (LEFT, RIGHT, 0, 0), (clip.start, clip.start + clip.seconds))
    drawing.add("rect", class_="ground", x=0, y=0, width=WIDTH, height=height)
    drawing.text(clip.name, 16, 26, "start", class_="head")
    drawing.text(f"sec2sec {__version__}", WIDTH - 16, 26, "end", class_="tick")
    top = 40.0
    if waveform is not None:
        _draw_wave(drawing, waveform, top)
        top += WAVE_PX + GAP_PX
    half, share = reach(*(target.effect for target in targets.values())), tallest(targets.values(), clip.seconds)
    for one in headlines(explanation, names):
        top = _draw_words(drawing, one, said[one.target], top)
        lane = _Lane(top, half, share)
        _draw_lane(drawing, targets[one.target], lane)
        top += LANE_PX
        if one.target in truth:
            _draw_planted(drawing, truth[one.target], top + 2)
            top += PLANTED_PX
        top += GAP_PX
    _draw_axis(drawing, top, clip.seconds, clip.start)
    _draw_legend(drawing, top + 50, any(t.attention is not None for t in targets.values()), bool(truth))
    for number, line in enumerate(foot):
        drawing.text(line, 16, top + 74 + LINE_PX * number, "start", class_="tick")
    return drawing.figure(f"Explanation of {clip.name}", _description(targets, explanation.checkpoint))


def wrapped(text: str) -> list[str]:
    """Lines of a text. A no-break space holds its neighbours together, and then is one like any other: some letters
    have it in another width.
    """
    return [line.replace("\u00a0", " ") for line in textwrap.wrap(text, LETTERS)]


def _height(
    said: Mapping[str, Sequence[str]], foot: Sequence[str], sound: bool, planted: Mapping[str, Sequence[int]]
) -> float:
    words = sum(LINE_PX * (len(lines) + 1) + 10 for lines in said.values())
    lanes = len(said) * (LANE_PX + GAP_PX) + PLANTED_PX * len(planted.keys() & said.keys())
    return 40 + (WAVE_PX + GAP_PX) * sound + words + lanes + 74 + LINE_PX * len(foot)


def _description(targets: Mapping[str, TargetExplanation], checkpoint: CheckpointSummary) -> str:
    """For those who do not see the figure: the same in words."""
    parts = []
    for name, target in targets.items():
        effects = ", ".join(f"{value:+.3f}" for value in target.effect)
        scale = checkpoint.scale_of(name)
        of = "" if scale is None else f" of {scale.ends}"
        parts.append(
            f"{name} {figure_on(scale, target.prediction)}{of}, verdict: {target.verdict.word}. "
            f"Effect of each second: {effects}."
        )
    return " ".join(parts)


def _draw_wave(drawing: Drawing, waveform: np.ndarray, top: float) -> None:
    """The lowest and highest sample of each step, as one outline."""
    flat = np.nan_to_num(waveform.reshape(-1, 2).astype(float))
    steps = len(flat)
    most = 8 * (WIDTH - LEFT - RIGHT) // 10  # points: finer ones could not be seen
    if steps > most:
        edges = np.linspace(0, steps, most + 1).astype(int)[:-1]
        flat = np.stack([np.minimum.reduceat(flat[:, 0], edges), np.maximum.reduceat(flat[:, 1], edges)], 1)
    middle, half = top + WAVE_PX / 2, WAVE_PX / 2
    xs = np.linspace(drawing.left, drawing.right, len(flat))
    upper = [f"{x:.1f} {middle - half * high:.2f}" for x, high in zip(xs, flat[:, 1], strict=True)]
    lower = [f"{x:.1f} {middle - half * low:.2f}" for x, low in zip(xs, flat[:, 0], strict=True)]
    drawing.add("path", class_="wave", d=f"M{'L'.join(upper + lower[::-1])}z")
    drawing.text("sound", drawing.left - 6, middle + 4, "end", class_="tick")


def _draw_words(drawing: Drawing, one: Headline, lines: Sequence[str], top: float) -> float:
    """A target's headline and its sentence; where its lane begins."""
    top += LINE_PX
    drawing.text(one.title, 16, top, "start", class_="head")
    drawing.text(f"attention: {one.word}", WIDTH - 16, top, "end", class_="head")
    for line in lines:
        top += LINE_PX
        drawing.text(line, 16, top, "start")
    return top + 10


def _draw_lane(drawing: Drawing, target: TargetExplanation, lane: _Lane) -> None:
    tick = round_below(lane.half)
    for value in (tick, -tick):
        y = lane.effect(value)
        drawing.add("path", class_="grid", d=f"M{drawing.left} {y}H{drawing.right}")
        drawing.text(f"{value:+g}".replace("-", "−"), drawing.left - 6, y + 4, "end", class_="tick")
    start = drawing.x_limits[0]
    for second, value in enumerate(target.effect):
        if np.isfinite(value):
            left, right = drawing.x(start + second + 0.08), drawing.x(start + second + 0.92)
            top, bottom = sorted((lane.zero, lane.effect(value)))
            kind, width, height = "raises" if value > 0 else "lowers", round(right - left, 2), round(bottom - top, 2)
            drawing.add("rect", class_=kind, x=left, y=top, width=width, height=height)
    drawing.add("path", class_="axis", d=f"M{drawing.left} {lane.zero}H{drawing.right}")
    drawing.text("0", drawing.left - 6, lane.zero + 4, "end", class_="tick")
    drawing.add("text", "effect", transform=f"translate(18 {lane.zero}) rotate(-90)", text_anchor="middle")
    if target.attention is not None:
        _draw_attention(drawing, target.attention, lane)


def _draw_attention(drawing: Drawing, attention: np.ndarray, lane: _Lane) -> None:
    start = drawing.x_limits[0]
    steps = "".join(
        f"V{lane.attention(share)}H{drawing.x(start + second + 1)}" for second, share in enumerate(attention)
    )
    drawing.add("path", class_="outline", d=f"M{drawing.left} {lane.zero}{steps}V{lane.zero}")
    tick = round_below(lane.tallest)
    drawing.text(f"{tick:.0%}", drawing.right + 6, lane.attention(tick) + 4, "start", class_="tick")
    drawing.text("0%", drawing.right + 6, lane.zero + 4, "start", class_="tick")


def _draw_planted(drawing: Drawing, seconds: Sequence[int], top: float) -> None:
    start = drawing.x_limits[0]
    for second in seconds:
        left, right = drawing.x(start + second), drawing.x(start + second + 1)
        drawing.add("rect", class_="planted", x=left, y=top, width=round(right - left, 2), height=PLANTED_PX - 4)
    drawing.text("planted", drawing.left - 6, top + PLANTED_PX - 4, "end", class_="tick")


def _draw_axis(drawing: Drawing, top: float, seconds: int, start: float) -> None:
    step = next(step for step in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600) if seconds / step < MAX_TICKS)
    drawing.add("path", class_="axis", d=f"M{drawing.left} {top}H{drawing.right}")
    for second in range(0, seconds + 1, step):
        x = drawing.x(start + second)
        drawing.add("path", class_="axis", d=f"M{x} {top}v4")
        drawing.text(f"{start + second:g}", x, top + 16, class_="tick")
    drawing.text("time in the clip, s", (drawing.left + drawing.right) / 2, top + 31)


def _draw_legend(drawing: Drawing, y: float, attention: bool, planted: bool) -> None:
    keys = [("raises", "a second that raised it"), ("lowers", "lowered it")]
    keys += [("outline", "attention of the model, scale at the right")] if attention else []
    keys += [("planted", "planted: the known truth")] if planted else []
    x = 16.0
    for name, words in keys:
        if name == "outline":
            drawing.add("path", class_=name, d=f"M{x} {y}V{y - 8}H{x + 16}V{y}")
        else:
            drawing.add("rect", class_=name, x=x, y=y - 9, width=16, height=10)
        drawing.text(words, x + 22, y, "start", class_="tick")
        x += 40 + 5.2 * len(words)
