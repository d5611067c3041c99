"""How many threads share a computation, and what they do while they wait."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

from threadpoolctl import ThreadpoolController

# A person who set one of these has decided: of OpenMP, GNU's runtime, and Intel's and LLVM's.
OWN_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
NICENESS_OF_JOBS = 10  # a thread of 0 beside one of 10 gets nine tenths of a core
NICENESS_OF_MANY = 19  # and one of 10 beside one of 19 does
SMALL_WIDTH = (
    128  # columns; rows of so many are multiplied in less time than it takes to wake a thread for some of them
)


def let_waiting_threads_sleep(environment: MutableMapping[str, str] = os.environ) -> None:
    """Threads that wait give their core away, in this process and those that it starts; a person's setting stays.

    Call it before torch is imported, which reads the environment. Only a program calls it: the environment of a process
    that imports sec2sec as a library is its owner's.
    """
    if not any(name in environment for name in OWN_SETTINGS):
        environment["OMP_WAIT_POLICY"] = "passive"


def give_way(niceness: int = NICENESS_OF_JOBS) -> None:
    """From here on this thread, and those that it starts, take a core only where nobody quicker wants it.

    For work of seconds beside answers of milliseconds, and for one of many jobs beside the only one. Linux alone has a
    priority for each thread; it cannot be raised again, so call it in a thread that ends with its work.
    """
    if sys.platform == "linux":
        own = os.getpriority(os.PRIO_PROCESS, 0)  # of this thread
        os.setpriority(os.PRIO_PROCESS, 0, max(own, niceness))


def threads_for(width: int | None) -> AbstractContextManager[object]:
    """A context for computing with matrices of `width` columns on a CPU: on the calling thread alone if they are small.

    width: None where it is not known. Other threads keep their own number, also those that start meanwhile, which
    would inherit that of torch.set_num_threads.
    """
    if width is None or width > SMALL_WIDTH:
        return nullcontext()
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="openmp")
    return limit


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # 10 ms: it looks through the libraries that are loaded
