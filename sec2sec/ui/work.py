"""A long library call in a thread of its own, so that the page stays alive, progress arrives, and Stop stops it."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Generator
from typing import Any

PATIENCE = 0.25  # s without news after which the caller looks whether its visitor is still there
_END = object()


class CancelledError(Exception):
    """The visitor pressed Stop, chose another clip or closed the page: raised where the work tells its next step."""


class Job:
    """What the work knows of its visitor."""

    def __init__(self) -> None:
        self.news: queue.Queue[Any] = queue.Queue()
        self.left = threading.Event()

    def tell(self, step: object) -> None:
        """Pass a step on. Raises CancelledError if nobody waits for it any more."""
        if self.left.is_set():
            raise CancelledError
        self.news.put(step)


def stream_from_thread(work: Callable[[Job], None]) -> Generator[Any, None, None]:
    """Run work(job) in a thread and yield what it tells, and None whenever a while brought nothing.

    Closing this generator makes the next job.tell raise, so the thread ends by itself, and lets go of every lock it
    holds: one held across the yields of a request could outlive its visitor. What the thread raises is raised here.
    """
    job = Job()

    def run() -> None:
        try:
            work(job)
            job.news.put(_END)
        except CancelledError:
            pass
        except BaseException as error:
            job.news.put(error)

    # gradio keeps the request in a context variable, and ZeroGPU reads it
    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()
    try:
        while True:
            try:
                step = job.news.get(timeout=PATIENCE)
            except queue.Empty:
                yield None
                continue
            if step is _END:
                return
            if isinstance(step, BaseException):
                raise step
            yield step
    finally:
        job.left.set()
