"""The effect of single places of one second, for the view of a kept clip that asks for it (occlusion)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from sec2sec.baselines import SYSTEMS
from sec2sec.edits import EditError
from sec2sec.encode import Tokens
from sec2sec.explanations.occlusion import joint_vectors
from sec2sec.explanations.places import place_effects
from sec2sec.model import Model, Sec2Sec
from sec2sec.ui.messages import answered
from sec2sec.ui.models import Models
from sec2sec.ui.shelf import Kept, Shelf
from sec2sec.ui.timeline.payload import shown_targets

SMALL = 0.001  # of the prediction's 0..1: what changes it by less changes nothing that the screen writes


def askable(clip: Kept, key: str, model: Model) -> str:
    """What is drawn of a clip, for a view that may ask more of it by its id on the shelf: never part of a report."""
    offer = {"key": key, "small": SMALL, "absent": "", "video": False, "audio": False}
    if isinstance(model, Sec2Sec):
        offer["video"] = model.sees and clip.tokens.video is not None
        offer["audio"] = model.hears and clip.tokens.audio is not None
    else:
        offer["absent"] = (
            f"Occlusion of single places is not offered for {SYSTEMS[model.config.system].title}: it takes in the "
            "whole clip at once, so each place would need the whole clip again."
        )
    return f'{clip.drawn[:-1]},"places":{json.dumps(offer)}}}'


def places_function(models: Models, shelf: Shelf, at_once: int) -> Callable[[Any], Any]:
    """What the view asks: {key, second} → the answer of `places_of`, or {error}. at_once: clips measured at a time."""
    turn = threading.Semaphore(at_once)

    @answered
    def places(asked: Any) -> dict[str, Any]:
        sent = asked if isinstance(asked, dict) else {}  # comes from a browser
        key, second = sent.get("key"), sent.get("second")
        clip = shelf.get(key if isinstance(key, str) else None)
        if type(second) is not int or not 0 <= second < clip.explanation.clip.seconds:
            raise EditError(f"This clip has seconds 0 to {clip.explanation.clip.seconds - 1}, not {second!r}")
        with turn:
            return places_of(models.get(clip.model).model, clip, second)

    return places


def places_of(model: Model, clip: Kept, second: int) -> dict[str, Any]:
    """The effect of each token of a second on each shown target: {"second", "video": [K][V], "audio": [K][A]}."""
    assert isinstance(model, Sec2Sec), "askable() offers no other"
    device = next(model.parameters()).device
    tokens = _on(device, clip.tokens)
    if clip.joints is None:  # once a clip; those of other seconds do not change
        clip.joints = replace(
            joint_vectors(model, tokens), video_from_audio=None, audio_from_video=None, seen=None, heard=None
        )
    found = next(place_effects(model, tokens, clip.joints, [second]))
    names = shown_targets(clip.explanation, clip.known_truth)
    index = [list(clip.explanation.targets).index(name) for name in names]
    video, audio = (effects.T[index].double().cpu().tolist() for effects in (found.video, found.audio))
    return {"second": second, "video": video, "audio": audio}


def _on(device: torch.device, tokens: Tokens) -> Tokens:
    return Tokens(*(None if part is None else part.to(device) for part in (tokens.video, tokens.audio)))
