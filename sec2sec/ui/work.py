"""A long library call in a thread of its own, so that the page stays alive, progress arrives, and Stop stops it."""

from __future__ import annotations

import contextvars
import math
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from sec2sec.errors import UserError
from sec2sec.media.isolated import ABANDONED
from sec2sec.progress import Progress
from sec2sec.threads import give_way

R = TypeVar("R")
WAITING_STAGE = "waiting"  # of a progress that says that the work waits for a device
OTHERS_FIRST = Progress(0, 0, "Waiting: others are served first", WAITING_STAGE)
LONGEST_ASIDE = 20.0  # s that one work stands aside in all, so that it comes to its end whoever else is there
SECONDS_BETWEEN_LOOKS = 0.05
TIME_OVER = "This took longer than one request may take on this server"
SECONDS_OF_SILENCE = 0.3  # after which a generator yields all the same


class CancelledError(Exception):
    """The visitor pressed Stop, chose another clip or closed the page: raised where the work sends its progress."""


@dataclass(frozen=True)
class _Ended(Generic[R]):
    result: R


class Turn:
    """Whether others are to be let past meanwhile; that nobody is, where no queue says otherwise."""

    def others_first(self) -> bool:
        """Whether this work is to stand aside for now."""
        return False

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Within the block the work stands still, and its place is free for those who are let past."""
        yield


class Channel:
    """From the work to its visitor."""

    def __init__(self, turn: Turn | None = None) -> None:
        """turn: of the visitor."""
        self.messages: queue.Queue[object] = queue.Queue()
        self.cancelled = threading.Event()
        self.turn = turn or Turn()
        self.patience = LONGEST_ASIDE  # s that the work may still stand aside
        self.waits = False  # for a device or for others: time that is not the work's

    def send(self, progress: Progress) -> None:
        """Pass a progress on. Raises CancelledError if nobody waits for it any more."""
        self.check()
        self.messages.put(progress)

    def check(self) -> None:
        """Raise CancelledError if nobody waits for the work any more."""
        if self.cancelled.is_set():
            raise CancelledError

    @contextmanager
    def waiting(self, progress: Progress) -> Iterator[None]:
        """Within the block the work waits, and says so once: each message is work for the server as well."""
        self.send(progress)
        self.waits = True
        try:
            yield
        finally:
            self.waits = False

    def let_others_past(self) -> None:
        """Stand still while others are to be served first, LONGEST_ASIDE in all; hold no lock meanwhile.

        Raises CancelledError as `send` does.
        """
        if self.patience <= 0 or not self.turn.others_first():
            return
        with self.waiting(OTHERS_FIRST), self.turn.aside():
            while self.patience > 0 and self.turn.others_first():
                self.check()
                time.sleep(SECONDS_BETWEEN_LOOKS)
                self.patience -= SECONDS_BETWEEN_LOOKS

    def share_sender(self, message: str) -> Callable[[float], None]:
        """A function that sends the share that is done (0..1), always with this message."""
        return lambda share: self.send(Progress(share, 1, message))


Work = Callable[[Channel], R]


class TimeOverError(UserError):
    """A job has had the time that one may take here: what to do."""


def stream_from_thread(
    work: Work[R], limit: float = math.inf, turn: Turn | None = None
) -> Generator[Progress | None, None, R]:
    """Run work(channel) in a thread, yield the progress that it sends, and return its result.

    Yields None whenever a while brought nothing: only between two yields can gradio close the generator, and Stop stop.

    Closing this generator makes the next channel.send raise, so the thread ends by itself, and lets go of every lock it
    holds: one held across the yields of a request could outlive its visitor. What the thread raises is raised here.

    limit: s of work, without waiting for a device; then the thread is ended in the same way. Raises TimeOverError.
    turn: of the visitor, among others.
    """
    channel, spent, before = Channel(turn), 0.0, time.monotonic()

    def run() -> None:
        ABANDONED.set(channel.cancelled)
        give_way()
        try:
            channel.messages.put(_Ended(work(channel)))
        except CancelledError:
            pass
        except BaseException as error:
            channel.messages.put(error)

    # gradio keeps the request in a context variable, and ZeroGPU reads it
    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()
    try:
        while True:
            now = time.monotonic()
            spent, before = spent + (0.0 if channel.waits else now - before), now
            if spent > limit:
                raise TimeOverError(f"{TIME_OVER} ({limit:.0f} s). Choose a shorter part of the clip, or less data.")
            try:
                message = channel.messages.get(timeout=SECONDS_OF_SILENCE)
            except queue.Empty:
                yield None
                continue
            if isinstance(message, _Ended):
                result: R = message.result
                return result
            if isinstance(message, BaseException):
                raise message
            assert isinstance(message, Progress)
            yield message
    finally:
        channel.cancelled.set()
