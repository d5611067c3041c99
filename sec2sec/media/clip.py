"""A clip: what a file holds, and its seconds as they are read."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np

from sec2sec.config import RESIZE, SAMPLE_RATE, MediaLimits
from sec2sec.files import file_sha256
from sec2sec.media.audio import Sound
from sec2sec.media.container import (
    GUESSERS,
    LEFT_OVER,
    STILLS,
    THREADS,
    UNINDEXED,
    Layout,
    MediaError,
    Track,
    check_file,
    measure,
    open_container,
    survey,
)
from sec2sec.media.video import Orientation, Pictures, orientation

SHORTEST = 0.5  # s; a shorter rest at the end is no second
ROUNDING = 0.005  # s; containers round time stamps to a millisecond, and a frame's length is rounded again
UNHEARD = 0.5  # s; a track that ends this much before the other is worth a word
PADDING = 0.1  # s; sound codecs fill their last block, so that decoding may end this much off what the file says
PATIENCE = 4000  # packets without a single frame, at the beginning, after which a track counts as undecodable
STILL_BRANDS = ("avif", "mif1", "heic", "heix")  # pictures kept in an MP4 container
HDR = (16, 18)  # libav's numbers of the transfer curves PQ and HLG


@dataclass(frozen=True)
class Second:
    """Picture and sound of [start + index, start + index + 1) seconds of a clip."""

    index: int
    frames: np.ndarray | None  # (M, 128, 171, 3) uint8 RGB; None without a picture
    samples: np.ndarray | None  # (16000,) float32 mono in [-1, 1]; None without sound
    still: bytes | None  # JPEG of the frame on screen in the middle of the second, as displayed, longest side ≤ 320
    partial: bool  # the last second, shorter than 1 s: padded with silence and by holding the last frame


class Clip:
    """What a file holds and the part of it that is analysed; `open_clip` makes it, `seconds` reads it."""

    def __init__(
        self,
        path: Path,
        layout: Layout,
        start: float,
        end: float | None,
        rate: int,
        size: tuple[int, int],
        limits: MediaLimits,
        threads: int = THREADS,
    ) -> None:
        self.path = path
        self.name = path.name
        self.start = start  # s from time 0 to the beginning of the part that is analysed
        self.end = end  # s from time 0 to the end of that part, if one was chosen
        self.frames_per_second = rate  # M
        self.frame_size = size  # height, width
        self.format = layout.format  # libav's name of the container
        self.sha256 = ""
        self.duration = math.nan  # s that are analysed; as the file says, and as found once it has been read
        self.has_video = self.has_audio = False
        self.width = self.height = 0  # pixels as displayed: after rotation and pixel aspect
        self.turned: Orientation = (0, False)
        self.fps: float | None = None
        self.video_codec: str | None = None
        self.audio_codec: str | None = None
        self.pixel_format: str | None = None
        self.warnings: list[str] = []  # sentences for people; reading adds to them
        self._layout, self._limits, self._threads = layout, limits, threads

    def warn(self, sentence: str) -> None:
        """Adds a sentence to the warnings, once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def check_length(self, seconds: float) -> None:
        """MediaError if so much cannot be analysed; a rest under half a second is dropped anyway."""
        if seconds >= self._limits.max_seconds + SHORTEST:
            raise MediaError(
                f"{self.name}: longer than the {self._limits.max_seconds:g} s allowed here "
                f"(at least {seconds:.1f} s); choose a start and an end"
            )

    def track(self, kind: Literal["video", "audio"]) -> Track:
        """One of its tracks, freshly opened; close it after use."""
        return Track(self.path, self._layout, kind, self._limits.max_pixels, self._threads)

    def seconds(self) -> Iterator[Second]:
        """Reads the clip second by second. MediaError if nothing decodes, or it proves too short or too long."""
        try:
            yield from self._seconds()
        except av.FFmpegError as error:
            raise MediaError(
                f"{self.name}: reading failed ({error.strerror}); convert it to MP4 (H.264 and AAC) and try again"
            ) from error

    def _seconds(self) -> Iterator[Second]:
        with ExitStack() as stack:
            pictures = sound = None
            if self.has_video:
                track = stack.enter_context(closing(self.track("video")))
                display = self.width, self.height
                pictures = Pictures(track, self.start, self.frames_per_second, display, self.turned, self.frame_size)
            if self.has_audio:
                sound = Sound(stack.enter_context(closing(self.track("audio"))), self.start)
            yield from self._paired(pictures, sound)

    def _paired(self, pictures: Pictures | None, sound: Sound | None) -> Iterator[Second]:
        """Picture and sound of each second until both have ended, or the picture is broken for good."""
        seen = heard = -math.inf  # until when there is picture and sound, s from time 0
        for index in count():
            begin = self.start + index
            if self.end is not None and self.end - begin < SHORTEST - ROUNDING:
                break
            frames = still = samples = None
            if pictures is not None:
                frames, still, seen = pictures.second(index)
                if frames is None:
                    raise MediaError(f"{self.name}: no picture decodes from {self.start:g} s on; choose another start")
            if sound is not None:
                samples, heard = sound.second(index)
            broken = pictures is not None and pictures.track.broken is not None
            until = min(seen if broken else max(seen, heard), math.inf if self.end is None else self.end)
            if until - begin < SHORTEST - ROUNDING:
                break
            self.check_length(until - self.start if math.isfinite(until) else index + 1)
            partial = until - begin < 1 - ROUNDING
            if samples is not None and partial:
                samples[max(0, round((until - begin) * SAMPLE_RATE)) :] = 0
            yield Second(index, frames, samples, still, partial)
        self._conclude(pictures, sound, seen, heard, index)

    def _conclude(
        self, pictures: Pictures | None, sound: Sound | None, seen: float, heard: float, seconds: int
    ) -> None:
        """Says what reading found: damage, tracks of different length; sets the duration. MediaError if too short."""
        said = self.duration
        broken = main.track.broken if (main := pictures or sound) is not None else None
        reached = (seen if broken is not None and pictures is not None else max(seen, heard)) - self.start
        whole = (self.end - self.start) if self.end is not None else math.inf
        reached = min(reached, whole)
        if not abs(reached - said) < PADDING:
            self.duration = max(reached, 0.0)
        if seconds == 0 or self.duration < self._limits.min_seconds - ROUNDING:
            if broken is not None:
                raise MediaError(
                    f"{self.name}: damaged: only {self.duration:.2f} s from {self.start:g} s on decode; "
                    "choose another part or copy the file again"
                )
            raise too_short(self.name, self.duration, self._limits)
        at = self.start + self.duration
        if broken is not None and broken < self.start + whole:
            what = "picture" if pictures is not None else "sound"
            self.warn(f"The {what} is damaged after {at:.1f} s: the first {seconds} s were analysed.")
        elif math.isfinite(said) and said - self.duration > SHORTEST:
            self.warn(f"The file breaks off after {at:.1f} s of {self.start + said:.1f} s: {seconds} s were analysed.")
        elif self.end is None and any(part in self.format for part in UNINDEXED):
            read = max(part.track.read for part in (pictures, sound) if part is not None)
            if read < (1 - LEFT_OVER) * self.path.stat().st_size:
                self.warn(f"The file is damaged after {at:.1f} s: the first {seconds} s were analysed.")
        for what, part in (("picture", pictures), ("sound", sound)):
            for lost, found in part.track.gaps if part is not None else ():
                if found > self.start and found - lost > 0.1:
                    held = "the last good frame was held" if what == "picture" else "silence was put there"
                    self.warn(f"The {what} is damaged from {lost:.1f} to {found:.1f} s: {held}.")
        if pictures is not None and sound is not None:
            if at - heard > UNHEARD:
                why = "is damaged" if sound.track.broken is not None else "ends"
                self.warn(f"The sound {why} after {max(heard, 0.0):.1f} s: silence was put after it.")
            if at - seen > UNHEARD:
                self.warn(f"The picture ends after {max(seen, 0.0):.1f} s: the last frame was held.")


