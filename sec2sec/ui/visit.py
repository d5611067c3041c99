"""What one visitor is at in a tab: which clip is the newest, and that nothing of an older one comes after it.

gradio cancels a run by an id that the browser may not have yet, and what a run has sent before may arrive late. So each
choice of a clip, and each Stop, has a number; a run knows the number of its press, and says nothing once that is old.
What it had said before may still overtake the answer to the choice, which is therefore given again, behind it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Hashable, Iterator
from contextlib import closing
from typing import Any

from sec2sec.ui.events import Updates


class Visit:
    """The number of the newest choice of one visitor, and whether a run is sending something; for gr.State."""

    def __init__(self) -> None:
        self.number = 0
        self._running = 0  # runs that have begun and not ended
        self._answer: Updates | None = None  # to the newest choice, where a run may have overtaken it
        self._guard = threading.Lock()
        self.explained: dict[Hashable, str] = {}  # what this visitor alone had explained → its id in the cache

    def __deepcopy__(self, memo: dict[int, Any]) -> Visit:
        """Each session has one of its own."""
        return Visit()

    def supersede(self) -> tuple[int, bool]:
        """Something newer begins: its number, and whether a run was on its way, which says nothing any more."""
        with self._guard:
            self.number += 1
            self._answer = None
            return self.number, self._running > 0

    def keep_answer(self, number: int, answer: Updates) -> bool:
        """Hold what is answered to a choice, to be given again; whether that is still the newest."""
        with self._guard:
            if number != self.number:
                return False
            self._answer = answer
            return True

    def answer_again(self, number: Any) -> Updates | None:
        """The answer to a choice once more; None where something newer has begun."""
        with self._guard:
            answer, self._answer = self._answer, None
            return answer if number == self.number and self._running == 0 else None

    def while_current(self, number: Any, updates: Callable[[], Iterator[Updates]]) -> Iterator[Updates]:
        """The updates of a run whose press had this number, as long as that is the newest; then the run is closed."""
        with self._guard:
            if number != self.number:
                return
            self._running += 1
        try:
            steps = updates()
            assert isinstance(steps, Generator), "a run that can be closed"
            with closing(steps):
                for update in steps:
                    if number != self.number:
                        return
                    yield update
        finally:
            with self._guard:
                self._running -= 1
