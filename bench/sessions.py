"""What sessions leave in the memory of the server: pages that are opened over HTTP, used a little, and closed."""

from __future__ import annotations

import http.client
import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.row import Row
from tests.browser.driver import App

FEW, MANY = 100, 1000
GROWTH = 1.1  # the limit: memory after many sessions ÷ after few
SECONDS_TO_WARM_UP = 15.0  # in which the server loads its model, beside its first visitors
SECONDS_TO_SETTLE = 5.0  # until the server has noticed the last ones that left
MEGABYTE = 1024**2


class Visitor:
    """One page: its heartbeat is held open for as long as it is on screen."""

    def __init__(self, port: int, config: dict[str, Any]) -> None:
        self.port, self.config, self.session = port, config, secrets.token_hex(6)
        self.heartbeat = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.heartbeat.request("GET", f"/gradio_api/heartbeat/{self.session}")
        self.stream = self.heartbeat.getresponse()
        self.stream.readline()

    def trigger(self, event: str, **sent: object) -> None:
        """Trigger the first listener to an event of the page that needs no queue. sent: with the event."""
        function = next(
            function
            for function in self.config["dependencies"]
            if any(name == event for _, name in function["targets"])
            and not function["queue"]
            and function["backend_fn"]
        )
        call = {"fn_index": function["id"], "session_hash": self.session, "data": self.inputs(function)}
        body = json.dumps({**call, "event_data": sent}).encode()
        answer(self.port, "POST", "/gradio_api/run/predict", body)

    def inputs(self, function: dict[str, Any]) -> list[Any]:
        """The values that the components have at first."""
        values = {component["id"]: component["props"].get("value") for component in self.config["components"]}
        return [values.get(component) for component in function["inputs"]]

    def leave(self) -> None:
        """Close the page."""
        self.stream.close()
        self.heartbeat.close()


def answer(port: int, method: str, path: str, body: bytes | None = None) -> bytes:
    """The body of an answer. Raises RuntimeError for any status but 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path, body=body, headers={"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{method} {path}: {response.status} {content[:200]!r}")
    return content


def resident_bytes(process: int) -> int:
    """Memory that a process has in RAM."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) * 1024


def open_and_close(port: int, count: int) -> None:
    """Sessions one after another: the page, its first event, an example is chosen, and away."""
    config = json.loads(answer(port, "GET", "/config"))
    for _ in range(count):
        answer(port, "GET", "/")
        visitor = Visitor(port, config)
        visitor.trigger("load")
        visitor.trigger("select", index=0)
        visitor.leave()


def sessions(few: int = FEW, many: int = MANY) -> Iterator[Row]:
    """Memory after many sessions, as a multiple of that after few."""
    with tempfile.TemporaryDirectory() as runs, App("--runs", runs) as app:
        resident = {}
        opened = 0
        time.sleep(SECONDS_TO_WARM_UP)
        for count in (few, many):
            open_and_close(app.port, count - opened)
            opened = count
            time.sleep(SECONDS_TO_SETTLE)
            resident[count] = resident_bytes(app.process.pid)
    yield Row(f"memory after {few} sessions opened and closed", resident[few] / MEGABYTE, "MB")
    yield Row(
        f"memory after {many} sessions opened and closed ÷ after {few}", resident[many] / resident[few], "×", GROWTH
    )
