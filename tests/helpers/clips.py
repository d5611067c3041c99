"""Small clips for tests, made with PyAV in milliseconds. Nothing here is random: the same call writes the same clip."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

BITS = 10  # bars of a numbered picture
SOUND_RATE = 48_000
QUIET = {"libx265": {"x265-params": "log-level=none"}, "libsvtav1": {"svtav1-params": "lp=1"}}
FAST = {"libx264": {"preset": "ultrafast"}, "libx265": {"preset": "ultrafast"}, "libsvtav1": {"preset": "12"}}
FAST |= {"libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"}, "libvpx": {"deadline": "realtime", "cpu-used": "8"}}


def numbered(index: int, time: float, width: int, height: int) -> np.ndarray:
    """A picture (height, width, 3) that carries its index: BITS upright bars, white is 1, the lowest bit left."""
    del time
    bars = np.array([(index >> bit) & 1 for bit in range(BITS)], np.uint8) * 255
    row = bars[np.arange(width) * BITS // width]
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def number(picture: np.ndarray) -> int:
    """The index that a (scaled) numbered picture carries."""
    width = picture.shape[1]
    centres = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    band = picture[picture.shape[0] // 4 : -(picture.shape[0] // 4) or None].astype(float).mean(axis=(0, 2))
    return sum(int(band[centre] > 127) << bit for bit, centre in enumerate(centres))


def grey(level: int) -> Callable[[int, float, int, int], np.ndarray]:
    """A drawing of one grey level (0–255) for `make_clip(picture=…)`."""
    return lambda index, time, width, height: np.full((height, width, 3), level, np.uint8)


def flash(instants: Sequence[float], length: float = 0.1) -> Callable[[int, float, int, int], np.ndarray]:
    """A drawing that is black, and white for `length` s from each instant on."""

    def draw(index: int, time: float, width: int, height: int) -> np.ndarray:
        lit = any(at - 1e-6 <= time < at + length - 1e-6 for at in instants)
        return np.full((height, width, 3), 255 if lit else 0, np.uint8)

    return draw


def tone(seconds: float, frequency: float = 440.0, level: float = 0.5, rate: int = SOUND_RATE) -> np.ndarray:
    """A sine (samples,) float32 of amplitude `level`."""
    return (level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def clicks(
    seconds: float, instants: Sequence[float], length: float = 0.01, level: float = 0.8, rate: int = SOUND_RATE
) -> np.ndarray:
    """Silence (samples,) float32 with a 1 kHz burst of `length` s from each instant on."""
    sound = np.zeros(round(seconds * rate), np.float32)
    for at in instants:
        first = round(at * rate)
        burst = tone(length, 1000.0, level, rate)[: max(0, len(sound) - first)]
        sound[first : first + len(burst)] = burst
    return sound


@contextmanager
def _own_scheduling() -> Iterator[None]:
    """SVT-AV1, run by root, makes the thread that calls it a real-time one for good: two such test processes whose
    threads wait for each other by spinning leave nothing of two cores to anyone, and never end."""
    if not hasattr(os, "sched_getscheduler"):  # no such thing off Linux
        yield
        return
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameter)


def make_clip(
    path: Path,
    seconds: float = 2.0,
    *,
    fps: float | Fraction = 24,
    size: tuple[int, int] = (96, 64),
    picture: Callable[[int, float, int, int], np.ndarray] | None = numbered,
    times: Sequence[float] | None = None,
    sound: np.ndarray | str | None = "tone",
    rate: int = SOUND_RATE,
    layout: str = "stereo",
    video_codec: str = "libx264",
    audio_codec: str = "aac",
    pix_fmt: str = "yuv420p",
    gop: int | None = None,
    b_frames: int = 0,
    options: dict[str, str] | None = None,
    sound_options: dict[str, str] | None = None,
    picture_delay: float = 0.0,
    sound_delay: float = 0.0,
    pixel_aspect: Fraction | None = None,
    rotation: int = 0,
    interlaced: bool = False,
    format: str | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Writes a clip and returns its path; the container follows the suffix unless `format` names libav's.

    size: (width, height) in pixels. picture: draws frame `index` at `time`; None leaves the picture out. times: when
    each frame starts (s), for a variable frame rate; the last one is held until `seconds`. sound: (samples,) or
    (samples, channels) float32 at `rate` Hz, "tone", or None for none. *_delay: shift a track by s. rotation: degrees
    that a player turns the picture anticlockwise. Further arguments are libav's.
    """
    if isinstance(sound, str):
        sound = tone(seconds, rate=rate)
    with _own_scheduling(), av.open(str(path), "w", format=format, options=container_options or {}) as out:
        packets: list[Any] = []
        streams = []
        if picture is not None:
            video = out.add_stream(video_codec, rate=Fraction(fps).limit_denominator(1001))
            video.width, video.height, video.pix_fmt = *size, pix_fmt
            if gop is not None:
                video.codec_context.gop_size = gop
            if video_codec in ("libx264", "libx265", "mpeg4"):
                video.codec_context.max_b_frames = b_frames
            if pixel_aspect is not None:
                video.codec_context.sample_aspect_ratio = pixel_aspect
            base = Fraction(1, 90_000) if times is not None else 1 / Fraction(fps).limit_denominator(1001)
            video.codec_context.time_base = base
            video.options = {**FAST.get(video_codec, {}), **QUIET.get(video_codec, {}), **(options or {})}
            if interlaced:
                video.options = {**video.options, "flags": "+ildct+ilme", "x264-params": "tff=1"}
            if rotation:
                video.set_display_rotation(rotation)
            streams.append(video)
        if sound is not None:
            audio = out.add_stream(audio_codec, rate=rate, layout=layout)
            audio.options = sound_options or {}
            streams.append(audio)
        if picture is not None:
            shown = times if times is not None else [i / float(fps) for i in range(round(seconds * float(fps)))]
            for index, time in enumerate(shown):
                frame = av.VideoFrame.from_ndarray(picture(index, time, *size), "rgb24").reformat(format=pix_fmt)
                frame.pts = (
                    round((time + picture_delay) / base) if times is not None else index + round(picture_delay / base)
                )
                frame.time_base = base
                until = seconds if index + 1 == len(shown) else shown[index + 1]
                frame.duration = max(1, round((until - time) / base)) if times is not None else 1
                packets += video.encode(frame)
            packets += video.encode(None)
        if sound is not None:
            channels = audio.codec_context.layout.nb_channels
            values = np.asarray(sound, np.float32)
            values = np.repeat(values[:, None], channels, 1) if values.ndim == 1 else values
            for first in range(0, len(values), 1024):
                block = values[first : first + 1024]
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T), "fltp", layout)
                frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                frame.pts = first + round(sound_delay * rate)
                packets += audio.encode(frame)
            packets += audio.encode(None)
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            out.mux(packet)
    return path


