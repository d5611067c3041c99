"""What visitors bring and cause on the disk: in one private folder, deleted by age, and whatever ended the process.

gradio deletes files that it has registered, and stops for ever at the first that it cannot. Here the folder itself is
walked: what lies in it is deleted when it is old, whoever put it there, and no error ends the job.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import IO

from sec2sec.errors import SettingsError
from sec2sec.files import LOCKS, lock_file

PREFIX = "sec2sec-uploads-"
LOCK = ".lock"  # held by the process whose folder it is
STARTING = 60.0  # s in which a process that has made its folder locks it
MOST_BETWEEN_SWEEPS = 60.0  # s
SWEEPS_PER_LIFETIME = 4
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Health:
    """What the deletion job has done so far."""

    last_sweep: float | None = None  # s ago; None before the first
    files: int = 0  # that lie in the folder
    bytes: int = 0  # that they take
    deleted: int = 0  # files, since the start
    errors: int = 0  # files or folders that could not be deleted at the last sweep

    def late(self, period: float) -> bool:
        """Whether two periods have passed without a sweep."""
        return self.last_sweep is not None and self.last_sweep > 2 * period


@dataclass
class Deletion:
    """Deletes what is older than a limit from a folder, again and again.

    folder: everything in it belongs to visitors of this process.
    age: s from the moment something is first seen in the folder to its deletion, at most. A clock that somebody sets
    changes nothing: age is counted by the machine's monotonic clock.
    others: what else is swept with the folder; an error of one keeps none of the rest from its turn.
    """

    folder: Path
    age: float
    clock: Callable[[], float] = time.monotonic
    others: list[Callable[[], object]] = field(default_factory=list)
    _first_seen: dict[tuple[str, int], float] = field(default_factory=dict)  # by path and inode
    _health: Health = field(default_factory=Health)
    _swept: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def period(self) -> float:
        """Time between two sweeps, s."""
        return min(self.age / SWEEPS_PER_LIFETIME, MOST_BETWEEN_SWEEPS)

    def sweep(self) -> Health:
        """Delete what will be too old before the next sweep, empty folders included."""
        with self._lock:
            now = self.clock()
            expired = now - (self.age - self.period)
            seen: dict[tuple[str, int], float] = {}
            files = total = deleted = errors = 0
            for path, state in _walk(self.folder):
                key = (str(path), state.st_ino)
                first = seen[key] = self._first_seen.get(key, now)
                is_folder = stat.S_ISDIR(state.st_mode)
                if first <= expired:
                    try:
                        # a folder that still holds something younger stays until that has gone
                        path.rmdir() if is_folder else path.unlink()
                        deleted += not is_folder
                        continue
                    except FileNotFoundError:
                        continue
                    except OSError:
                        errors += not is_folder
                if not is_folder:
                    files, total = files + 1, total + state.st_blocks * 512
            self._first_seen, self._swept = seen, now
            self._health = Health(0.0, files, total, self._health.deleted + deleted, errors)
            return self._health

    def add(self, size: int) -> None:
        """Count bytes that have come since the last sweep."""
        with self._lock:
            self._health = replace(self._health, files=self._health.files + 1, bytes=self._health.bytes + size)

    def health(self) -> Health:
        """What lies in the folder, as far as the last sweep and `add` know, and how long ago that sweep was."""
        ago = None if self._swept is None else self.clock() - self._swept
        return replace(self._health, last_sweep=ago)

    def run(self, ended: threading.Event) -> None:
        """Sweep once a period until `ended`; an error is logged and the next sweep tries again."""
        while not ended.wait(self.period):
            self.sweep_all()

    def sweep_all(self) -> None:
        """Sweep the folder and the others once."""
        for sweep in (self.sweep, *self.others):
            try:
                sweep()
            except Exception:
                LOG.exception("deleting what is old failed; the next try is in %.0f s", self.period)

    def start(self) -> threading.Event:
        """Run in a thread of its own; the event ends it."""
        ended = threading.Event()
        threading.Thread(target=self.run, args=(ended,), name="deletion", daemon=True).start()
        return ended


class UploadFolder:
    """A folder of this process alone, readable for its user alone; gone when the process ends, however it ends.

    parent: where it is made; folders of processes that have died are removed from there first.
    """

    def __init__(self, parent: Path) -> None:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(parent)
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        except OSError as error:
            raise SettingsError(
                f"{parent}: no folder for uploads can be made ({error.strerror}); choose another with GRADIO_TEMP_DIR"
            ) from error
        self._lock: IO[bytes] = (self.path / LOCK).open("wb")
        lock_file(self._lock)

    def remove(self) -> None:
        """Remove it with all that it holds."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def remove_abandoned(parent: Path) -> int:
    """Remove the upload folders of processes that have died; how many there were."""
    removed = 0
    for folder in parent.glob(PREFIX + "*"):
        with suppress(OSError):  # another process may remove it at this moment
            if _is_own(folder) and _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    return removed


def _is_own(folder: Path) -> bool:
    """Whether it is a folder of this user: in a folder that all share, others may put links and pipes of any name."""
    state = folder.lstat()
    return stat.S_ISDIR(state.st_mode) and (not hasattr(os, "getuid") or state.st_uid == os.getuid())


def _is_abandoned(folder: Path) -> bool:
    lock = folder / LOCK
    if not lock.exists():
        return time.time() - folder.stat().st_mtime > STARTING
    if not LOCKS:
        return False  # nobody can tell whether its process lives
    with lock.open("rb") as file:
        return lock_file(file, wait=False)


def end_on_signals() -> None:
    """SIGTERM and SIGHUP end the process as Ctrl+C does, so that what runs at its end runs.

    A container, a service manager and a closed terminal send these; Python's default is to die on the spot.
    """

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)


def free_bytes(folder: Path) -> int:
    """Room on the disk that a folder lies on."""
    return shutil.disk_usage(folder).free


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything below a folder but its lock, what a folder holds before the folder; links are not followed."""
    for root, folders, files in os.walk(folder, topdown=False):
        for name in [*files, *folders]:
            path = Path(root, name)
            if name == LOCK and path.parent == folder:
                continue
            with suppress(OSError):  # gone meanwhile
                yield path, path.lstat()
