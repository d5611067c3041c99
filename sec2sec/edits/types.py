"""Edits as data. Each turns the plan of a clip into another; a list of them is applied in its order.

Seconds are counted from 0 in the clip as it stands *before* the edit: after a drop, the numbers move up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, Literal

from sec2sec.edits.plan import (
    BLACK,
    MEAN_PICTURE,
    MEAN_SOUND,
    SILENCE,
    ClipTracks,
    EditError,
    Plan,
    PlannedSecond,
    Sound,
)

MAX_BLUR = 0.2  # of the picture's height; beyond it nothing is left to tell


@dataclass(frozen=True)
class Edit:
    """One edit. `apply` raises EditError, in a sentence, where the clip does not allow it."""

    name: ClassVar[str] = ""

    def apply(self, plan: Plan, tracks: ClipTracks) -> Plan:
        """The plan after the edit."""
        raise NotImplementedError


@dataclass(frozen=True)
class OfSeconds(Edit):
    """An edit of some seconds alone."""

    seconds: tuple[int, ...]

    def selected(self, plan: Plan) -> list[int]:
        """The seconds in their order, checked."""
        if not self.seconds:
            raise EditError("No second is selected; select one or more first")
        wrong = [s for s in self.seconds if not 0 <= s < len(plan)]
        if wrong:
            raise EditError(f"There is no second {wrong[0]}–{wrong[0] + 1} s: the edited clip has {len(plan)} s")
        return sorted(set(self.seconds))

    def change_each(self, plan: Plan, change: Callable[[PlannedSecond], PlannedSecond]) -> Plan:
        """The plan with the selected seconds changed."""
        chosen = set(self.selected(plan))
        return tuple(change(second) if i in chosen else second for i, second in enumerate(plan))


def need_sound(plan: Plan) -> None:
    """EditError for a clip without sound."""
    if all(second.sound is None for second in plan):
        raise EditError("The clip has no sound to change; take the soundtrack of another clip first")


def need_picture(plan: Plan) -> None:
    """EditError for a clip without a picture."""
    if all(second.picture is None for second in plan):
        raise EditError("The clip has no picture to change; edit its sound, or the order of its seconds")


@dataclass(frozen=True)
class Mute(OfSeconds):
    """Digital silence is heard."""

    name: ClassVar[str] = "mute"

    def apply(self, plan: Plan, tracks: ClipTracks) -> Plan:
        """Silence in the selected seconds."""
        need_sound(plan)
        return self.change_each(plan, lambda second: replace(second, sound=SILENCE))


@dataclass(frozen=True)
class Blank(OfSeconds):
    """A black picture is seen."""

    name: ClassVar[str] = "blank"

    def apply(self, plan: Plan, tracks: ClipTracks) -> Plan:
        """Black in the selected seconds."""
        need_picture(plan)
        return self.change_each(plan, lambda second: replace(second, picture=BLACK))


@dataclass(frozen=True)
class Freeze(OfSeconds):
    """Each run of neighbouring selected seconds holds the frame on screen at its beginning."""

    name: ClassVar[str] = "freeze"

    def apply(self, plan: Plan, tracks: ClipTracks) -> Plan:
        """A still for each run of selected seconds."""
        need_picture(plan)
        new, held = list(plan), None
        chosen = self.selected(plan)
        for i in chosen:
            if i - 1 not in chosen or held is None:
                held = plan[i].picture
                if held is not None and held.kind == "play":
                    held = replace(held, kind="freeze")
            new[i] = replace(plan[i], picture=held)
        return tuple(new)


@dataclass(frozen=True)
class Blur(OfSeconds):
    """A Gaussian blur; strength is its standard deviation as a share of the picture's height."""

    name: ClassVar[str] = "blur"
    strength: float = 0.04

    def __post_init__(self) -> None:
        if not 0 < self.strength <= MAX_BLUR:
            raise EditError(f"The strength of a blur is {self.strength}; choose one above 0, up to {MAX_BLUR}")

    def apply(self, plan: Plan, tracks: ClipTracks) -> Plan:
        """The selected pictures blurred."""
        need_picture(plan)

        def blur(second: PlannedSecond) -> PlannedSecond:
            seen = second.picture
            if seen is None or seen.kind in ("black", "mean"):
                return second  # nothing to blur
            # two Gaussians after each other are one, whose variance is the sum
            return replace(second, picture=replace(seen, blur=round((seen.blur**2 + self.strength**2) ** 0.5, 6)))

        return self.change_each(plan, blur)


@dataclass(frozen=True)
class Drop(OfSeconds):
    """The seconds are cut out; the clip gets shorter."""

    name: ClassVar[str] = "drop"

    def apply(self, plan: Plan, tracks: ClipTracks) -> Plan:
        """The plan without the selected seconds."""
        chosen = set(self.selected(plan))
        if len(chosen) == len(plan):
            raise EditError("All seconds are selected: nothing would be left of the clip; leave at least one")
        return tuple(second for i, second in enumerate(plan) if i not in chosen)


@dataclass(frozen=True)
class Remove(OfSeconds):
    """The training set's mean tokens take their place: what the measured effect uses. It cannot be watched."""

    name: ClassVar[str] = "remove"
    what: Literal["both", "sound", "picture"] = "both"

    def __post_init__(self) -> None:
        if self.what not in ("both", "sound", "picture"):
            raise EditError(f"Both, sound or picture can be removed, not {self.what!r}")

    def apply(self, plan: Plan, tracks: ClipTracks) -> Plan:
        """The training mean in the selected seconds."""
        if self.what == "sound":
            need_sound(plan)
        if self.what == "picture":
            need_picture(plan)

        def remove(second: PlannedSecond) -> PlannedSecond:
            sound = MEAN_SOUND if second.sound is not None and self.what != "picture" else second.sound
            picture = MEAN_PICTURE if second.picture is not None and self.what != "sound" else second.picture
            return PlannedSecond(picture, sound)

        return self.change_each(plan, remove)


