"""Explanation → the lanes of its timeline, grouped, and which of them are open before anybody chose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from sec2sec import plots
from sec2sec.explanations.randomisation import Kind, hardly_changes, judged
from sec2sec.explanations.results import Explanation, Preview, TargetExplanation
from sec2sec.viewer.evidence import along

Group = Literal["evidence", "cues", "more"]
TITLES: dict[Group, str] = {
    "evidence": "",  # stands first and needs no heading
    "cues": "Audio-visual features",
    "more": "More analyses",
}


def lanes(explanation: Explanation, preview: Preview, names: Sequence[str]) -> list[plots.Figure]:
    """In the order of the screen; `meta` of each says its group and whether it is open at first."""
    clip = explanation.clip
    seconds = plots.Seconds(clip.seconds, clip.partial)
    both = clip.has_audio and clip.has_video
    shown = {name: explanation.targets[name] for name in names}
    top = plots.tallest(shown.values(), clip.seconds)
    measured = [
        v for t in shown.values() for effects in t.effects for v in (effects.whole, effects.audio, effects.video)
    ]
    half = plots.reach(*measured)

    figures: list[plots.Figure] = []
    if preview.waveform is not None:
        figures.append(_in("evidence", True, plots.sound(preview.waveform, seconds)))
    for index, (name, target) in enumerate(shown.items()):
        if target.attention is not None:
            figure = plots.attention(name, target.attention, seconds, index, top)
            figures.append(_in("evidence", True, figure, warning=_warning(target, "attention")))
        spread = target.effect_range if len(target.effects) > 1 or target.noise else None
        figure = plots.effect(name, target, seconds, half, both=both, references=target.effects, spread=spread)
        figures.append(_in("evidence", True, figure, warning=_warning(target, "effect")))
    for feature in explanation.features:
        words = along(feature.correlation, names)
        figure = plots.cue(feature.name, feature.unit, feature.values, words, seconds)
        figures.append(_in("cues", True, figure, along=bool(words)))
    for index, (name, target) in enumerate(shown.items()):
        figures += [_in("more", False, f) for f in _questions(name, target, seconds, index, half)]
    return figures


def _questions(
    name: str, target: TargetExplanation, seconds: plots.Seconds, index: int, half: float
) -> Iterator[plots.Figure]:
    if target.shapley is not None:
        s = target.shapley
        reach = max(half, plots.reach(s.sound_seconds, s.picture_seconds))
        yield plots.tug_of_war(name, s.sound_seconds, s.picture_seconds, s.conflict_seconds, seconds, reach)
    for band in target.stability:
        if target.attention is not None:
            low, high = band.attention_low, band.attention_high
            yield plots.stability(name, "attention", band.over, target.attention, low, high, seconds, index)
        effect = target.effects[0].whole
        yield plots.stability(name, "effect", band.over, effect, band.effect_low, band.effect_high, seconds)
    if target.gradients is not None:
        figure = plots.integrated(name, target.gradients.integrated, target.gradients.gap, seconds)
        figure["layout"]["meta"]["warning"] = _warning(target, "integrated")
        yield figure
    if target.profile is not None:
        yield plots.position(name, target.profile.from_start, target.profile.from_end, seconds, index)


def _warning(target: TargetExplanation, part: Kind) -> str:
    """Where a lane would look much the same with random weights: where that is said in full."""
    if not hardly_changes(target.randomisation, part):
        return ""
    return "see the verdict" if part in judged(target.verdict) else "see the sanity check below"


def _in(group: Group, is_open: bool, figure: plots.Figure, **more: Any) -> plots.Figure:
    figure["layout"]["meta"] |= {"group": group, "open": is_open, **more}
    return figure
