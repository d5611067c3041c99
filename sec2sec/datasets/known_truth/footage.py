"""Real film behind known-truth clips: its frames as small Y'CbCr planes and its sound, read once a process."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sec2sec.datasets.known_truth.states import Shot
from sec2sec.datasets.table import DataError

HEIGHT = 160  # rows of a stored frame: the clips have 108 to 192
RATE = 44_100  # Hz, of the stored sound
DARKEST_PICTURE = 24  # luma; a row that is never brighter is a bar above or below the picture
KEPT = 8  # films whose frames stay in memory, about 70 kB a frame


@dataclass(frozen=True)
class Footage:
    """A film in memory."""

    planes: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]  # Y (N, h, w), Cb and Cr (N, h/2, w/2)
    fps: float
    sound: NDArray[np.float32]  # (samples,) mono at RATE

    def frame(self, seconds: float) -> list[Image.Image]:
        """The three planes at a time of the film; its last ones after its end."""
        index = min(int(seconds * self.fps), len(self.planes[0]) - 1)
        return [Image.fromarray(plane[index]) for plane in self.planes]

    def heard(self, shot: Shot, rate: int) -> NDArray[np.float32]:
        """(rate,) the second's sound; silence after its end."""
        at = (shot.start + np.arange(rate) / rate) * RATE
        heard: NDArray[np.float32] = np.interp(at, np.arange(self.sound.size), self.sound, right=0.0).astype(np.float32)
        return heard


@functools.cache
def length_of(path: Path) -> float:
    """Seconds of a film. Raises DataError."""
    try:
        with av.open(str(path)) as container:
            return float((container.duration or 0) / av.time_base)
    except (OSError, av.FFmpegError) as error:
        raise DataError(f"{path}: not readable as a film ({getattr(error, 'strerror', None) or error})") from error


@functools.lru_cache(maxsize=KEPT)
def load_footage(path: Path) -> Footage:
    """Decode a whole film, without the bars above and below its picture. Raises DataError."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            fps = float(stream.average_rate or 24)
            width = 2 * round(HEIGHT * stream.width / stream.height / 2)
            frames = [
                frame.reformat(width=width, height=HEIGHT, format="yuv420p").to_ndarray()
                for frame in container.decode(stream)
            ]
        sound = _sound(path)
    except (OSError, av.FFmpegError, IndexError) as error:
        raise DataError(f"{path}: not readable as a film ({getattr(error, 'strerror', None) or error})") from error
    packed = np.stack(frames)  # the three planes one below the other
    luma = packed[:, :HEIGHT]
    quarter = HEIGHT // 4
    chroma = packed[:, HEIGHT:].reshape(len(frames), 2, HEIGHT // 2, width // 2)
    assert packed.shape[1] == HEIGHT + 2 * quarter
    seen = np.flatnonzero(luma.max(axis=(0, 2)) > DARKEST_PICTURE)
    top, end = (2 * (int(seen[0]) // 2 + 1), 2 * (int(seen[-1]) // 2)) if seen.size else (0, HEIGHT)
    return Footage(
        (luma[:, top:end].copy(), *(chroma[:, k, top // 2 : end // 2].copy() for k in range(2))),  # type: ignore[arg-type]
        fps,
        sound,
    )


def _sound(path: Path) -> NDArray[np.float32]:
    """The whole sound, mono at RATE; empty of a film without any."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return np.zeros(1, np.float32)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        blocks = [
            block.to_ndarray()[0] for frame in [*container.decode(audio=0), None] for block in resampler.resample(frame)
        ]
    return np.concatenate(blocks) if blocks else np.zeros(1, np.float32)
