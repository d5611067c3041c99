"""What a clip shows and sounds like at given instants, at the size and rate of a film to be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np

from sec2sec.media import Clip
from sec2sec.media.audio import pieces
from sec2sec.media.track import MOMENT, Shown, Track
from sec2sec.media.video import Scaler

SOUND_RATE = 48_000  # Hz
MIN_SEEK_SECONDS = 3.0  # s ahead from which on seeking is quicker than decoding what lies between


class Screen:
    """The picture of a clip at any instant, upright; quick where instants rise."""

    def __init__(self, clip: Clip, size: tuple[int, int]) -> None:
        """size: (width, height) in pixels."""
        self._clip, self._scale = clip, Scaler(*size, clip.turned)
        self._track: Track | None = None
        self._source: Iterator[Shown] = iter(())
        self._current: Shown | None = None
        self._next: Shown | None = None
        self._since = 0.0  # s from which on the current frame is on screen
        self._array: np.ndarray | None = None  # the current frame, scaled

    def at(self, time: float) -> np.ndarray:
        """The frame on screen at `time` s from the file's time 0: (height, width, 3) uint8 RGB.

        The very same array while the same frame is on screen. Before the first frame the first is shown, after the
        last the last is held.
        """
        frame = self.frame_at(time)
        if self._array is None:
            self._array = self._scale(frame)
        return self._array

    def frame_at(self, time: float) -> Any:
        """The same frame as it was decoded: neither scaled nor upright."""
        far = self._next is not None and self._next.time < time - MIN_SEEK_SECONDS
        if self._current is None or time < self._since - MOMENT or far:
            self._restart(time)
        while self._next is not None and self._next.time <= time + MOMENT:
            self._current, self._array = self._next, None
            self._since = self._current.time
            self._next = next(self._source, None)
        assert self._current is not None, "a clip with a picture has a frame"
        return self._current.frame

    def _restart(self, time: float) -> None:
        """Makes the frame at or before `time` the current one, or the first one after it."""
        self.close()
        self._track = self._clip.track("video")
        self._source = self._track.frames(time)
        shown = next(self._source, None)
        if shown is None:  # nothing decodes from there on: the last frame that does is held
            self._source = self._track.frames(0.0)
            shown = next(self._source, None)
        self._current, self._array, self._next = shown, None, next(self._source, None)
        self._since = time if shown is None else min(shown.time, time)

    def close(self) -> None:
        """Closes the file."""
        if self._track is not None:
            self._track.close()
            self._track = None


def soundtrack(clip: Clip, seconds: float, rate: int = SOUND_RATE) -> np.ndarray:
    """The sound from clip.start on: (samples, 2) int16. What the file leaves out is silence, what it says twice is cut.

    int16, so that ten minutes are 115 MB.
    """
    out = np.zeros((round(seconds * rate), 2), np.int16)
    written = 0
    with closing(clip.track("audio")) as track:
        for position, values in pieces(track, clip.start, rate, "stereo"):
            skip = max(0, written - position)
            position, values = position + skip, values[skip:]
            if position >= len(out):
                break
            values = values[: len(out) - position]
            if len(values):
                out[position : position + len(values)] = np.rint(np.clip(values, -1, 1) * 32767)
                written = position + len(values)
    return out