def too_short(name: str, found: float, limits: MediaLimits) -> MediaError:
    """The error for a clip under limits.min_seconds."""
    return MediaError(
        f"{name}: {found:.2f} s long, and at least {limits.min_seconds:g} s are needed; choose a longer clip or part"
    )


def _still_image(name: str) -> MediaError:
    return MediaError(f"{name}: a still image has no seconds; give a video, an animation or a sound file")


def _check_part(name: str, start: float, end: float | None) -> None:
    if not math.isfinite(start) or start < 0:
        raise MediaError(f"{name}: start is {start}; give seconds from 0 on")
    if end is not None and (not math.isfinite(end) or end <= start):
        raise MediaError(f"{name}: end is {end} and start is {start:g}; give an end after the start, in seconds")


def _first_frame(track: Track) -> Any:
    """The first frame that decodes; None if there is none among the first packets."""
    first = next(track.frames(patience=PATIENCE), None)
    return None if first is None else first.frame


def open_clip(
    path: str | os.PathLike[str],
    *,
    start: float = 0.0,
    end: float | None = None,
    frames_per_second: int = 8,
    frame_size: tuple[int, int] = RESIZE,
    limits: MediaLimits = MediaLimits(),  # noqa: B008 (frozen)
    threads: int | None = None,
) -> Clip:
    """Opens a clip, or the part of it from `start` to `end` s, and checks that it can be used; MediaError if not.

    frame_size: height and width to which every frame is resized. threads: that decode, at most; as many as there are
    cores, up to THREADS, if None.
    """
    if frames_per_second < 1:
        raise ValueError(f"frames_per_second must be at least 1, not {frames_per_second}")
    path = check_file(path, limits.max_bytes)
    _check_part(path.name, start, end)
    try:
        return _open(path, start, end, frames_per_second, frame_size, limits, THREADS if threads is None else threads)
    except av.FFmpegError as error:
        raise MediaError(
            f"{path.name}: reading failed ({error.strerror}); convert it to MP4 (H.264 and AAC) and try again"
        ) from error
    except OSError as error:
        raise MediaError(f"{path.name}: reading failed ({error.strerror}); copy it to another disk") from error


