"""What a file holds: its tracks, which of them are used, and what a player's time 0 is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import av
import av.container
from av.stream import Disposition

from sec2sec.config import DEFAULT_TRACKS, TrackChoice
from sec2sec.media.container import MediaError

TrackLabels = tuple[tuple[str, int], ...]  # what a list of tracks shows, and the number
Kind = Literal["video", "audio"]
KIND_WORDS: dict[Kind, str] = {"video": "picture", "audio": "sound"}
READERS_WITH_ZERO = ("mov", "matroska")  # what browsers play, where currentTime 0 is the container's own zero
MAX_PRIMING = 0.1  # s; encoders put at most this much run-in before zero (AAC 21–46 ms, Opus 7 ms): not in the clip
MAX_PAUSE = 10.0  # s; a first time stamp later than this is a piece of a longer recording, not a pause before the clip
MAX_TITLE = 60  # letters of a track's title that are shown
COVERS = Disposition.attached_pic | Disposition.timed_thumbnails
# What a file may say of a track, in words; "default" is said of the track that is used where none was chosen.
DISPOSITIONS = {
    Disposition.comment: "commentary",
    Disposition.dub: "dubbed",
    Disposition.original: "original",
    Disposition.hearing_impaired: "for the hard of hearing",
    Disposition.visual_impaired: "audio description",
    Disposition.clean_effects: "without voices",
    Disposition.karaoke: "karaoke",
}


@dataclass(frozen=True)
class TrackChoices:
    """Label and number of each track that can be chosen, where there are several of a kind; the default first."""

    video: TrackLabels = ()
    audio: TrackLabels = ()

    def with_numbers(self, video: int | None, audio: int | None) -> TrackChoice:
        """The choice of tracks by number, in which the file's own choice is none."""
        return TrackChoice(_if_not_default(video, self.video), _if_not_default(audio, self.audio))


def _if_not_default(number: int | None, labels: TrackLabels) -> int | None:
    return None if not labels or number == labels[0][1] else number


NO_CHOICES = TrackChoices()


@dataclass(frozen=True)
class TrackInfo:
    """One track that can be chosen."""

    kind: Kind
    number: int  # among the tracks of its kind, from 1
    stream: int  # libav's index
    words: str  # language, title, size or channels, and what it is for
    default: bool  # used where none was chosen
    readable: bool  # there is a decoder for it

    @property
    def label(self) -> str:
        """Number and words, as a list of tracks shows them."""
        return f"{self.number}: {self.words}{' (default)' if self.default else ''}"


@dataclass(frozen=True)
class Join:
    """Where a recording begins that was joined to the end of another one, so that its clock starts again."""

    video_packet: int | None  # count of the packets of the picture before it
    audio_packet: int | None
    shift: float  # s to add to its time stamps
    begin: float  # s from time 0, by the clock that goes on


@dataclass(frozen=True)
class Layout:
    """Which streams of a file are used, and where its time 0 lies."""

    format: str  # libav's name of the container
    video: int | None  # index of the stream
    audio: int | None
    video_codec: str | None
    audio_codec: str | None
    stated_pixels: str | None  # pixel format of the picture as the container states it
    origin: float  # s, the time stamp that is time 0
    duration: float | None  # s from time 0 to the end, as the file says
    unreadable: tuple[str, ...]  # streams that no decoder here knows, in words
    brand: str = ""  # the major brand that an MP4 or MOV states
    track_list: tuple[TrackInfo, ...] = ()  # all that can be chosen
    joins: tuple[Join, ...] = ()
    has_clock: bool = True  # False: its time stamps say nothing, and frames follow one another

    def of_kind(self, kind: Kind) -> list[TrackInfo]:
        """The tracks of one kind, in their order."""
        return [track for track in self.track_list if track.kind == kind]

    def labels(self, kind: Kind) -> TrackLabels:
        """The tracks of one kind that can be chosen, where there are several; the default first."""
        tracks = [track for track in self.of_kind(kind) if track.readable]
        ordered = sorted(tracks, key=lambda track: not track.default)
        return tuple((track.label, track.number) for track in ordered) if len(tracks) > 1 else ()

    def used_of_several(self) -> Iterator[str]:
        """What to say where a file has several tracks of a kind: which of them is used."""
        for track in self.track_list:
            count = len(self.of_kind(track.kind))
            if count > 1 and track.stream in (self.video, self.audio):
                yield f"Of {count} {KIND_WORDS[track.kind]} tracks number {track.number} was analysed ({track.words})."

    @property
    def starts_as_browsers_do(self) -> bool:
        """Whether the tracks that are used are those that every browser plays: the first of each kind."""
        firsts = {kind: next((track.stream for track in self.of_kind(kind)), None) for kind in KIND_WORDS}
        return self.video in (None, firsts["video"]) and self.audio in (None, firsts["audio"])

    @property
    def choices(self) -> TrackChoices:
        """The tracks that a person can choose from."""
        return TrackChoices(self.labels("video"), self.labels("audio"))


