"""What lies on the sides of a comparison, and what a screen shows of it: one board for each visitor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from sec2sec.errors import UserError
from sec2sec.explanations.agreement import shared_targets
from sec2sec.explanations.results import Explanation
from sec2sec.ui.chosen_clip import WHOLE, ChosenClip, ClipResult, Part
from sec2sec.ui.compare.payload import Side, compare_clips, compare_models, lanes_alone, side_by_side_lanes
from sec2sec.ui.compare.words import LETTERS, side_by_side
from sec2sec.viewer.payload import encode, shown_targets

PLAYERS = ("compare-player-a", "compare-player-b")
MAX_MODELS = len(LETTERS)  # on one screen
MAX_RESULTS = 8  # that are kept for a visitor, so that a pinned side is not computed again
PICK_CLIP = "Pick an example or upload a clip, then press Compare."
PICK_TWO_CLIPS = "Pick two clips, A and B, then press Compare."
SAME_MODELS = "A and B are the same model. Choose two different ones."
ONE_MODEL = "There is one model here. Train another in the Training tab, or compare two clips."
Mode = Literal["models", "clips"]


@dataclass(frozen=True)
class ResultKey:
    """What a result is of."""

    path: str
    part: Part
    model: str


@dataclass(frozen=True)
class Board:
    """What lies on the sides, and what was computed so far."""

    mode: Mode = "models"
    clips: tuple[ChosenClip | None, ChosenClip | None] = (None, None)
    names: tuple[str, str] = ("", "")  # of the clips, as their visitor knows them
    models: tuple[str | None, str | None] = (None, None)  # A and B, as they are chosen
    keys: tuple[ResultKey, ...] = ()  # what is on the screen
    results: Mapping[ResultKey, str] = field(default_factory=dict)  # ids in the cache
    played: Mapping[tuple[str, Part], str] = field(default_factory=dict)  # clips that were converted for playback

    @property
    def ready(self) -> bool:
        """Whether there is something to compare."""
        if self.mode == "models":
            return self.clips[0] is not None and not self.missing_model
        return None not in self.clips

    @property
    def missing_model(self) -> str:
        """Why these two models cannot be compared, as a sentence; empty where they can."""
        first, second = self.models
        if None in self.models:
            return ONE_MODEL
        return SAME_MODELS if first == second else ""

    def clip(self, path: str) -> ChosenClip:
        """The clip of a path."""
        return next(clip for clip in self.clips if clip is not None and clip.path == path)

    def playable(self, side: int) -> str | None:
        """The file that the player of a side plays; None while it has none."""
        clip = self.clips[side]
        if clip is None or (side == 1 and self.mode == "models"):
            return None
        part = self.keys[side].part if side < len(self.keys) else WHOLE
        return clip.played if clip.playable else self.played.get((clip.path, part))

    def unplayable(self) -> list[ResultKey]:
        """The sides whose clip is still to be converted, or again where that file was deleted for its age."""
        keys = dict.fromkeys(self.keys[: 2 if self.mode == "clips" else 1])
        return [key for key in keys if not (self.clip(key.path).playable or self._is_converted(key))]

    def _is_converted(self, key: ResultKey) -> bool:
        path = self.played.get((key.path, key.part))
        return path is not None and Path(path).is_file()

    def words(self) -> str:
        """Which clips were chosen, and what comes next."""
        if self.mode == "models":
            if self.missing_model:
                return self.missing_model
            return f"{self.names[0]}. Press Compare." if self.clips[0] else PICK_CLIP
        sides = zip("AB", self.names, self.clips, strict=True)
        chosen = [f"{letter}: {name}" for letter, name, clip in sides if clip]
        if not chosen:
            return PICK_TWO_CLIPS
        return "; ".join(chosen) + (". Press Compare." if len(chosen) == 2 else ". Now pick the other.")


@dataclass(frozen=True)
class Screen:
    """What is shown of a board."""

    cards: str = ""  # HTML
    comparison: str | None = None  # JSON
    titles: Sequence[str] = ("", "")  # of the views
    views: Sequence[str | None] = ()  # JSON


def keys_of(
    board: Board, model_a: str, model_b: str, more: list[str], starts: Sequence[float | None], length: float | None
) -> tuple[ResultKey, ...]:
    """What is to be compared, in the order of the sides. Raises UserError where something is missing."""
    # an empty field that has been opened says 0
    parts = [(float(s or 0), float(s or 0) + float(length) if length else None) for s in starts]
    first, second = board.clips
    if first is None or (board.mode == "clips" and second is None):
        raise UserError(PICK_CLIP if board.mode == "models" else PICK_TWO_CLIPS)
    if board.mode == "clips":
        assert second is not None
        return ResultKey(first.path, parts[0], model_a), ResultKey(second.path, parts[1], model_a)
    chosen = list(dict.fromkeys([model_a, model_b, *more]))[:MAX_MODELS]
    if len(chosen) < 2 or None in chosen:
        raise UserError(SAME_MODELS)
    return tuple(ResultKey(first.path, parts[0], name) for name in chosen)


def newest(results: Mapping[ResultKey, str], keys: Sequence[ResultKey]) -> dict[ResultKey, str]:
    """The results of these keys, and of the others those that came last."""
    others = [key for key in results if key not in keys]
    return {key: results[key] for key in [*others, *keys][-MAX_RESULTS:]}


def named(explanation: Explanation, title: str | None) -> Explanation:
    """The explanation with its model in words, where there are any."""
    if title is None:
        return explanation
    return replace(explanation, checkpoint=replace(explanation.checkpoint, name=title))


def screen_of(board: Board, results_by_key: Mapping[ResultKey, ClipResult], titles: Mapping[str, str]) -> Screen:
    """Predictions, comparison and views of what is on the board. titles: of models that are not called as in words."""
    results = [results_by_key[key] for key in board.keys]
    if not results:
        return Screen()
    is_clips = board.mode == "clips"
    explanations = [
        named(result.explanation, titles.get(key.model)) for key, result in zip(board.keys, results, strict=True)
    ]
    clips = [board.clip(key.path) for key in board.keys]
    shown = [shown_targets(e, clip.known_truth) for e, clip in zip(explanations, clips, strict=True)]
    cards = side_by_side(explanations, shown, clips=is_clips)
    # what is converted for playback begins where the analysed part does
    offsets = [e.clip.start if clip.playable else 0.0 for e, clip in zip(explanations, clips, strict=True)]
    sides = [
        Side(e.clip.name if is_clips else e.checkpoint.name, PLAYERS[i if is_clips else 0], offsets[i])
        for i, e in enumerate(explanations)
    ]
    if is_clips:
        views = [
            encode(lanes_alone(explanation), result.preview, diagnostics=clip.known_truth, offset=offset)
            for explanation, result, clip, offset in zip(explanations, results, clips, offsets, strict=True)
        ]
        comparison = compare_clips(explanations, sides) if len(results) == 2 else None
        return Screen(cards, comparison, ("Clip A", "Clip B"), views)
    shared, _ = shared_targets(shown)
    views = []
    if shared:
        lanes = side_by_side_lanes(explanations, shared)
        views.append(encode(lanes, results[0].preview, diagnostics=True, offset=offsets[0]))
    return Screen(cards, compare_models(explanations, shown, sides) if len(results) > 1 else None, views=views)
