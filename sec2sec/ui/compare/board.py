"""What lies on the sides of a comparison, and what of it a screen shows: one board for each visitor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from sec2sec.errors import UserError
from sec2sec.explanations.agreement import shared_targets
from sec2sec.ui.clips import Answer, Part, Source
from sec2sec.ui.compare.payload import Side, compare_clips, compare_models, lanes_alone, side_by_side_lanes
from sec2sec.ui.compare.words import LETTERS, side_by_side
from sec2sec.viewer.payload import encode, shown_targets

PLAYERS = ("compare-player-a", "compare-player-b")
MOST = len(LETTERS)  # models on one screen
PICK = "Pick an example or upload a clip, then press Compare."
PICK_TWO = "Pick two clips, A and B, then press Compare."
Mode = Literal["models", "clips"]


@dataclass(frozen=True)
class Key:
    """What one answer is of."""

    path: str
    part: Part
    model: str


@dataclass(frozen=True)
class Board:
    """What lies on the sides, and what was found out so far: one for each visitor."""

    mode: Mode = "models"
    clips: tuple[Source | None, Source | None] = (None, None)
    names: tuple[str, str] = ("", "")  # of the clips, as their visitor knows them
    keys: tuple[Key, ...] = ()  # what is on the screen
    answers: Mapping[Key, Answer] = field(default_factory=dict)
    played: Mapping[tuple[str, Part], str] = field(default_factory=dict)  # clips that were converted for playback

    @property
    def ready(self) -> bool:
        """Whether there is something to compare."""
        return self.clips[0] is not None and (self.mode == "models" or self.clips[1] is not None)

    def sources(self) -> list[Source]:
        """The clip of each side."""
        sources = [clip for clip in self.clips if clip is not None]
        return sources if self.mode == "clips" else sources[:1] * len(self.keys)

    def source(self, path: str) -> Source:
        """The clip of a path."""
        return next(clip for clip in self.clips if clip is not None and clip.path == path)

    def plays(self, side: int, part: Part = (0.0, None)) -> str | None:
        """What the player of a side shows."""
        source = self.clips[side]
        if source is None:
            return None
        return source.played if source.playable else self.played.get((source.path, part))


def keys_of(
    board: Board, model_a: str, model_b: str, more: list[str], starts: Sequence[float | None], length: float | None
) -> tuple[Key, ...]:
    """What is to be compared, in the order of the sides. Raises UserError where something is missing."""
    # an empty field that has been opened says 0
    parts = [(float(s or 0), float(s or 0) + float(length) if length else None) for s in starts]
    first, second = board.clips
    if first is None or (board.mode == "clips" and second is None):
        raise UserError(PICK if board.mode == "models" else PICK_TWO)
    if board.mode == "clips":
        assert second is not None
        return Key(first.path, parts[0], model_a), Key(second.path, parts[1], model_a)
    chosen = list(dict.fromkeys([model_a, model_b, *more]))[:MOST]
    if len(chosen) < 2 or None in chosen:
        raise UserError("Choose two different models, A and B.")
    return tuple(Key(first.path, parts[0], name) for name in chosen)


def screen_of(board: Board) -> list[Any]:
    """Predictions, comparison, headings, views and players of what is on the board."""
    clips = board.mode == "clips"
    parts = [key.part for key in board.keys] + [(0.0, None)] * 2
    plays = [gr.update(value=board.plays(0, parts[0]), label="Clip A" if clips else "Clip", visible=True)]
    plays.append(gr.update(value=board.plays(1, parts[1]) if clips else None, visible=clips))
    found = [board.answers[key] for key in board.keys]
    if not found:
        return ["", None, *_views([]), *plays]
    explanations = [explanation for explanation, _ in found]
    sources = board.sources()
    shown = [shown_targets(e, s.known_truth) for e, s in zip(explanations, sources, strict=False)]
    cards = side_by_side(explanations, shown, clips=clips)
    # what is converted for playback begins where the analysed part does
    offsets = [e.clip.start if s.playable else 0.0 for e, s in zip(explanations, sources, strict=False)]
    sides = [
        Side(e.clip.name if clips else e.checkpoint.name, PLAYERS[i if clips else 0], offsets[i])
        for i, e in enumerate(explanations)
    ]
    if clips:
        drawn = [
            encode(lanes_alone(explanation), preview, diagnostics=source.known_truth, offset=offset)
            for (explanation, preview), source, offset in zip(found, sources, offsets, strict=False)
        ]
        differ = compare_clips(explanations, sides) if len(found) == 2 else None
        return [cards, differ, *_views(drawn, ["Clip A", "Clip B"]), *plays]
    shared, _ = shared_targets(shown)
    drawn = []
    if shared:
        lanes = side_by_side_lanes(explanations, shared)
        drawn.append(encode(lanes, found[0][1], diagnostics=True, offset=offsets[0]))
    differ = compare_models(explanations, shown, sides) if len(found) > 1 else None
    return [cards, differ, *_views(drawn), *plays]


def _views(drawn: Sequence[str], titles: Sequence[str] = ("", "")) -> list[Any]:
    """Headings and views of the sides that are drawn; the others are empty, and style.css hides them."""
    some = [*drawn, None, None][:2]
    headings = [f"<h3>{title}</h3>" if title else "" for title in titles]
    return [*headings, *some]


def chosen_words(board: Board) -> str:
    """Which clips were chosen, and what comes next."""
    if board.mode == "models":
        return f"{board.names[0]}. Press Compare." if board.clips[0] else PICK
    said = [f"{letter}: {name}" for letter, name, clip in zip("AB", board.names, board.clips, strict=True) if clip]
    return "; ".join(said) + (". Press Compare." if len(said) == 2 else ". Now pick the other.") if said else PICK_TWO


def still_there(board: Board, key: Key) -> bool:
    """Whether a converted clip has not been deleted for its age."""
    path = board.played.get((key.path, key.part))
    return path is not None and Path(path).is_file()
