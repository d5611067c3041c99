"""A file of ratings for one clip: whichever form it has, which of its columns, and whether it is of that clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sec2sec.config import MediaLimits
from sec2sec.datasets.liris_continuous import read_liris_file
from sec2sec.datasets.table import DEFAULT_LIMITS, DataError, TableLimits, some
from sec2sec.datasets.track_files import read_track
from sec2sec.datasets.tracks import RatingTrack
from sec2sec.datasets.veatic import FILES as VEATIC_FILES
from sec2sec.datasets.veatic import veatic_track_at
from sec2sec.media import open_clip

MAX_TRACKS = 4  # beside one clip; more lanes than that nobody compares
TOLERANCE = 1.0, 0.01  # s and share of the length by which a track may be shorter or longer than its clip
LIRIS_FILES = ("_Arousal.txt", "_Valence.txt")


@dataclass(frozen=True)
class TimedClip:
    """What a track has to fit."""

    name: str
    start: float  # s in the file, where the analysed part begins
    end: float  # s in the file, where that ends
    length: float = math.nan  # s, of the whole file; NaN where it does not say
    frames_per_second: float | None = None
    path: Path | None = None


@dataclass(frozen=True)
class RatingsFile:
    """What `--track FILE[:COLUMN]` names."""

    path: Path
    column: str = ""  # or tier; empty for all of them
    about: Path | None = None  # that names the columns of a `.tsv`, where it does not lie beside it


def timed_clip(
    path: Path, start: float = 0.0, end: float | None = None, limits: MediaLimits | None = None
) -> TimedClip:
    """What a track has to fit, of a file and the part that is analysed. Raises MediaError."""
    limits = replace(limits or MediaLimits(), max_seconds=math.inf, isolated=False)
    clip = open_clip(path, limits=limits)
    whole = clip.duration
    last = end if end is not None else whole
    if math.isfinite(whole):
        last = min(last, whole)
    return TimedClip(clip.name, start, last, whole, clip.fps, path)


def parse_track(text: str) -> RatingsFile:
    """FILE or FILE:COLUMN; a file whose own name has a colon is itself. Raises DataError where there is no file."""
    if Path(text).is_file():
        return RatingsFile(Path(text))
    name, colon, column = text.rpartition(":")
    if colon and Path(name).is_file():
        return RatingsFile(Path(name), column.strip())
    missing = name if colon and len(name) > 1 else text
    raise DataError(f"{missing}: no such file of ratings; give FILE, or FILE:COLUMN for one of its columns")


def read_tracks(
    choices: Sequence[RatingsFile], clip: TimedClip, limits: TableLimits = DEFAULT_LIMITS
) -> tuple[RatingTrack, ...]:
    """The tracks of several files, each value of them under a name of its own. Raises DataError."""
    tracks = tuple(read_for_clip(choice, clip, limits) for choice in choices)
    home: dict[str, str] = {}
    for track in tracks:
        for name in track.values:
            if name in home:
                raise DataError(
                    f"{home[name]} and {track.name}: two tracks are called {name[:60]!r}; name another column after a "
                    "colon, or rename it in one of the files"
                )
            home[name] = track.name
    if len(home) > MAX_TRACKS:
        raise DataError(f"{len(home)} tracks, {some(list(home))}; lay at most {MAX_TRACKS} beside one clip")
    return tracks


def read_for_clip(choice: RatingsFile, clip: TimedClip, limits: TableLimits = DEFAULT_LIMITS) -> RatingTrack:
    """One file of ratings over time, with the chosen column alone, if it is as long as the clip. Raises DataError."""
    path = choice.path
    is_tier = path.suffix.lower() == ".eaf"
    track = _read(choice, choice.column if is_tier else "", clip, limits)
    if choice.column and not is_tier:
        if choice.column not in track.values:
            raise DataError(
                f"{path}: has no column {choice.column[:60]!r} of numbers; it has {some(list(track.values))}"
            )
        track = replace(track, values={choice.column: track.values[choice.column]})
    elif len(track.values) > MAX_TRACKS:
        what = "labels in the tier" if is_tier else "columns of numbers"
        first = next(iter(track.values))
        raise DataError(
            f"{path}: has {len(track.values)} {what}, {some(list(track.values), 4)}; name one of them, as in "
            f"{path.name}:{first}"
            if not is_tier
            else f"{path}: has {len(track.values)} {what}; choose a tier of numbers or of at most {MAX_TRACKS} labels"
        )
    _check_length(path, track, clip, is_sparse=is_tier)
    return track


def _read(choice: RatingsFile, tier: str, clip: TimedClip, limits: TableLimits) -> RatingTrack:
    path = choice.path
    if VEATIC_FILES.search(path.as_posix()) and clip.path is not None:
        return veatic_track_at(clip.path, path, limits)
    if path.name.endswith(LIRIS_FILES):
        return read_liris_file(path, limits)
    return read_track(path, tier, limits, clip.frames_per_second, choice.about)


def _check_length(path: Path, track: RatingTrack, clip: TimedClip, *, is_sparse: bool) -> None:
    """A track of another clip is most easily known by its length. is_sparse: it may end with its last annotation."""
    known = np.isfinite(np.stack(list(track.values.values()))).any(0)
    if not known.any():
        raise DataError(f"{path}: has no value in {some(list(track.values))}; choose another column")
    length = clip.length if math.isfinite(clip.length) else clip.end
    allowed = max(TOLERANCE[0], TOLERANCE[1] * length)
    if track.end > length + allowed:
        raise DataError(
            f"{path}: goes on until {track.end:.1f} s, and {clip.name} ends at {length:.1f} s; give the track of this "
            "clip, with times in seconds from its beginning"
        )
    if not is_sparse and track.end < clip.end - allowed:
        raise DataError(
            f"{path}: ends at {track.end:.1f} s, and what is analysed of {clip.name} at {clip.end:.1f} s; give the "
            f"track of this clip, or analyse as much as was rated (end at {math.floor(track.end)} s)"
        )
    inside = (track.times >= clip.start) & (track.times < clip.end)
    if not (known & inside).any():
        raise DataError(f"{path}: has no value from {clip.start:g} to {clip.end:g} s, which is what is analysed")
