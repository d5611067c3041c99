"""What the browser needs to show the lab, as one JSON string."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sec2sec.edits import Picture, Plan, PlannedSecond, Sound, in_words
from sec2sec.preview import shrink_still
from sec2sec.ui.clip_cache import ExplainedClip
from sec2sec.viewer.curve import scale_ends
from sec2sec.viewer.payload import as_json


def encode(clip: ExplainedClip, refused: str = "", stills: bool = False, why: Mapping[str, Any] | None = None) -> str:
    """The state after the last edit.

    refused: why one was not possible. stills: send the pictures too, which is needed once per clip. why: the answer to
    why the prediction changed, where that was asked.
    """
    history, explanation = clip.history, clip.explanation
    assert history is not None
    clip.serial += 1
    names = clip.shown_targets
    index = [list(explanation.targets).index(name) for name in names]
    before, after = history.before, history.after
    payload: dict[str, Any] = {
        "serial": clip.serial,
        "refused": refused,
        "clip": {
            "name": explanation.clip.name,
            "start": explanation.clip.start,
            "has_audio": any(second.sound is not None for second in history.plan),
            "has_video": any(second.picture is not None for second in history.plan),
        },
        "model": f"Model {explanation.checkpoint.name}. {explanation.checkpoint.about}",
        "reads": list(explanation.checkpoint.reads),
        "targets": [
            {
                "name": name,
                "scale": scale_ends(explanation, name),
                "before": float(before.prediction[k]),
                "after": float(after.prediction[k]),
                "attention": None if after.attention is None else _list(after.attention[k]),
                "before_effect": None if before.effect is None else _list(before.effect[k]),
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
        "soundtracks": list(clip.soundtracks),
        "why": why,
    }
    if stills:
        small = [shrink_still(still) for still in clip.preview.stills]
        payload["stills"] = [base64.b64encode(still).decode() if still else None for still in small]
    return as_json(payload)


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
    """Where picture and sound of a planned second come from."""
    return f"picture: {_picture(second.picture)}; sound: {_sound(second.sound)}"


def marks(second: PlannedSecond, place: int) -> list[str]:
    """Short words on a second's button: what differs from the clip as it is."""
    picture, sound = second.picture, second.sound
    words: list[str] = []
    if picture is not None:
        if picture.kind in ("black", "mean"):
            words.append({"black": "black", "mean": "no picture"}[picture.kind])
        elif picture.kind == "freeze":
            words.append("frozen")
        elif picture.second != place:
            words.append(f"was {picture.second}–{picture.second + 1} s")
        if picture.blur:
            words.append("blurred")
    if sound is not None:
        if sound.kind in ("silence", "mean"):
            words.append({"silence": "muted", "mean": "no sound"}[sound.kind])
        elif sound.track:
            words.append("other sound")
        elif sound.second != place and not (picture is not None and picture == Picture("play", sound.second)):
            words.append(f"sound of {sound.second}–{sound.second + 1} s")
    return words


def _picture(picture: Picture | None) -> str:
    if picture is None:
        return "none"
    blur = f", blurred (σ {100 * picture.blur:.3g} %)" if picture.blur else ""
    span = f"{picture.second}–{picture.second + 1} s"
    words = {"play": span, "freeze": f"first frame of {span}"}
    return words.get(picture.kind, {"black": "black", "mean": "removed"}.get(picture.kind, "")) + blur


def _sound(sound: Sound | None) -> str:
    if sound is None:
        return "none"
    if sound.kind != "play":
        return {"silence": "silence", "mean": "removed"}[sound.kind]
    return f"{sound.second}–{sound.second + 1} s" + (f" of {sound.track}" if sound.track else "")


def _list(values: Sequence[float] | np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values]
