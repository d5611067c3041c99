"""Sound of one second: mixed to mono, resampled, and put where its time stamps say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler

from sec2sec.config import SAMPLE_RATE
from sec2sec.media.track import Track

TIME_STAMP_JITTER = 0.02  # s between a time stamp and the count of samples: less is rounding, more is a gap or a cut
MONO_GAIN = math.sqrt(0.5)  # libswresample puts each side of stereo into mono by √½: together by this, ½
PROBED_SAMPLES = 64  # of silence, with which it is tried whether a layout can be mixed
PAUSE_WORTH_A_WORD = 0.25  # s


class Mixer:
    """Turns decoded sound into one or two channels at another rate, at the levels that libswresample mixes with.

    In mono every layout of several channels is lowered by the factor at which full-scale stereo just does not clip, so
    that a film is as loud with six channels as with two. What is louder than full scale is cut off there. Sound that
    cannot be mixed (ambisonics, channels of no known place) is heard by its first channel.
    """

    def __init__(self, layout: str, rate: int) -> None:
        """layout: "mono" or "stereo"."""
        self._layout, self._rate = layout, rate
        self._resampler = AudioResampler("flt", layout, rate)
        self._gain = 1.0
        self.first_channel_alone = False

    def __call__(self, frame: Any) -> Iterator[np.ndarray]:
        """(samples, channels) float32 in [-1, 1]; frame None: what the resampler still holds."""
        if frame is not None:
            if self.first_channel_alone or not is_mixable(frame):
                self.first_channel_alone = True
                frame = first_channel(frame)
            several = frame.layout.nb_channels > 1
            self._gain = MONO_GAIN if self._layout == "mono" and several else 1.0
        for resampled in self._resampler.resample(frame):
            values = resampled.to_ndarray().reshape(resampled.samples, -1)
            yield np.clip(values * np.float32(self._gain), -1, 1)


def is_mixable(frame: Any) -> bool:
    """Whether libswresample knows where the channels of a sound belong."""
    return _is_mixable(frame.layout.name)


@lru_cache(maxsize=100)
def _is_mixable(layout: str) -> bool:
    silence = av.AudioFrame(format="flt", layout=layout, samples=PROBED_SAMPLES)
    silence.sample_rate = SAMPLE_RATE
    try:
        AudioResampler("flt", "mono", SAMPLE_RATE).resample(silence)
    except (av.FFmpegError, ValueError):
        return False
    return True


def first_channel(frame: Any) -> Any:
    """The first channel of a decoded sound, in ambisonics the one that hears all directions alike, as mono sound."""
    channels = frame.layout.nb_channels
    values = frame.to_ndarray()
    values = values[:1] if frame.format.is_planar else values.reshape(1, -1)[:, ::channels]
    alone = av.AudioFrame.from_ndarray(np.ascontiguousarray(values), frame.format.name, "mono")
    alone.sample_rate = frame.sample_rate
    return alone


def pieces(track: Track, begin: float, rate: int, layout: str) -> Iterator[tuple[int, np.ndarray]]:
    """Resampled pieces (samples, channels) float32 in [-1, 1] with their position, in samples from `begin` s.

    Positions rise, except where the file itself goes back or overlaps; gaps are left to the caller.
    """
    mixer: Mixer | None = None
    format_before: tuple[Any, ...] = ()
    position, expected = 0, 0.0

    def mix(frame: Any) -> Iterator[tuple[int, np.ndarray]]:
        nonlocal position
        for values in mixer(frame) if mixer is not None else ():
            yield position, values
            position += len(values)

    joins = [join.begin for join in track.layout.joins]
    for shown in track.frames(begin):
        frame = shown.frame
        joined = sum(join < shown.time + TIME_STAMP_JITTER for join in joins)
        joins = joins[joined:]
        format_now = (frame.sample_rate, frame.format.name, frame.layout.name, frame.layout.nb_channels)
        is_apart = joined > 0 or abs(shown.time - expected) > TIME_STAMP_JITTER
        if mixer is None or format_now != format_before or is_apart:
            yield from mix(None)
            mixer, format_before = Mixer(layout, rate), format_now
            position, expected = round((shown.time - begin) * rate), shown.time
        frame.pts = None  # positions are counted here
        expected += shown.end - shown.time
        yield from mix(frame)
    yield from mix(None)


class AudioReader:
    """The sound track of a clip, read second by second from `begin` s on; gaps are silence, overlaps are cut."""

    def __init__(self, track: Track, begin: float) -> None:
        self.track, self.begin = track, begin
        self._source = pieces(track, begin, SAMPLE_RATE, "mono")
        self._ahead: tuple[int, np.ndarray] | None = None  # a piece that reaches beyond the second before
        self._written = 0  # samples from begin, up to which sound was put out
        self.pauses: list[tuple[float, float]] = []  # s from time 0, in which the file has no sound
        self.left_out = 0.0  # s of sound that the file puts where another sound was heard already

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
                self.left_out += max(0, min(skip, len(values)) - max(0, -position)) / SAMPLE_RATE
                position, values = position + skip, values[skip:]
            if not len(values):
                continue
            if position - self._written > PAUSE_WORTH_A_WORD * SAMPLE_RATE:
                self._note_pause(position)
            if position >= last:
                self._ahead = (position, values)
                return samples, math.inf
            fits = values[: last - position]
            samples[position - first : position - first + len(fits)] = fits[:, 0]
            self._written = position + len(fits)
            if len(fits) < len(values):
                self._ahead = (last, values[len(fits) :])
                return samples, math.inf

    def _note_pause(self, position: int) -> None:
        """Nothing is heard up to a position, in samples."""
        pause = self.begin + self._written / SAMPLE_RATE, self.begin + position / SAMPLE_RATE
        if self.pauses[-1:] != [pause]:  # one that reaches over a second is met again
            self.pauses.append(pause)
