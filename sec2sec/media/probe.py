"""What a file holds: read once for each state of the file, whatever parts of it are analysed, played or written."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sec2sec.files import file_state
from sec2sec.media.container import (
    BRANDS_OF_STILLS,
    READERS_OF_STILLS,
    READERS_THAT_GUESS,
    Layout,
    MediaError,
    Track,
    measure,
    open_container,
    survey,
)
from sec2sec.media.video import Orientation, orientation

PACKETS_TO_FIRST_FRAME = 4000  # without a single frame, at the beginning, after which a track counts as undecodable
HDR_CURVES = (16, 18)  # libav's numbers of the transfer curves PQ and HLG


@dataclass(frozen=True)
class Probe:
    """The tracks of a file that decode, and how its picture is to be shown."""

    layout: Layout
    duration: float | None  # s from time 0 to the end; None where only decoding tells
    has_video: bool
    has_audio: bool
    width: int = 0  # pixels as displayed: after rotation and pixel aspect
    height: int = 0
    turned: Orientation = (0, False)
    fps: float | None = None
    pixel_format: str | None = None  # of the first frame
    warnings: tuple[str, ...] = ()  # sentences for people


def probe(path: Path, max_pixels: int, threads: int) -> Probe:
    """What the file holds. max_pixels: of a picture; 0 for any. threads: that decode, at most.

    Raises MediaError for a file that holds nothing to analyse, FFmpegError or OSError where it cannot be read.
    """
    return _probe(path, file_state(path), max_pixels, threads)


@lru_cache(maxsize=1000)
def _probe(path: Path, state: tuple[int, ...], max_pixels: int, threads: int) -> Probe:
    with open_container(path) as container:
        layout = survey(container)
    if any(reader in layout.format for reader in READERS_OF_STILLS) or layout.brand in BRANDS_OF_STILLS:
        raise _still_image(path.name)
    seen = Probe(layout, layout.duration, has_video=False, has_audio=False)
    if layout.video is not None:
        with closing(Track(path, layout, "video", max_pixels, threads)) as track:
            seen = _with_picture(seen, track)
    if layout.audio is not None:
        with closing(Track(path, layout, "audio", max_pixels, threads)) as track:
            seen = replace(seen, has_audio=_first_frame(track) is not None)
    if not (seen.has_video or seen.has_audio):
        raise MediaError(
            f"{path.name}: {_why_nothing(layout)}; convert it to MP4 (H.264 and AAC) or choose another clip"
        )
    if layout.duration is None or any(reader in layout.format for reader in READERS_THAT_GUESS):
        duration, pictures = measure(path, layout)
        if seen.has_video and not seen.has_audio and pictures == 1:
            raise _still_image(path.name)
        seen = replace(seen, duration=duration)
    return replace(seen, warnings=seen.warnings + _lacking(seen))


def _with_picture(seen: Probe, track: Track) -> Probe:
    """With what the first frame shows, if there is one."""
    stream = track.stream
    seen = replace(seen, fps=float(stream.average_rate) if stream.average_rate else None)
    frame = _first_frame(track)
    if frame is None:
        return seen
    aspect = float(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1) or 1.0
    width, height = frame.width, frame.height
    if aspect >= 1:
        width = round(width * aspect)
    else:
        height = round(height / aspect)  # widen or heighten, never shrink, as players do
    turned = orientation(frame)
    if turned[0] % 2:
        width, height = height, width
    hdr = "The picture is HDR: its colours were analysed as they are stored, paler than on an HDR screen."
    return replace(
        seen,
        has_video=True,
        width=width,
        height=height,
        turned=turned,
        pixel_format=frame.format.name,
        warnings=(hdr,) if frame.color_trc in HDR_CURVES else (),
    )


def _first_frame(track: Track) -> Any:
    """The first frame that decodes; None if there is none among the first packets."""
    first = next(track.frames(patience=PACKETS_TO_FIRST_FRAME), None)
    return None if first is None else first.frame


def _why_nothing(layout: Layout) -> str:
    codecs = [name for name in (layout.video_codec, layout.audio_codec) if name]
    if codecs:
        return f"nothing of it decodes ({', '.join(codecs)}): it is damaged or encrypted"
    if layout.unreadable:
        return f"no decoder here knows the codec of its {' and '.join(layout.unreadable)}"
    return "it holds neither picture nor sound"


def _lacking(seen: Probe) -> tuple[str, ...]:
    """What to say of a file that has one of picture and sound."""
    layout = seen.layout
    if not seen.has_audio:
        lost = layout.audio is not None or "sound" in layout.unreadable
        return (
            f"The {'sound cannot be decoded' if lost else 'file has no sound track'}: only the picture was analysed.",
        )
    if not seen.has_video:
        lost = layout.video is not None or "picture" in layout.unreadable
        return (f"The {'picture cannot be decoded' if lost else 'file has no picture'}: only the sound was analysed.",)
    return ()


def _still_image(name: str) -> MediaError:
    return MediaError(f"{name}: a still image has no seconds; give a video, an animation or a sound file")
