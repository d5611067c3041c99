"""Thirty and a hundred visitors of the real app over HTTP, and one who asks for too much: `python -m bench load`.

Each visitor loads the page, uploads a clip of their own, chooses and explains it, compares the JSON that comes back
with the clip's own name and SHA-256, and edits it in the Lab. A prober, whose clip was explained before, does light
things meanwhile. Visitors have an address each, as a proxy would tell.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.row import Row
from tests.browser.driver import App
from tests.helpers.visitor import Answer, RefusedError, Visitor

CLIPS = [Path(f"assets/clips/sintel-{name}.mp4") for name in ("flight", "dialogue", "snow")]  # 10 s each
RAMP = 10.0  # s within which all visitors come
ALONE = 7  # explanations of one visitor, for the median
SPAM = 45  # explanations that one client asks for at once
SPAM_ROUNDS = 3  # with and without, in turns: ten visitors are few for a percentile
RETRY = 10.0  # s until one whom the queue refused asks again
PROBE_PAUSE = 0.1  # s between light events
FULL = 5  # visitors in the queue: three of them at least wait
BEHIND_PROXY = ("--behind-proxy", "yes", "--training", "no")
SERIAL = itertools.count()  # of clips: what was explained before comes from the memory, whoever asks


@dataclass
class Visit:
    """What one visitor met with. Times in s."""

    number: int
    page: float = math.nan
    choose: float = math.nan
    explain: float = math.nan
    edit: float = math.nan
    served: bool = False
    refused: int = 0  # times that the queue was full
    waited: bool = False  # others were before them in the queue
    place_told: bool = False  # with the time that it will take
    mixed_up: bool = False
    lost: bool = False  # the clip had left the memory when all were served
    figures: tuple[float, ...] = ()  # what the model says of the clip
    clip: bytes = b""  # of the visitor alone
    visitor: Visitor | None = None
    page_stream: HTTPConnection | None = None

    def __post_init__(self) -> None:
        self.clip = own_clip(self.number)

    def make(self, port: int, delay: float, light: LightEvents) -> Visit:
        """From the page to an edit in the Lab, after a delay."""
        time.sleep(delay)
        self.visitor = visitor = Visitor(port, f"10.1.0.{self.number + 1}")
        with self._timed("page"):
            assert visitor.get("/").status == 200
        self.page_stream = visitor.hold_page_open()
        path = visitor.upload(self.clip, self.name)
        with self._timed("choose"):
            assert visitor.choose(path, self.name).status == 200
        light.waiting += 1
        with self._timed("explain"):
            self._explain(visitor)
        light.waiting -= 1
        explanation = visitor.explanation()
        self.mixed_up = not self._is_own(explanation)
        self.figures = tuple(target["prediction"] for target in explanation["targets"].values())
        visitor.run("open")
        with self._timed("edit"):
            answer = visitor.run("lab.select", None, {"edit": {"edit": "mute", "seconds": [2]}})
        state = visitor.edited(answer)
        self.served = state["clip"]["name"] == self.name and len(state["edits"]) == 1
        return self

    @property
    def name(self) -> str:
        """Of the visitor's clip."""
        return f"visitor-{self.number}.mp4"

    def look_again(self) -> None:
        """Ask for the explanation once more, when everybody has been served."""
        assert self.visitor is not None
        try:
            self.mixed_up |= not self._is_own(self.visitor.explanation())
        except TypeError:  # there is no file where the clip is gone
            self.lost = True

    def leave(self) -> None:
        """Close the page."""
        assert self.page_stream is not None
        self.page_stream.close()

    def _explain(self, visitor: Visitor) -> None:
        """Press Explain until the queue takes it, and wait for the end."""
        while True:
            try:
                visitor.join("explain")
                break
            except RefusedError:
                self.refused += 1
                time.sleep(RETRY)
        for message in visitor.messages():
            if message["msg"] == "estimation" and message["rank"] > 0:
                self.waited = True
                self.place_told |= message["rank_eta"] is not None

    def _is_own(self, explanation: Any) -> bool:
        clip = explanation["clip"]
        return (clip["name"], clip["sha256"]) == (self.name, hashlib.sha256(self.clip).hexdigest())

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        setattr(self, name, time.perf_counter() - began)


