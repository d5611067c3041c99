"""Figures → sentences. All text that comes from a file, a checkpoint or a target's name is escaped here."""

from __future__ import annotations

import html
from collections.abc import Sequence

from sec2sec.explanations.results import Explanation, TargetExplanation
from sec2sec.viewer.evidence import tug_of_war, tug_reach, verdict


def level(prediction: float) -> str:
    """A prediction of 0..1 in words."""
    for limit, words in ((0.2, "very low"), (0.4, "low"), (0.6, "medium"), (0.8, "high")):
        if prediction < limit:
            return words
    return "very high"


def predictions(explanation: Explanation, shown: Sequence[str]) -> str:
    """Cards with the prediction of each target, what the model learned from, and what the clip lacks. HTML."""
    clip, checkpoint = explanation.clip, explanation.checkpoint
    half = tug_reach([explanation.targets[name] for name in shown])
    cards = "".join(_card(name, explanation.targets[name], half) for name in shown)
    notes = list(clip.warnings)
    if clip.partial:
        tail = clip.duration - (clip.seconds - 1)
        notes.append(f"The last second holds only {tail:.2f} s; the rest of it is padding (hatched).")
    warnings = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    learned = html.escape(checkpoint.trained_on.strip())
    return (
        f'<div class="predictions"><div class="cards">{cards}</div>'
        f'<p class="learned"><b>Model {html.escape(checkpoint.name)}.</b> {learned}</p>'
        + (f'<ul class="notes" aria-label="About this clip">{warnings}</ul>' if warnings else "")
        + "</div>"
    )


def _card(name: str, target: TargetExplanation, half: float) -> str:
    whole = round(100 * target.prediction)
    return (
        f'<div class="card"><h3>{html.escape(name)}</h3>'
        f'<p class="figure"><b>{target.prediction:.2f}</b> {level(target.prediction)}'
        f"<small>baseline {target.baseline:.2f} (same length, average seconds)</small></p>"
        f'<div class="meter" aria-hidden="true"><i style="width:{whole}%"></i>'
        f'<u style="left:{100 * target.baseline:.0f}%"></u></div>'
        f"{tug_of_war(target.shapley, half)}{verdict(name, target)}</div>"
    )
