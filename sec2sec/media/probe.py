"""What a file holds: read once for each state of the file, whatever parts of it are analysed, played or written."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sec2sec.config import TrackChoice
from sec2sec.files import file_state
from sec2sec.media.audio import is_mixable
from sec2sec.media.container import MediaError, open_container
from sec2sec.media.headers import check_header, check_stated_size, holds_second_recording, still_image
from sec2sec.media.joins import end_of, find_joins, read_packets
from sec2sec.media.layout import Layout, survey
from sec2sec.media.track import READERS_THAT_GUESS, Track
from sec2sec.media.video import Orientation, orientation

PACKETS_TO_FIRST_FRAME = 4000  # without a single frame, at the beginning, after which a track counts as undecodable
# Readers of containers that may be cut anywhere, so that another recording may follow at any place.
READERS_OF_STREAMS = ("mpegts", "mpeg", "ogg")
READERS_THAT_READ_ON = ("matroska", "flac")  # into a recording that follows the first
MAX_JOINS_NAMED = 5
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
    is_followed: bool = False  # by another recording in the same file, which is lost


def probe(path: Path, choice: TrackChoice, max_pixels: int, threads: int) -> Probe:
    """What the file holds. max_pixels: of a picture; 0 for any. threads: that decode, at most.

    Raises MediaError for a file that holds nothing to analyse, FFmpegError or OSError where it cannot be read.
    """
    return _probe(path, file_state(path), choice, max_pixels, threads)


@lru_cache(maxsize=1000)
def _probe(path: Path, state: tuple[int, ...], choice: TrackChoice, max_pixels: int, threads: int) -> Probe:
    check_header(path)
    with open_container(path, max_pixels) as container:
        layout = survey(container, choice)
    seen = Probe(layout, layout.duration, has_video=False, has_audio=False)
    if layout.video is not None:
        with closing(Track(path, layout, "video", max_pixels, threads)) as track:
            seen = _with_picture(seen, track)
        if not seen.has_video:
            check_stated_size(path, layout.video, max_pixels)
    if layout.audio is not None:
        with closing(Track(path, layout, "audio", max_pixels, threads)) as track:
            seen = _with_sound(seen, track)
    if not (seen.has_video or seen.has_audio):
        raise MediaError(
            f"{path.name}: {_why_nothing(layout)}; convert it to MP4 (H.264 and AAC) or choose another clip"
        )
    seen = _measured(path, seen, max_pixels)
    return replace(seen, warnings=seen.warnings + _lacking(seen))


def _measured(path: Path, seen: Probe, max_pixels: int) -> Probe:
    """With the length of a file that does not say it, and with the recordings that were joined to its end."""
    layout = seen.layout
    has_second = holds_second_recording(path, layout.format)
    reads_on = any(reader in layout.format for reader in READERS_THAT_READ_ON)
    if has_second and not reads_on:
        lost = "Another recording follows behind the first in this file, which its format cannot hold: it was left out."
        seen = replace(seen, warnings=(*seen.warnings, lost), is_followed=True)
    guesses = layout.duration is None or any(reader in layout.format for reader in READERS_THAT_GUESS)
    may_be_joined = (has_second and reads_on) or any(reader in layout.format for reader in READERS_OF_STREAMS)
    if not (guesses or may_be_joined):
        return seen
    packets = read_packets(path, layout, max_pixels)
    if guesses:
        end = end_of(packets)
        pictures = len(packets["video"]) if "video" in packets else 0
        if seen.has_video and not seen.has_audio and pictures == 1:
            raise still_image(path.name)
        seen = replace(seen, duration=None if end is None else end - layout.origin)
    joins, duration = find_joins(packets, layout) if may_be_joined else ((), None)
    if not joins:
        return seen
    if layout.format == "flac":  # its reader puts the end of one recording and the next into one packet
        sentence = (
            f"The file holds {len(joins) + 1} recordings, joined end to end: they were analysed one after the other."
        )
        layout = replace(layout, has_clock=False)
        return replace(seen, layout=layout, duration=None, warnings=(*seen.warnings, sentence))
    places = ", ".join(f"{join.begin:.1f}" for join in joins[:MAX_JOINS_NAMED])
    sentence = (
        f"The file holds {len(joins) + 1} recordings, joined end to end at {places}"
        f"{' …' if len(joins) > MAX_JOINS_NAMED else ''} s: they were analysed one after the other."
    )
    return replace(seen, layout=replace(layout, joins=joins), duration=duration, warnings=(*seen.warnings, sentence))


def _with_sound(seen: Probe, track: Track) -> Probe:
    """With what the first piece of sound says, if there is one."""
    frame = _first_frame(track)
    if frame is None:
        return seen
    if is_mixable(frame):
        return replace(seen, has_audio=True)
    sentence = (
        f"The sound has {frame.layout.nb_channels} channels that cannot be mixed ({frame.layout.name}): "
        "the first of them alone was analysed."
    )
    return replace(seen, has_audio=True, warnings=(*seen.warnings, sentence))


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