def differing(visits: Sequence[Visit]) -> int:
    """Visitors for whom the model says another thing of a clip than for most others with the same pictures."""
    usual = {
        base: Counter(visit.figures for visit in visits if visit.number % len(CLIPS) == base).most_common(1)[0][0]
        for base in range(len(CLIPS))
    }
    return sum(visit.figures != usual[visit.number % len(CLIPS)] for visit in visits)


@dataclass
class Load:
    """What all visitors of one run met with."""

    visits: list[Visit]
    light: dict[str, list[float]]
    server: float  # peak of the server's memory, MB
    decoders: float  # peak of the memory of its children, MB

    def p95(self, what: str) -> float:
        """The 95th percentile of a time over all visitors."""
        return p95([getattr(visit, what) for visit in self.visits])


def rows() -> Iterator[Row]:
    """One visitor, thirty, ten beside a spammer, a hundred; about five minutes."""
    with App(*BEHIND_PROXY) as app:
        one = explain_alone(app.port)
        yield from crowd_rows(app, one)
        yield from spam_rows(app)
    with App(*BEHIND_PROXY) as app:
        yield from hundred_rows(app)


def explain_alone(port: int) -> float:
    """Median seconds of one visitor's explanations, nobody else being there; the first, which warms up, left out."""
    visitor, name = Visitor(port, "10.9.9.9"), "alone.mp4"
    times = []
    for base in range(ALONE + 1):
        visitor.choose(visitor.upload(own_clip(base), name), name)
        began = time.perf_counter()
        visitor.explain()
        times.append(time.perf_counter() - began)
    return median(times[1:])


def crowd_rows(app: App, one: float) -> Iterator[Row]:
    """Thirty visitors within ten seconds."""
    load = run(app, 30)
    mixed = sum(visit.mixed_up for visit in load.visits) + differing(load.visits)
    yield Row("30 visitors: served", sum(visit.served for visit in load.visits), "", 30, "at least")
    yield Row("  refused", sum(visit.refused for visit in load.visits), "", 0)
    yield Row("  results of another's clip, or other figures for the same clip", mixed, "", 0)
    yield Row("  page, 95th percentile", load.p95("page"), "s", 1.0)
    yield Row(
        "  explanation with its waiting, 95th percentile ÷ 30 × one visitor's", load.p95("explain") / 30 / one, "×", 1.1
    )
    yield Row("  the same in seconds", load.p95("explain"), "s")
    yield Row("  one visitor's explanation", one, "s")
    everything = [seconds for times in load.light.values() for seconds in times]
    yield Row("light events while others wait: 95th percentile", p95(everything), "s", 0.3)
    for name, times in load.light.items():
        yield Row(f"  {name} ({len(times)} times)", p95(times), "s")


def hundred_rows(app: App) -> Iterator[Row]:
    """A hundred visitors within ten seconds, on a server of their own."""
    load = run(app, 100)
    waited = [visit for visit in load.visits if visit.waited]
    yield Row("100 visitors: served", sum(visit.served for visit in load.visits), "", 100, "at least")
    yield Row("  refused", sum(visit.refused for visit in load.visits), "", 0)
    yield Row(f"  not told place and time, of {len(waited)} who waited", sum(not v.place_told for v in waited), "", 0)
    yield Row("  results of another's clip", sum(visit.mixed_up for visit in load.visits), "", 0)
    yield Row("  clips lost from memory when all were served", sum(visit.lost for visit in load.visits), "", 0)
    yield Row("  memory of the server, peak", load.server, "MB", 2048)
    yield Row("  memory of the processes that decode, peak", load.decoders, "MB")
    yield Row("  page, 95th percentile", load.p95("page"), "s")
    yield Row("  explanation with its waiting, 95th percentile", load.p95("explain"), "s")


def spam_rows(app: App) -> Iterator[Row]:
    """Ten visitors, with and without one client who asks for 45 explanations at once and listens to none."""
    alone: list[Visit] = []
    beside: list[Visit] = []
    taken = []
    for turn in range(SPAM_ROUNDS):
        alone += run(app, 10).visits
        spammer = Spammer(app.port, f"10.66.0.{turn + 1}")
        beside += run(app, 10, spammer.ask).visits
        taken.append(spammer.taken)
        spammer.wait()
    ratio = p95([visit.explain for visit in beside]) / p95([visit.explain for visit in alone])
    yield Row("10 visitors beside one who asks for 45 at once ÷ without, 95th percentile", ratio, "×", 1.5)
    yield Row(
        "  visitors who were served beside them",
        sum(visit.served for visit in beside),
        "",
        10 * SPAM_ROUNDS,
        "at least",
    )
    yield Row("  without, 95th percentile", p95([visit.explain for visit in alone]), "s")
    yield Row("  beside, 95th percentile", p95([visit.explain for visit in beside]), "s")
    yield Row("  of the 45, taken into the queue", median(taken), "")


