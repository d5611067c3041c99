"""Whose turn it is: visitors take turns, whatever each of them asks for.

gradio serves events in the order of their arrival, so that one client that asks forty times is served forty times
before anybody else. Here addresses take turns, and within an address its sessions, and a session has one running event.
What an address with many events has running stands aside while one with fewer is served: turns alone would still make
everybody share the cores with whoever asks for most.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, TypeVar

import gradio as gr
from gradio.context import LocalContext
from gradio.queueing import Event, EventQueue, ProcessTime, Queue

from sec2sec.serving.door import visitor_address
from sec2sec.ui.work import Turn

T = TypeVar("T")
Refusal = Literal["success", "error", "queue_full", "validator_error"]
RECENT = 15  # jobs of a kind whose median says how long the next one will take
PER_SESSION = 3  # events of one session that may wait or run: one in a tab each, and one that is about to be cancelled


def fair_order(
    waiting: Sequence[T],
    address: Callable[[T], str],
    session: Callable[[T], str],
    running: Sequence[tuple[str, str]] = (),
) -> list[T]:
    """Those that wait, in the order in which they are served.

    running: address and session of each that is being served, which counts as a turn that its visitor has had.
    """
    turns = Counter(name for _, name in running)
    in_session: list[int] = []
    for one in waiting:
        in_session.append(turns[session(one)])
        turns[session(one)] += 1
    within = sorted(range(len(waiting)), key=lambda index: in_session[index])  # stable: of equals the first to come
    turns = Counter(name for name, _ in running)
    in_address = {}
    for index in within:
        in_address[index] = turns[address(waiting[index])]
        turns[address(waiting[index])] += 1
    return [waiting[index] for index in sorted(within, key=lambda index: (in_address[index], in_session[index], index))]


@dataclass(frozen=True)
class Place:
    """Where an event stands. number: 1 for the next one. seconds: until its result; NaN where nothing tells."""

    number: int
    seconds: float


class RecentTimes(ProcessTime):
    """How long the last jobs of a kind took, in gradio's form: one of an hour's video must not count for ever."""

    def add(self, time: float) -> None:
        """Count a job of so many seconds."""
        attributes = vars(self)  # gradio types the mean as a whole number
        recent: deque[float] = attributes.setdefault("recent", deque(maxlen=RECENT))
        recent.append(time)
        self.count += 1
        attributes["avg_time"] = median(recent)


def expected_seconds(running: Sequence[float], waiting: Sequence[float], places: int) -> float:
    """Time until the last of those that wait has its result, s; NaN where the time of one of them is not known.

    running: s that each running job still takes. waiting: s that each job takes, in their order. places: that run at
    once.
    """
    if any(math.isnan(seconds) for seconds in (*running, *waiting)):
        return math.nan
    free = [*running, *([0.0] * (places - len(running)))]
    heapq.heapify(free)
    end = 0.0
    for seconds in waiting:
        end = heapq.heappop(free) + seconds
        heapq.heappush(free, end)
    return end


class FairQueue(Queue):
    """gradio's queue with fair turns; `make_fair` turns an app's own into one."""

    address_of: Callable[[Event], str]
    per_address: int  # events of one address that may wait or run
    aside: set[str]  # sessions whose running event stands aside, so that others may have its place

    def others_first(self, session: str) -> bool:
        """Whether an address that has fewer events than this session's waits or is served."""
        there = [*self._busy(), *self._waiting()]
        own = next((self.address_of(event) for event in there if event.session_hash == session), None)
        events = Counter(self.address_of(event) for event in there)
        return own is not None and any(count < events[own] for count in events.values())

    def _waiting(self) -> list[Event]:
        queues = list(self.event_queue_per_concurrency_id.values())
        return [event for queue in queues if queue.concurrency_limit is not None for event in list(queue.queue)]

    def place(self, session: str, function: int) -> Place | None:
        """Where a session's event of a function stands; None where none of it waits."""
        served = self._served()
        for queue in self.event_queue_per_concurrency_id.values():
            order = fair_order(list(queue.queue), self.address_of, lambda event: event.session_hash, served)
            for number, event in enumerate(order, start=1):
                if event.session_hash == session and event.fn._id == function:
                    return Place(number, self._expected_seconds(queue, order[:number]))
        return None

    def _expected_seconds(self, queue: EventQueue, until: Sequence[Event]) -> float:
        """Time until the last of these events has its result."""
        now = time.time()
        running = [
            max(self._usual_seconds(function) - (now - began), 0.0)
            for function, starts in list(queue.start_times_per_fn.items())
            for began in list(starts)
        ]
        places = queue.concurrency_limit or len(running) + len(until)
        return expected_seconds(running, [self._usual_seconds(event.fn) for event in until], places)

    def _usual_seconds(self, function: Any) -> float:
        times = self.process_time_per_fn.get(function)
        return math.nan if times is None or not times.count else times.avg_time

    def _served(self) -> list[tuple[str, str]]:
        """Address and session of each event that is being served."""
        return [(self.address_of(event), event.session_hash) for event in self._busy()]

    def _busy(self) -> list[Event]:
        return [event for job in list(self.active_jobs) if job is not None for event in job]

    async def push(self, body: Any, request: Any, username: str | None) -> tuple[bool, Any, Refusal]:
        """Take an event, unless its visitor has as many already as one may."""
        event_queues = self.event_queue_per_concurrency_id.values()
        there = [*self._busy(), *(event for queue in event_queues for event in queue.queue)]
        if sum(event.session_hash == body.session_hash for event in there) >= PER_SESSION:
            return False, "You have asked for as much at once as one visitor may; wait for an answer.", "queue_full"
        asking = Event(body.session_hash, self.blocks.fns[body.fn_index], request, username)
        if sum(self.address_of(event) == self.address_of(asking) for event in there) >= self.per_address:
            return False, "Too many wait at your address; try again in a minute.", "queue_full"
        return await super().push(body, request, username)

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """The next event: the fair order's first whose session has none running."""
        served = self._served()
        sessions = {session for _, session in served}
        aside = Counter(address for address, session in served if session in self.aside)
        for name, queue in self.event_queue_per_concurrency_id.items():
            # the order is kept, so that the place that a visitor is told is the true one
            queue.queue = fair_order(queue.queue, self.address_of, lambda event: event.session_hash, served)
            limit = queue.concurrency_limit
            full = limit is not None and queue.current_concurrency >= limit
            if full and limit is not None and queue.current_concurrency >= limit + aside.total():
                continue
            free = next(
                (
                    event
                    for event in queue.queue
                    # a place of one that stands aside is for those for whom it does
                    if event.session_hash not in sessions and not (full and aside[self.address_of(event)])
                ),
                None,
            )
            if free is not None:
                queue.queue.remove(free)
                return [free], False, name
        return None


