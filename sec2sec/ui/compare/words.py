"""Figures of several sides → sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sec2sec.explanations.agreement import MIN_SECONDS_FOR_AGREEMENT, Agreement, shared_targets
from sec2sec.explanations.results import Explanation
from sec2sec.scales import figure_on
from sec2sec.viewer.evidence import SYMBOLS
from sec2sec.viewer.templates import render
from sec2sec.words import listed

LETTERS = "ABCD"
NOT_DEFINED = (
    "Agreement is not defined for two clips: their seconds show different things. "
    "Compare the predictions, and each clip's own lanes."
)


def agreement_words(agreement: Agreement | None, without: Sequence[str] = ()) -> str:
    """One cell: a word and the figure; `without` names the sides that have nothing to compare."""
    if agreement is None:
        return f"{' and '.join(without)} {'have' if len(without) > 1 else 'has'} none"
    if agreement.word == "short":
        return f"too short to judge (under {MIN_SECONDS_FOR_AGREEMENT} s)"
    if agreement.word == "unknown":
        return "the same in every second: not defined"
    word = {"agree": "agree", "partly": "agree partly", "disagree": "do not agree"}[agreement.word]
    rho = round(agreement.rho, 2) + 0.0  # + 0.0: no minus before a zero
    return f"{word}, ρ\u00a0=\u00a0{rho:.2f}".replace("-", "−")


def shared_words(shared: Sequence[str], others: Mapping[str, Sequence[int]]) -> list[str]:
    """Which targets are compared, and which are not because some model does not predict them."""
    words = [f"Compared: {', '.join(shared)}."] if shared else ["They share no target, so nothing can be compared."]
    for name, sides in others.items():
        words.append(f"Not compared: {name}, which only {' and '.join(LETTERS[i] for i in sides)} predicts.")
    return words


def late_average(explanations: Sequence[Explanation], shown: Sequence[Sequence[str]]) -> str:
    """The mean of the models' predictions for each target that all of them show, and what it is; empty for none."""
    shared, _ = shared_targets(shown)
    if not shared:
        return ""
    means, of_shares = [], False
    for name in shared:
        scales = [e.checkpoint.scale_of(name) for e in explanations]
        ends = {None if scale is None else (scale.lowest, scale.highest) for scale in scales}
        scale = scales[0] if len(ends) == 1 else None
        of_shares |= len(ends) > 1
        mean = figure_on(scale, float(np.mean([e.targets[name].prediction for e in explanations])))
        means.append(f"{name} {mean}" + (f" of {scale.ends}" if scale else ""))
    own_scales = " Their scales differ, so each counts as a share of its own, from 0 to 1." if of_shares else ""
    return (
        f"Late average of {listed(LETTERS[: len(explanations)])}: {', '.join(means)}. It is the plain mean of their "
        f"predictions.{own_scales} No model learned to put them together, so nothing here explains it."
    )


def side_by_side(explanations: Sequence[Explanation], shown: Sequence[Sequence[str]], *, clips: bool) -> str:
    """Predictions of every side, a column each, with what each model learned from and what each clip lacks. HTML.

    shown: the targets that a person may read, for each side. clips: the sides are two clips, not several models.
    """
    names = list(dict.fromkeys(name for targets in shown for name in targets))
    sides = list(zip(explanations, shown, strict=True))
    notes = [
        f"{letter}: {note}" if clips else note
        for letter, e in zip(LETTERS, explanations if clips else explanations[:1], strict=False)
        for note in e.clip.warnings
    ]
    return render(
        "sides.html",
        titles=list(zip(LETTERS, [e.clip.name if clips else e.checkpoint.name for e in explanations], strict=False)),
        rows=[
            (
                name,
                [(e.targets[name], e.checkpoint.scale_of(name)) if name in own else (None, None) for e, own in sides],
            )
            for name in names
        ],
        scaled=any(e.checkpoint.scale_of(name) for e, own in sides for name in own),
        models={e.checkpoint.name: e.checkpoint.about for e in explanations}.items(),
        symbols=SYMBOLS,
        average="" if clips or len(explanations) < 2 else late_average(explanations, shown),
        warnings=notes,
    )
