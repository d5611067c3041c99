"""A clip: the part of a file that is analysed, and its seconds as they are read."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import av
import numpy as np

from sec2sec.config import DEFAULT_TRACKS, RESIZE, SAMPLE_RATE, MediaLimits, TrackChoice
from sec2sec.files import file_sha256
from sec2sec.media.audio import AudioReader
from sec2sec.media.container import MediaError, check_file
from sec2sec.media.layout import Kind
from sec2sec.media.probe import Probe, probe
from sec2sec.media.track import MAX_THREADS, Track, too_much_to_decode
from sec2sec.media.video import VideoReader

SHORTEST_SECOND = 0.5  # s; a shorter rest at the end is no second
ROUNDING = 0.005  # s; containers round time stamps to a millisecond, and a frame's length is rounded again
TRACKS_APART = 0.5  # s; a track that ends this much before the other is worth a word
GAP_WORTH_A_WORD = 0.1  # s
LEFT_OUT_WORTH_A_WORD = 0.5  # s
MAX_PAUSES_NAMED = 3  # of one track; the others are counted
LEFT_OVER_SHARE = 0.05  # of a stream-like file that may stay unread at its end before it counts as damaged
# Readers that step over damage without a word, of containers that have nothing but packets up to their last byte.
UNINDEXED_READERS = ("mpegts", "mpeg", "mp3", "aac", "ac3", "amr", "flac", "ogg")
CODEC_PADDING = 0.1  # s; sound codecs fill their last block, so that decoding may end this much off what the file says


@dataclass(frozen=True)
class Second:
    """Picture and sound of [start + index, start + index + 1) seconds of a clip."""

    index: int
    frames: np.ndarray | None  # (M, 128, 171, 3) uint8 RGB; None without a picture
    samples: np.ndarray | None  # (16000,) float32 mono in [-1, 1]; None without sound
    still: bytes | None  # JPEG of the frame on screen in the middle of the second, as displayed, longest side ≤ 320
    partial: bool  # the last second, shorter than 1 s: padded with silence and by holding the last frame


@dataclass
class Reading:
    """How far the tracks of a clip were read; times are in s from time 0."""

    video: VideoReader | None
    audio: AudioReader | None
    video_end: float = -math.inf  # inf: further than it was read
    audio_end: float = -math.inf
    seconds: int = 0

    @property
    def damaged_from(self) -> float | None:
        """From when on nothing more decodes of the picture, or of the sound where there is no picture."""
        main = self.video or self.audio
        return None if main is None else main.track.broken

    @property
    def end(self) -> float:
        """Until both tracks end, or the picture is damaged for good."""
        if self.video is not None and self.damaged_from is not None:
            return self.video_end
        return max(self.video_end, self.audio_end)


class Clip:
    """What a file holds and the part of it that is analysed; `open_clip` makes it, `seconds` reads it."""

    def __init__(
        self,
        path: Path,
        probed: Probe,
        tracks: TrackChoice,
        start: float,
        end: float | None,
        frames_per_second: int,
        frame_size: tuple[int, int],
        limits: MediaLimits,
        threads: int,
        stills: bool,
    ) -> None:
        self.path = path
        self.name = path.name
        self.start = start  # s from time 0 to the beginning of the part that is analysed
        self.end = end  # s from time 0 to the end of that part, if one was chosen
        self.frames_per_second = frames_per_second  # M
        self.frame_size = frame_size  # height, width
        self.tracks = tracks  # that were asked for
        self.layout = layout = probed.layout
        self.format = layout.format  # libav's name of the container
        self.has_video, self.has_audio = probed.has_video, probed.has_audio
        self.width, self.height = probed.width, probed.height  # pixels as displayed: after rotation and pixel aspect
        self.turned = probed.turned
        self.fps = probed.fps
        self.video_codec, self.audio_codec = layout.video_codec, layout.audio_codec
        self.pixel_format = probed.pixel_format
        self.warnings = list(probed.warnings)  # sentences for people; reading adds to them
        self._limits, self._threads, self._stills = limits, threads, stills
        self._is_followed = probed.is_followed
        self.duration = self._stated_duration(probed.duration)  # s that are analysed; corrected once it has been read
        self._check_pixels()
        self.sha256 = file_sha256(path)

    def _stated_duration(self, whole: float | None) -> float:
        """Length of the part, of a file so many s long, checked; NaN where only reading tells. Raises MediaError."""
        if whole is None:
            return math.nan
        if self.start >= whole:
            raise MediaError(
                f"{self.name}: start is {self.start:g} s, but the clip ends at {whole:.2f} s; choose an earlier start"
            )
        duration = (whole if self.end is None else min(whole, self.end)) - self.start
        if duration < self._limits.min_seconds - ROUNDING:
            raise self._too_short(duration)
        self.check_length(duration)
        return duration

    def warn(self, sentence: str) -> None:
        """Adds a sentence to the warnings, once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def check_length(self, seconds: float) -> None:
        """MediaError if so much cannot be analysed; a rest under half a second is dropped anyway."""
        if seconds >= self._limits.max_seconds + SHORTEST_SECOND:
            raise MediaError(
                f"{self.name}: longer than the {self._limits.max_seconds:g} s allowed here "
                f"(at least {seconds:.1f} s); choose a start and an end"
            )

    def _check_pixels(self) -> None:
        """MediaError if the part has more pixels than may be decoded, as far as the file says how many frames."""
        expected = self.width * self.height * (self.fps or 0.0) * self.duration
        if self.has_video and expected > self._limits.max_decoded:  # not where the length is not known: NaN
            raise too_much_to_decode(self.name, self._limits.max_decoded)

    def _too_short(self, seconds: float) -> MediaError:
        return MediaError(
            f"{self.name}: {seconds:.2f} s long, and at least {self._limits.min_seconds:g} s are needed; "
            "choose a longer clip or part"
        )

    def track(self, kind: Kind) -> Track:
        """One of its tracks, freshly opened; close it after use."""
        limits = self._limits
        return Track(self.path, self.layout, kind, limits.max_pixels, self._threads, limits.max_decoded)

    def seconds(self) -> Iterator[Second]:
        """Reads the clip second by second. MediaError if nothing decodes, or it proves too short or too long."""
        try:
            yield from self._seconds()
        except av.FFmpegError as error:
            raise _reading_failed(self.name, error) from error

    def _seconds(self) -> Iterator[Second]:
        with ExitStack() as stack:
            video = audio = None
            if self.has_video:
                track = stack.enter_context(closing(self.track("video")))
                display = self.width, self.height
                rate, size = self.frames_per_second, self.frame_size
                video = VideoReader(track, self.start, rate, display, self.turned, size, self._stills)
            if self.has_audio:
                audio = AudioReader(stack.enter_context(closing(self.track("audio"))), self.start)
            reading = Reading(video, audio)
            yield from self._paired(reading)
            self._conclude(reading)

    def _paired(self, reading: Reading) -> Iterator[Second]:
        """Picture and sound of each second until both have ended, or the picture is damaged for good."""
        for index in count():
            begin = self.start + index
            reading.seconds = index
            if self.end is not None and self.end - begin < SHORTEST_SECOND - ROUNDING:
                return
            frames = still = samples = None
            if reading.video is not None:
                frames, still, reading.video_end = reading.video.second(index)
                if frames is None:
                    raise MediaError(f"{self.name}: no picture decodes from {self.start:g} s on; choose another start")
            if reading.audio is not None:
                samples, reading.audio_end = reading.audio.second(index)
            until = min(reading.end, math.inf if self.end is None else self.end)
            if until - begin < SHORTEST_SECOND - ROUNDING:
                return
            self.check_length(until - self.start if math.isfinite(until) else index + 1)
            partial = until - begin < 1 - ROUNDING
            if samples is not None and partial:
                samples[max(0, round((until - begin) * SAMPLE_RATE)) :] = 0
            yield Second(index, frames, samples, still, partial)

    def _conclude(self, reading: Reading) -> None:
        """Sets the duration that was read, and warns of damage and uneven tracks. MediaError if it is too short."""
        stated = self.duration
        part = math.inf if self.end is None else self.end - self.start
        read = min(reading.end - self.start, part)
        if not abs(read - stated) < CODEC_PADDING:
            self.duration = max(read, 0.0)
        if reading.seconds == 0 or self.duration < self._limits.min_seconds - ROUNDING:
            if reading.damaged_from is None:
                raise self._too_short(self.duration)
            raise MediaError(
                f"{self.name}: damaged: only {self.duration:.2f} s from {self.start:g} s on decode; "
                "choose another part or copy the file again"
            )
        for sentence in (
            *self.layout.used_of_several(),
            self._early_end(reading, stated),
            *self._gaps(reading),
            *self._pauses(reading),
            *self._left_out(reading),
            *self._uneven_tracks(reading),
        ):
            if sentence:
                self.warn(sentence)

    def _early_end(self, reading: Reading, stated: float) -> str | None:
        """What to say if the part goes on where reading ended. stated: its length as the file says, s."""
        if self._is_followed:  # what reading ended at is said already
            return None
        end = self.start + self.duration
        analysed = f"{reading.seconds} s were analysed."
        damaged_from = reading.damaged_from
        if damaged_from is not None and (self.end is None or damaged_from < self.end):
            track = "sound" if reading.video is None else "picture"
            return f"The {track} is damaged after {end:.1f} s: the first {analysed}"
        if math.isfinite(stated) and stated - self.duration > SHORTEST_SECOND:
            return f"The file breaks off after {end:.1f} s of {self.start + stated:.1f} s: {analysed}"
        if self.end is None and any(reader in self.format for reader in UNINDEXED_READERS):
            bytes_read = max(track.track.bytes_read for track in (reading.video, reading.audio) if track is not None)
            if bytes_read < (1 - LEFT_OVER_SHARE) * self.path.stat().st_size:
                return f"The file is damaged after {end:.1f} s: the first {analysed}"
        return None

    def _gaps(self, reading: Reading) -> Iterator[str]:
        """What to say of damage that was survived."""
        for kind, reader, remedy in (
            ("picture", reading.video, "the last good frame was held"),
            ("sound", reading.audio, "silence was put there"),
        ):
            for begin, end in reader.track.gaps if reader is not None else ():
                if end > self.start and end - begin > GAP_WORTH_A_WORD:
                    yield f"The {kind} is damaged from {begin:.1f} to {end:.1f} s: {remedy}."

    def _pauses(self, reading: Reading) -> Iterator[str]:
        """What to say where the file itself has no picture or no sound, at the beginning or in between."""
        for kind, reader, before, between in (
            ("picture", reading.video, "its first frame was shown before that", "the frame before was held"),
            ("sound", reading.audio, "silence was put before it", "silence was put there"),
        ):
            if reader is None:
                continue
            damage = reader.track.gaps
            pauses = [
                (begin, end)
                for begin, end in reader.pauses
                if not any(begin < lost_until and end > lost_from for lost_from, lost_until in damage)
            ]
            if pauses and pauses[0][0] <= self.start:
                yield f"The {kind} begins only at {pauses.pop(0)[1]:.1f} s: {before}."
            for begin, end in pauses[:MAX_PAUSES_NAMED]:
                yield f"The file has no {kind} from {begin:.1f} to {end:.1f} s: {between}."
            more = pauses[MAX_PAUSES_NAMED:]
            if more:
                total = sum(end - begin for begin, end in more)
                yield f"The file has no {kind} at {len(more)} further places either, {total:.1f} s in all: {between}."

    def _left_out(self, reading: Reading) -> Iterator[str]:
        """What to say of what a file puts where something else was shown or heard already."""
        for kind, lost in (
            ("picture", 0.0 if reading.video is None else reading.video.track.left_out),
            ("sound", 0.0 if reading.audio is None else reading.audio.left_out),
        ):
            if lost > LEFT_OUT_WORTH_A_WORD:
                yield f"The clock of the {kind} goes back: {lost:.1f} s of {kind} lie in the past and were left out."

    def _uneven_tracks(self, reading: Reading) -> Iterator[str]:
        """What to say if one of picture and sound ends before the other."""
        if reading.video is None or reading.audio is None:
            return
        end = self.start + self.duration
        if end - reading.audio_end > TRACKS_APART:
            why = "ends" if reading.audio.track.broken is None else "is damaged"
            yield f"The sound {why} after {max(reading.audio_end, 0.0):.1f} s: silence was put after it."
        if end - reading.video_end > TRACKS_APART:
            yield f"The picture ends after {max(reading.video_end, 0.0):.1f} s: the last frame was held."


