"""Sound of one second: mixed to mono, resampled, and put where its time stamps say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from av.audio.resampler import AudioResampler

from sec2sec.config import SAMPLE_RATE
from sec2sec.media.container import Track

TIME_STAMP_JITTER = 0.02  # s between a time stamp and the count of samples: less is rounding, more is a gap or a cut


def pieces(track: Track, begin: float, rate: int, layout: str) -> Iterator[tuple[int, np.ndarray]]:
    """Resampled pieces (samples, channels) float32 in [-1, 1] with their position, in samples from `begin` s.

    Positions rise, except where the file itself goes back or overlaps; gaps are left to the caller.
    """
    resampler: AudioResampler | None = None
    format_before: tuple[Any, ...] = ()
    position, expected = 0, 0.0

    def resample(frame: Any) -> Iterator[tuple[int, np.ndarray]]:
        nonlocal position
        for resampled in resampler.resample(frame) if resampler is not None else ():
            values = resampled.to_ndarray().reshape(resampled.samples, -1).astype(np.float32) / np.float32(2**31)
            yield position, values
            position += len(values)

    for shown in track.frames(begin):
        frame = shown.frame
        format_now = (frame.sample_rate, frame.format.name, frame.layout.name, frame.layout.nb_channels)
        if resampler is None or format_now != format_before or abs(shown.time - expected) > TIME_STAMP_JITTER:
            yield from resample(None)
            # s32, not float: for integers libswresample scales the mix so that it cannot clip (as ffmpeg -ac 1 does).
            resampler, format_before = AudioResampler("s32", layout, rate), format_now
            position, expected = round((shown.time - begin) * rate), shown.time
        frame.pts = None  # positions are counted here
        expected += shown.end - shown.time
        yield from resample(frame)
    yield from resample(None)


class AudioReader:
    """The sound track of a clip, read second by second from `begin` s on; gaps are silence, overlaps are cut."""

    def __init__(self, track: Track, begin: float) -> None:
        self.track, self.begin = track, begin
        self._source = pieces(track, begin, SAMPLE_RATE, "mono")
        self._ahead: tuple[int, np.ndarray] | None = None  # a piece that reaches beyond the second before
        self._written = 0  # samples from begin, up to which sound was put out

    def second(self, index: int) -> tuple[np.ndarray, float]:
        """Samples (16000,) float32 in [-1, 1], and until when there is sound (s; inf: beyond this second)."""
        first, last = index * SAMPLE_RATE, (index + 1) * SAMPLE_RATE
        samples = np.zeros(SAMPLE_RATE, np.float32)
        while True:
            piece = self._ahead or next(self._source, None)
            self._ahead = None
            if piece is None:
                return samples, self.begin + self._written / SAMPLE_RATE
            position, values = piece
            skip = max(self._written, first) - position
            if skip > 0:  # before the part that is analysed, or heard twice
                position, values = position + skip, values[skip:]
            if not len(values):
                continue
            if position >= last:
                self._ahead = (position, values)
                return samples, math.inf
            fits = values[: last - position]
            samples[position - first : position - first + len(fits)] = fits[:, 0]
            self._written = position + len(fits)
            if len(fits) < len(values):
                self._ahead = (last, values[len(fits) :])
                return samples, math.inf
