"""Explanation → columns, one figure a second in each: the table on the screen, and a CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sec2sec.explanations.results import Explanation, OutOfDistribution, TargetExplanation

if TYPE_CHECKING:
    import pandas as pd

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
    listed.append(Column("", "unfamiliar", "words", unfamiliar(explanation.out_of_distribution, explanation)))
    return listed


def to_csv(explanation: Explanation, names: Sequence[str]) -> str:
    """One row a second. A heading never begins with a name from a file: spreadsheets run what begins with “=”."""
    listed = columns(explanation, names)
    units = {"share": " (share)", "prediction": " (prediction)", "logits": " (logits)", "value": "", "words": ""}
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    heads = [f"{c.name}{f' of {c.target}' if c.target else ''}{units[c.unit]}" for c in listed]
    sheet.writerow(["second", "from, s", "to, s", *heads])
    for second in range(explanation.clip.seconds):
        cells = [_cell(column.values[second]) for column in listed]
        sheet.writerow([second + 1, second, min(second + 1, explanation.clip.duration), *cells])
    return out.getvalue()


def to_frame(explanation: Explanation) -> pd.DataFrame:
    """A tidy table, one row per target and second, with the figures of each second in short columns.

    target, second (from 0), start and end in s from the beginning of the analysed part; attention (share of the clip);
    verdict, the word on the attention of that target; effect, effect_audio, effect_video, interaction, effect_low and
    effect_high (over the references), shapley_audio and shapley_video, all in units of the prediction;
    integrated_gradients in logits; entropy of the co-attention (1 is uniform); out_of_distribution in words; and the
    audio-visual features under their names. NaN where there is none.
    """
    import pandas as pd  # half a second to import

    seconds = np.arange(explanation.clip.seconds)
    nothing = np.full(len(seconds), np.nan)
    entropy = explanation.co_attention.entropy
    of_the_clip: dict[str, Any] = {
        "entropy": entropy if entropy.size else nothing,
        "out_of_distribution": unfamiliar(explanation.out_of_distribution, explanation),
        **{feature.name.replace(" ", "_"): feature.values for feature in explanation.features},
    }
    frames = [
        pd.DataFrame(
            {
                "target": name,
                "second": seconds,
                "start": seconds,
                "end": np.minimum(seconds + 1, explanation.clip.duration),
                "attention": nothing if target.attention is None else target.attention,
                "verdict": target.verdict.word,
                "effect": target.effect,
                "effect_audio": target.effect_audio,
                "effect_video": target.effect_video,
                "interaction": target.effects[0].interaction,
                "effect_low": target.effect_range[0],
                "effect_high": target.effect_range[1],
                "shapley_audio": nothing if target.shapley is None else target.shapley.sound_seconds,
                "shapley_video": nothing if target.shapley is None else target.shapley.picture_seconds,
                "integrated_gradients": nothing if target.gradients is None else target.gradients.integrated,
                **of_the_clip,
            }
        )
        for name, target in explanation.targets.items()
    ]
    return pd.concat(frames, ignore_index=True)


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
    if len(target.effects) > 1:
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


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.7g}" if np.isfinite(value) else ""
