"""Explanation → tables: columns for the screen, and one tidy table, a row per target and second, as CSV and frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sec2sec.explanations.effects import NEIGHBOUR, RANDOM_SECONDS, SIMILAR_SECONDS
from sec2sec.explanations.results import Explanation, OutOfDistribution, TargetExplanation

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is run by spreadsheets
SUFFIXES = {NEIGHBOUR: "neighbour", RANDOM_SECONDS: "random_seconds", SIMILAR_SECONDS: "similar_seconds"}

Block = dict[str, Sequence[Any] | np.ndarray]  # columns of as many entries, by their heads
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
    listed = [column for name in names for column in _of_target(explanation, name)]
    if explanation.co_attention.entropy.size:
        listed.append(Column("", "entropy", "value", explanation.co_attention.entropy, True))
    listed += [Column("", f"{one.name}, {one.unit}", "value", one.values) for one in explanation.features]
    listed += [Column("", f"ratings: {one.name}", "value", one.seconds, True) for one in explanation.ratings]
    listed.append(Column("", "unfamiliar", "words", unfamiliar(explanation.out_of_distribution, explanation)))
    return listed


def to_csv(explanation: Explanation, names: Sequence[str]) -> str:
    """The tidy table of the targets `names`; what was not measured is an empty cell.

    A name from a file that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    blocks = tidy(explanation, names)
    heads = list(dict.fromkeys(head for block in blocks for head in block))
    return csv_text([[cell(head) for head in heads]]) + csv_text(csv_rows(blocks, heads))


def csv_rows(blocks: Sequence[Block], heads: Sequence[str]) -> Iterator[list[str]]:
    """The cells of some blocks under these heads; what a block does not have is an empty cell."""
    for block in blocks:
        nothing = [np.nan] * len(block["target"])
        for row in zip(*(block.get(head, nothing) for head in heads), strict=True):
            yield [cell(value) for value in row]


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells as the text of a table."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def to_frame(explanation: Explanation) -> pd.DataFrame:
    """The tidy table of all targets: one row per target and second; NaN where there is no figure.

    docs/reference/table.md says what each column holds, and its unit.
    """
    import pandas as pd  # half a second to import

    return pd.concat([pd.DataFrame(block) for block in tidy(explanation, list(explanation.targets))], ignore_index=True)


def tidy_of_clip(clip: str, explanation: Explanation, names: Sequence[str]) -> list[Block]:
    """The same for a table of many clips: the clip's name, and the prediction of each target beside its baseline."""
    blocks: list[Block] = []
    for name, block in zip(names, tidy(explanation, names), strict=True):
        target, seconds = explanation.targets[name], explanation.clip.seconds
        first = {head: block[head] for head in ("target", "second", "start", "end")}
        figures = {"prediction": [target.prediction] * seconds, "baseline": [target.baseline] * seconds}
        blocks.append({"clip": [clip] * seconds, **first, **figures, **block})
    return blocks


def tidy(explanation: Explanation, names: Sequence[str]) -> list[Block]:
    """For each target its columns of T entries: the same for a CSV and a frame, so that one script reads both."""
    seconds = np.arange(explanation.clip.seconds)
    begin, end = explanation.clip.start, explanation.clip.start + explanation.clip.duration
    nothing = np.full(len(seconds), np.nan)
    entropy = explanation.co_attention.entropy
    return [
        {
            "target": [name] * len(seconds),
            "second": seconds,
            "start": begin + seconds,
            "end": np.minimum(begin + seconds + 1, end),
            **_figures(explanation.targets[name], nothing),
            "entropy": entropy if entropy.size else nothing,
            "out_of_distribution": unfamiliar(explanation.out_of_distribution, explanation),
            **{feature.name.replace(" ", "_"): feature.values for feature in explanation.features},
            **{f"ratings_{one.name}": one.seconds for one in explanation.ratings},
        }
        for name in names
    ]


