"""Explanation → columns, one figure a second in each: the table on the screen, and a CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sec2sec.explanations.evidence import TargetEvidence, Unfamiliar
from sec2sec.explanations.types import Explanation

Unit = Literal["share", "prediction", "logits", "value", "words"]


@dataclass(frozen=True)
class Column:
    """values: T numbers (NaN where there is none) or T words. main: shown before anybody asks for all of them."""

    target: str  # empty: of the clip
    name: str
    unit: Unit
    values: np.ndarray | tuple[str, ...]
    main: bool = False


def columns(explanation: Explanation, names: Sequence[str]) -> list[Column]:
    """Every figure that there is one of a second, of the targets `names` and of the clip."""
    found = [column for name in names for column in _of_target(explanation, name)]
    if explanation.co_attention.entropy.size:
        found.append(Column("", "entropy", "value", explanation.co_attention.entropy, True))
    if explanation.evidence is not None:
        found += [Column("", f"{cue.name}, {cue.unit}", "value", cue.values) for cue in explanation.evidence.cues]
        found.append(Column("", "unfamiliar", "words", unfamiliar(explanation.evidence.unfamiliar, explanation)))
    return found


def to_csv(explanation: Explanation, names: Sequence[str]) -> str:
    """One row a second. A heading never begins with a name from a file: spreadsheets run what begins with “=”."""
    found = columns(explanation, names)
    units = {"share": " (share)", "prediction": " (prediction)", "logits": " (logits)", "value": "", "words": ""}
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    heads = [f"{c.name}{f' of {c.target}' if c.target else ''}{units[c.unit]}" for c in found]
    sheet.writerow(["second", "from, s", "to, s", *heads])
    for second in range(explanation.clip.seconds):
        cells = [_cell(column.values[second]) for column in found]
        sheet.writerow([second + 1, second, min(second + 1, explanation.clip.duration), *cells])
    return out.getvalue()


def unfamiliar(found: Sequence[Unfamiliar], explanation: Explanation) -> tuple[str, ...]:
    """For each second what is unfamiliar in it, in words."""
    said: list[list[str]] = [[] for _ in range(explanation.clip.seconds)]
    for one in found:
        said[one.second].append(f"{one.kind}: {one.words}")
    return tuple("; ".join(words) for words in said)


def _of_target(explanation: Explanation, name: str) -> Iterator[Column]:
    target = explanation.targets[name]
    if target.attention is not None:
        yield Column(name, "attention", "share", target.attention, True)
    yield Column(name, "effect", "prediction", target.effect, True)
    if explanation.clip.has_audio and explanation.clip.has_video:
        yield Column(name, "effect of the sound", "prediction", target.effect_audio, True)
        yield Column(name, "effect of the picture", "prediction", target.effect_video, True)
    if explanation.evidence is not None and name in explanation.evidence.targets:
        yield from _measured(name, explanation.evidence.targets[name])


def _measured(name: str, found: TargetEvidence) -> Iterator[Column]:
    for index, effects in enumerate(found.effects):
        under = "" if index == 0 else f", {effects.reference}"
        if index:  # the first one's are the target's own
            yield Column(name, f"effect{under}", "prediction", effects.whole)
            yield Column(name, f"effect of the sound{under}", "prediction", effects.audio)
            yield Column(name, f"effect of the picture{under}", "prediction", effects.video)
        yield Column(name, f"interaction{under}", "prediction", effects.interaction)
    if len(found.effects) > 1:
        yield Column(name, "lowest effect", "prediction", found.spread[0])
        yield Column(name, "highest effect", "prediction", found.spread[1])
    if found.shapley is not None:
        yield Column(name, "Shapley value of the sound", "prediction", found.shapley.sound_seconds)
        yield Column(name, "Shapley value of the picture", "prediction", found.shapley.picture_seconds)
        conflict = tuple("conflict" if pull else "" for pull in found.shapley.conflict_seconds)
        yield Column(name, "sound against picture", "words", conflict)
    if found.gradients is not None:
        yield Column(name, "integrated gradients", "logits", found.gradients.integrated)
    if found.position is not None:
        yield Column(name, "attention against the usual, from the start", "share", found.position.from_start)
        yield Column(name, "attention against the usual, from the end", "share", found.position.from_end)
    for band in found.stability:
        yield Column(name, f"lowest attention, {band.over}", "share", band.attention_low)
        yield Column(name, f"highest attention, {band.over}", "share", band.attention_high)
        yield Column(name, f"lowest effect, {band.over}", "prediction", band.effect_low)
        yield Column(name, f"highest effect, {band.over}", "prediction", band.effect_high)


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.7g}" if np.isfinite(value) else ""
