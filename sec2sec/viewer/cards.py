"""Figures → cards: the prediction of each target with its verdict, and what the model learned from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sec2sec.explanations.results import Explanation
from sec2sec.explanations.sentences import answer
from sec2sec.viewer.evidence import VerdictView, tug_of, tug_reach
from sec2sec.viewer.templates import render


def predictions(explanation: Explanation, shown: Sequence[str]) -> str:
    """Cards with the prediction of each target, what the model learned from, and what the clip lacks. HTML."""
    return render("predictions.html", **card_values(explanation, shown))


def card_values(explanation: Explanation, shown: Sequence[str]) -> dict[str, Any]:
    """What predictions.html takes."""
    clip = explanation.clip
    targets = {name: explanation.targets[name] for name in shown}
    reach = tug_reach(targets.values())
    unread = explanation.checkpoint.unread_words  # of a model that reads one modality there is nothing to share out
    warnings = list(clip.warnings)
    if clip.partial:
        tail = clip.duration - (clip.seconds - 1)
        warnings.append(f"The last second holds only {tail:.2f} s; the rest of it is padding (hatched).")
    cards = [
        (
            name,
            target,
            answer(explanation, name),
            None if unread else tug_of(target.shapley, reach),
            VerdictView.of(name, target.verdict),
        )
        for name, target in targets.items()
    ]
    return {
        "cards": cards,
        "baseline": explanation.baseline_words,
        "checkpoint": explanation.checkpoint,
        "lengths": lengths_words(explanation),
        "average": training_average_words(explanation),
        "warnings": warnings,
    }


def lengths_words(explanation: Explanation) -> str:
    """Which lengths the model learned from, as far as its checkpoint says."""
    length = explanation.length
    if explanation.audit is not None:
        return ""
    if length is None:
        return "How long its training clips lasted is not in its checkpoint."
    if length.shortest == length.longest:
        return f"Its training clips lasted {length.longest} s."
    return f"Its training clips lasted {length.shortest}–{length.longest} s, half of them up to {length.window} s."


def training_average_words(explanation: Explanation) -> str:
    """Where the training average, which baseline and effects are measured against, lies; empty where it is unknown."""
    if not explanation.reference_distances:
        return ""
    distances = "; ".join(place.words for place in explanation.reference_distances)
    return (
        "The training average, which baseline and effects are measured against, is no second of a film. Its distance "
        f"from the centre of the training seconds: {distances}."
    )
