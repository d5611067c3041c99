"""What the browser needs to show the lab, as one JSON string."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from sec2sec.edits import Picture, Plan, PlannedSecond, Sound, in_words
from sec2sec.preview import shrink_still
from sec2sec.ui.shelf import Kept
from sec2sec.viewer.payload import shown_targets


def encode(kept: Kept, refused: str = "", stills: bool = False) -> str:
    """The state after the last edit. refused: why one was not possible; stills: send the pictures too, once a clip."""
    history, explanation = kept.history, kept.explanation
    assert history is not None
    kept.serial += 1
    names = shown_targets(explanation, kept.known_truth)
    index = [list(explanation.targets).index(name) for name in names]
    before, after = history.before, history.after
    payload: dict[str, Any] = {
        "serial": kept.serial,
        "refused": refused,
        "clip": {
            "name": explanation.clip.name,
            "start": explanation.clip.start,
            "has_audio": any(second.sound is not None for second in history.plan),
            "has_video": any(second.picture is not None for second in history.plan),
        },
        "model": f"Model {explanation.checkpoint.name}. {explanation.checkpoint.trained_on.strip()}",
        "targets": [
            {
                "name": name,
                "before": float(before.prediction[k]),
                "after": float(after.prediction[k]),
                "attention": None if after.attention is None else _list(after.attention[k]),
                "effect": None if after.effect is None else _list(after.effect[k]),
            }
            for name, k in zip(names, index, strict=True)
        ],
        "seconds": _seconds(history.plan),
        "edits": [
            {"words": in_words(done.edit), "changes": _list(change[index])} for done, change in history.changes()
        ],
        "undone": len(history.undone),
        "renderable": all(second.renderable for second in history.plan),
        "soundtracks": list(kept.soundtracks),
    }
    if stills:
        small = [shrink_still(still) for still in kept.preview.stills]
        payload["stills"] = [base64.b64encode(still).decode() if still else None for still in small]
    return json.dumps(payload, allow_nan=False, separators=(",", ":"))


def _seconds(plan: Plan) -> list[dict[str, Any]]:
    """Of each second the still to show and what is special about it, in words."""
    return [
        {"still": still_of(second.picture), "marks": marks(second, place), "from": source(second)}
        for place, second in enumerate(plan)
    ]


def still_of(picture: Picture | None) -> int | None:
    """The second whose still stands for a picture; None for black, and for what cannot be seen."""
    return picture.second if picture is not None and picture.kind in ("play", "freeze") else None


def source(second: PlannedSecond) -> str:
    """Where picture and sound of a planned second come from, counted from 1."""
    return f"picture: {_picture(second.picture)}; sound: {_sound(second.sound)}"


def marks(second: PlannedSecond, place: int) -> list[str]:
    """Short words on a second's button: what differs from the clip as it is."""
    picture, sound, found = second.picture, second.sound, []
    if picture is not None:
        if picture.kind in ("black", "mean"):
            found.append({"black": "black", "mean": "no picture"}[picture.kind])
        elif picture.kind == "freeze":
            found.append("frozen")
        elif picture.second != place:
            found.append(f"was {picture.second + 1}")
        if picture.blur:
            found.append("blurred")
    if sound is not None:
        if sound.kind in ("silence", "mean"):
            found.append({"silence": "muted", "mean": "no sound"}[sound.kind])
        elif sound.track:
            found.append("other sound")
        elif sound.second != place and not (picture is not None and picture == Picture("play", sound.second)):
            found.append(f"sound of {sound.second + 1}")
    return found


def _picture(picture: Picture | None) -> str:
    if picture is None:
        return "none"
    blur = f", blurred (σ {100 * picture.blur:.3g} %)" if picture.blur else ""
    words = {"play": f"second {picture.second + 1}", "freeze": f"first frame of second {picture.second + 1}"}
    return words.get(picture.kind, {"black": "black", "mean": "removed"}.get(picture.kind, "")) + blur


def _sound(sound: Sound | None) -> str:
    if sound is None:
        return "none"
    if sound.kind != "play":
        return {"silence": "silence", "mean": "removed"}[sound.kind]
    return f"second {sound.second + 1}" + (f" of {sound.track}" if sound.track else "")


def _list(values: Sequence[float] | np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values]