def _open(
    path: Path, start: float, end: float | None, rate: int, size: tuple[int, int], limits: MediaLimits, threads: int
) -> Clip:
    with open_container(path) as container:
        layout = survey(container)
        brand = container.metadata.get("major_brand")
    clip = Clip(path, layout, start, end, rate, size, limits, threads)
    if any(part in layout.format for part in STILLS) or brand in STILL_BRANDS:
        raise _still_image(path.name)
    if layout.video is not None:
        with closing(clip.track("video")) as track:
            _look(clip, track)
    if layout.audio is not None:
        with closing(clip.track("audio")) as track:
            clip.audio_codec = track.stream.codec_context.codec.canonical_name
            clip.has_audio = _first_frame(track) is not None
    if not (clip.has_video or clip.has_audio):
        known = [name for name in (clip.video_codec, clip.audio_codec) if name]
        if known:
            found = f"nothing of it decodes ({', '.join(known)}): it is damaged or encrypted"
        elif layout.unreadable:
            found = f"no decoder here knows the codec of its {' and '.join(layout.unreadable)}"
        else:
            found = "it holds neither picture nor sound"
        raise MediaError(f"{path.name}: {found}; convert it to MP4 (H.264 and AAC) or choose another clip")
    if not clip.has_audio:
        lost = layout.audio is not None or "sound" in layout.unreadable
        clip.warn(
            f"The {'sound cannot be decoded' if lost else 'file has no sound track'}: only the picture was analysed."
        )
    if not clip.has_video:
        lost = layout.video is not None or "picture" in layout.unreadable
        clip.warn(f"The {'picture cannot be decoded' if lost else 'file has no picture'}: only the sound was analysed.")
    _measure(clip, layout, limits)
    clip.sha256 = file_sha256(path)
    return clip


def _look(clip: Clip, track: Track) -> None:
    """Fills in what the first picture shows."""
    stream = track.stream
    clip.video_codec = stream.codec_context.codec.canonical_name
    clip.fps = float(stream.average_rate) if stream.average_rate else None
    frame = _first_frame(track)
    clip.has_video = frame is not None
    if frame is None:
        return
    clip.pixel_format = frame.format.name
    if frame.color_trc in HDR:
        clip.warn("The picture is HDR: its colours were analysed as they are stored, paler than on an HDR screen.")
    aspect = float(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1) or 1.0
    width, height = frame.width, frame.height
    if aspect >= 1:
        width = round(width * aspect)
    else:
        height = round(height / aspect)  # widen or heighten, never shrink, as players do
    clip.turned = orientation(frame)
    clip.width, clip.height = (height, width) if clip.turned[0] % 2 else (width, height)


def _measure(clip: Clip, layout: Layout, limits: MediaLimits) -> None:
    """Finds the duration of the part that is analysed and checks it against the limits."""
    whole = layout.duration
    if whole is None or any(part in layout.format for part in GUESSERS):
        whole, pictures = measure(clip.path, layout)
        if clip.has_video and not clip.has_audio and pictures == 1:
            raise _still_image(clip.name)
    if whole is None:
        return  # found by reading
    if clip.start >= whole:
        raise MediaError(
            f"{clip.name}: start is {clip.start:g} s, but the clip ends at {whole:.2f} s; choose an earlier start"
        )
    clip.duration = (whole if clip.end is None else min(whole, clip.end)) - clip.start
    if clip.duration < limits.min_seconds - ROUNDING:
        raise too_short(clip.name, clip.duration, limits)
    clip.check_length(clip.duration)
