"""Lines on a terminal: progress that overwrites itself, and what could not be used."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sec2sec.outputs import STDOUT
from sec2sec.progress import Progress, Steps, drain

R = TypeVar("R")
SECONDS_BETWEEN_LOG_LINES = 20.0
MAX_NAMED = 10  # unusable clips that are named on the terminal; all are in data.json


class _LogLines:
    """Lines of progress for a file, as nohup and Slurm keep it: one now and then, and none of what is quick."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """Wait as long for the first line as for the next."""
        self._written = self._clock()

    def write(self, line: str) -> None:
        """Write the line if the last one is old enough."""
        if line.strip() and self._clock() - self._written >= SECONDS_BETWEEN_LOG_LINES:
            self._written = self._clock()
            print(line, file=sys.stderr, flush=True)


log_lines = _LogLines()


def show(line: str, last: bool = False) -> None:
    """A progress line that overwrites itself; where stderr is not a terminal, a line of its own now and then."""
    if sys.stderr.isatty():
        print(f"\r{line:<70}", end="\n" if last else "", file=sys.stderr, flush=True)
    else:
        log_lines.write(line)


def show_for_good(line: str) -> None:
    """A line that a person wants to read before the work begins, whatever stderr is."""
    if sys.stderr.isatty():
        show(line, last=True)
    else:
        print(line, file=sys.stderr, flush=True)


def show_progress(progress: Progress) -> None:
    """One step of long work, in the place of the last one."""
    share = f"{progress.fraction:4.0%}  " if progress.total else ""
    show(f"{share}{progress.message}")


def drain_to_terminal(steps: Steps[R]) -> R:
    """Run the steps to their end with a line that shows their progress, and return their result."""
    result = drain(steps, show_progress)
    show("", last=True)
    return result


def bar(done: int, total: int, width: int = 10) -> str:
    """The share that is done, as [####......]."""
    full = width * done // max(total, 1)
    return f"[{'#' * full}{'.' * (width - full)}]"


def list_written(files: Iterable[Path]) -> None:
    """Say where everything went, but for what went to standard output."""
    if named := [str(file) for file in files if file != STDOUT]:
        print(f"written: {', '.join(named)}", file=sys.stderr)


def list_unusable(unusable: Collection[str]) -> None:
    """Name the clips that could not be used, some of many, and say how many there are. unusable: a sentence each."""
    for message in islice(unusable, MAX_NAMED):
        print(f"not usable: {message}", file=sys.stderr)
    if len(unusable) > MAX_NAMED:
        print(f"… and {len(unusable) - MAX_NAMED} more", file=sys.stderr)
    if unusable:
        print(f"{len(unusable)} clip{'s' * (len(unusable) > 1)} could not be used", file=sys.stderr)
