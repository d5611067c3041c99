"""What is said of each target where an explanation travels without the app: on a film's last card, above a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sec2sec.explanations.results import Explanation, Word


@dataclass(frozen=True)
class Headline:
    """The prediction of one target, and whether its attention can be believed."""

    target: str
    prediction: float
    word: Word
    sentence: str  # the verdict's, with its weakest reason

    @property
    def title(self) -> str:
        """Target and prediction."""
        return f"{self.target} {self.prediction:.2f}"


def headlines(explanation: Explanation, names: Sequence[str]) -> list[Headline]:
    """One for each target, in this order."""
    return [
        Headline(name, target.prediction, target.verdict.word, target.verdict.sentence)
        for name, target in ((name, explanation.targets[name]) for name in names)
    ]
