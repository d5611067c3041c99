"""How long trainings are kept, and how much of the disk they take.

A training that has ended is deleted with its data and its model when it is old enough, whoever owns it and however it
ended. Age is counted by the clock of the files, because a training outlives the server that started it.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from sec2sec.jobs.job import ID, Job, JobError, Jobs

SECONDS_PER_HOUR = 3600.0
SETS, TOKENS = "sets", "tokens"  # folders that several trainings share
LOG = logging.getLogger(__name__)


class TrainingExpiry:
    """Deletes trainings that ended long ago, and what no training uses any more.

    folder: of the trainings. hours: from the end of a training to its deletion; infinity keeps all.
    """

    def __init__(self, folder: Path, hours: float, clock: Callable[[], float] = time.time) -> None:
        self.jobs, self.seconds, self._clock = Jobs(folder), hours * SECONDS_PER_HOUR, clock

    def deletion_time(self, job: Job) -> float | None:
        """When a training will be deleted, in s since 1970; None while it runs, or where all are kept."""
        if math.isinf(self.seconds) or job.is_running():
            return None
        ended = end_time(job)
        return None if ended is None else ended + self.seconds

    def sweep(self) -> int:
        """Delete what is over time; how many trainings that were. A running one never is."""
        if math.isinf(self.seconds) or not self.jobs.folder.is_dir():
            return 0
        self.jobs.remove_stale()
        expired = [job for job in self._folders() if self._is_over(job)]
        removed = sum(_remove(job) for job in expired)
        self._remove_unused()
        return removed

    def _folders(self) -> list[Job]:
        """Every training, those of a damaged job.json included; one that is still being made has none."""
        names = [path for path in sorted(self.jobs.folder.iterdir()) if ID.fullmatch(path.name)]
        return [Job(path) for path in names if (path / "job.json").exists()]

    def _is_over(self, job: Job) -> bool:
        time_of_deletion = self.deletion_time(job)
        return time_of_deletion is not None and time_of_deletion <= self._clock()

    def _remove_unused(self) -> None:
        """Delete old clips and tokens that no training uses: a server was killed in the middle of a removal."""
        folder = self.jobs.folder
        specs = [job.spec() for job in self.jobs.all()]
        clip_sets = {spec.make.name for spec in specs if spec.make is not None}
        unused = [path for path in (folder / SETS).glob("*") if path.name not in clip_sets]
        if all(Path(spec.cache) != (folder / TOKENS).absolute() for spec in specs):
            unused.append(folder / TOKENS)
        for path in unused:
            with suppress(FileNotFoundError):
                if path.stat().st_mtime + self.seconds <= self._clock():
                    shutil.rmtree(path, ignore_errors=True)


def end_time(job: Job) -> float | None:
    """When the state of a training was written last, in s since 1970; None where nothing is there any more."""
    for name in ("progress.json", "job.json"):
        with suppress(OSError):
            return (job.path / name).stat().st_mtime
    return None


def _remove(job: Job) -> bool:
    """Delete a training; whether it is gone."""
    try:
        job.remove()
    except JobError:  # it was started again meanwhile
        return False
    except OSError:
        LOG.exception("a training that is over time could not be deleted; the next sweep tries again")
        return False
    return True


def bytes_of(folders: Iterable[Path]) -> int:
    """Bytes that folders take on the disk, links not followed."""
    total = 0
    for folder in folders:
        for root, _, files in os.walk(folder):
            for name in files:
                with suppress(OSError):  # gone meanwhile
                    total += Path(root, name).lstat().st_blocks * 512
    return total
