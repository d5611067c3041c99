"""Clips for the browser: can it play a file as it is, and if not, an MP4 that it can.

media is the only place that decodes for analysis; here the same tracks are decoded once more for the eye and the ear,
so that what is played and what was analysed share one time 0.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from sec2sec.config import DEFAULT_TRACKS, MediaLimits, TrackChoice
from sec2sec.media import Clip, MediaError, open_clip
from sec2sec.media.audio import pieces
from sec2sec.media.container import check_file, open_container
from sec2sec.media.layout import survey
from sec2sec.media.track import Track
from sec2sec.media.video import Scaler

TICKS = 90_000  # per second; divides by 24, 25, 30, 50, 60 and 120 frames, and 29.97 to a hundredth of a millisecond
SOUND_RATE = 48_000  # Hz

VIDEO_IN = {"mov": {"h264", "vp9", "av1"}, "matroska": {"vp8", "vp9", "av1"}}
PIXELS_IN_BROWSERS = ("yuv420p", "yuvj420p")
AUDIO_IN = {
    "mov": {"aac", "mp3", "opus", "flac"},
    "matroska": {"opus", "vorbis"},
    "mp3": {"mp3"},
    "ogg": {"opus", "vorbis", "flac"},
    "flac": {"flac"},
    "wav": {"pcm_s16le", "pcm_u8"},
}


def browser_can_play(clip: Clip | str | os.PathLike[str]) -> bool:
    """Whether today's browsers all play the file as it is, in step with the analysis; False when in doubt."""
    if isinstance(clip, Clip):
        path, layout = clip.path, clip.layout
    else:
        path = check_file(clip, MediaLimits().max_bytes)
        with open_container(path, MediaLimits().max_pixels) as container:
            layout = survey(container)
    name = next((name for name in AUDIO_IN if name in layout.format.split(",")), None)
    if name is None or layout.unreadable or layout.joins or not layout.starts_as_browsers_do:
        return False
    if name in VIDEO_IN and layout.origin != 0:
        return False  # the player's clock would not be ours
    if name == "mov" and layout.brand == "qt":
        return False  # QuickTime: some browsers do, some do not
    if name == "matroska" and not _is_webm(path):
        return False
    if layout.video is not None and layout.stated_pixels not in PIXELS_IN_BROWSERS:
        return False
    codecs = [(layout.video_codec, VIDEO_IN.get(name, set())), (layout.audio_codec, AUDIO_IN[name])]
    used = [(codec, playable) for codec, playable in codecs if codec is not None]
    return bool(used) and all(codec in playable for codec, playable in used)


def _is_webm(path: Path) -> bool:
    with path.open("rb") as file:
        return b"webm" in file.read(4096)


