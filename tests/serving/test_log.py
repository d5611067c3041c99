"""The log of the real app: a visitor writes no line of it and does not fill it, and what is ours is written."""

from __future__ import annotations

import io
import json
import logging
import re
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from sec2sec.serving.log import BURST, MARGIN, MAX_LINE, Budget, GuardedStream, RecordHandler, harmless
from tests.browser.driver import ROOT, App

EXAMPLES = str(ROOT / "assets").encode()
FORGED = "x\n2026-11-26 23:59:59,000 ERROR sec2sec.ui: forged\r\x1b[31mred\u202egnp.\x00"
OURS = re.compile(r"(sec2sec is at http://|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: |\| )")


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with App("--training", "no") as app:
        yield app


def post(app: App, path: str, content: Any) -> bytes:
    connection = HTTPConnection("127.0.0.1", app.port, timeout=60)
    connection.request("POST", path, json.dumps(content).encode(), {"Content-Type": "application/json"})
    answer = connection.getresponse().read()
    connection.close()
    return answer


def send_bad_payloads(app: App, forged: Any) -> list[bytes]:
    """To every event of the page, in both ways in which an event can be sent; returns the answers."""
    connection = HTTPConnection("127.0.0.1", app.port, timeout=60)
    connection.request("GET", "/config")
    events = json.loads(connection.getresponse().read())["dependencies"]
    connection.close()
    answers = []
    for event in events:
        body = {"data": [forged] * len(event["inputs"]), "fn_index": event["id"], "session_hash": FORGED}
        answers.append(post(app, "/gradio_api/run/predict", {**body, "event_data": forged}))
        answers.append(post(app, "/gradio_api/queue/join", {**body, "event_data": forged}))
    component = {"component_id": 1, "fn_name": FORGED, "data": forged, "session_hash": FORGED}
    return [*answers, post(app, "/gradio_api/component_server", component)]


def test_what_a_visitor_sends_begins_no_line_of_the_log_and_no_path_comes_back(app):
    answers = send_bad_payloads(app, FORGED)
    answers += send_bad_payloads(app, {"path": FORGED, "meta": {"_type": "gradio.FileData"}})
    time.sleep(2)  # events in the queue
    output = app.output()
    assert "ERROR sec2sec.ui: forged" in output
    assert [line for line in output.splitlines() if not OURS.match(line)] == []
    assert re.search(r"^2026-11-26 23:59:59", output, re.MULTILINE) is None
    assert "\x1b" not in output
    assert "\u202e" not in output
    for answer in answers:
        own = answer.replace(EXAMPLES, b"")  # addresses of the clips that every page can play
        assert str(ROOT).encode() not in own
        assert str(Path.home()).encode() not in answer
        assert app.temp.encode() not in answer


def test_bad_payloads_do_not_fill_the_log(app):
    for _ in range(3):
        send_bad_payloads(app, FORGED + "y" * 50_000)
    time.sleep(2)
    lines = app.output().split("\n")
    assert sum(map(len, lines)) < BURST + 20_000
    assert max(map(len, lines)) < 2 * MAX_LINE


def test_a_record_is_one_line_at_the_margin_and_its_traceback_stands_behind():
    written = io.StringIO()
    log = logging.Logger("sec2sec.ui")
    log.addHandler(RecordHandler(GuardedStream(written, Budget())))
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("reading %s", FORGED)
    first, *others, last = written.getvalue().split("\n")
    assert re.match(r"\d{4}-.* ERROR sec2sec\.ui: reading x$", first)
    assert all(line.startswith(MARGIN) for line in others)
    assert last == ""
    assert written.getvalue().isascii()


def test_pieces_of_a_line_are_put_together_and_a_line_has_a_limit():
    written = io.StringIO()
    stream = GuardedStream(written, Budget())
    for piece in ("a", "b\nc", "d\n", "e" * 10_000, "\n"):
        assert stream.write(piece) == len(piece)
    assert written.getvalue().split("\n")[:2] == ["| ab", "| cd"]
    assert len(written.getvalue()) < 2 * MAX_LINE
    assert harmless("\tcaf\u00e9 \U0001f3ac") == "\tcaf\u00e9 \U0001f3ac"


def test_what_is_too_much_at_once_is_left_out_and_counted_when_there_is_room_again():
    now = 0.0
    budget = Budget(burst=5_000, per_second=100, clock=lambda: now)
    assert len(budget.take(["x" * 999] * 8)) == 5
    assert budget.take(["y"]) == []
    now = 100.0
    assert budget.take(["z"]) == ["| 4 lines were left out: too much was written at once", "z"]
