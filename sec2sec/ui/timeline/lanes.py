"""Explanation → the lanes of its timeline, grouped, and which of them are open before anybody chose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from sec2sec import plots
from sec2sec.explanations.evidence import TargetEvidence
from sec2sec.explanations.sanity import Part, hardly_changes
from sec2sec.explanations.types import Explanation, Preview
from sec2sec.ui.verdict import along

Group = Literal["evidence", "cues", "more"]
TITLES: dict[Group, str] = {
    "evidence": "",  # stands first and needs no heading
    "cues": "Cues that people know",
    "more": "More questions asked of the explanation",
}


def lanes(explanation: Explanation, preview: Preview, names: Sequence[str]) -> list[plots.Figure]:
    """In the order of the screen; `meta` of each says its group and whether it is open at first."""
    clip, evidence = explanation.clip, explanation.evidence
    seconds = plots.Seconds(clip.seconds, clip.partial)
    both = clip.has_audio and clip.has_video
    shown = {name: explanation.targets[name] for name in names}
    asked = {name: evidence.targets[name] for name in names if evidence is not None and name in evidence.targets}
    top = plots.tallest(shown.values(), clip.seconds)
    measured = [values for t in shown.values() for values in (t.effect, t.effect_audio, t.effect_video)]
    measured += [v for e in asked.values() for f in e.effects for v in (f.whole, f.audio, f.video)]
    half = plots.reach(*measured)

    found: list[plots.Figure] = []
    if preview.waveform is not None:
        found.append(_in("evidence", True, plots.sound(preview.waveform, seconds)))
    for index, (name, target) in enumerate(shown.items()):
        evident = asked.get(name)
        if target.attention is not None:
            figure = plots.attention(name, target.attention, seconds, index, top)
            found.append(_in("evidence", True, figure, warning=_warning(evident, "attention")))
        references = evident.effects if evident is not None else ()
        spread = evident.spread if evident is not None and len(references) > 1 else None
        figure = plots.effect(name, target, seconds, half, both=both, references=references, spread=spread)
        found.append(_in("evidence", True, figure, warning=_warning(evident, "effect")))
    if evidence is not None:
        for cue in evidence.cues:
            words = along(cue.goes_along, names)
            found.append(
                _in("cues", True, plots.cue(cue.name, cue.unit, cue.values, words, seconds), along=bool(words))
            )
    for index, (name, evident) in enumerate(asked.items()):
        attention = explanation.targets[name].attention
        found += [_in("more", False, f) for f in _questions(name, evident, attention, seconds, index, half)]
    return found


def _questions(
    name: str, found: TargetEvidence, attention: np.ndarray | None, seconds: plots.Seconds, index: int, half: float
) -> Iterator[plots.Figure]:
    if found.shapley is not None:
        s = found.shapley
        reach = max(half, plots.reach(s.sound_seconds, s.picture_seconds))
        yield plots.tug_of_war(name, s.sound_seconds, s.picture_seconds, s.conflict_seconds, seconds, reach)
    for band in found.stability:
        if attention is not None:
            low, high = band.attention_low, band.attention_high
            yield plots.stability(name, "attention", band.over, attention, low, high, seconds, index)
        effect = found.effects[0].whole
        yield plots.stability(name, "effect", band.over, effect, band.effect_low, band.effect_high, seconds)
    if found.gradients is not None:
        figure = plots.integrated(name, found.gradients.integrated, found.gradients.gap, seconds)
        figure["layout"]["meta"]["warning"] = _warning(found, "integrated")
        yield figure
    if found.position is not None:
        yield plots.position(name, found.position.from_start, found.position.from_end, seconds, index)


def _warning(found: TargetEvidence | None, part: Part) -> str:
    """Where a lane would look much the same with random weights; what it says in full stands with the figures."""
    return "see the sanity check below" if found is not None and hardly_changes(found.sanity, part) else ""


def _in(group: Group, is_open: bool, figure: plots.Figure, **more: Any) -> plots.Figure:
    figure["layout"]["meta"] |= {"group": group, "open": is_open, **more}
    return figure
