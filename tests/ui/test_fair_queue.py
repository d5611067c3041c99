"""Visitors take turns: what one of them asks for does not make the others wait longer than for one turn of his."""

from __future__ import annotations

import math
import threading
import time
import types
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from typing import Any

import gradio as gr
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sec2sec.progress import Progress
from sec2sec.ui.events import WAITING, place_words, run_in_queue, seconds_between_looks
from sec2sec.ui.fair_queue import (
    FairQueue,
    Place,
    RecentTimes,
    TurnInQueue,
    expected_seconds,
    fair_order,
    make_fair,
)
from sec2sec.ui.messages import status
from sec2sec.ui.work import OTHERS_FIRST, Channel, Turn, stream_from_thread
from tests.browser.driver import free_port

Asked = tuple[str, str, int]  # address, session, number


def ordered(waiting: list[Asked], running: tuple[tuple[str, str], ...] = ()) -> list[Asked]:
    return fair_order(waiting, lambda one: one[0], lambda one: one[1], running)


def test_a_spammer_has_one_turn_before_each_of_the_others():
    spam = [("spam", f"s{number}", number) for number in range(40)]
    visitors = [(f"v{number}", f"w{number}", 100 + number) for number in range(10)]
    order = ordered(spam + visitors)
    assert order.index(visitors[-1]) <= 10
    assert sum(one in spam for one in order[: order.index(visitors[-1])]) == 1


def test_a_visitor_that_is_being_served_comes_after_those_that_wait():
    order = ordered([("a", "a", 1), ("b", "b", 2)], running=(("a", "a"),))
    assert order == [("b", "b", 2), ("a", "a", 1)]


def test_sessions_of_one_address_take_turns_as_in_a_school():
    first = [("school", "pupil-1", number) for number in range(3)]
    others = [("school", f"pupil-{number}", 10 + number) for number in range(2, 6)]
    assert ordered(first + others)[:5] == [first[0], *others]


def test_one_after_another_where_each_asks_once():
    waiting = [(f"a{number}", f"s{number}", number) for number in range(8)]
    assert ordered(waiting) == waiting


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers()), max_size=30),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=3),
)
def test_nobody_is_lost_and_a_sessions_own_order_is_kept(waiting, running):
    waiting = [(address, address + session, number) for address, session, number in waiting]
    served = tuple((address, address + session) for address, session in running)
    order = ordered(waiting, served)
    assert Counter(order) == Counter(waiting)
    for session in {one[1] for one in waiting}:
        assert [one for one in order if one[1] == session] == [one for one in waiting if one[1] == session]
    assert ordered(order, served) == order, "asking again changes nothing"


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"), st.integers()), min_size=1, max_size=40))
def test_before_an_addresss_nth_turn_no_other_has_more_than_n(waiting):
    order = ordered(waiting)
    turns: Counter[str] = Counter()
    for index, (address, *_) in enumerate(order):
        turns[address] += 1
        still_there = {one[0] for one in order[index + 1 :]}
        assert all(turns[address] <= turns[other] + 1 for other in still_there)


def test_who_waits_is_told_the_time_until_the_result():
    assert expected_seconds([], [10], places=2) == 10
    assert expected_seconds([4, 8], [10], places=2) == 14
    assert expected_seconds([4, 8], [10, 10, 10], places=2) == 24
    assert expected_seconds([0], [10], places=1) == 10, "a job that is over its time may end at any moment"


def test_no_time_is_told_while_nothing_is_known():
    assert math.isnan(expected_seconds([math.nan], [10], places=1))
    assert math.isnan(expected_seconds([3], [10, math.nan], places=1))


def test_the_usual_time_is_the_median_of_the_last_jobs():
    times = RecentTimes()
    for seconds in (1000, *[10] * 7):
        times.add(seconds)
    assert times.avg_time == 10, "one long job does not count for all"
    for seconds in [20] * 8:
        times.add(seconds)
    assert (times.avg_time, times.count) == (20, 16)


@pytest.mark.parametrize(
    ("number", "seconds", "words"),
    [
        (1, math.nan, "Waiting for a free place: 1st in line"),
        (3, 42.0, "Waiting for a free place: 3rd in line, about 40 seconds"),
        (12, 130.0, "Waiting for a free place: 12th in line, about 2 minutes"),
        (22, 3.0, "Waiting for a free place: 22nd in line, about 10 seconds"),
    ],
)
def test_a_place_is_said_in_plain_words(number, seconds, words):
    assert place_words(Place(number, seconds)) == words


def test_pages_far_behind_ask_for_their_place_less_often_so_that_a_hundred_ask_eighteen_times_a_second():
    assert [seconds_between_looks(number) for number in (1, 10, 50, 100)] == [2.0, 2.0, 10.0, 15.0]
    assert sum(1 / seconds_between_looks(number) for number in range(1, 101)) < 18


