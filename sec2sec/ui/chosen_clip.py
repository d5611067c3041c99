"""The clip that a visitor chose: what is analysed of it, what is played of it, and what came of the analysis."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sec2sec.config import DEFAULT_TRACKS, MediaLimits, TrackChoice
from sec2sec.datasets.known_truth import planted_seconds
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations import Explanation, Preview
from sec2sec.media.isolated import convert_clip, probe_clip
from sec2sec.media.layout import NO_CHOICES, TrackChoices
from sec2sec.media.suffixes import MEDIA_SUFFIXES
from sec2sec.paths import program_paths
from sec2sec.progress import Progress
from sec2sec.ui.bounded_cache import bytes_of_result
from sec2sec.ui.gpu import gpu_seconds
from sec2sec.ui.settings import Settings
from sec2sec.ui.work import Channel
from sec2sec.viewer.templates import render

UPLOADS = ["video", "audio", *MEDIA_SUFFIXES]
CONVERTING = "Converting the clip for playback, because browsers cannot play its format"
BYTES_BESIDES = 1 << 16  # of a result, for figures and verdicts
Part = tuple[float, float | None]  # start and end in the file, s
WHOLE: Part = (0.0, None)


@dataclass(frozen=True)
class ClipResult:
    """What an analysis makes of a clip, as it crosses from the process of a lent GPU."""

    explanation: Explanation
    preview: Preview
    device: str  # where it was encoded, as it ends a sentence
    tokens: Tokens | None = None  # on the CPU
    is_shared: bool = False  # of an example, held once for all visitors

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, about."""
        return bytes_of_result(self.explanation, self.preview, self.tokens) + BYTES_BESIDES


@dataclass(frozen=True)
class ClipPart:
    """What is analysed of a file."""

    path: str
    part: Part
    limits: MediaLimits
    seconds: float  # at most, as far as the file says
    pixels: int  # of a picture; 0 without one
    tracks: TrackChoice = DEFAULT_TRACKS

    def gpu_seconds(self, encodings: int = 1) -> int:
        """How long a GPU is asked for to encode it so many times, s."""
        return gpu_seconds(self.seconds, self.pixels, encodings)

    def conversion(self, to: Path, duration: float) -> Callable[[Channel], None]:
        """Work that converts it for playback. duration: of the part, s. Raises MediaError."""
        start, end = self.part

        def work(channel: Channel) -> None:
            def send(second: float) -> None:
                channel.send(Progress(second, duration, CONVERTING))

            limits, tracks = self.limits, self.tracks
            convert_clip(self.path, to, start=start, end=end, limits=limits, tracks=tracks, progress=send)

        return work


@dataclass(frozen=True)
class ChosenClip:
    """The clip that one visitor chose."""

    path: str
    playable: bool  # by a browser, as it is
    known_truth: bool = False  # the generator planted its truth, so diagnostics mean something
    copy: str | None = None  # what is played, where the clip itself lies in a folder that is not served
    duration: float = math.nan  # s, as the file says; NaN where it does not
    pixels: int = 0  # of a picture; 0 without one
    warnings: tuple[str, ...] = ()  # sentences for people, of what is known before it is read
    choices: TrackChoices = NO_CHOICES
    tracks: TrackChoice = DEFAULT_TRACKS
    planted: Mapping[str, Sequence[int]] = field(default_factory=dict)  # target → decisive seconds, where it is known
    model: str | None = None  # that an example brings

    @property
    def played(self) -> str | None:
        """What the player shows before anything is converted."""
        return (self.copy or self.path) if self.playable else None

    def analysed(self, part: Part, limits: MediaLimits) -> ClipPart:
        """A part of it, to be analysed within limits."""
        start, end = part
        rest = (self.duration if end is None else min(end, self.duration)) - start
        # what is longer than the limit is refused before it is encoded, and so is what is not there
        seconds = limits.max_seconds if math.isnan(rest) else min(max(rest, 0.0), limits.max_seconds)
        return ClipPart(self.path, part, limits, seconds, self.pixels, self.tracks)

    def planted_from(self, start: float) -> dict[str, list[int]]:
        """Its planted seconds, counted from the start of the analysed part; none where that cuts through seconds."""
        first = int(start)
        if first != start:
            return {}
        return {name: [at - first for at in seconds if at >= first] for name, seconds in self.planted.items()}

    def with_tracks(self, video: int | None, audio: int | None) -> ChosenClip:
        """The same clip with other tracks, by number; it is played as it is only with those that a browser plays."""
        tracks = self.choices.with_numbers(video, audio)
        return replace(self, tracks=tracks, playable=self.playable and tracks == DEFAULT_TRACKS)

    def with_copy(self, copy: str) -> ChosenClip:
        """The same clip, played from a copy of it."""
        return replace(self, copy=copy)


def is_known_truth(path: Path) -> bool:
    """A clip of `make-clips` has planted.csv beside it or in the folder above."""
    return any((folder / "planted.csv").is_file() for folder in list(path.parents)[:2])


def planted_in(path: Path) -> dict[str, list[int]]:
    """The seconds that were planted in a clip of the bundled data set, for each target; empty for any other clip.

    A table that a visitor uploaded is not read here: that takes a process of its own.
    """
    folder = program_paths().known_truth
    return planted_seconds(folder, path.stem) if path.is_relative_to(folder) else {}


def probe_upload(path: str, settings: Settings) -> tuple[ChosenClip, str]:
    """A chosen file, and what to say of it. Raises MediaError for one that cannot be used."""
    # without the limits of length and of pixels, which are checked against the part that is analysed
    clip = probe_clip(path, replace(settings.limits, max_seconds=math.inf, max_decoded=math.inf))
    chosen = ChosenClip(
        path,
        clip.playable,
        is_known_truth(Path(path)),
        duration=clip.duration,
        pixels=clip.width * clip.height,
        warnings=tuple(clip.warnings),
        choices=clip.choices,
        planted=planted_in(Path(path)),
    )
    return chosen, clip.name + ("" if math.isnan(clip.duration) else f", {clip.duration:.1f} s")


def limits_words(settings: Settings) -> str:
    """What may be uploaded, before anybody starts to. HTML."""
    limits = f"Up to {settings.max_seconds / 60:g} minutes and {settings.max_megabytes} MB"
    text = f"{limits}; only you can see it; deleted after {duration_words(settings.delete_after)}."
    return render("paragraph.html", text=text)


def duration_words(seconds: float) -> str:
    """Minutes or hours in words."""
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:.0f} minutes"
