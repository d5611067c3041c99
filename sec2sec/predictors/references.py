"""What stands in the place of a second that is taken away, and the plan of the edited clip that this makes.

What "without it" means is a choice, and effects depend on it: two references are measured, and their spread is shown.

T seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sec2sec.edits.plan import (
    AVERAGE_PICTURE,
    BLACK,
    ROOM_TONE,
    SILENCE,
    ClipTracks,
    Picture,
    Plan,
    PlannedSecond,
    Sound,
)

BLUR = 0.08  # standard deviation of the Gaussian, as a share of the picture's height: no face is left, colours are

SoundReference = Literal["silence", "room tone"]
PictureReference = Literal["black", "blurred picture", "held frame", "average picture"]


@dataclass(frozen=True)
class Reference:
    """What is heard and seen in the place of a second."""

    sound: SoundReference
    picture: PictureReference

    @property
    def name(self) -> str:
        """As effects are named after it."""
        return f"{self.sound} and {self.picture}"


REFERENCES: Mapping[str, Reference] = {
    "silence-black": Reference("silence", "black"),
    "tone-held": Reference("room tone", "held frame"),
    "tone-blur": Reference("room tone", "blurred picture"),
    "silence-average": Reference("silence", "average picture"),
}
USUAL = ("silence-black", "tone-held")  # the first is the one that answers and verdicts rest on


def plan_of(picture: Sequence[bool], sound: Sequence[bool], reference: Reference, tracks: ClipTracks) -> Plan:
    """The clip in which only the seconds that are False are replaced, in the picture and in the sound (T,) each."""
    return tuple(
        PlannedSecond(
            _picture(second, picture, reference) if tracks.has_video else None,
            _sound(second, sound[second], reference) if tracks.has_audio else None,
        )
        for second in range(tracks.seconds)
    )


def _sound(second: int, is_there: bool, reference: Reference) -> Sound:
    if is_there:
        return Sound("play", second)
    return SILENCE if reference.sound == "silence" else ROOM_TONE


def _picture(second: int, present: Sequence[bool], reference: Reference) -> Picture:
    if present[second]:
        return Picture("play", second)
    if reference.picture == "black":
        return BLACK
    if reference.picture == "average picture":
        return AVERAGE_PICTURE
    if reference.picture == "blurred picture":
        return Picture("play", second, BLUR)
    return held(second, present)


def held(second: int, present: Sequence[bool]) -> Picture:
    """The last frame that is there before a second; where none is, the first one after it; without any, the clip's.

    Of several seconds that are taken away in a row, all hold one frame: none of them may show another.
    """
    before = second
    while before > 0 and not present[before - 1]:
        before -= 1
    if before > 0:
        return Picture("hold", before)
    after = next((later for later in range(second, len(present)) if present[later]), 0)
    return Picture("freeze", after)
