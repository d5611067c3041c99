"""Opening a file with libav, safely: containers, streams, what time 0 is, and decoding that survives damage."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import av.container
from av.stream import Disposition

from sec2sec.errors import UserError

MOMENT = 1e-6  # s; two instants this close are the same instant: time stamps are rationals, ours are floats
READERS_OF_STILLS = ("image2", "_pipe")  # libav's readers of single pictures: image2, png_pipe, jpeg_pipe, …
BRANDS_OF_STILLS = ("avif", "mif1", "heic", "heix")  # pictures kept in an MP4 container
READERS_WITH_ZERO = ("mov", "matroska")  # what browsers play, where currentTime 0 is the container's own zero
MAX_PRIMING = 0.1  # s; encoders put at most this much run-in before zero (AAC 21–46 ms, Opus 7 ms): not in the clip
MAX_PAUSE = 10.0  # s; a first time stamp later than this is a piece of a longer recording, not a pause before the clip
# Readers that guess positions and durations, or have none.
READERS_THAT_GUESS = ("mp3", "aac", "ac3", "amr", "gif", "apng")
FRAMES_TO_TRUST = 8  # good ones in a row after which a damaged track is trusted again, and
FRAMES_TO_TRUST_A_KEY = 2  # if the first of them is a key frame: noise passes for one lucky picture, hardly for two
# Readers that step over damage without a word, of containers that have nothing but packets up to their last byte.
UNINDEXED_READERS = ("mpegts", "mpeg", "mp3", "aac", "ac3", "amr", "flac", "ogg")
SAMPLE_RATES = (100, 1_000_000)  # Hz; outside, a header is damaged, and resampling would take minutes
MAX_THREADS = 8  # each keeps a picture in memory
LEFT_OVER_SHARE = 0.05  # of a stream-like file that may stay unread at its end before it counts as damaged

# Only these readers: libav's others follow names found inside the file to other files or to the network (HLS, concat).
READERS = (
    "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,wav,mp3,aac,flac,gif,apng,ac3,eac3,amr,aiff,caf,w64,au,ivf,mxf,dv,rm,nut,"
    "yuv4mpegpipe,image2,png_pipe,jpeg_pipe,bmp_pipe,webp_pipe,tiff_pipe,jpegxl_pipe"
)


class MediaError(UserError):
    """A clip that cannot be used: names the file, what was found and what to do."""


def check_file(path: str | os.PathLike[str], max_bytes: int) -> Path:
    """The path of a readable file that is not empty and at most max_bytes long; MediaError otherwise."""
    path = Path(path)
    name = path.name or str(path)
    try:
        state = path.stat()
        kind = state.st_mode
        if stat.S_ISREG(kind):
            with path.open("rb"):
                pass
    except FileNotFoundError:
        raise MediaError(f"{name}: there is no such file; check the path ({path})") from None
    except PermissionError:
        raise MediaError(f"{name}: no permission to read it; change its permissions or copy it elsewhere") from None
    except (OSError, ValueError) as error:  # a name that is too long, or holds a zero byte
        raise MediaError(f"{name!r}: cannot be opened ({error}); check the path") from None
    if stat.S_ISDIR(kind):
        raise MediaError(f"{name}: is a folder; give the path of one video or sound file")
    if not stat.S_ISREG(kind):
        raise MediaError(f"{name}: is not a regular file; copy it to a file first")
    if state.st_size == 0:
        raise MediaError(f"{name}: the file is empty; copy or download it again")
    if state.st_size > max_bytes:
        raise MediaError(
            f"{name}: the file has {state.st_size / 1e6:,.1f} MB, more than the {max_bytes / 1e6:,.1f} MB allowed "
            "here; cut it shorter or save it at a lower quality"
        )
    return path


def open_container(path: Path) -> av.container.InputContainer:
    """The file opened for reading; MediaError if libav knows no way to read it. Close it after use."""
    # `file:` because libav would take "a:b.mp4" for a protocol named a.
    try:
        return av.open(
            f"file:{path.absolute()}",
            # without a pattern: the reader of pictures would take img%d.png for the name of other files
            container_options={"format_whitelist": READERS, "protocol_whitelist": "file", "pattern_type": "none"},
            metadata_errors="replace",
        )
    except (av.FFmpegError, UnicodeError) as error:
        if _head(path)[4:8] in (b"ftyp", b"mdat", b"wide"):
            raise MediaError(
                f"{path.name}: its index (moov) is missing, so the file was cut off while it was recorded or copied; "
                "copy it again from the original"
            ) from None
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(
            f"{path.name}: not a video or sound file that can be read here ({reason}); "
            "convert it to MP4 (H.264 and AAC) or check that it is the right file"
        ) from None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(12)
    except OSError:  # it went away in the meantime
        return b""


@dataclass(frozen=True)
class Layout:
    """Which streams of a file are used, and where its time 0 lies."""

    format: str  # libav's name of the container
    brand: str  # the major brand that an MP4 or MOV states
    video: int | None  # index of the stream
    audio: int | None
    video_codec: str | None
    audio_codec: str | None
    stated_pixels: str | None  # pixel format of the picture as the container states it
    origin: float  # s, the time stamp that is time 0
    duration: float | None  # s from time 0 to the end, as the file says
    unreadable: tuple[str, ...]  # streams that no decoder here knows, in words


def survey(container: av.container.InputContainer) -> Layout:
    """Picks the streams that libav's own players pick, cover art aside, and finds a player's time 0.

    Of several programmes, sound is of the one that the picture belongs to; of several tracks, the one marked default.
    """
    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    unreadable: list[str] = []
    streams: dict[str, Any] = {}
    for stream in container.streams:
        if stream.type not in ("video", "audio") or (stream.type == "video" and stream.disposition & covers):
            continue
        if stream.codec_context is None:
            unreadable.append("picture" if stream.type == "video" else "sound")
        else:
            streams.setdefault(stream.type, stream)
    for kind in ("video", "audio"):
        best = container.streams.best(kind, related=streams.get("video") if kind == "audio" else None)
        if best is not None and best.codec_context is not None and not best.disposition & covers:
            streams[kind] = best
    origin, duration = _times(container, list(streams.values()))
    video, audio = streams.get("video"), streams.get("audio")
    return Layout(
        format=container.format.name,
        brand=container.metadata.get("major_brand", "").strip(),
        video=None if video is None else video.index,
        audio=None if audio is None else audio.index,
        video_codec=None if video is None else video.codec_context.codec.canonical_name,
        audio_codec=None if audio is None else audio.codec_context.codec.canonical_name,
        stated_pixels=None if video is None else video.codec_context.pix_fmt,
        origin=origin,
        duration=duration,
        unreadable=tuple(unreadable),
    )


def _times(container: av.container.InputContainer, streams: list[Any]) -> tuple[float, float | None]:
    """The time stamp that is a player's time 0, and the duration from there as the file says; both in s."""
    timed = [stream for stream in streams if stream.time_base]
    starts = [float(s.start_time * s.time_base) for s in timed if s.start_time is not None]
    start = min(starts, default=0.0)
    name = container.format.name
    has_zero = any(reader in name for reader in READERS_WITH_ZERO) and -MAX_PRIMING <= start <= MAX_PAUSE
    origin = 0.0 if has_zero else start
    ends = [float((s.start_time or 0) + s.duration) * float(s.time_base) for s in timed if s.duration]
    if ends:
        return origin, max(ends) - origin
    if container.duration and container.duration > 0:
        return origin, container.duration / av.time_base + (max(start, 0.0) if has_zero and "mov" in name else 0.0)
    return origin, None