class TurnInQueue(Turn):
    """The turn of a session's running event."""

    def __init__(self, queue: FairQueue, session: str) -> None:
        self._queue, self._session = queue, session

    def others_first(self) -> bool:
        """As of the queue."""
        return self._queue.others_first(self._session)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """As of every Turn."""
        self._queue.aside.add(self._session)
        try:
            yield
        finally:
            self._queue.aside.discard(self._session)


def current_turn() -> Turn:
    """That of the event which is being handled; called by its handler."""
    request, app = LocalContext.request.get(None), LocalContext.blocks.get(None)
    queue = None if app is None else app._queue
    if not isinstance(queue, FairQueue) or request is None:
        return Turn()
    return TurnInQueue(queue, str(request.session_hash))


def make_fair(demo: gr.Blocks, proxied: bool, per_address: int) -> None:
    """Let visitors of an app take turns. To be called after demo.queue().

    proxied: as in door.visitor_address. per_address: events of one address that may wait or run.
    """
    assert not any(function.batch for function in demo.fns.values()), "an event of this app is one visitor's"
    queue = demo._queue
    queue.__class__ = FairQueue
    assert isinstance(queue, FairQueue)
    queue.address_of = lambda event: visitor_address(event.request.scope, proxied)
    queue.per_address, queue.aside = per_address, set()
    queue.process_time_per_fn = defaultdict(RecentTimes)
