"""A long library call in a thread of its own, so that the page stays alive, progress arrives, and Stop stops it."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

Step = TypeVar("Step")
_END = object()
PATIENCE = 0.25  # s between two looks at whether the visitor has left


def in_thread(
    steps: Callable[[threading.Event], Iterator[Step]], patience: float = PATIENCE
) -> Generator[Step | None, None, None]:
    """Run steps(stopped) in a thread and yield what it yields, and None whenever `patience` seconds brought nothing.

    Closing this generator sets `stopped`; the thread then ends at its next step by itself, and with it every lock it
    holds: a lock held across yields of a request could outlive its visitor. What the thread raises is raised here.
    """
    results: queue.Queue[object] = queue.Queue()
    stopped = threading.Event()

    def work() -> None:
        try:
            for step in steps(stopped):
                results.put(step)
                if stopped.is_set():
                    break
            results.put(_END)
        except BaseException as error:
            results.put(error)

    # gradio keeps the request in a context variable, and ZeroGPU reads it
    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    thread.start()
    try:
        while True:
            try:
                result = results.get(timeout=patience)
            except queue.Empty:
                yield None
                continue
            if result is _END:
                return
            if isinstance(result, BaseException):
                raise result
            yield result  # type: ignore[misc]
    finally:
        stopped.set()