def convert_for_browser(
    path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    *,
    start: float = 0.0,
    end: float | None = None,
    max_side: int = 1280,
    limits: MediaLimits = MediaLimits(),  # noqa: B008 (frozen)
    tracks: TrackChoice = DEFAULT_TRACKS,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Writes [start, end) s as H.264 and AAC in MP4: upright, square pixels, time 0 at `start`; or MediaError.

    max_side: the longest side, in pixels. progress gets the second that was reached, about once per second; what it
    raises stops the conversion. Nothing half-written stays behind.
    """
    clip = open_clip(path, start=start, end=end, limits=limits, tracks=tracks)
    out_path = Path(out_path)
    part = out_path.with_name(f".{out_path.name}.{os.getpid()}.part")
    try:
        with ExitStack() as stack:
            out = stack.enter_context(av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}))
            _write(clip, out, stack, max_side, progress)
        part.replace(out_path)
    except OSError as error:  # libav's errors of files are both; this is the writing, for the reading was tried above
        raise MediaError(
            f"{clip.name}: the converted clip cannot be written ({error.strerror}); check the folder and its free space"
        ) from error
    except av.FFmpegError as error:
        raise MediaError(
            f"{clip.name}: it cannot be converted for playback ({error.strerror}); convert it to MP4 yourself"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _write(clip: Clip, out: Any, stack: ExitStack, max_side: int, progress: Callable[[float], None] | None) -> None:
    """Feeds both encoders in order of time, so that the muxer never has to keep one of them in memory."""
    feeds: list[tuple[Any, Iterator[tuple[float, Any]]]] = []
    if clip.has_video:
        shrink = min(1.0, max_side / max(clip.width, clip.height))
        width, height = (max(2, round(side * shrink / 2) * 2) for side in (clip.width, clip.height))
        track = stack.enter_context(closing(clip.track("video")))
        feeds.append(
            (_video_stream(out, clip, width, height), _pictures(clip, track, Scaler(width, height, clip.turned)))
        )
    if clip.has_audio:
        sound = out.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        sound.bit_rate = 160_000
        feeds.append((sound, _sound(clip, stack.enter_context(closing(clip.track("audio"))))))
    reported = 0.0  # s
    lengths: dict[int, int] = {}  # of pictures on their way through the encoder, in ticks
    waiting = {index: first for index, (_, feed) in enumerate(feeds) if (first := next(feed, None)) is not None}
    while waiting:
        index = min(waiting, key=lambda index: waiting[index][0])
        time, frame = waiting.pop(index)
        stream, feed = feeds[index]
        if stream.type == "video":
            lengths[frame.pts] = frame.duration
        _mux(out, stream, frame, lengths)
        if progress is not None and time >= reported + 1:
            reported = time
            progress(reported)
        if (following := next(feed, None)) is not None:
            waiting[index] = following
    for stream, _ in feeds:
        _mux(out, stream, None, lengths)


def _video_stream(out: Any, clip: Clip, width: int, height: int) -> Any:
    rate = max(1, min(round(clip.fps or 25), 240))  # what a damaged header says could be anything
    stream = out.add_stream("libx264", rate=rate)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, TICKS)
    context.gop_size = 2 * rate  # pictures: a player seeks within 2 s of a key frame
    context.max_b_frames = 0  # no reordering, so no edit list, so time 0 is time 0 everywhere
    context.colorspace, context.color_range = 1, 1  # BT.709, limited
    stream.options = {"preset": "veryfast", "crf": "23"}
    return stream


def _mux(out: Any, stream: Any, frame: Any, lengths: dict[int, int]) -> None:
    """Encodes a frame (None: the rest) and writes it; encoders forget how long a picture is shown, lengths knows."""
    for packet in stream.encode(frame):
        if packet.stream.type == "video":
            packet.duration = lengths.pop(packet.pts, packet.duration)
        out.mux(packet)


def _pictures(clip: Clip, track: Track, scale: Scaler) -> Iterator[tuple[float, av.VideoFrame]]:
    """Upright yuv420p frames with their time from `start`; the one on screen at `start` is moved to 0."""
    stop = float("inf") if clip.end is None else clip.end - clip.start
    last, opening = -1, None
    for shown in track.frames(clip.start):
        time = shown.time - clip.start
        if time >= stop:
            break
        clip.check_length(time)
        if time <= 0:
            opening = shown  # only the last of these is on screen at 0
            continue
        if opening is not None or last < 0:
            yield 0.0, _picture(opening or shown, scale, 0, time)
            opening, last = None, 0
            if shown.time - clip.start < 1 / TICKS:
                continue
        tick = round(time * TICKS)
        if tick > last:
            yield time, _picture(shown, scale, tick, min(shown.end - shown.time, stop - time))
            last = tick
    if opening is not None:
        yield 0.0, _picture(opening, scale, 0, max(0.0, min(opening.end - clip.start, stop)))


def _picture(shown: Any, scale: Scaler, tick: int, length: float) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(scale(shown.frame), "rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    frame.pts, frame.time_base, frame.duration = tick, Fraction(1, TICKS), round(length * TICKS)
    return frame


def _sound(clip: Clip, track: Track) -> Iterator[tuple[float, av.AudioFrame]]:
    """Stereo sound from `start` on without a gap: what the file leaves out is silence, what it says twice is cut."""
    stop = None if clip.end is None else round((clip.end - clip.start) * SOUND_RATE)
    written = 0  # samples
    for position, values in pieces(track, clip.start, SOUND_RATE, "stereo"):
        clip.check_length(min(position, stop or position) / SOUND_RATE)  # a damaged time stamp may lie days ahead
        while written < position:  # in parts: a pause of an hour must not become an array of an hour
            silence = np.zeros((min(position - written, SOUND_RATE), 2), np.float32)
            yield _block(silence, written)
            written += len(silence)
            if stop is not None and written >= stop:
                return
        values = values[written - position : None if stop is None else max(0, stop - position)]
        if len(values):
            yield _block(values, written)
            written += len(values)
        if stop is not None and written >= stop:
            return


def _block(samples: np.ndarray, position: int) -> tuple[float, av.AudioFrame]:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, position, Fraction(1, SOUND_RATE)
    return position / SOUND_RATE, frame
