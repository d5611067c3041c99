"""Decoding one stream in the order of presentation, in a way that survives damage."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import av

from sec2sec.media.container import MediaError, check_size, open_container
from sec2sec.media.layout import Join, Kind, Layout, demux

MOMENT = 1e-6  # s; two instants this close are the same instant: time stamps are rationals, ours are floats
# Readers that guess positions and durations, or have none.
READERS_THAT_GUESS = ("mp3", "aac", "ac3", "amr", "gif", "apng")
FRAMES_TO_TRUST = 8  # good ones in a row after which a damaged track is trusted again, and
FRAMES_TO_TRUST_A_KEY = 2  # if the first of them is a key frame: noise passes for one lucky picture, hardly for two
SAMPLE_RATES = (100, 1_000_000)  # Hz; outside, a header is damaged, and resampling would take minutes
MAX_THREADS = 8  # each keeps a picture in memory
RUN_IN = 0.25  # s; decoders of sound need up to 0.1 to settle


@dataclass(frozen=True)
class Shown:
    """A decoded frame, of picture or sound, and when it is shown: [time, end) in seconds from time 0."""

    time: float
    end: float
    frame: Any


class _Trust:
    """Which frames of a damaged track are shown: none until enough good ones came in a row."""

    def __init__(self, shortest_gap: float, kind: Kind) -> None:
        self.reached: float | None = None  # s, end of the last frame that was shown
        self.lost_from: float | None = None  # s, since when nothing can be trusted
        self._shortest_gap, self._kind = shortest_gap, kind
        self._good = self._needed = 0  # frames in a row

    def lose(self) -> None:
        """Nothing that follows is trusted."""
        self._good = 0
        if self.lost_from is None:
            self.lost_from = 0.0 if self.reached is None else self.reached

    def takes(self, shown: Shown, gaps: list[tuple[float, float]]) -> bool:
        """Whether a good frame is shown. What was lost before the first that is shown again is added to the gaps."""
        if self.lost_from is None:
            return True
        if self._good == 0:  # every frame of sound calls itself a key frame
            key = self._kind == "video" and shown.frame.key_frame
            self._needed = FRAMES_TO_TRUST_A_KEY if key else FRAMES_TO_TRUST
        self._good += 1
        if self._good < self._needed:
            return False
        if shown.time > self.lost_from + self._shortest_gap:
            gaps.append((self.lost_from, shown.time))
        self.lost_from, self._good = None, 0
        return True


class Track:
    """The decoded frames of one stream in the order of presentation, in its own open file so that it streams.

    Damage is survived: `gaps` lists what was lost in between, `broken` says from when on nothing more decodes (s).
    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        kind: Kind,
        max_pixels: int,
        threads: int,
        max_decoded: float = math.inf,
    ) -> None:
        """max_pixels: of a picture; 0 for any. threads: that decode, at most. max_decoded: pixels of all pictures."""
        self.path, self.layout, self.kind, self.max_pixels, self.threads = path, layout, kind, max_pixels, threads
        self.max_decoded = max_decoded
        self.decoded = 0  # pixels of all pictures
        self.left_out = 0.0  # s of pictures that the file puts before what is on screen already
        self.gaps: list[tuple[float, float]] = []
        self.broken: float | None = None
        self.bytes_read = 0  # of the file up to the end of the last packet that was found
        self._open()
        self._step = 1 / float(self.stream.average_rate or 25) if kind == "video" else 0.0

    def _open(self) -> None:
        index = self.layout.video if self.kind == "video" else self.layout.audio
        assert index is not None
        self.container = open_container(self.path, self.max_pixels if self.kind == "video" else 0)
        stream: Any = self.container.streams[index]
        if self.kind == "video":
            check_size(self.path.name, stream.codec_context.width, stream.codec_context.height, self.max_pixels)
            if self.max_pixels:
                stream.codec_context.options = {"max_pixels": str(self.max_pixels)}
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = min(os.cpu_count() or 1, self.threads)
        self.stream = stream  # dangles once the container is closed

    def close(self) -> None:
        """Closes the file."""
        self.container.close()

    def frames(self, begin: float = 0.0, patience: int | None = None) -> Iterator[Shown]:
        """Frames from the last one that starts at or before `begin` s (or a little earlier) to the end.

        patience: packets without a frame after which to give up; None reads to the end.
        """
        run_in = RUN_IN if self.kind == "audio" else 0.0
        back = 2 * run_in
        while self._seek(begin - back):
            shown = self._decode(begin, patience)
            first = next(shown, None)
            if first is not None and first.time <= max(begin - run_in, 0.0) + MOMENT:
                yield first
                yield from shown
                return
            back = max(4 * back, 2.0)  # the index was coarse, or pointed into the middle of a group
            self.gaps, self.broken = [], None
            self.close()
            self._open()
        yield from self._decode(begin, patience)

    def _seek(self, time: float) -> bool:
        """Goes to the key frame at or before `time` s; False if the file is at its beginning instead."""
        # These readers guess a position from the bit rate: their time stamps are wrong afterwards.
        if time <= 0 or any(reader in self.layout.format for reader in READERS_THAT_GUESS):
            return False
        if (
            self.layout.joins or not self.layout.has_clock
        ):  # the same time stamp lies in several places: packets of earlier recordings are skipped
            return False
        try:
            offset = int((time + self.layout.origin) / self.stream.time_base)
            self.container.seek(offset, stream=self.stream, backward=True)
        except av.FFmpegError:  # no index: read from the beginning
            self.close()
            self._open()
            return False
        return True

    def _packets(self, begin: float) -> Iterator[Any]:
        """The packets of the stream; None, which drains the decoder, where no more can be read.

        Of several recordings that were joined, those that end before `begin` s are skipped.
        """
        try:
            packets = demux(self.container, [self.stream])
            for packet in self._on_one_clock(packets, begin) if self.layout.joins else packets:
                if packet.pos is not None:
                    self.bytes_read = max(self.bytes_read, packet.pos + packet.size)
                yield packet
        except av.FFmpegError:
            yield None

    def _on_one_clock(self, packets: Iterator[Any], begin: float) -> Iterator[Any]:
        """Packets of recordings that were joined, with the time stamps of one clock."""
        joins = list(self.layout.joins)
        shift = 0.0
        for number, packet in zip(count(), packets, strict=False):
            while joins and number >= (_first_packet(joins[0], self.kind) or 0):
                shift = joins.pop(0).shift
            if joins and joins[0].begin < begin - 2 * RUN_IN:
                continue
            if shift and packet.size:
                ticks = round(shift / packet.time_base)
                packet.pts = None if packet.pts is None else packet.pts + ticks
                packet.dts = None if packet.dts is None else packet.dts + ticks
            yield packet

    def _decode(self, begin: float, patience: int | None) -> Iterator[Shown]:
        context = self.stream.codec_context
        trust = _Trust(self._step / 2, self.kind)
        latest = -math.inf  # time of the last good frame
        idle = 0
        for packet in self._packets(begin):
            idle += 1
            if patience is not None and idle > patience:
                return
            try:
                decoded, damaged = context.decode(packet), packet is None
            except av.FFmpegError:
                decoded, damaged = [], True
            for frame in decoded:
                shown = self._shown(frame, trust.reached)
                if shown is None:
                    damaged = True
                elif not trust.takes(shown, self.gaps):
                    continue
                elif shown.time >= latest or self.kind == "audio":
                    trust.reached, latest, idle = shown.end, shown.time, 0
                    yield shown
                else:  # a later picture is on screen already
                    self.left_out += shown.end - shown.time
            if damaged:
                trust.lose()
        self.broken = trust.lost_from

    def _shown(self, frame: Any, reached: float | None) -> Shown | None:
        """The frame with its times; None if it cannot be trusted. MediaError if it is larger than allowed."""
        if frame.is_corrupt:
            return None
        base = frame.time_base or self.stream.time_base  # the last frames of a broken file come without
        if frame.pts is None or not self.layout.has_clock:
            time = reached if reached is not None else 0.0
        else:
            time = frame.pts * base.numerator / base.denominator - self.layout.origin
        if self.kind == "audio":
            rate = frame.sample_rate
            if not SAMPLE_RATES[0] <= rate <= SAMPLE_RATES[1]:
                return None
            return Shown(time, time + frame.samples / rate, frame)
        check_size(self.path.name, frame.width, frame.height, self.max_pixels)
        self.decoded += frame.width * frame.height
        if self.decoded > self.max_decoded:
            raise too_much_to_decode(self.path.name, self.max_decoded)
        length = float(frame.duration * base) if frame.duration else self._step
        return Shown(time, time + length, frame)


def _first_packet(join: Join, kind: Kind) -> int | None:
    return join.video_packet if kind == "video" else join.audio_packet


def too_much_to_decode(name: str, max_decoded: float) -> MediaError:
    """What is said of a clip with more pixels in all than are decoded of one."""
    return MediaError(
        f"{name}: all its frames together have more than the {max_decoded / 1e9:,.3g} billion pixels that are decoded "
        "of one clip here; choose a shorter part or save it at a smaller size"
    )
