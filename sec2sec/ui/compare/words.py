"""Figures of several sides → sentences and tables. Text from files, checkpoints and targets is escaped here."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from sec2sec.explanations.agreement import MIN_SECONDS_FOR_AGREEMENT, Agreement
from sec2sec.explanations.results import Explanation
from sec2sec.viewer.cards import level

LETTERS = "ABCD"
NOT_DEFINED = (
    "Agreement is not defined for two clips: their seconds show different things. "
    "Compare the predictions, and each clip's own lanes."
)


def agreement_words(found: Agreement | None, without: Sequence[str] = ()) -> str:
    """One cell: a word and the figure; `without` names the sides that have nothing to compare."""
    if found is None:
        return f"{' and '.join(without)} {'have' if len(without) > 1 else 'has'} none"
    if found.word == "short":
        return f"too short to say (under {MIN_SECONDS_FOR_AGREEMENT} s)"
    if found.word == "unknown":
        return "the same in every second: cannot be told"
    word = {"agree": "agree", "partly": "agree partly", "disagree": "do not agree"}[found.word]
    rho = round(found.rho, 2) + 0.0  # + 0.0: no minus before a zero
    return f"{word}, ρ\u00a0=\u00a0{rho:.2f}".replace("-", "−")


def shared_words(shared: Sequence[str], others: Mapping[str, Sequence[int]]) -> list[str]:
    """Which targets are compared, and which are not because some model does not predict them."""
    said = [f"Compared: {', '.join(shared)}."] if shared else ["They share no target, so nothing can be compared."]
    for name, who in others.items():
        said.append(f"Not compared: {name}, which only {' and '.join(LETTERS[i] for i in who)} predicts.")
    return said


def side_by_side(explanations: Sequence[Explanation], shown: Sequence[Sequence[str]], *, clips: bool) -> str:
    """Predictions of every side, a column each, with what each model learned from and what each clip lacks. HTML.

    shown: the targets that a person may read, for each side. clips: the sides are two clips, not several models.
    """
    names = list(dict.fromkeys(name for targets in shown for name in targets))
    titles = [e.clip.name if clips else e.checkpoint.name for e in explanations]
    head = "".join(
        f'<th scope="col"><b>{letter}</b> {html.escape(title)}</th>'
        for letter, title in zip(LETTERS, titles, strict=False)
    )
    rows = ""
    for name in names:
        cells = "".join(
            _prediction(e, name) if name in targets else '<td class="none">not predicted</td>'
            for e, targets in zip(explanations, shown, strict=True)
        )
        rows += f'<tr><th scope="row">{html.escape(name)}</th>{cells}</tr>'
    learned = {e.checkpoint.name: e.checkpoint.trained_on.strip() for e in explanations}
    told = "".join(
        f'<p class="learned"><b>Model {html.escape(name)}.</b> {html.escape(words)}</p>'
        for name, words in learned.items()
    )
    notes = [
        f"{letter}: {note}" if clips else note
        for letter, e in zip(LETTERS, explanations if clips else explanations[:1], strict=False)
        for note in e.clip.warnings
    ]
    listed = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return (
        '<div class="predictions sides"><div class="scroll" role="region" tabindex="0" aria-label="Predictions">'
        f'<table><caption>Predictions, from 0 to 1</caption><thead><tr><th scope="col">target</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{told}"
        + (f'<ul class="notes" aria-label="About the clips">{listed}</ul>' if listed else "")
        + "</div>"
    )


def _prediction(explanation: Explanation, name: str) -> str:
    found = explanation.targets[name]
    return (
        f"<td><b>{found.prediction:.2f}</b> {level(found.prediction)}"
        f'<div class="meter" aria-hidden="true"><i style="width:{100 * found.prediction:.0f}%"></i>'
        f'<u style="left:{100 * found.baseline:.0f}%"></u></div><small>average clip {found.baseline:.2f}</small></td>'
    )