def test_visitors_in_a_real_queue_are_told_their_places_and_their_times():
    release = threading.Event()
    with gr.Blocks() as demo:
        button, line = gr.Button(), gr.HTML(status("idle"))
        work = run_in_queue(button, release.wait, [], [], line=line, on_error=lambda _: {}, at_once=1)
    demo.queue(default_concurrency_limit=1)
    make_fair(demo, proxied=False, per_address=40)
    demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, server_port=free_port())
    try:
        queue = demo._queue
        assert isinstance(queue, FairQueue)
        [tick] = [function for function in demo.fns.values() if function.targets and function.targets[0][1] == "tick"]
        for session in ("first", "second", "third"):
            join = {"fn_index": work["id"], "session_hash": session, "data": []}
            assert httpx.post(f"{demo.local_url}gradio_api/queue/join", json=join).status_code == 200
            wait(lambda session=session: session in sessions(queue))

        def told(session: str, shown: str = status(WAITING)) -> dict[str, Any]:
            asked = {"fn_index": tick._id, "session_hash": session, "data": [shown]}
            return httpx.post(f"{demo.local_url}gradio_api/run/predict", json=asked).json()["data"]

        assert told("first")[1]["active"] is False, "it runs, and waits no more"
        assert "1st in line</span>" in told("second")[0]
        assert "2nd in line</span>" in told("third")[0]
        assert "2nd in line</span>" in told("third", "")[0], "of an edit, which says nothing before"
        for _ in range(3):
            queue.process_time_per_fn[demo.fns[work["id"]]].add(60)
        assert "1st in line, about 2 minutes</span>" in told("second")[0]
        assert "2nd in line, about 3 minutes</span>" in told("third")[0]
        assert queue.place("third", tick._id) is None, "another event of the same visitor"
    finally:
        release.set()
        demo.close()


def sessions(queue: FairQueue) -> set[str]:
    there = [*queue._busy(), *(event for one in queue.event_queue_per_concurrency_id.values() for event in one.queue)]
    return {event.session_hash for event in there}


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


class TestManyStandAside:
    """One address has many events, another a single one."""

    @pytest.fixture
    def queue(self):
        queue = FairQueue.__new__(FairQueue)
        queue.address_of = lambda event: event.address
        queue.aside, queue.active_jobs = set(), []
        self.line = types.SimpleNamespace(queue=[], concurrency_limit=2, current_concurrency=0)
        queue.event_queue_per_concurrency_id = {"explain": self.line}
        return queue

    def asks(self, address: str, count: int = 1) -> list[Any]:
        events = [types.SimpleNamespace(address=address, session_hash=f"{address}-{n}") for n in range(count)]
        self.line.queue += events
        return events

    def start(self, queue: FairQueue) -> Any:
        found = queue.get_events()
        if found is None:
            return None
        queue.active_jobs.append(found[0])
        self.line.current_concurrency += 1
        return found[0][0]

    def test_the_running_events_of_the_many_give_their_places_to_who_asked_once(self, queue):
        self.asks("many", 5)
        running = [self.start(queue), self.start(queue)]
        assert [event.address for event in running] == ["many", "many"]
        assert self.start(queue) is None, "both places are taken"
        assert not queue.others_first("many-0")
        self.asks("one")
        assert queue.others_first("many-0")
        assert not queue.others_first("one-0")
        with TurnInQueue(queue, "many-0").aside():
            assert self.start(queue).address == "one"
            assert self.start(queue) is None, "the place that was freed is for those for whom it was"
            assert queue.others_first("many-0"), "as long as the other is served"
            queue.active_jobs.pop()
            self.line.current_concurrency -= 1
            assert not queue.others_first("many-0")
        assert self.start(queue) is None, "the place is taken again"

    def test_of_equals_none_stands_aside(self, queue):
        for address in ("a", "b", "c"):
            self.asks(address, 2)
        self.start(queue)
        assert not any(queue.others_first(f"{address}-{n}") for address in ("a", "b", "c") for n in range(2))

    def test_a_session_that_has_nothing_here_is_in_nobodys_way(self, queue):
        self.asks("a")
        assert not queue.others_first("another")


def test_work_that_stands_aside_goes_on_when_it_may_and_at_the_latest_when_its_patience_ends(monkeypatch):
    monkeypatch.setattr("sec2sec.ui.work.LONGEST_ASIDE", 0.4)
    first = threading.Event()
    first.set()
    stood = []

    class Others(Turn):
        def others_first(self) -> bool:
            return first.is_set()

        @contextmanager
        def aside(self):
            stood.append("aside")
            yield
            stood.append("back")

    def work(channel: Channel) -> str:
        for part in range(3):
            channel.send(Progress(part, 3, "working"))
            channel.let_others_past()
            stood.append(f"part {part}")
        return "done"

    result = []

    def whole():
        result.append((yield from stream_from_thread(work, math.inf, Others())))

    began, seen = time.monotonic(), list(whole())
    assert result == ["done"]
    assert stood == ["aside", "back", "part 0", "part 1", "part 2"], "its patience ends once"
    assert 0.35 < time.monotonic() - began < 3
    # each message is handled by the server that the others wait for
    assert seen.count(OTHERS_FIRST) == 1


def test_work_that_stands_aside_can_be_stopped_and_leaves_its_place():
    turn = types.SimpleNamespace(others_first=lambda: True, aside=nullcontext)
    ended = threading.Event()

    def work(channel: Channel) -> None:
        try:
            channel.let_others_past()
        finally:
            ended.set()

    steps = stream_from_thread(work, math.inf, turn)
    assert next(steps) == OTHERS_FIRST
    steps.close()
    assert ended.wait(2)