def run(app: App, count: int, begin: Callable[[], None] = lambda: None) -> Load:
    """So many visitors within RAMP seconds, a prober, and a watch over the memory. begin: called before they come."""
    light = LightEvents(app.port)
    begin()
    with watch_memory(app.process.pid) as peaks, light.measured(), ThreadPoolExecutor(count) as pool:
        visits = list(pool.map(lambda number: Visit(number).make(app.port, RAMP * number / count, light), range(count)))
        for visit in visits:
            visit.look_again()
            visit.leave()
    return Load(visits, light.seconds, peaks["server"], peaks["decoders"])


class LightEvents:
    """A visitor whose clip was explained before does light things while others wait in the queue."""

    def __init__(self, port: int) -> None:
        """Explain a clip, which the events are about."""
        self.seconds: dict[str, list[float]] = {"choose": [], "seek": [], "edit": []}
        self.waiting = 0  # visitors who are in the queue now
        self._visitor = visitor = Visitor(port, "10.8.8.8")
        self._name = "prober.mp4"
        self._path = visitor.upload(own_clip(0), self._name)
        visitor.choose(self._path, self._name)
        self._key = visitor.view_key(visitor.explain())
        visitor.run("open")

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Do them again and again until the block ends."""
        ended = threading.Event()
        thread = threading.Thread(target=self._probe, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _probe(self, ended: threading.Event) -> None:
        edits = {"edit": {"edit": "mute", "seconds": [2]}}, {"action": "undo"}
        number = 0
        while not ended.wait(PROBE_PAUSE):
            number += 1
            if self.waiting < FULL:
                continue
            self._measure("choose", self._visitor.choose, self._path, self._name)
            self._measure("seek", self._visitor.ask, "view", "places", {"key": self._key, "second": number % 10})
            self._measure("edit", self._visitor.run, "lab.select", None, edits[number % 2])

    def _measure(self, name: str, event: Callable[..., Answer], *arguments: Any) -> None:
        began = time.perf_counter()
        answer = event(*arguments)
        self.seconds[name].append(time.perf_counter() - began)
        assert answer.status == 200, answer


class Spammer:
    """One client with many sessions, who asks for an explanation in each at once and listens to none."""

    def __init__(self, port: int, address: str) -> None:
        """Choose a clip in every session, each its own."""
        self.taken = 0  # into the queue
        *self._sessions, self._last = [Visitor(port, address) for _ in range(SPAM + 1)]
        for session in (*self._sessions, self._last):
            session.choose(session.upload(own_clip(0), "spam.mp4"), "spam.mp4")

    def ask(self) -> None:
        """Ask for everything."""
        for session in self._sessions:
            with suppress(RefusedError):
                session.join("explain")
                self.taken += 1

    def wait(self) -> None:
        """Until nearly all of it has been computed: within an address, who comes last is served last."""
        while True:
            try:
                self._last.explain()
                return
            except RefusedError:  # as many of this address wait as may
                time.sleep(RETRY)


def own_clip(base: int) -> bytes:
    """A clip like none before: an example with a box behind it that players pass over."""
    content = CLIPS[base % len(CLIPS)].read_bytes()
    return content + struct.pack(">I4sI", 12, b"free", next(SERIAL))


@contextmanager
def watch_memory(server: int) -> Iterator[dict[str, float]]:
    """Peaks in MB while the block runs: of a process, and of all its children together."""
    peaks, ended = {"server": 0.0, "decoders": 0.0}, threading.Event()

    def look() -> None:
        while not ended.wait(0.2):
            peaks["server"] = max(peaks["server"], resident(server))
            peaks["decoders"] = max(peaks["decoders"], sum(map(resident, children(server))))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def resident(process: int) -> float:
    """Memory of a process, MB; 0 where it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0.0


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    lists = [path.read_text().split() for path in Path(f"/proc/{process}/task").glob("*/children")]
    return [int(child) for children in lists for child in children]


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return float(np.quantile(values, 0.95))
