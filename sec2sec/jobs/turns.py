"""One training at a time on a machine: each process in the queue holds a ticket, and the lowest ticket comes first.

A ticket is a file that its process keeps locked. The lock ends with the process, however that ends, so that a killed
process frees its place, and the queue needs no process of its own. Nothing here imports torch, so that waiting
processes use little memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sec2sec.files import LOCKS, lock_file

POLL_SECONDS = 0.5  # between two looks at the queue
MUTEX = "mutex"


class LeftQueueError(Exception):
    """A stop was requested before the turn came."""


@contextmanager
def turn(
    folder: Path, waiting: Callable[[int], None] = lambda ahead: None, stop: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Wait for a turn among all processes that use `folder`, and keep it while the block lasts.

    waiting: called with the number of processes ahead, whenever that changes. Raises LeftQueueError when `stop` is true
    before the turn has come, OSError where the folder cannot be written. Without fcntl (Windows) nobody waits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not LOCKS:
        yield
        return
    path, ticket = _draw(folder)
    try:
        last = 0
        while ahead := _ahead(folder, path):
            if ahead != last:
                waiting(ahead)
                last = ahead
            if stop():
                raise LeftQueueError
            time.sleep(POLL_SECONDS)
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