def open_clip(
    path: str | os.PathLike[str],
    *,
    start: float = 0.0,
    end: float | None = None,
    frames_per_second: int = 8,
    frame_size: tuple[int, int] = RESIZE,
    limits: MediaLimits = MediaLimits(),  # noqa: B008 (frozen)
    threads: int | None = None,
    tracks: TrackChoice = DEFAULT_TRACKS,
    stills: bool = True,
) -> Clip:
    """Opens a clip, or the part of it from `start` to `end` s, and checks that it can be used; MediaError if not.

    tracks: which of several; the file's own choice where they do not say. frame_size: height and width to which every
    frame is resized. threads: that decode, at most; as many as there are cores, up to MAX_THREADS, if None. stills:
    whether each second brings one, for a screen; a tenth of the work.
    """
    if frames_per_second < 1:
        raise ValueError(f"frames_per_second must be at least 1, not {frames_per_second}")
    path = check_file(path, limits.max_bytes)
    _check_part(path.name, start, end)
    threads = MAX_THREADS if threads is None else threads
    try:
        probed = probe(path, tracks, limits.max_pixels, threads)
        return Clip(path, probed, tracks, start, end, frames_per_second, frame_size, limits, threads, stills)
    except av.FFmpegError as error:
        raise _reading_failed(path.name, error) from error
    except OSError as error:
        raise MediaError(f"{path.name}: reading failed ({error.strerror}); copy it to another disk") from error


def _check_part(name: str, start: float, end: float | None) -> None:
    if not math.isfinite(start) or start < 0:
        raise MediaError(f"{name}: start is {start}; give seconds from 0 on")
    if end is not None and (not math.isfinite(end) or end <= start):
        raise MediaError(f"{name}: end is {end} and start is {start:g}; give an end after the start, in seconds")


def _reading_failed(name: str, error: av.FFmpegError) -> MediaError:
    return MediaError(f"{name}: reading failed ({error.strerror}); convert it to MP4 (H.264 and AAC) and try again")
