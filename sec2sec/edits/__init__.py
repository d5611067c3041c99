"""What if? Edits of a clip as data, what the model says of the edited clip, and the edited clip to watch and hear."""

from sec2sec.edits.lab import Lab, Step, cpu_model
from sec2sec.edits.plan import ClipTracks, EditError, Picture, Plan, PlannedSecond, Sound, first_plan
from sec2sec.edits.render import render_plan
from sec2sec.edits.sources import encode_plan_pictures, encode_soundtrack
from sec2sec.edits.types import (
    EDITS,
    Blank,
    Blur,
    Drop,
    Edit,
    Freeze,
    Mute,
    Remove,
    Reorder,
    ShiftSound,
    Soundtrack,
    edit_from_json,
    edit_to_json,
    fold,
    in_words,
)

__all__ = [
    "EDITS",
    "Blank",
    "Blur",
    "ClipTracks",
    "Drop",
    "Edit",
    "EditError",
    "Freeze",
    "Lab",
    "Mute",
    "Picture",
    "Plan",
    "PlannedSecond",
    "Remove",
    "Reorder",
    "ShiftSound",
    "Sound",
    "Soundtrack",
    "Step",
    "cpu_model",
    "edit_from_json",
    "edit_to_json",
    "encode_plan_pictures",
    "encode_soundtrack",
    "first_plan",
    "fold",
    "in_words",
    "render_plan",
]
