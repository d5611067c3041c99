"""The edits of one clip: apply, undo, redo, clear; what each of them changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sec2sec.edits.lab import Lab, Step
from sec2sec.edits.plan import EditError, Picture, Plan
from sec2sec.edits.types import Edit
from sec2sec.explanations.difference import Difference

MAX_EDITS = 50
MAX_MADE_SECONDS = 600  # of frozen and blurred pictures at once: bounds memory


@dataclass(frozen=True)
class Done:
    """An edit with what came of it."""

    edit: Edit
    plan: Plan
    step: Step


class History:
    """A list of edits on top of the clip as it is."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.before = lab.step(lab.start)
        self.done: list[Done] = []
        self.undone: list[Done] = []

    @property
    def plan(self) -> Plan:
        """The edited clip."""
        return self.done[-1].plan if self.done else self.lab.start

    @property
    def after(self) -> Step:
        """What the model says of it."""
        return self.done[-1].step if self.done else self.before

    def needs(self, edit: Edit) -> list[Picture]:
        """Pictures to supply to the lab before `apply`. EditError where the edit is not possible."""
        if len(self.done) >= MAX_EDITS:
            raise EditError(f"There are {MAX_EDITS} edits already; undo some, or clear them")
        missing = self.lab.missing(edit.apply(self.plan, self.lab.tracks))
        if len(missing) + len(self.lab.made()) > MAX_MADE_SECONDS:
            raise EditError(
                f"More than {MAX_MADE_SECONDS} s would be frozen or blurred at once; undo some, or choose fewer"
            )
        return missing

    def apply(self, edit: Edit) -> None:
        """Adds an edit. EditError where it is not possible; then nothing changes."""
        plan = edit.apply(self.plan, self.lab.tracks)
        self.done.append(Done(edit, plan, self.lab.step(plan)))
        self.undone.clear()
        self.lab.forget([done.plan for done in self.done])

    def undo(self) -> None:
        """Takes the last edit back, if there is one: plan and prediction are those from before, bit for bit."""
        if self.done:
            self.undone.append(self.done.pop())

    def redo(self) -> None:
        """Puts back what was undone last."""
        if self.undone:
            self.done.append(self.undone.pop())

    def clear(self) -> None:
        """The clip as it is."""
        self.done.clear()
        self.undone.clear()
        self.lab.forget([])

    def changes(self) -> Iterator[tuple[Done, np.ndarray]]:
        """Each edit with the change (K,) that it brought to the predictions."""
        before = self.before.prediction
        for done in self.done:
            yield done, done.step.prediction - before
            before = done.step.prediction

    def difference(self, first: int, last: int) -> dict[str, Difference]:
        """Why the prediction after `last` edits is another than after `first`; 0: of the clip as it is, by target.

        Raises EditError where there are not so many edits, or where the lab cannot tell.
        """
        plans = [self.lab.start, *(done.plan for done in self.done)]
        if not (0 <= first < len(plans) and 0 <= last < len(plans)):
            raise EditError(f"There are {len(self.done)} edits; compare versions from 0, the clip as it is, up to that")
        return self.lab.difference(plans[first], plans[last])

    def difference_of_parts(self, first: int, second: int, seconds: int) -> dict[str, Difference]:
        """Why two parts of the edited clip are predicted otherwise, each as a clip of its own, by target.

        first, second: where they begin, s; seconds: how long each is. Raises EditError as `difference` does.
        """
        total = len(self.plan)
        if seconds < 1 or min(first, second) < 0 or max(first, second) + seconds > total:
            raise EditError(
                f"Parts of {seconds} s from {first} s and from {second} s do not lie in the edited clip, which has "
                f"{total} s; choose shorter or earlier ones"
            )
        if first == second:
            raise EditError("Both parts begin at the same second; choose another start for one of them")
        return self.lab.difference(self.plan[first : first + seconds], self.plan[second : second + seconds])
