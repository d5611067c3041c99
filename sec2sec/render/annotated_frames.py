"""The frames of an annotated film: playhead, attention and effect bars, predictions, co-attention beside the picture.

T seconds, H heads, V visual and A audio tokens in a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sec2sec.config import MediaLimits
from sec2sec.errors import ExplanationError
from sec2sec.explanations.results import NEARLY_UNIFORM, CoAttention, Explanation
from sec2sec.export.headlines import headlines
from sec2sec.media import Clip, MediaError, open_clip
from sec2sec.render.card import STRIP_PX, closing_card, draw_strip
from sec2sec.render.chart import GROUND, Box, Chart, draw_chart, draw_footer, draw_panel, wrapped
from sec2sec.render.frames import Screen

WIDTH, HEIGHT = 1280, 720  # pixels
MARGIN_PX = 16
STRIP = Box(MARGIN_PX, 8, WIDTH - 2 * MARGIN_PX, STRIP_PX)  # of names
TOP_PX = STRIP.top + STRIP.height + 8  # where the rest begins
MAX_TARGETS = 5  # more lanes than ten would be too low to read
PLAYHEAD = (255, 92, 108)
MARK_BRIGHTNESS = 34  # added to the ground under the second that plays, of 255
OVERLAY_COLOUR = (245, 180, 30)
MAX_OVERLAY_OPACITY = 0.62  # opacity of the largest weight of a second's overlay


def open_explained(path: Path | str, explanation: Explanation, limits: MediaLimits | None) -> Clip:
    """The part of the file that was explained. Raises MediaError where it is another file."""
    summary = explanation.clip
    limits = limits or MediaLimits(max_seconds=math.inf)
    end = summary.start + summary.duration
    clip = open_clip(path, start=summary.start, end=end, limits=limits, tracks=summary.tracks)
    if clip.sha256 != summary.sha256:
        raise MediaError(f"{clip.name}: is not the file that was explained ({summary.name}); explain it again")
    return clip


def seconds_of(explanation: Explanation) -> float:
    """How long the explained part plays, s."""
    return min(explanation.clip.duration, float(explanation.clip.seconds))


def chosen_targets(explanation: Explanation, targets: Sequence[str] | None) -> list[str]:
    """Names that are drawn; ExplanationError for what is not there."""
    if targets is None:
        named = [name for name in explanation.targets if name not in explanation.checkpoint.diagnostics]
        return named[:MAX_TARGETS]
    unknown = [name for name in targets if name not in explanation.targets]
    if unknown or not targets or len(targets) > MAX_TARGETS:
        raise ExplanationError(
            f"targets {', '.join(targets) or 'none'}: choose one to {MAX_TARGETS} of {', '.join(explanation.targets)}"
        )
    return list(targets)


def layout(aspect: float | None, targets: int, footer: int) -> tuple[Box | None, Box, Box, Box]:
    """Boxes of picture, panel, chart and footer. aspect: width ÷ height of the picture; None: sound alone."""
    foot = Box(MARGIN_PX, HEIGHT - MARGIN_PX - 20 * footer + 2, WIDTH - 2 * MARGIN_PX, 20 * footer)
    above = foot.top - 8 - TOP_PX  # px of height for the rest
    lanes = 2 * targets + (aspect is None)
    lane = 62 if targets == 1 else 54 if targets == 2 else 46 if targets == 3 else 34
    wanted = lanes * (lane + 8) + 34
    if aspect is not None and aspect < 1:  # upright: the picture at the left, all the rest beside it
        width = min(int(above * aspect), WIDTH // 2)
        picture = Box(MARGIN_PX, TOP_PX, width, min(above, int(width / aspect)))
        left = MARGIN_PX + width + MARGIN_PX
        chart = Box(left, TOP_PX + above - wanted, WIDTH - MARGIN_PX - left, wanted)
        return picture, Box(left, TOP_PX, WIDTH - MARGIN_PX - left, chart.top - TOP_PX - 10), chart, foot
    chart = Box(MARGIN_PX, TOP_PX + above - wanted, WIDTH - 2 * MARGIN_PX, wanted)
    free = chart.top - TOP_PX - 10
    if aspect is None:
        return None, Box(MARGIN_PX, TOP_PX, WIDTH - 2 * MARGIN_PX, free), chart, foot
    width = min(int(free * aspect), WIDTH - 2 * MARGIN_PX - 360)
    picture = Box(MARGIN_PX, TOP_PX, width, int(width / aspect))
    left = MARGIN_PX + width + MARGIN_PX
    return picture, Box(left, TOP_PX, WIDTH - MARGIN_PX - left, free), chart, foot


class AnnotatedFrames:
    """The frame of every instant: what stands still is drawn once, what a second says once a second."""

    def __init__(
        self, clip: Clip | None, explanation: Explanation, targets: list[str], sound: np.ndarray | None, overlay: bool
    ) -> None:
        self.explanation = explanation
        self.targets = {name: explanation.targets[name] for name in targets}
        seen = clip is not None and clip.has_video
        summary, model = explanation.clip, explanation.checkpoint
        self._footer = wrapped(f"Model {model.name}. {model.trained_on.strip()}", WIDTH - 2 * MARGIN_PX, 16, 2)
        aspect = clip.width / clip.height if clip is not None and seen else None
        self.picture, self.panel, box, self._foot = layout(aspect, len(targets), len(self._footer))
        self.chart = Chart(box, summary.seconds)
        canvas = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
        envelope = None if seen or sound is None else loudness(sound, self.chart.right - self.chart.left)
        scales = explanation.checkpoint.scales
        draw_chart(canvas, self.chart, self.targets, summary.start, envelope, explanation.curve, scales)
        draw_strip(canvas, STRIP, summary.name)
        draw_footer(canvas, self._foot, self._footer)
        self._still = canvas
        self._overlay = _Overlay(explanation.co_attention, self.picture) if overlay and self.picture else None
        self._screen = None
        if clip is not None and self.picture is not None:
            self._screen = Screen(clip, (self.picture.width, self.picture.height))
        self._second, self._held = -1, np.zeros(0, np.uint8)

    def at(self, time: float) -> np.ndarray:
        """(HEIGHT, WIDTH, 3) uint8 at `time` s from the beginning of the explained part."""
        second = min(int(time + 1e-6), self.chart.seconds - 1)
        if second != self._second:
            self._second, self._held = second, self._of_second(second)
        frame = self._held.copy()
        if self._screen is not None and self.picture is not None:
            seen = self._screen.at(self.explanation.clip.start + time)
            if self._overlay is not None:
                seen = self._overlay.over(seen, second, time - second)
            box = self.picture
            frame[box.top : box.top + box.height, box.left : box.left + box.width] = seen
        x = round(self.chart.x(min(time, self.chart.seconds)))
        frame[self.chart.box.top : self.chart.bottom + 4, x - 1 : x + 2] = PLAYHEAD
        return frame

    def card(self) -> np.ndarray:
        """(HEIGHT, WIDTH, 3) uint8 with which the film closes."""
        said = headlines(self.explanation, list(self.targets))
        return closing_card((WIDTH, HEIGHT), STRIP, self.explanation.clip.name, said, self._foot, self._footer)

    def _of_second(self, second: int) -> np.ndarray:
        canvas = self._still.copy()
        of = "the prediction" if self.explanation.curve is None else "the prediction of it all in one piece"
        notes = [f"effect: {of} minus the prediction without that second; up raises it, down lowers it"]
        if self._overlay is not None:
            notes.append(self._overlay.note(second))
        curve = self.explanation.curve
        if curve is not None:
            notes.insert(0, "windows: the prediction of each, at its centre; band: range of all that cover the moment")
        start, checkpoint = self.explanation.clip.start, self.explanation.checkpoint
        draw_panel(canvas, self.panel, self.targets, second, start, notes, checkpoint, curve)
        frame = np.asarray(canvas).copy()
        chart, left, right = self.chart, round(self.chart.x(second)), round(self.chart.x(second + 1))
        under = frame[chart.box.top : chart.bottom, left:right]
        under[:] = np.minimum(under.astype(np.uint16) + MARK_BRIGHTNESS, 255)
        return frame

    def close(self) -> None:
        """Close the file."""
        if self._screen is not None:
            self._screen.close()


class _Overlay:
    """Where the sound's co-attention lies in the picture: mean over heads and sound tokens, a grid a moment."""

    def __init__(self, maps: CoAttention, box: Box) -> None:
        self._maps = maps
        left, top, right, bottom = maps.video_region
        self._region = (
            slice(round(top * box.height), round(bottom * box.height)),
            slice(round(left * box.width), round(right * box.width)),
        )
        # colour and mask of a moment
        self._drawn_moment: tuple[tuple[int, int], Image.Image, Image.Image] | None = None

    def over(self, frame: np.ndarray, second: int, within: float) -> np.ndarray:
        """The frame with the weights of a moment laid over the part of it that the model sees."""
        weights = self._weights(second)
        if weights is None:
            return frame
        moment = min(int(within * len(weights)), len(weights) - 1)
        rows, columns = self._region
        seen = Image.fromarray(frame[rows, columns])
        if self._drawn_moment is None or self._drawn_moment[0] != (second, moment):
            grid = Image.fromarray((255 * MAX_OVERLAY_OPACITY * weights[moment] / weights.max()).astype(np.uint8))
            hot = Image.new("RGB", seen.size, OVERLAY_COLOUR)
            self._drawn_moment = (second, moment), hot, grid.resize(seen.size, Image.Resampling.NEAREST)
        _, hot, opacity = self._drawn_moment
        out = frame.copy()
        out[rows, columns] = np.asarray(Image.composite(hot, seen, opacity))
        # the edge of what the model sees
        out[rows.start : rows.stop, [columns.start, columns.stop - 1]] = OVERLAY_COLOUR
        out[[rows.start, rows.stop - 1], columns.start : columns.stop] = OVERLAY_COLOUR
        return out

    def note(self, second: int) -> str:
        """What the overlay shows in a second, or why it shows nothing."""
        weights = self._weights(second)
        if self._maps.audio_from_video is None:
            return self._maps.absent or "This model has no co-attention: no overlay."
        if weights is None:
            return "Co-attention is nearly uniform in this second: no overlay."
        return f"overlay: share of the sound's co-attention; brightest {100 * weights.max():.1f} % of the second's"

    def _weights(self, second: int) -> np.ndarray | None:
        """(time, height, width), sums to 1; None where there is nothing to draw."""
        maps, entropy = self._maps.audio_from_video, self._maps.entropy_audio_from_video
        if maps is None or entropy is None or float(entropy[second].mean()) >= NEARLY_UNIFORM:
            return None
        weights: np.ndarray = maps[second].astype(np.float32).mean((0, 1))
        return weights.reshape(self._maps.video_grid)


def loudness(sound: np.ndarray, columns: int) -> np.ndarray:
    """(samples, 2) int16 → (columns,) the largest amplitude in each column's share of the sound, 0..1."""
    mono = np.abs(sound.astype(np.int32)).max(1)
    edges = np.linspace(0, len(mono), columns + 1).astype(int)[:-1]
    return np.maximum.reduceat(mono, np.minimum(edges, len(mono) - 1)) / 32768
