"""The sound of edited clips as AAC, of which only what an edit touched is encoded again.

A block of AAC is 1024 samples, and each packet holds two of them, half over half with its neighbours. A packet whose
blocks an edit left alone is taken from the clip's own sound; the others come from an encoder that starts some blocks
before the edit and stops some after it. Where the two meet both encoders have read the same for a while, so they chose
the same windows, and the halves add up.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any

import av
import numpy as np

from sec2sec.edits.plan import ROOM_TONE, Sound
from sec2sec.edits.sources import room_tone
from sec2sec.render.frames import SOUND_RATE

BLOCK = 1024  # samples
BITS = 320_000  # a second
AGREE = 4  # blocks around an edit that come from the encoder of the edit: a window is chosen by what follows it
RUN_IN = 8  # blocks that an encoder reads before the first packet that is taken from it
KEPT = 64  # encoded edits


@dataclass(frozen=True)
class Coded:
    """A piece of a track as it stands in a file. time and length: in ticks of that track."""

    data: bytes
    time: int
    length: int
    is_key: bool = True


@dataclass(frozen=True)
class _Run:
    """Seconds in a row that are replaced by one thing."""

    first: int
    end: int
    tone: bool  # by room tone; else by silence

    @property
    def blocks(self) -> tuple[int, int]:
        """The first block that it changes, and the one after the last."""
        return self.first * SOUND_RATE // BLOCK, -(-self.end * SOUND_RATE // BLOCK)


class SoundMaker:
    """Makes the sound of the edited versions of one clip."""

    def __init__(self, samples: np.ndarray) -> None:
        """samples: (n, 2) int16 at SOUND_RATE, as long as the clip."""
        self._samples = samples
        self._edited = lru_cache(maxsize=KEPT)(self._encode_runs)

    def encoded(self, sounds: Sequence[Sound | None]) -> list[Coded]:
        """All packets of the edited clip, a sound for each of its seconds."""
        packets = list(self._own)
        for runs in _together(list(_runs(sounds))):
            first, some = self._edited(runs)
            packets[first : first + len(some)] = some
        return packets

    @cached_property
    def _tone(self) -> np.ndarray:
        return room_tone(self._samples, SOUND_RATE)

    @cached_property
    def _own(self) -> list[Coded]:
        return encode_sound(self._samples)

    def _encode_runs(self, runs: tuple[_Run, ...]) -> tuple[int, list[Coded]]:
        """The packets that these neighbouring runs change, and the place of the first."""
        total = -(-len(self._samples) // BLOCK)
        begin, end = runs[0].blocks[0] - AGREE, runs[-1].blocks[1] + AGREE  # packets from `begin` up to and with `end`
        read_from, read_to = max(0, begin - RUN_IN), min(total, end + RUN_IN)
        edited = self._samples[read_from * BLOCK : read_to * BLOCK].copy()
        for run in runs:
            self._replace(edited, run, read_from * BLOCK)
        packets = encode_sound(edited, read_from)
        is_start, is_end = begin - RUN_IN <= 0, end + RUN_IN >= total
        first = read_from if is_start else begin
        last = len(packets) if is_end else end + 1 - read_from
        return first, packets[first - read_from : last]

    def _replace(self, edited: np.ndarray, run: _Run, offset: int) -> None:
        for second in range(run.first, run.end):
            begin = second * SOUND_RATE - offset
            here = edited[begin : begin + SOUND_RATE]
            here[:] = self._tone[: len(here)] if run.tone else 0


def _runs(sounds: Sequence[Sound | None]) -> Iterator[_Run]:
    """The seconds that are not as they are, in runs of one kind."""
    numbered = [(second, sound) for second, sound in enumerate(sounds)]
    for sound, some in groupby(numbered, key=lambda pair: None if _plays(*pair) else pair[1]):
        if sound is not None:
            seconds = [second for second, _ in some]
            yield _Run(seconds[0], seconds[-1] + 1, sound == ROOM_TONE)


def _plays(second: int, sound: Sound | None) -> bool:
    """Whether a second sounds as it is."""
    if sound is None or sound.kind != "play":
        return False
    assert sound == Sound("play", second), "seconds are replaced, not moved"
    return True


def _together(runs: Sequence[_Run]) -> Iterator[tuple[_Run, ...]]:
    """Runs whose packets would overlap, in groups."""
    group: list[_Run] = []
    for run in runs:
        if group and run.blocks[0] - AGREE <= group[-1].blocks[1] + AGREE:
            group.append(run)
            continue
        if group:
            yield tuple(group)
        group = [run]
    if group:
        yield tuple(group)


def encode_sound(samples: np.ndarray, first: int = 0) -> list[Coded]:
    """(n, 2) int16 at SOUND_RATE as AAC. first: number of the block that they begin with."""
    with av.open(io.BytesIO(), "w", format="mp4") as nowhere:
        stream: Any = sound_stream(nowhere)
        values = np.ascontiguousarray(samples.T / np.float32(32768), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(values, "fltp", "stereo")
        frame.sample_rate, frame.pts = SOUND_RATE, first * BLOCK
        packets = [*stream.encode(frame), *stream.encode(None)]
        return [Coded(bytes(packet), packet.pts, packet.duration or BLOCK) for packet in packets]


def sound_stream(film: Any) -> Any:
    """The track of a film that takes these packets."""
    stream = film.add_stream("aac", rate=SOUND_RATE, layout="stereo")
    stream.bit_rate = BITS
    # measured: the quicker search comes nearest to the wave, 32 dB and more, where neither bands of noise nor of one
    # direction stand in for what was there
    stream.options = {"aac_coder": "fast", "aac_pns": "0", "aac_is": "0"}
    return stream
