"""Reads clips for the tests of media, and reads numbers, onsets and refusals off what comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sec2sec.media import Clip, MediaError, Second, open_clip
from tests.helpers.clips import number

FASTSTART = {"movflags": "+faststart"}
REORDER = {"preset": "fast"}  # libx264's ultrafast uses no B-frames
REAL = Path(__file__).parents[2] / "assets" / "clips" / "sintel-flight.mp4"


def read(path: Path, **options: object) -> tuple[Clip, list[Second]]:
    clip = open_clip(path, **options)  # type: ignore[arg-type]
    return clip, list(clip.seconds())


def numbers(seconds: list[Second]) -> list[int]:
    return [number(frame) for second in seconds for frame in second.frames]


def heard(seconds: list[Second]) -> np.ndarray:
    return np.concatenate([second.samples for second in seconds])


def on_screen(times: list[float], seconds: int, rate: int = 8, start: float = 0.0) -> list[int]:
    """Index of the last frame with a time stamp at or before each centre instant; the first one before that."""
    instants = [start + i + (j + 0.5) / rate for i in range(seconds) for j in range(rate)]
    return [max(0, int(np.searchsorted(np.array(times) - 1e-6, instant, side="right")) - 1) for instant in instants]


def even(fps: float, seconds: float) -> list[float]:
    return [i / fps for i in range(round(fps * seconds))]


def refusal(path: Path, **options: object) -> str:
    """The message of the MediaError, which must be one line that begins with the file's name."""
    with pytest.raises(MediaError) as caught:
        read(path, **options)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert "\n" not in message
    assert ";" in message, "the remedy is missing"
    return message
