"""How many threads share a computation: as many as there are cores that no other process keeps busy.

OpenMP's threads spin while they wait for one another. Where another process has the core of one of them, the others
burn the time that it needs, and an explanation takes three times as long as on one thread.
"""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from threadpoolctl import ThreadpoolController

PROCESSOR_TIMES = Path("/proc/stat")  # of Linux; elsewhere every core counts as free
MIN_PERIOD = 0.05  # s; processor times are counted in hundredths of a second


@dataclass(frozen=True)
class Reading:
    """Processor time up to an instant, in seconds over all cores."""

    instant: float
    whole: float  # of all processes, and what the hypervisor took
    own: float  # of this process

    @staticmethod
    def now() -> Reading:
        """Read the system's counters."""
        user, nice, system, _, _, *others = map(int, PROCESSOR_TIMES.read_text().split(maxsplit=9)[1:9])
        whole = (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")
        return Reading(time.perf_counter(), whole, time.process_time())

    def busy_since(self, before: Reading) -> float:
        """How many cores other processes kept busy from `before` on, on average."""
        taken = (self.whole - before.whole) - (self.own - before.own)
        return max(0.0, taken / (self.instant - before.instant))


class CoreWatch:
    """Tells how many cores other processes leave free, by what they took since it was last asked."""

    def __init__(self, cores: int) -> None:
        self.cores = self.free = cores
        self._last = Reading.now()

    def restart(self) -> None:
        """Count from now on: before work whose threads are to be chosen by what happens during the work."""
        self._last = Reading.now()

    def free_cores(self) -> int:
        """From 1 up; the last answer again where it is too young for another."""
        reading, last = Reading.now(), self._last
        if reading.instant - last.instant >= MIN_PERIOD:
            self._last = reading
            self.free = max(1, round(self.cores - reading.busy_since(last)))
        return self.free


@lru_cache(maxsize=1)
def core_watch() -> CoreWatch | None:
    """The watch of this process; None where the system does not tell."""
    return CoreWatch(os.cpu_count() or 1) if PROCESSOR_TIMES.exists() else None


def watch_cores() -> None:
    """Look from now on at what other processes take."""
    watch = core_watch()
    if watch is not None:
        watch.restart()


def on_free_cores() -> AbstractContextManager[object]:
    """A context for computing on a CPU with no more threads than there are free cores.

    Of the calling thread alone: torch.set_num_threads would also set the number of every thread that starts meanwhile,
    for its whole life.
    """
    watch = core_watch()
    if watch is None or watch.free_cores() >= watch.cores:
        return nullcontext()
    limit: AbstractContextManager[object] = _controller().limit(limits=watch.free, user_api="openmp")
    return limit


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # 10 ms: it looks through the libraries that are loaded
