"""A film in the Inspect tab: a point of its curve opens that window, of seconds that are encoded already."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sec2sec.checkpoints import Bundle
from sec2sec.clip import AskError, EncodedClip
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.results import Explanation
from sec2sec.explanations.windows import measured_again, window_seconds
from sec2sec.ui.chosen_clip import Part
from sec2sec.ui.clip_cache import ClipCache, ExplainedClip
from sec2sec.viewer.payload import MFCC_REACH, view_payload

TURN = threading.Semaphore(2)  # windows that are explained at a time, whoever presses


def opened(
    cache: ClipCache, key: str | None, point: Any, bundle_of: Callable[[str | None], Bundle]
) -> tuple[ExplainedClip, str, str]:
    """What a press on the curve shows: the clip, its id in the cache, and the status line.

    key: of the clip that is shown, the film or one of its windows. point: of the curve; None for the whole film; it
    comes from a browser. bundle_of: the model of a name. Raises AskError for a point that is none, ClipGoneError.
    """
    shown = cache.get(key)
    film_key = shown.film or key
    assert film_key is not None, "the cache knows it"
    film = cache.get(film_key)
    curve = film.explanation.curve
    if point is None:
        return film, film_key, f"The whole: {film.explanation.clip.seconds} s."
    if curve is None or type(point) is not int or not 0 <= point < len(curve.starts):
        raise AskError("This clip has no such window: choose a point of its curve")
    with TURN:
        window = window_clip(film, film_key, point, bundle_of(film.model))
    start, end = curve.starts[point], curve.ends[point]
    return window, cache.put(window), f"Window {start:g}–{end:g} s, explained from seconds that were encoded already."


def window_clip(film: ExplainedClip, film_key: str, point: int, bundle: Bundle) -> ExplainedClip:
    """One window of a film as an explained clip of its own."""
    whole, curve = film.explanation, film.explanation.curve
    assert curve is not None
    first, end = window_seconds(whole.clip, curve, point)
    # a copy: a view would hold the tokens of the whole film, also once the cache has let it go
    tokens = Tokens(
        *(None if own is None else own[first:end].clone() for own in (film.tokens.video, film.tokens.audio))
    )
    encoded = EncodedClip(
        bundle,
        tokens.to(bundle.device),
        whole.clip.part(first, end),
        replace(film.preview, mfcc=shown_mfcc(film.payload)).part(first, end),
        lambda: measured_again(whole).part(first, end),
    )
    # the curve is the film's: that of the window itself would be one point
    ratings = tuple(rating.part(first, end) for rating in whole.ratings)
    explanation = replace(encoded.explain(), curve=None, ratings=ratings, seconds_taken=whole.seconds_taken)
    own = Explanation(**{name: getattr(explanation, name) for name in Explanation.__dataclass_fields__})
    preview = encoded.preview
    assert preview is not None
    planted = planted_within(film.planted, first, end)
    offset = film.payload["clip"]["offset"] + first
    payload = view_payload(own, preview, diagnostics=film.known_truth, offset=offset, planted=planted)
    payload |= {"curve": film.payload["curve"] | {"opened": point}, "link": None}
    return ExplainedClip(
        own,
        preview,
        tokens,
        film.path,
        part_of_file(film, first, end),
        film.model,
        film.known_truth,
        planted,
        payload,
        film.played,
        film.pixels,
        film=film_key,
    )


def part_of_file(film: ExplainedClip, first: int, end: int) -> Part:
    """Seconds of a film as a part of its file; the last window ends where the film's part does."""
    start = film.explanation.clip.start
    return start + first, film.part[1] if end == film.explanation.clip.seconds else start + end


def planted_within(planted: Mapping[str, Sequence[int]], first: int, end: int) -> dict[str, list[int]]:
    """The planted seconds of a window, counted from its start."""
    return {name: [second - first for second in own if first <= second < end] for name, own in planted.items()}


def shown_mfcc(payload: Mapping[str, Any]) -> np.ndarray | None:
    """The MFCC images of a film (T, n_mfcc, steps) as its payload has them, in standard deviations."""
    image = payload["mfcc"]
    if image is None:
        return None
    levels = np.frombuffer(base64.b64decode(image["data"]), np.uint8).reshape(image["shape"])
    values: np.ndarray = (levels.astype(np.float32) / 127.5 - 1) * MFCC_REACH
    return values
