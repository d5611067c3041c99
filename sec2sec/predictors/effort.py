"""How much is asked: all of it, or what a budget allows, and what that leaves out.

T seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sec2sec.predictors.answers import PredictorError
from sec2sec.predictors.references import Reference

REPEATS = 3  # of the unedited clip; of one that is answered differently MORE_REPEATS
MORE_REPEATS = 8
STEPS = (1, 2, 3, 5, 10, 20, 30, 60)  # s that are taken away at a time
UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    """At most so many questions, or so many seconds of them."""

    questions: int | None = None
    seconds: float | None = None

    @classmethod
    def read(cls, text: str) -> Budget:
        """A number of questions, or a time as 90s, 5m or 1h. Raises PredictorError."""
        number = text.rstrip("smhin ")
        unit = text[len(number) :].strip()
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf or (unit and unit not in UNITS) or (not unit and value != int(value)):
            raise PredictorError(f"{text}: is no budget; give a number of predictions, or a time as 90s, 5m or 1h")
        return cls(seconds=value * UNITS[unit]) if unit else cls(questions=int(value))

    def left(self, asked: int, took: float, workers: int) -> int:
        """Questions that may still be asked after so many, of which one takes `took` s."""
        if self.questions is not None:
            return self.questions - asked
        assert self.seconds is not None
        return math.floor(self.seconds / max(took, 1e-3) * workers) - asked


@dataclass(frozen=True)
class Effort:
    """Which edits are asked about."""

    references: tuple[Reference, ...]
    step: int = 1  # s that are taken away at a time
    split: bool = True  # sound and picture apart as well

    def questions(self, seconds: int, both: bool) -> int:
        """3 T + 1 for each reference, and for the Shapley values of the clip 2. both: it has sound and picture."""
        apart = self.split and both
        parts = math.ceil(seconds / self.step) * (3 if apart else 1)
        return len(self.references) * parts + 1 + (2 if apart else 0)

    def left_out(self, whole: Effort) -> Iterator[str]:
        """What is not asked that the whole effort would ask, a sentence each."""
        if self.step > 1:
            yield (
                f"The budget took {self.step} s away at a time, not each second by itself: what they did together is "
                "shown in equal parts."
            )
        if len(self.references) < len(whole.references):
            names = "; ".join(reference.name for reference in whole.references[len(self.references) :])
            yield f"The budget left out a second reference ({names}): how much effects depend on it is not known."
        if whole.split and not self.split:
            yield "The budget left out sound and picture by themselves: only whole seconds were taken away."


def choose(references: Sequence[Reference], seconds: int, both: bool, budget: int | None) -> Effort:
    """The most that a budget of questions allows; all of it where there is none. Raises PredictorError.

    First the second reference goes, then steps grow to 2 and 3 s, then sound and picture are no longer asked apart.
    """
    whole = Effort(tuple(references))
    if budget is None:
        return whole
    first = whole.references[:1]
    ladder = [whole, *(Effort(first, step) for step in STEPS[:3]), *(Effort(first, step, False) for step in STEPS)]
    for effort in ladder:
        if effort.questions(seconds, both) <= budget:
            return effort
    least = ladder[-1].questions(seconds, both)
    raise PredictorError(
        f"the budget allows {max(budget, 0)} more predictions, and the least that says anything takes {least}; "
        "choose a larger one, or a shorter part of the clip"
    )
