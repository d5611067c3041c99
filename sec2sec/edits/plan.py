"""The plan of an edited clip: for each of its seconds, which picture is shown and which sound is heard.

Edits turn one plan into another (types.py). Both ways from here read the same plan: to predictions (lab.py) and to a
film (render.py), so what is predicted and what is watched cannot part. T seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sec2sec.errors import UserError
from sec2sec.explanations.results import ClipSummary


class EditError(UserError):
    """An edit that is not possible in this clip: what was asked, and what to do instead."""


@dataclass(frozen=True)
class Picture:
    """What one second shows. None in its place: the clip has no picture."""

    # mean: the training mean's tokens, which nobody can watch; average: the mean of the clip's frames, which one can
    kind: Literal["play", "freeze", "hold", "black", "average", "mean"]
    second: int = 0  # of the clip: play shows it; freeze holds its first frame; hold the last one before it
    blur: float = 0.0  # standard deviation of a Gaussian, as a share of the picture's height


@dataclass(frozen=True)
class Sound:
    """What one second sounds like. None in its place: the clip has no sound."""

    kind: Literal["play", "silence", "tone", "mean"]  # tone: the quietest moment of the clip, which goes on
    second: int = 0  # of the track
    track: str = ""  # "": the clip's own; else the name of another soundtrack


BLACK, SILENCE = Picture("black"), Sound("silence")
AVERAGE_PICTURE, ROOM_TONE = Picture("average"), Sound("tone")
MEAN_PICTURE, MEAN_SOUND = Picture("mean"), Sound("mean")


@dataclass(frozen=True)
class PlannedSecond:
    """One second of the edited clip."""

    picture: Picture | None
    sound: Sound | None

    @property
    def renderable(self) -> bool:
        """The training mean is tokens alone: it has no pixels and no samples."""
        return self.picture != MEAN_PICTURE and self.sound != MEAN_SOUND


Plan = tuple[PlannedSecond, ...]


@dataclass(frozen=True)
class ClipTracks:
    """What the edits know of a clip and of the soundtracks it may take."""

    seconds: int  # T
    last: float = 1.0  # s that the last second holds; the model hears silence and sees the last frame after it
    has_video: bool = True
    has_audio: bool = True
    soundtracks: dict[str, int] = field(default_factory=dict)  # name → seconds

    @staticmethod
    def of(clip: ClipSummary) -> ClipTracks:
        """Of the clip that was explained."""
        last = clip.duration - (clip.seconds - 1) if clip.partial else 1.0
        return ClipTracks(clip.seconds, min(max(last, 0.0), 1.0), clip.has_video, clip.has_audio)


def first_plan(tracks: ClipTracks) -> Plan:
    """The clip as it is."""
    return tuple(
        PlannedSecond(
            Picture("play", second) if tracks.has_video else None, Sound("play", second) if tracks.has_audio else None
        )
        for second in range(tracks.seconds)
    )


def duration(plan: Plan, tracks: ClipTracks) -> float:
    """Seconds that the edited clip lasts: whole ones, but for a last second whose picture and sound both break off."""
    lengths = [_length(plan[-1].picture, tracks), _length(plan[-1].sound, tracks)]
    return len(plan) - 1 + max((length for length in lengths if length is not None), default=1.0)


def _length(source: Picture | Sound | None, tracks: ClipTracks) -> float | None:
    """Seconds of it that are there; None for what has no length of its own, as black and silence."""
    if source is None or source.kind in ("black", "average", "silence", "tone", "mean"):
        return None
    own = isinstance(source, Picture) or not source.track
    return tracks.last if own and source.kind == "play" and source.second == tracks.seconds - 1 else 1.0
