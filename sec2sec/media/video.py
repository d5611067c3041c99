"""Pictures of one second: the frames on screen at given instants, shrunk as they are decoded."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from PIL import Image

from sec2sec.config import RESIZE
from sec2sec.media.audio import PAUSE_WORTH_A_WORD
from sec2sec.media.track import MOMENT, Shown, Track

MAX_STILL_SIDE = 320  # pixels, the longest side of a second's still
HD_LINES = 720  # pictures at least this high are BT.709 when they do not say, lower ones BT.601, as players assume

Orientation = tuple[int, bool]  # quarter turns anticlockwise (0–3), and whether to mirror left to right before them


def orientation(frame: Any) -> Orientation:
    """How to turn a frame upright, from its display matrix.

    Ask it of one frame of a track: PyAV's side_data and its frame refer to each other, so that the picture, of up to
    100 MB, lives until the garbage collector runs.
    """
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].astype(np.int64)
            mirrored = bool(a * d - b * c < 0)
            if mirrored:
                a, c = -a, -c
            # The matrix maps (x, y) to (ax + cy, bx + dy) with y down.
            return round(math.degrees(math.atan2(-b, a)) / 90) % 4, mirrored
    return 0, False


class Scaler:
    """Turns decoded frames into upright RGB arrays of a given size (swscale, bilinear with antialiasing)."""

    def __init__(self, width: int, height: int, turned: Orientation = (0, False)) -> None:
        self.width, self.height, self.turned = width, height, turned
        self._reformatter = VideoReformatter()

    def __call__(self, frame: Any) -> np.ndarray:
        """A frame of any size, format and rotation → (height, width, 3) uint8 RGB; transparent parts are black."""
        turns, mirrored = self.turned
        width, height = (self.height, self.width) if turns % 2 else (self.width, self.height)
        transparent = any(component.is_alpha for component in frame.format.components)
        yuv = not frame.format.is_rgb and len(frame.format.components) >= 3
        assumed = Colorspace.ITU709 if yuv and frame.colorspace == 2 and frame.height >= HD_LINES else None
        small = self._reformatter.reformat(
            frame,
            width,
            height,
            "rgba" if transparent else "rgb24",
            src_colorspace=assumed,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BILINEAR,
            threads=1,
        ).to_ndarray()
        if transparent:
            small = (small[..., :3].astype(np.uint16) * small[..., 3:] // 255).astype(np.uint8)
        if mirrored:
            small = small[:, ::-1]
        return np.ascontiguousarray(np.rot90(small, turns))


class VideoReader:
    """The picture track of a clip, read second by second from `begin` s on."""

    def __init__(
        self,
        track: Track,
        begin: float,
        frames_per_second: int,
        display: tuple[int, int],
        turned: Orientation,
        size: tuple[int, int] = RESIZE,
        stills: bool = True,
    ) -> None:
        """display: width and height of the stills' source; size: height and width of the frames."""
        self.track, self.begin, self.rate, self.size = track, begin, frames_per_second, size
        shrink = min(1.0, MAX_STILL_SIDE / max(display))
        self._model = Scaler(size[1], size[0], turned)
        width, height = (max(1, round(side * shrink)) for side in display)
        self._still = Scaler(width, height, turned) if stills else None
        self._source: Iterator[Shown] = track.frames(begin)
        self._next: Shown | None = next(self._source, None)
        self._current: Shown | None = self._next  # before the first frame the first is shown
        self._array: np.ndarray | None = None  # the current frame, shrunk
        self.pauses: list[tuple[float, float]] = []  # s from time 0, in which the file has no picture
        if self._next is not None and self._next.time - begin > PAUSE_WORTH_A_WORD:
            self.pauses.append((begin, self._next.time))

    def _advance(self, time: float) -> None:
        """Makes the frame on screen at `time` s the current one."""
        while self._next is not None and self._next.time <= time + MOMENT:
            if self._next is not self._current:
                if self._current is not None and self._next.time - self._current.end > PAUSE_WORTH_A_WORD:
                    self.pauses.append((self._current.end, self._next.time))
                self._current, self._array = self._next, None
            self._next = next(self._source, None)

    def second(self, index: int) -> tuple[np.ndarray | None, bytes | None, float]:
        """Frames (M, *size, 3) uint8, the still as JPEG, and until when there is picture (s; inf: further)."""
        start = self.begin + index
        half = self.rate // 2
        frames, still = np.zeros((self.rate, *self.size, 3), np.uint8), None
        for j in range(self.rate):
            if j == half and self.rate % 2 == 0:  # the middle of the second lies between two frames of the model
                still = self._jpeg(start + 0.5)
            self._advance(start + (j + 0.5) / self.rate)
            if self._current is None:
                return None, None, -math.inf
            if self._array is None:
                self._array = self._model(self._current.frame)
            frames[j] = self._array
            if j == half and self.rate % 2:
                still = self._jpeg(start + 0.5)
        self._advance(start + 1 - 2 * MOMENT)
        if self._next is not None:
            return frames, still, math.inf
        assert self._current is not None
        return frames, still, self._current.end if self.track.broken is None else self.track.broken

    def _jpeg(self, time: float) -> bytes | None:
        self._advance(time)
        if self._current is None or self._still is None:
            return None
        file = io.BytesIO()
        Image.fromarray(self._still(self._current.frame)).save(file, "JPEG", quality=80)
        return file.getvalue()
