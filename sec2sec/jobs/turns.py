"""One training at a time on a machine: whoever waits holds a ticket, and the lowest ticket of a living process goes on.

A ticket is a file that its process keeps locked: the lock goes with the process, however it ends, so a killed one frees
its place and nothing has to run for the queue to move. Nothing here imports torch: who waits stays small.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sec2sec.files import LOCKS, lock_file

EVERY = 0.5  # s between two looks at the queue
MUTEX = "mutex"


class LeftQueueError(Exception):
    """Whoever waited was asked to stop."""


@contextmanager
def turn(
    folder: Path, waiting: Callable[[int], None] = lambda ahead: None, stop: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Wait for a turn among all processes that use `folder`, and keep it while the block lasts.

    waiting: told how many are ahead, whenever that changes. Raises LeftQueueError when `stop` says so before the turn
    has come, OSError where the folder cannot be written. Without fcntl (Windows) everybody's turn comes at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not LOCKS:
        yield
        return
    path, ticket = _draw(folder)
    try:
        told = 0
        while ahead := _ahead(folder, path):
            if ahead != told:
                waiting(ahead)
                told = ahead
            if stop():
                raise LeftQueueError
            time.sleep(EVERY)
        yield
    finally:
        with _mutex(folder):
            path.unlink(missing_ok=True)
        ticket.close()


def _draw(folder: Path) -> tuple[Path, IO[bytes]]:
    """The next ticket, locked before anybody else can see it."""
    with _mutex(folder):
        last = max((int(path.stem) for path in folder.glob("*.ticket")), default=0)
        path = folder / f"{last + 1:08d}.ticket"
        ticket = path.open("wb")
        lock_file(ticket)
    return path, ticket


def _ahead(folder: Path, mine: Path) -> int:
    """How many living processes hold lower tickets; those of the dead are removed."""
    ahead = 0
    with _mutex(folder):
        for path in folder.glob("*.ticket"):
            if path.name >= mine.name:
                continue
            with path.open("rb") as other:
                if lock_file(other, wait=False):
                    path.unlink()
                else:
                    ahead += 1
    return ahead


@contextmanager
def _mutex(folder: Path) -> Iterator[None]:
    """One process at a time looks at the tickets: a new one must not be taken for a dead one's."""
    with (folder / MUTEX).open("wb") as file:
        lock_file(file)
        yield