def survey(container: av.container.InputContainer, choice: TrackChoice = DEFAULT_TRACKS) -> Layout:
    """Picks the streams that were chosen or else those that libav's own players pick, and finds a player's time 0.

    Cover art is no track. Of several programmes, sound is of the one that the picture belongs to; of several tracks,
    the one marked default. MediaError for a chosen track that does not exist or cannot be decoded.
    """
    name = str(container.name).rpartition("/")[2]
    candidates = [s for s in container.streams if s.type in ("video", "audio")]
    candidates = [s for s in candidates if s.type == "audio" or not s.disposition & COVERS]
    picture = _default_stream(container, candidates, "video", None)
    videos = _describe(candidates, "video", picture)
    video = _choose(name, videos, "video", choice.video)
    related = None if video is None else container.streams[video]
    audios = _describe(candidates, "audio", _default_stream(container, candidates, "audio", related))
    audio = _choose(name, audios, "audio", choice.audio)
    chosen: dict[str, Any] = {s.type: s for s in candidates if s.index in (video, audio)}
    origin, duration = _times(container, list(chosen.values()))
    codecs = {kind: stream.codec_context.codec.canonical_name for kind, stream in chosen.items()}
    return Layout(
        format=container.format.name,
        video=video,
        audio=audio,
        video_codec=codecs.get("video"),
        audio_codec=codecs.get("audio"),
        stated_pixels=chosen["video"].codec_context.pix_fmt if "video" in chosen else None,
        origin=origin,
        duration=duration,
        unreadable=tuple(KIND_WORDS[track.kind] for track in (*videos, *audios) if not track.readable),
        brand=container.metadata.get("major_brand", "").strip(),
        track_list=(*videos, *audios),
    )


def _default_stream(
    container: av.container.InputContainer, candidates: list[Any], kind: Kind, related: Any
) -> int | None:
    """Index of the stream that is used where none was chosen; None if there is none that can be decoded."""
    readable = [stream.index for stream in candidates if stream.type == kind and stream.codec_context is not None]
    best = container.streams.best(kind, related=related)
    return best.index if best is not None and best.index in readable else next(iter(readable), None)


def _describe(candidates: list[Any], kind: Kind, default: int | None) -> list[TrackInfo]:
    """The tracks of one kind, as a person chooses among them."""
    streams = [stream for stream in candidates if stream.type == kind]
    return [
        TrackInfo(kind, number, stream.index, _words(stream), stream.index == default, stream.codec_context is not None)
        for number, stream in enumerate(streams, 1)
    ]


def _words(stream: Any) -> str:
    """Language, title, size or channels, and what the file says that the track is for."""
    language, title = stream.metadata.get("language", ""), stream.metadata.get("title", "").strip()
    context = stream.codec_context
    if context is None:
        content = "no decoder here knows its codec"
    elif stream.type == "video":
        content = f"{context.width}×{context.height}"
    else:
        content = str(context.layout.name)
    uses = [words for disposition, words in DISPOSITIONS.items() if stream.disposition & disposition]
    parts = [language if language != "und" else "", title[:MAX_TITLE], content, *uses]
    return ", ".join(part for part in parts if part)


def _choose(name: str, tracks: list[TrackInfo], kind: Kind, number: int | None) -> int | None:
    """Index of the stream of a chosen track, or of the default one. MediaError where the choice is none."""
    if number is None:
        return next((track.stream for track in tracks if track.default), None)
    track = next((track for track in tracks if track.number == number), None)
    if track is not None and track.readable:
        return track.stream
    what = "video" if kind == "video" else "audio"
    there_are = "; ".join(track.label for track in tracks)
    reason = (
        f"{what} track {number} cannot be decoded here" if track is not None else f"there is no {what} track {number}"
    )
    raise MediaError(f"{name}: {reason}; " + (f"choose one of these: {there_are}" if tracks else "the file has none"))


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