def demux(container: av.container.InputContainer, streams: list[Any]) -> Iterator[Any]:
    """The packets of some streams, and at the end one empty packet for each."""
    packets = container.demux(streams)
    while True:
        try:
            packet = next(packets, None)
        except IndexError:  # PyAV knows no stream that shows up late, as in FLV: it is none of ours, go on
            packets = container.demux(streams)
            continue
        if packet is None:
            return
        yield packet


def measure(path: Path, layout: Layout) -> tuple[float | None, int]:
    """Seconds from time 0 to the end of the last packet, and how many pictures, by reading the file undecoded."""
    end, pictures = None, 0
    with open_container(path) as container:
        streams = [container.streams[i] for i in (layout.video, layout.audio) if i is not None]
        try:
            for packet in demux(container, streams):
                time = packet.pts if packet.pts is not None else packet.dts
                if time is not None and packet.time_base:
                    last = float((time + (packet.duration or 0)) * packet.time_base) - layout.origin
                    end = last if end is None else max(end, last)
                    pictures += packet.stream_index == layout.video
        except av.FFmpegError:
            pass  # what follows is damaged; the end of what can be read is the answer
    return end, pictures


@dataclass(frozen=True)
class Shown:
    """A decoded frame, of picture or sound, and when it is shown: [time, end) in seconds from time 0."""

    time: float
    end: float
    frame: Any


