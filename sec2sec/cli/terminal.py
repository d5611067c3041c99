"""Lines on a terminal: progress that overwrites itself, and what could not be used."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from sec2sec.progress import Progress

MAX_NAMED = 10  # unusable clips that are named on the terminal; all are in data.json


def show(line: str, last: bool = False) -> None:
    """A progress line that overwrites itself; nothing where stderr is not a terminal."""
    if sys.stderr.isatty():
        print(f"\r{line:<70}", end="\n" if last else "", file=sys.stderr, flush=True)


def show_progress(progress: Progress) -> None:
    """How far some work is, as a line that overwrites itself."""
    show(progress.message, last=progress.done == progress.total)


def bar(done: float, total: float, width: int = 10) -> str:
    """The share that is done, as [####......]."""
    full = int(width * done // max(total, 1))
    return f"[{'#' * full}{'.' * (width - full)}]"


def list_unusable(unusable: Mapping[str, str]) -> None:
    """Name the clips that could not be used, some of many, and say how many there are."""
    for message in list(unusable.values())[:MAX_NAMED]:
        print(f"not usable: {message}", file=sys.stderr)
    if len(unusable) > MAX_NAMED:
        print(f"… and {len(unusable) - MAX_NAMED} more", file=sys.stderr)
    if unusable:
        print(f"{len(unusable)} clip{'s' * (len(unusable) > 1)} could not be used", file=sys.stderr)