@dataclass(frozen=True)
class ShiftSound(Edit):
    """The sound comes `by` whole seconds later (below 0: earlier). Vacated seconds are silent; the rest is lost."""

    name: ClassVar[str] = "shift-sound"
    by: int = 1

    def apply(self, plan: Plan, tracks: ClipTracks) -> Plan:
        """The same pictures with other sounds."""
        need_sound(plan)
        if len(plan) < 2:
            raise EditError("The clip has one second alone: any shift leaves silence; mute it instead")
        if not 0 < abs(self.by) < len(plan):
            raise EditError(f"A shift of the sound by {self.by} s leaves none of it, or all; give 1 to {len(plan) - 1}")
        there = range(len(plan))
        return tuple(
            replace(second, sound=plan[i - self.by].sound if i - self.by in there else SILENCE)
            for i, second in enumerate(plan)
        )


@dataclass(frozen=True)
class Soundtrack(Edit):
    """The sound of another clip, from its beginning on; silence where it is shorter, cut where it is longer."""

    name: ClassVar[str] = "soundtrack"
    track: str = ""

    def apply(self, plan: Plan, tracks: ClipTracks) -> Plan:
        """The same pictures with the sounds of the track."""
        if self.track not in tracks.soundtracks:
            raise EditError(f"The soundtrack {self.track!r} is not here; choose a clip that has sound")
        seconds = tracks.soundtracks[self.track]
        return tuple(
            replace(second, sound=Sound("play", i, self.track) if i < seconds else SILENCE)
            for i, second in enumerate(plan)
        )


@dataclass(frozen=True)
class Reorder(Edit):
    """The seconds in another order: second `order[i]` is played i-th. Picture and sound stay together."""

    name: ClassVar[str] = "reorder"
    order: tuple[int, ...] = ()

    def apply(self, plan: Plan, tracks: ClipTracks) -> Plan:
        """The seconds in their new order."""
        if sorted(self.order) != list(range(len(plan))):
            raise EditError(f"An order must name each of the {len(plan)} seconds once; it names {len(self.order)}")
        return tuple(plan[i] for i in self.order)


EDITS: Mapping[str, type[Edit]] = {
    kind.name: kind for kind in (Mute, Blank, Freeze, Blur, Drop, Remove, ShiftSound, Soundtrack, Reorder)
}


def fold(edits: Sequence[Edit], plan: Plan, tracks: ClipTracks) -> Plan:
    """All edits, one after the other."""
    for edit in edits:
        plan = edit.apply(plan, tracks)
    return plan


def edit_to_json(edit: Edit) -> dict[str, Any]:
    """{"edit": name, …its fields}."""
    return {"edit": edit.name} | {
        key: list(value) if isinstance(value, tuple) else value for key, value in asdict(edit).items()
    }


def edit_from_json(value: Any) -> Edit:
    """Reads what edit_to_json writes, or what a browser sends. EditError for anything else."""
    named = value.get("edit") if isinstance(value, dict) else None
    kind = EDITS.get(named) if isinstance(named, str) else None
    if kind is None:
        raise EditError(f"There is no such edit; there are {', '.join(EDITS)}")
    values = {}
    for field in fields(kind):
        if field.name not in value:
            continue
        values[field.name] = _read(field.name, value[field.name])
    try:
        return kind(**values)
    except TypeError:
        raise EditError(f"The edit {kind.name} lacks its {', '.join(f.name for f in fields(kind))}") from None


def _read(name: str, value: Any) -> Any:
    """One field, of the type that it must have."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if name in ("seconds", "order"):
        if isinstance(value, list | tuple) and all(isinstance(v, int) and not isinstance(v, bool) for v in value):
            return tuple(value)
    elif name == "by" and whole:
        return value
    elif name == "strength" and (whole or isinstance(value, float)):
        return float(value)
    elif name in ("what", "track") and isinstance(value, str):
        return value
    raise EditError(f"{value!r} cannot be the {name} of an edit")


def in_words(edit: Edit) -> str:
    """One line for a list of edits; seconds by where they begin and end, as on the screen."""
    if isinstance(edit, ShiftSound):
        return f"sound {abs(edit.by)} s {'later' if edit.by > 0 else 'earlier'}"
    if isinstance(edit, Soundtrack):
        return f"soundtrack of {edit.track}"
    if isinstance(edit, Reorder):
        return f"order {', '.join(map(str, edit.order))}"
    assert isinstance(edit, OfSeconds)
    where = ranges(edit.seconds)
    if isinstance(edit, Blur):
        return f"blur {where} (σ {100 * edit.strength:.3g} % of the height)"
    if isinstance(edit, Remove):
        what = {"both": "", "sound": "the sound of ", "picture": "the picture of "}[edit.what]
        return f"remove {what}{where} (training average)"
    return f"{edit.name} {where}"


def ranges(seconds: Sequence[int]) -> str:
    """(0, 1, 2, 5) → "0–3 s, 5–6 s"."""
    runs: list[list[int]] = []
    for second in sorted(set(seconds)):
        if runs and second == runs[-1][1] + 1:
            runs[-1][1] = second
        else:
            runs.append([second, second])
    return ", ".join(f"{first}–{last + 1} s" for first, last in runs)
