"""Explained clips that Inspect and Compare have in common: of examples, and those that a visitor had explained."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sec2sec.config import DEFAULT_TRACKS
from sec2sec.files import file_sha256
from sec2sec.ui.bounded_cache import ClipGoneError
from sec2sec.ui.chosen_clip import WHOLE, ChosenClip, ClipResult, Part
from sec2sec.ui.clip_cache import ClipCache, ExplainedClip
from sec2sec.ui.examples import Example
from sec2sec.ui.explained import Explained
from sec2sec.ui.link import link_to
from sec2sec.ui.models import Models
from sec2sec.ui.visit import Visit
from sec2sec.viewer.payload import view_payload


class KnownClips:
    """What was explained already, known by the content of file and model, the tracks and the part."""

    def __init__(self, examples: Explained, models: Models, cache: ClipCache, tiles: Sequence[Example]) -> None:
        """tiles: the examples that a link can name."""
        self.examples, self.models, self.cache, self.tiles = examples, models, cache, tiles
        self.payloads: dict[tuple[Path, str | None], dict[str, Any]] = {}  # of examples: clip and model

    def key(self, chosen: ChosenClip, model: str | None, part: Part) -> Hashable:
        """By which an explanation is found again."""
        return self.models.get(model).summary.sha256, file_sha256(Path(chosen.path)), chosen.tracks, part

    def find(self, visit: Visit, key: Hashable, chosen: ChosenClip, model: str | None) -> ExplainedClip | None:
        """What is there already: of an example, or of this visitor's own; None where it is to be explained."""
        whole = self.models.get(model).summary.sha256, file_sha256(Path(chosen.path)), DEFAULT_TRACKS, WHOLE
        result = self.examples.example(Path(chosen.path), model) if key == whole else None
        if result is not None:
            return self.make(result, chosen=chosen, part=WHOLE, model=model)
        with suppress(ClipGoneError):
            before = self.cache.get(visit.explained.get(key))
            return before.afresh() if before.path == Path(chosen.path) else None
        return None

    def keep(self, visit: Visit, key: Hashable, clip: ExplainedClip) -> str:
        """Hold a clip for the questions that follow; returns its id."""
        visit.explained[key] = self.cache.put(clip)
        return visit.explained[key]

    def make(self, result: ClipResult, *, chosen: ChosenClip, part: Part, model: str | None) -> ExplainedClip:
        """An explained clip for the questions that follow."""
        assert result.tokens is not None, "explain_on_device() and compare_on_device() send them"
        # what is converted for playback begins where the analysed part does
        offset = result.explanation.clip.start if chosen.playable else 0.0
        truth, planted = chosen.known_truth, chosen.planted_from(result.explanation.clip.start)
        example = Path(chosen.path), model
        payload = self.payloads.get(example) if result.is_shared else None
        if payload is None:
            payload = view_payload(
                result.explanation, result.preview, diagnostics=truth, offset=offset, planted=planted
            )
            payload["link"] = link_to(*example, self.tiles) if part == WHOLE else None
        if result.is_shared:  # held once for all visitors: whoever opens a page costs next to nothing
            self.payloads[example] = payload
            payload = dict(payload)
        return ExplainedClip(
            result.explanation,
            result.preview,
            result.tokens,
            Path(chosen.path),
            part,
            model,
            truth,
            planted,
            payload,
            chosen.played or "",
            chosen.pixels,
            is_shared=result.is_shared,
        )
