"""What is said of each target where an explanation travels without the app: on a film's last card, above a figure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sec2sec.explanations.results import Explanation, Word
from sec2sec.explanations.sentences import answer

FIGURE = re.compile(r"(\w) ([=≤≥<>]) (?=[-−\d])")


@dataclass(frozen=True)
class Headline:
    """What the model answered for one target and why, and whether its attention can be believed."""

    target: str
    title: str  # the prediction, as a sentence
    reasons: str  # which second moved it most, where the attention points
    word: Word  # the verdict
    sentence: str  # the verdict's, with its weakest reason

    @property
    def text(self) -> str:
        """All that is said below the title; no line breaks within "p = 0.04"."""
        return FIGURE.sub("\\1\u00a0\\2\u00a0", f"{self.reasons} {self.sentence}".strip())


def headlines(explanation: Explanation, names: Sequence[str]) -> list[Headline]:
    """One for each target, in this order."""
    found = []
    for name in names:
        said, verdict = answer(explanation, name), explanation.targets[name].verdict
        found.append(Headline(name, said.prediction, said.reasons, verdict.word, verdict.sentence))
    return found