class _Trust:
    """Which frames of a damaged track are shown: none until enough good ones came in a row."""

    def __init__(self, shortest_gap: float, kind: Literal["video", "audio"]) -> None:
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
        kind: Literal["video", "audio"],
        max_pixels: int,
        threads: int,
    ) -> None:
        """max_pixels: of a picture; 0 for any. threads: that decode, at most."""
        self.path, self.layout, self.kind, self.max_pixels, self.threads = path, layout, kind, max_pixels, threads
        self.gaps: list[tuple[float, float]] = []
        self.broken: float | None = None
        self.bytes_read = 0  # of the file up to the end of the last packet that was found
        self._open()
        self._step = 1 / float(self.stream.average_rate or 25) if kind == "video" else 0.0

    def _open(self) -> None:
        index = self.layout.video if self.kind == "video" else self.layout.audio
        assert index is not None
        self.container = open_container(self.path)
        stream: Any = self.container.streams[index]
        if self.kind == "video":
            self._check_size(stream.codec_context)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = min(os.cpu_count() or 1, self.threads)
        self.stream = stream  # dangles once the container is closed

    def _check_size(self, picture: Any) -> None:
        """MediaError if a picture is larger than allowed."""
        if self.max_pixels and picture.width * picture.height > self.max_pixels:
            raise MediaError(
                f"{self.path.name}: its pictures have {picture.width}×{picture.height} pixels, more than the "
                f"{self.max_pixels / 1e6:.1f} million allowed here; save it at a smaller size"
            )

    def close(self) -> None:
        """Closes the file."""
        self.container.close()

    def frames(self, begin: float = 0.0, patience: int | None = None) -> Iterator[Shown]:
        """Frames from the last one that starts at or before `begin` s (or a little earlier) to the end.

        patience: packets without a frame after which to give up; None reads to the end.
        """
        run_in = 0.25 if self.kind == "audio" else 0.0  # s; decoders of sound need up to 0.1 to settle
        back = 2 * run_in
        while self._seek(begin - back):
            shown = self._decode(patience)
            first = next(shown, None)
            if first is not None and first.time <= max(begin - run_in, 0.0) + MOMENT:
                yield first
                yield from shown
                return
            back = max(4 * back, 2.0)  # the index was coarse, or pointed into the middle of a group
            self.gaps, self.broken = [], None
            self.close()
            self._open()
        yield from self._decode(patience)

    def _seek(self, time: float) -> bool:
        """Goes to the key frame at or before `time` s; False if the file is at its beginning instead."""
        # These readers guess a position from the bit rate: their time stamps are wrong afterwards.
        if time <= 0 or any(reader in self.layout.format for reader in READERS_THAT_GUESS):
            return False
        try:
            offset = int((time + self.layout.origin) / self.stream.time_base)
            self.container.seek(offset, stream=self.stream, backward=True)
        except av.FFmpegError:  # no index: read from the beginning
            self.close()
            self._open()
            return False
        return True

    def _packets(self) -> Iterator[Any]:
        """The packets of the stream; None, which drains the decoder, where no more can be read."""
        try:
            for packet in demux(self.container, [self.stream]):
                if packet.pos is not None:
                    self.bytes_read = max(self.bytes_read, packet.pos + packet.size)
                yield packet
        except av.FFmpegError:
            yield None

    def _decode(self, patience: int | None) -> Iterator[Shown]:
        context = self.stream.codec_context
        trust = _Trust(self._step / 2, self.kind)
        latest = -math.inf  # time of the last good frame
        idle = 0
        for packet in self._packets():
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
                elif trust.takes(shown, self.gaps) and (shown.time >= latest or self.kind == "audio"):
                    trust.reached, latest, idle = shown.end, shown.time, 0  # else a later picture is on screen already
                    yield shown
            if damaged:
                trust.lose()
        self.broken = trust.lost_from

    def _shown(self, frame: Any, reached: float | None) -> Shown | None:
        """The frame with its times; None if it cannot be trusted. MediaError if it is larger than allowed."""
        if frame.is_corrupt:
            return None
        base = frame.time_base or self.stream.time_base  # the last frames of a broken file come without
        if frame.pts is None:
            time = reached if reached is not None else 0.0
        else:
            time = frame.pts * base.numerator / base.denominator - self.layout.origin
        if self.kind == "audio":
            rate = frame.sample_rate
            if not SAMPLE_RATES[0] <= rate <= SAMPLE_RATES[1]:
                return None
            return Shown(time, time + frame.samples / rate, frame)
        self._check_size(frame)
        length = float(frame.duration * base) if frame.duration else self._step
        return Shown(time, time + length, frame)
