"""The list of clips of one visitor: which are done, whose turn it is, and what is said of each."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from sec2sec.errors import UserError
from sec2sec.many.records import TargetRecord

State = Literal["waiting", "running", "done", "failed"]
MAX_CLIPS = 200  # of a list
OF_THE_SERVER = ("path", "model")  # of a line, what no browser is told
TOO_MANY = f"A list holds at most {MAX_CLIPS} clips; more take the command line, sec2sec explain FOLDER --csv FILE."


@dataclass
class ClipLine:
    """One clip of the list."""

    name: str  # as no other of the list has it
    path: str  # of the upload
    model: str | None
    state: State = "waiting"
    reason: str = ""  # why it failed
    length: str = ""
    targets: Mapping[str, TargetRecord] = field(default_factory=dict)


class ClipList:
    """Clips in the order in which they came; for gr.State, and used by several threads.

    Each event that explains a clip has a number. The newest alone may go on, so that two never do.
    """

    def __init__(self) -> None:
        self.lines: list[ClipLine] = []
        self.is_going = False  # whether one event follows the other, until somebody stops them
        self.turn = 0  # number of the event that may explain the next clip
        self.table: Path | None = None  # rows of all that are done
        self.saved: Path | None = None  # the newest copy of it that its visitor took
        self._serial = itertools.count(1)  # of what is told to the browser
        self._guard = threading.Lock()

    @property
    def running(self) -> bool:
        """Whether one is being explained."""
        return any(line.state == "running" for line in self.lines)

    @property
    def waits(self) -> bool:
        """Whether any waits for its turn."""
        return any(line.state == "waiting" for line in self.lines)

    def add(self, paths: Sequence[str], model: str | None) -> bool:
        """More clips; whether an event has to begin with them. Raises UserError for too many."""
        with self._guard:
            if len(self.lines) + len(paths) > MAX_CLIPS:
                raise UserError(TOO_MANY)
            names = {line.name for line in self.lines}
            for path in paths:
                name = _unused(Path(path).name, names)
                names.add(name)
                self.lines.append(ClipLine(name, path, model))
            self.is_going = True
            return not self.running

    def next_turn(self) -> int:
        """The number of an event that is to explain the next clip; all older ones do nothing any more."""
        with self._guard:
            self.turn += 1
            return self.turn

    def begin(self, turn: Any) -> ClipLine | None:
        """The next clip, running from now on; None where nothing waits or the event is an old one."""
        with self._guard:
            if turn != self.turn or self.running:
                return None
            line = next((line for line in self.lines if line.state == "waiting"), None)
            if line is not None:
                line.state = "running"
            return line

    def stop(self) -> None:
        """What runs waits again, and no event goes on."""
        with self._guard:
            self.turn += 1
            self.is_going = False
            for line in self.lines:
                if line.state == "running":
                    line.state = "waiting"

    def line(self, index: Any) -> ClipLine:
        """A line by its place. UserError for none: it comes from a browser."""
        if type(index) is not int or not 0 <= index < len(self.lines):
            raise UserError("This list has no such clip; choose one of its lines.")
        return self.lines[index]

    def words(self) -> str:
        """How far the list is, in a sentence."""
        done = sum(line.state == "done" for line in self.lines)
        failed = sum(line.state == "failed" for line in self.lines)
        could_not = f", {failed} could not be used" if failed else ""
        return f"{done} of {len(self.lines)} clips explained{could_not}."

    def as_json(self, learned: str) -> dict[str, Any]:
        """For the browser, which takes nothing that is older than what it has. learned: what the model learned from."""
        with self._guard:
            lines = [{k: v for k, v in asdict(line).items() if k not in OF_THE_SERVER} for line in self.lines]
            return {"serial": next(self._serial), "learned": learned, "lines": lines}


def _unused(name: str, names: set[str]) -> str:
    """The name, or with a number where others have it."""
    numbered = (f"{name} ({number})" for number in itertools.count(2))
    return name if name not in names else next(other for other in numbered if other not in names)
