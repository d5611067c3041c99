"""The effect of single places of one second, for the view of an explained clip that asks for it (occlusion)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sec2sec.checkpoints import Bundle
from sec2sec.edits import EditError
from sec2sec.explanations.embeddings import SecondEmbeddings
from sec2sec.explanations.masker import SecondMasker, masker_of
from sec2sec.explanations.places import place_effects
from sec2sec.ui.clip_cache import ClipCache, ExplainedClip
from sec2sec.ui.messages import errors_as_json
from sec2sec.ui.models import Models
from sec2sec.viewer.payload import maps_alone

SMALLEST_EFFECT = 0.001  # of the prediction's 0..1: what changes it by less changes nothing that the screen writes


def offer_places(clip: ExplainedClip, key: str, bundle: Bundle) -> dict[str, Any]:
    """Which places a view may ask for, and why not where it may not."""
    offer = {"key": key, "small": SMALLEST_EFFECT, "absent": "", "video": False, "audio": False}
    masker = masker_of(bundle.model, clip.tokens).by_second
    if masker is not None:
        offer["video"] = masker.model.sees and clip.tokens.video is not None
        offer["audio"] = masker.model.hears and clip.tokens.audio is not None
    else:
        offer["absent"] = (
            f"Occlusion of single places is not offered for {bundle.system.title}: it takes in the "
            "whole clip at once, so each place would need the whole clip again."
        )
    return offer


def places_function(models: Models, cache: ClipCache, at_once: int) -> Callable[[Any], Any]:
    """What the view asks: {key, second} → the answer of `places_of`, or {error}. at_once: clips measured at a time."""
    turn = threading.Semaphore(at_once)

    @errors_as_json
    def places(question: Any) -> dict[str, Any]:
        fields = question if isinstance(question, dict) else {}  # comes from a browser
        key, second = fields.get("key"), fields.get("second")
        clip = cache.get(key if isinstance(key, str) else None)
        if type(second) is not int or not 0 <= second < clip.explanation.clip.seconds:
            raise EditError(f"This clip has seconds 0 to {clip.explanation.clip.seconds - 1}, not {second!r}")
        with turn:
            return places_of(models.get(clip.model), clip, second)

    return places


def maps_function(cache: ClipCache) -> Callable[[Any], Any]:
    """What the view asks once the panel of a second is in sight: {key} → maps, MFCC and relevance, or {error}."""

    @errors_as_json
    def maps(question: Any) -> dict[str, Any]:
        key = question.get("key") if isinstance(question, dict) else None  # comes from a browser
        return maps_alone(cache.get(key if isinstance(key, str) else None).payload)

    return maps


def places_of(bundle: Bundle, clip: ExplainedClip, second: int) -> dict[str, Any]:
    """The effect of each token of a second on each shown target: {"second", "video": [K][V], "audio": [K][A]}."""
    masker = masker_of(bundle.model, clip.tokens.to(bundle.device)).by_second
    assert masker is not None, "offer_places() offers no other"
    if clip.embeddings is None:  # once per clip, without the heavy part, which single places do not need
        own = masker.embeddings
        clip.embeddings = SecondEmbeddings(own.both, own.audio_only, own.video_only, own.neither)
    effects = next(place_effects(SecondMasker(masker.model, masker.tokens, clip.embeddings), [second]))
    index = [list(clip.explanation.targets).index(name) for name in clip.shown_targets]
    video, audio = (tokens.T[index].double().cpu().tolist() for tokens in (effects.video, effects.audio))
    return {"second": second, "video": video, "audio": audio}
