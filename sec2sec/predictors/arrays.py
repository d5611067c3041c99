"""Edited clips as arrays, for functions that take no files: decoded once, edited in memory, never encoded.

T seconds, M frames in a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from sec2sec.config import SAMPLE_RATE
from sec2sec.edits.plan import ROOM_TONE, ClipTracks, Picture, Plan
from sec2sec.edits.sources import room_tone
from sec2sec.media import Second

FRAMES_PER_SECOND = 8  # M
MAX_SIDE = 320  # pixels, the longest side of a frame


@dataclass(frozen=True)
class ClipArrays:
    """A clip, or an edited one, as a function reads it with inputs="arrays"; the arrays are its own to change."""

    frames: np.ndarray | None  # (T · M, height, width, 3) uint8 RGB; None without a picture
    frames_per_second: int  # M
    samples: np.ndarray | None  # (T · 16000,) float32 mono in [-1, 1]; None without sound
    sample_rate: int  # 16000 Hz
    duration: float  # s; the last second is padded with silence, and its last frame held, up to whole seconds


def array_size(width: int, height: int) -> tuple[int, int]:
    """Height and width of a frame of a clip that is displayed at this size: its shape, at most MAX_SIDE."""
    shrink = min(1.0, MAX_SIDE / max(width, height, 1))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


class ArrayMaker:
    """Makes the edited versions of one clip from its decoded seconds."""

    def __init__(self, seconds: Sequence[Second], tracks: ClipTracks) -> None:
        """seconds: all of the clip, in their order, with frames of array_size()."""
        self.tracks = tracks
        self._frames = [second.frames for second in seconds if second.frames is not None]
        self._samples = [second.samples for second in seconds if second.samples is not None]
        sound = np.concatenate(self._samples) if self._samples else np.zeros(0, np.float32)
        self._tone = room_tone(sound, SAMPLE_RATE)

    def close(self) -> None:
        """Forgets the clip."""
        self._frames, self._samples = [], []

    def make(self, plan: Plan) -> ClipArrays:
        """The edited clip."""
        frames = samples = None
        if self.tracks.has_video:
            frames = np.concatenate([self._look(second.picture) for second in plan if second.picture is not None])
        if self.tracks.has_audio:
            samples = np.concatenate(
                [
                    self._samples[second.sound.second]
                    if second.sound is not None and second.sound.kind == "play"
                    else self._tone
                    if second.sound == ROOM_TONE
                    else np.zeros(SAMPLE_RATE, np.float32)
                    for second in plan
                ]
            )
        length = self.tracks.seconds - 1 + self.tracks.last
        return ClipArrays(frames, FRAMES_PER_SECOND, samples, SAMPLE_RATE, length)

    def discard(self, edited: ClipArrays) -> None:
        """The arrays go with whoever holds them."""

    def _look(self, picture: Picture) -> np.ndarray:
        """(M, height, width, 3) of one second."""
        own = self._frames[picture.second]
        if picture.kind == "black":
            return np.zeros_like(own)
        if picture.kind == "average":
            mean = np.mean([frames.mean(0) for frames in self._frames], 0)
            return np.broadcast_to(np.rint(mean).astype(np.uint8), own.shape)
        if picture.kind == "hold":
            return np.broadcast_to(self._frames[picture.second - 1][-1], own.shape)
        if picture.kind == "freeze":
            return np.broadcast_to(own[0], own.shape)
        if picture.blur:
            blur = ImageFilter.GaussianBlur(picture.blur * own.shape[1])
            return np.stack([np.asarray(Image.fromarray(frame).filter(blur)) for frame in own])
        return own
