"""How many threads share a computation, and what they do while they wait."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")

# A person who set one of these has decided: of OpenMP, GNU's runtime, and Intel's and LLVM's.
OWN_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
NICENESS_OF_JOBS = 10  # a thread of 0 beside one of 10 gets nine tenths of a core
SMALL_WIDTH = (
    128  # columns; rows of so many are multiplied in less time than it takes to wake a thread for some of them
)

_cores_to_share: ContextVar[int] = ContextVar("_cores_to_share", default=0)  # under threads_for


def let_waiting_threads_sleep(environment: MutableMapping[str, str] = os.environ) -> None:
    """Threads that wait give their core away, in this process and those that it starts; a person's setting stays.

    Call it before torch is imported, which reads the environment. Only a program calls it: the environment of a process
    that imports sec2sec as a library is its owner's.
    """
    if not any(name in environment for name in OWN_SETTINGS):
        environment["OMP_WAIT_POLICY"] = "passive"


def give_way() -> None:
    """From here on this thread, and those that it starts, take a core only where nobody quicker wants it.

    For work of seconds beside answers of milliseconds. Linux alone has a priority for each thread; it cannot be raised
    again, so call it in a thread that ends with its work.
    """
    if sys.platform == "linux":
        own = os.getpriority(os.PRIO_PROCESS, 0)  # of this thread
        os.setpriority(os.PRIO_PROCESS, 0, max(own, NICENESS_OF_JOBS))


@contextmanager
def threads_for(width: int | None) -> Iterator[None]:
    """While it lasts, small matrices of `width` columns on a CPU are computed by the calling thread alone.

    width: None where it is not known, or not on a CPU. Other threads keep their own number, also those that start
    meanwhile, which would inherit that of torch.set_num_threads. What comes in pieces can be shared: map_on_threads.
    """
    if width is None or width > SMALL_WIDTH:
        yield
        return
    import torch

    token = _cores_to_share.set(max(_cores_to_share.get(), torch.get_num_threads()))
    try:
        with _controller().limit(limits=1, user_api="openmp"):
            yield
    finally:
        _cores_to_share.reset(token)


def piece_size(count: int, most: int, small: int) -> int:
    """How many of `count` rows go through a model at once: `most`, and under threads_for evenly about `small`.

    The same on every machine, whatever its cores, so that its rounding is the same.
    """
    if not _cores_to_share.get() or count <= small:
        return most
    return min(most, -(-count // -(-count // small)))


def map_on_threads(function: Callable[[T], R], pieces: Iterable[T]) -> list[R]:
    """function of each piece, in their order: under threads_for on as many threads as there are cores.

    A product of small matrices is done before another thread wakes; a piece of a millisecond is worth one. In the
    threads autograd is as in the calling one.
    """
    pieces = list(pieces)
    threads = min(_cores_to_share.get(), len(pieces))
    if threads < 2:
        return [function(piece) for piece in pieces]
    import torch

    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def run(piece: T) -> R:
        with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
            return function(piece)

    with ThreadPoolExecutor(threads, initializer=_compute_alone) as pool:
        return list(pool.map(run, pieces))


def _compute_alone() -> None:
    """Of this thread, until it ends."""
    import torch

    torch.get_num_threads()  # torch sets a thread's number at its first use there: let that be now
    _controller().limit(limits=1, user_api="openmp")


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # 10 ms: it looks through the libraries that are loaded
