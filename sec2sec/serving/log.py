"""The log of the app: no visitor can write a line of it, nor fill the disk with it.

Errors that a visitor causes hold what the visitor sent, line breaks too. So a line at the left margin is always one of
ours, with its time; what follows an error, or is written past the log, stands behind a margin. Control characters are
escaped, lines are cut, and only so many characters are written per second.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

MARGIN = "| "
MAX_LINE = 2_000  # characters of a line
BURST = 100_000  # characters that may be written at once: some twenty tracebacks
CHARACTERS_PER_SECOND = 200.0  # in the long run: 17 MB per day
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Budget:
    """So many characters at once, and so many per second in the long run."""

    def __init__(
        self,
        burst: int = BURST,
        per_second: float = CHARACTERS_PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._room, self._looked = float(burst), clock()
        self._left_out = 0

    def take(self, lines: list[str]) -> list[str]:
        """The lines that may be written, and in front of them how many could not be."""
        now = self._clock()
        self._room = min(self._burst, self._room + (now - self._looked) * self._per_second)
        self._looked = now
        written: list[str] = []
        for line in lines:
            if len(line) > self._room or (self._left_out and self._room < MAX_LINE):
                self._left_out += 1
                continue
            if self._left_out:
                written.append(f"{MARGIN}{self._left_out} lines were left out: too much was written at once")
                self._left_out = 0
            self._room -= len(line) + 1
            written.append(line)
        return written


class GuardedStream(io.TextIOBase):
    """Standard output or error: each line behind the margin, made harmless, within a budget."""

    def __init__(self, stream: TextIO, budget: Budget) -> None:
        self._stream, self._budget = stream, budget
        self._begun = threading.local()  # a line that is written piece by piece, per thread
        self._renew_lock()
        if hasattr(os, "register_at_fork"):  # a lent GPU is used by a fork: another thread may hold the lock just then
            os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self._writing = threading.RLock()

    def write(self, text: str) -> int:
        """Take a piece of text; whole lines are written."""
        *whole, rest = (getattr(self._begun, "line", "") + text).split("\n")
        self._begun.line = rest[-MAX_LINE:] if len(rest) > MAX_LINE else rest
        self.write_lines([MARGIN + harmless(line) for line in whole])
        return len(text)

    def write_lines(self, lines: list[str]) -> None:
        """Write lines that are harmless already."""
        with self._writing:
            self._stream.write("".join(f"{line}\n" for line in self._budget.take(lines)))
            self._stream.flush()

    def flush(self) -> None:
        """Pass it on."""
        self._stream.flush()

    def writable(self) -> bool:
        """It takes text."""
        return True

    def isatty(self) -> bool:
        """Whether a person looks on."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream behind it."""
        return self._stream.fileno()


class RecordHandler(logging.Handler):
    """Writes a record as one line at the margin, and what belongs to it behind it."""

    def __init__(self, stream: GuardedStream) -> None:
        super().__init__(logging.WARNING)
        self._stream = stream
        self.setFormatter(logging.Formatter(FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            first, *others = self.format(record).split("\n")
            self._stream.write_lines([harmless(first), *(MARGIN + harmless(line) for line in others)])
        except Exception:
            self.handleError(record)


def harmless(line: str) -> str:
    """A line without control characters, and of a bounded length."""
    cut = line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]} … ({len(line):,} characters)"
    return "".join(character if _is_plain(character) else ascii(character)[1:-1] for character in cut)


def _is_plain(character: str) -> bool:
    return character.isprintable() or character == "\t"


def guard_log() -> None:
    """Guard the log of this process, and whatever its libraries write to standard error, from now on."""
    behind = sys.stderr
    sys.stderr = GuardedStream(behind, Budget())
    records = GuardedStream(behind, Budget())  # a flood of others does not silence ours
    logging.basicConfig(handlers=[RecordHandler(records)], level=logging.WARNING, force=True)


def guard_output() -> None:
    """Guard what libraries print from now on."""
    sys.stdout = GuardedStream(sys.stdout, Budget())
