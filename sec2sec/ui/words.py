"""Figures → sentences. All text that comes from a file, a checkpoint or a target's name is escaped here."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from sec2sec.explanations import agreement as between
from sec2sec.explanations.agreement import TOO_SHORT, Word
from sec2sec.explanations.evidence import TargetEvidence
from sec2sec.explanations.types import Explanation, TargetExplanation
from sec2sec.ui.verdict import tug_of_war, tug_reach, verdict


def level(prediction: float) -> str:
    """A prediction of 0..1 in words."""
    for limit, words in ((0.2, "very low"), (0.4, "low"), (0.6, "in the middle"), (0.8, "high")):
        if prediction < limit:
            return words
    return "very high"


def agreement(target: TargetExplanation) -> tuple[Word, float]:
    """Whether attention ranks the seconds as the size of their measured effect does, and ρ."""
    if target.attention is None:
        return "unknown", float("nan")
    found = between.agreement(target.attention, np.abs(target.effect))
    return found.word, found.rho


def agreement_sentence(target: TargetExplanation) -> str:
    """One sentence beside a prediction that no evidence was asked of: can its attention be believed in this clip?"""
    verdict, rho = agreement(target)
    if verdict == "short":
        return f"The clip is too short (under {TOO_SHORT} s) to say whether attention and measured effect agree."
    if verdict == "unknown":
        if target.attention is None:
            return "This model has no attention over seconds; the measured effect stands alone."
        return "Attention or measured effect is the same in every second, so their agreement cannot be told."
    figure = f"ρ = {rho:.2f}".replace("-", "−")
    if verdict == "agree":
        return f"Attention and effect agree in this clip ({figure})."
    if verdict == "partly":
        return f"Attention and effect agree only partly in this clip ({figure})."
    return f"Attention and effect do not agree in this clip ({figure}): trust the effect."


def predictions(explanation: Explanation, shown: Sequence[str]) -> str:
    """Cards with the prediction of each target, what the model learned from, and what the clip lacks. HTML."""
    clip, checkpoint = explanation.clip, explanation.checkpoint
    found = {} if explanation.evidence is None else explanation.evidence.targets
    half = tug_reach([found[name] for name in shown if name in found])
    cards = "".join(_card(name, explanation.targets[name], found.get(name), half) for name in shown)
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


def _card(name: str, target: TargetExplanation, found: TargetEvidence | None, half: float) -> str:
    whole = round(100 * target.prediction)
    believed = f'<p class="agreement">{html.escape(agreement_sentence(target))}</p>'
    if found is not None:
        believed = tug_of_war(found.shapley, half) + verdict(name, found)
    return (
        f'<div class="card"><h3>{html.escape(name)}</h3>'
        f'<p class="figure"><b>{target.prediction:.2f}</b> {level(target.prediction)}'
        f"<small>average clip {target.baseline:.2f}</small></p>"
        f'<div class="meter" aria-hidden="true"><i style="width:{whole}%"></i>'
        f'<u style="left:{100 * target.baseline:.0f}%"></u></div>'
        f"{believed}</div>"
    )