def join(path: Path, *recordings: Path) -> Path:
    """Writes recordings one behind the other, as a file manager or `cat` does, and returns the path."""
    path.write_bytes(b"".join(recording.read_bytes() for recording in recordings))
    return path


def make_tracks(
    path: Path,
    levels: Sequence[int],
    sounds: Sequence[tuple[float, dict[str, str], Disposition]],
    *,
    seconds: int = 3,
    sound_seconds: Sequence[int] | None = None,
    rate: int = 16_000,
    video_codec: str = "libx264",
    audio_codec: str = "flac",
) -> Path:
    """A clip with several tracks: grey pictures of these levels, and tones by frequency, metadata and use.

    sound_seconds: of each tone; as long as the picture if None.
    """
    with av.open(str(path), "w") as out:
        videos, audios = [], []
        for _ in levels:
            video = out.add_stream(video_codec, rate=8)
            video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
            videos.append(video)
        for _, metadata, use in sounds:
            audio = out.add_stream(audio_codec, rate=rate, layout="mono")
            audio.metadata.update(metadata)
            audio.disposition = use
            audios.append(audio)
        packets: list[Any] = []
        for video, level in zip(videos, levels, strict=True):
            for index in range(8 * seconds):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level, np.uint8), "rgb24")
                frame.pts = index
                packets += video.encode(frame)
            packets += video.encode()
        lengths = sound_seconds or [seconds] * len(sounds)
        for audio, (frequency, *_), length in zip(audios, sounds, lengths, strict=True):
            samples = (tone(length, frequency, rate=rate) * 32767).astype(np.int16)
            for first in range(0, len(samples), 960):
                frame = av.AudioFrame.from_ndarray(samples[None, first : first + 960], "s16", "mono")
                frame.sample_rate, frame.pts = rate, first
                packets += audio.encode(frame)
            packets += audio.encode()
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            out.mux(packet)
    return path


def make_huge(path: Path, side: int, stated: int | None = None) -> Path:
    """Three black 16-bit pictures of side × side pixels as PNG, in a few MB; what the suffix names holds them.

    stated: the side that the container states, where it lies.
    """
    rows = side // 100
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    block = bytes(rows * (1 + 6 * side))
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)  # a block that can be repeated
    check = 1
    for _ in range(100):
        check = zlib.adler32(block, check)
    end = zlib.compressobj(1, zlib.DEFLATED, -15).flush()
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 2, 0, 0, 0)),
        (b"IDAT", b"\x78\x01" + packed * 100 + end + struct.pack(">I", check)),
        (b"IEND", b""),
    ]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    if path.suffix == ".png":
        path.write_bytes(png)
        return path
    with av.open(str(path), "w") as out:
        stream = out.add_stream("png", rate=1)
        stream.width = stream.height = stated or side
        stream.pix_fmt = "rgb48be"
        for index in range(3):
            packet = av.Packet(png)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 1), True
            packet.pts = packet.dts = index
            out.mux(packet)
    return path


def damage(path: Path, first: float, last: float = 1.0, seed: int = 0) -> Path:
    """Overwrites the bytes between two fractions of a file with noise."""
    data = bytearray(path.read_bytes())
    begin, end = int(len(data) * first), int(len(data) * last)
    data[begin:end] = np.random.default_rng(seed).integers(0, 256, end - begin, np.uint8).tobytes()
    path.write_bytes(data)
    return path


def truncate(path: Path, share: float) -> Path:
    """Keeps the first `share` (0–1) of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