def _figures(target: TargetExplanation, nothing: np.ndarray) -> Block:
    """What there is of each second of one target. Columns that always are, then those of what can be measured."""
    shapley, gradients, profile = target.shapley, target.gradients, target.profile
    figures: Block = {
        "attention": nothing if target.attention is None else target.attention,
        "verdict": [target.verdict.word] * len(nothing),
        "effect": target.effect,
        "effect_audio": target.effect_audio,
        "effect_video": target.effect_video,
        "interaction": target.effects[0].interaction,
        "effect_low": target.effect_range[0],
        "effect_high": target.effect_range[1],
        "shapley_audio": nothing if shapley is None else shapley.sound_seconds,
        "shapley_video": nothing if shapley is None else shapley.picture_seconds,
        "conflict": nothing if shapley is None else shapley.conflict_seconds.astype(float),
        "integrated_gradients": nothing if gradients is None else gradients.integrated,
        "attention_beyond_start": nothing if profile is None else profile.from_start,
        "attention_beyond_end": nothing if profile is None else profile.from_end,
    }
    for effects in target.effects[1:]:
        suffix = SUFFIXES.get(effects.reference, effects.reference.replace(" ", "_"))
        figures[f"effect_{suffix}"] = effects.whole
        if effects.split:
            figures[f"effect_audio_{suffix}"] = effects.audio
            figures[f"effect_video_{suffix}"] = effects.video
            figures[f"interaction_{suffix}"] = effects.interaction
    for band in target.stability:
        suffix = "cuts" if band.over.startswith("cuts") else "seeds"
        figures[f"attention_low_{suffix}"] = band.attention_low
        figures[f"attention_high_{suffix}"] = band.attention_high
        figures[f"effect_low_{suffix}"] = band.effect_low
        figures[f"effect_high_{suffix}"] = band.effect_high
    return figures


def unfamiliar(seconds: Sequence[OutOfDistribution], explanation: Explanation) -> tuple[str, ...]:
    """For each second what is unfamiliar in it, in words."""
    words: list[list[str]] = [[] for _ in range(explanation.clip.seconds)]
    for one in seconds:
        words[one.second].append(f"{one.kind}: {one.words}")
    return tuple("; ".join(phrases) for phrases in words)


def _of_target(explanation: Explanation, name: str) -> Iterator[Column]:
    target = explanation.targets[name]
    if target.attention is not None:
        yield Column(name, "attention", "share", target.attention, True)
    yield Column(name, "effect", "prediction", target.effect, True)
    if explanation.clip.has_audio and explanation.clip.has_video:
        yield Column(name, "effect of the sound", "prediction", target.effect_audio, True)
        yield Column(name, "effect of the picture", "prediction", target.effect_video, True)
    yield from _evidence(name, target)


def _evidence(name: str, target: TargetExplanation) -> Iterator[Column]:
    for index, effects in enumerate(target.effects):
        under = "" if index == 0 else f", {effects.reference}"
        if index:  # the first one's are the target's own
            yield Column(name, f"effect{under}", "prediction", effects.whole)
        if not effects.split:
            continue
        if index:
            yield Column(name, f"effect of the sound{under}", "prediction", effects.audio)
            yield Column(name, f"effect of the picture{under}", "prediction", effects.video)
        yield Column(name, f"interaction{under}", "prediction", effects.interaction)
    if len(target.effects) > 1 or target.noise:
        yield Column(name, "lowest effect", "prediction", target.effect_range[0])
        yield Column(name, "highest effect", "prediction", target.effect_range[1])
    if target.shapley is not None:
        yield Column(name, "Shapley value of the sound", "prediction", target.shapley.sound_seconds)
        yield Column(name, "Shapley value of the picture", "prediction", target.shapley.picture_seconds)
        conflict = tuple("conflict" if pull else "" for pull in target.shapley.conflict_seconds)
        yield Column(name, "sound against picture", "words", conflict)
    if target.gradients is not None:
        yield Column(name, "integrated gradients", "logits", target.gradients.integrated)
    yield Column(name, "verdict", "words", (target.verdict.word,) * len(target.effect))
    if target.profile is not None:
        yield Column(name, "attention against the usual, from the start", "share", target.profile.from_start)
        yield Column(name, "attention against the usual, from the end", "share", target.profile.from_end)
    for band in target.stability:
        yield Column(name, f"lowest attention, {band.over}", "share", band.attention_low)
        yield Column(name, f"highest attention, {band.over}", "share", band.attention_high)
        yield Column(name, f"lowest effect, {band.over}", "prediction", band.effect_low)
        yield Column(name, f"highest effect, {band.over}", "prediction", band.effect_high)


def cell(value: object) -> str:
    """A value as a table has it; text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    number = float(value)  # type: ignore[arg-type]
    return f"{number:.7g}" if np.isfinite(number) else ""
