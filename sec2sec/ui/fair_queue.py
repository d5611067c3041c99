"""Whose turn it is: visitors take turns, whatever each of them asks for.

gradio serves events in the order of their arrival, so that one client that asks forty times is served forty times
before anybody else. Here addresses take turns, and within an address its sessions, and a session has one running event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import gradio as gr
from gradio.queueing import Event, Queue

from sec2sec.serving.door import visitor_address

T = TypeVar("T")
Refusal = Literal["success", "error", "queue_full", "validator_error"]
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


class FairQueue(Queue):
    """gradio's queue with fair turns; `make_fair` turns an app's own into one."""

    address_of: Callable[[Event], str]
    per_address: int  # events of one address that may wait or run

    def _busy(self) -> list[Event]:
        return [event for job in self.active_jobs if job is not None for event in job]

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
        busy = self._busy()
        served = [(self.address_of(event), event.session_hash) for event in busy]
        sessions = {session for _, session in served}
        for name, queue in self.event_queue_per_concurrency_id.items():
            # the order is kept, so that the place that a visitor is told is the true one
            queue.queue = fair_order(queue.queue, self.address_of, lambda event: event.session_hash, served)
            limit = queue.concurrency_limit
            if limit is not None and queue.current_concurrency >= limit:
                continue
            free = next((event for event in queue.queue if event.session_hash not in sessions), None)
            if free is not None:
                queue.queue.remove(free)
                return [free], False, name
        return None


def make_fair(demo: gr.Blocks, proxied: bool, per_address: int) -> None:
    """Let visitors of an app take turns. To be called after demo.queue().

    proxied: as in door.visitor_address. per_address: events of one address that may wait or run.
    """
    assert not any(function.batch for function in demo.fns.values()), "an event of this app is one visitor's"
    queue = demo._queue
    queue.__class__ = FairQueue
    assert isinstance(queue, FairQueue)
    queue.address_of = lambda event: visitor_address(event.request.scope, proxied)
    queue.per_address = per_address
