"""A visitor of the real app who speaks HTTP as its page does, for tests of the door and for bench/visitors.py."""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import quote

API = "/gradio_api"
JSON = {"Content-Type": "application/json"}
SECONDS_TO_WAIT = 300.0  # for an answer, and between two messages of the queue


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class RefusedError(Exception):
    """The queue did not take an event."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.body[:300]!r}")
        self.answer = answer


@dataclass(frozen=True)
class Page:
    """What a page knows of its app.

    functions: number of each event by the id of its component and its name, as "upload.upload", or of what follows
    where the page itself does the first, and of all by the name of their function, as "explain". components: number of
    each by its id. inputs, outputs: by the number of a function.
    """

    functions: Mapping[str, int]
    components: Mapping[str, int]
    inputs: Mapping[int, Sequence[tuple[str, Any]]]  # id and first value of each component that goes in
    outputs: Mapping[int, Sequence[str]]  # id of each that comes out


@functools.cache
def read_page(port: int) -> Page:
    """The functions and components of the app on a port."""
    config = Visitor(port).get("/config").json()
    names = {block["id"]: block["props"].get("elem_id") or "" for block in config["components"]}
    functions: dict[str, int] = {}
    following = {
        dependency["trigger_after"]: dependency["id"]
        for dependency in reversed(config["dependencies"])  # the first of several stays
        if dependency["backend_fn"] and dependency["trigger_after"] is not None
    }
    for dependency in config["dependencies"]:
        number = dependency["id"] if dependency["backend_fn"] else following.get(dependency["id"])
        if number is not None:  # what a page does itself at a press may lead to a function
            for target, event in dependency["targets"]:
                functions.setdefault(f"{names.get(target, '')}.{event}", number)
        if dependency["backend_fn"]:
            functions.setdefault(dependency["api_name"], dependency["id"])
    values = {block["id"]: block["props"].get("value") for block in config["components"]}
    inputs = {
        dependency["id"]: [(names.get(number, ""), values.get(number)) for number in dependency["inputs"]]
        for dependency in config["dependencies"]
    }
    outputs = {
        dependency["id"]: [names.get(number, "") for number in dependency["outputs"]]
        for dependency in config["dependencies"]
    }
    return Page(functions, {name: number for number, name in names.items() if name}, inputs, outputs)


@dataclass
class Visitor:
    """One tab of one browser.

    port: of the app on this machine. address: what a proxy in front would say of where the visitor is; the app has to
    be started with --behind-proxy. session: as a page makes one for itself.
    """

    port: int
    address: str = ""
    session: str = field(default_factory=lambda: secrets.token_hex(6))
    choice: int = 0  # number of the newest choice of a clip, as the page would know it

    # ---- requests

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request and its whole answer."""
        with closing(self._connect()) as connection:
            response = self._send(connection, method, path, body, headers or {})
            return Answer(response.status, response.read())

    def get(self, path: str) -> Answer:
        """A page, or a file by its address."""
        return self.request("GET", path)

    def post(self, path: str, content: object) -> Answer:
        """JSON to a route."""
        return self.request("POST", path, json.dumps(content).encode(), JSON)

    def file(self, path: str) -> Answer:
        """A file that the app serves, by its path."""
        return self.get(f"{API}/file={quote(path)}")

    def hold_page_open(self) -> HTTPConnection:
        """The stream by which the app knows that a page is there; closing the connection closes the page."""
        connection = self._connect()
        self._send(connection, "GET", f"{API}/heartbeat/{self.session}", None, {})
        return connection

    # ---- what a page does

    def upload(self, content: bytes, name: str) -> str:
        """Upload a file; where it lies on the server."""
        answer = self.send_upload(content, name)
        assert answer.status == 200, answer
        return str(answer.json()[0])

    def send_upload(self, content: bytes, name: str) -> Answer:
        """Upload a file under a name, whatever comes back."""
        body, headers = form(content, name)
        return self.request("POST", f"{API}/upload", body, headers)

    def run(self, function: str, data: Sequence[Any] | None = None, event: object = None) -> Answer:
        """An event that is answered at once. data: None for that of an untouched page."""
        return self.post(f"{API}/run/predict", self._event(function, data, event))

    def join(self, function: str, data: Sequence[Any] | None = None, event: object = None) -> str:
        """Join the queue with an event; its id. Raises RefusedError."""
        answer = self.post(f"{API}/queue/join", self._event(function, data, event))
        if answer.status != 200:
            raise RefusedError(answer)
        return str(answer.json()["event_id"])

    def messages(self) -> Generator[dict[str, Any], None, None]:
        """What the queue tells this page, until all of its events have ended. Closing it leaves the page."""
        with closing(self._connect()) as connection:
            response = self._send(connection, "GET", f"{API}/queue/data?session_hash={self.session}", None, {})
            while line := response.readline():
                if line.startswith(b"data: "):
                    message: dict[str, Any] = json.loads(line[6:])
                    if message["msg"] == "close_stream":
                        return
                    yield message

    def wait(self, function: str, data: Sequence[Any] | None = None, event: object = None) -> dict[str, Any]:
        """Join the queue and wait for the end of the event: its last message."""
        self.join(function, data, event)
        last: dict[str, Any] = {}
        for message in self.messages():
            if message["msg"] == "process_completed":
                last = message
        return last

    def ask(self, component: str, function: str, question: object) -> Answer:
        """Call a function of a component."""
        content = {
            "component_id": read_page(self.port).components[component],
            "fn_name": function,
            "session_hash": self.session,
            "data": question,
        }
        return self.post(f"{API}/component_server", content)

    def filled_in(self, function: str, **changed: Any) -> list[Any]:
        """What goes into a function of an untouched page, but for the components of these ids, as train_clips."""
        page = read_page(self.port)
        fields = page.inputs[page.functions[function]]
        changed.setdefault("choice", self.choice)
        return [changed.get(name.replace("-", "_"), value) for name, value in fields]

    def outputs(self, function: str, answer: Mapping[str, Any]) -> dict[str, Any]:
        """What came out of a function, by the ids of the components that show it."""
        page = read_page(self.port)
        return dict(zip(page.outputs[page.functions[function]], answer["data"], strict=True))

    # ---- a clip in the Inspect tab

    def choose(self, path: str, name: str = "clip.mp4") -> Answer:
        """Choose an uploaded file, to be explained on request alone."""
        data = self.filled_in("upload.upload", upload=file_data(path, name), explain_at_once=False)
        answer = self.run("upload.upload", data)
        if answer.status == 200:
            self.choice = self.outputs("upload.upload", answer.json())["choice"]
        return answer

    def explain(self) -> dict[str, Any]:
        """Explain the chosen clip with the first model, and wait for the end."""
        return self.wait("explain")

    def view_key(self, explained: Mapping[str, Any]) -> str:
        """The key by which the view asks more of its clip. explained: the last message of an explanation."""
        return str(json.loads(self.outputs("explain", explained["output"])["view"])["places"]["key"])

    def explanation(self) -> Any:
        """The JSON of the clip that was explained. Raises TypeError where there is none."""
        saved = self.outputs("json.click", self.run("json.click").json())["saved"]
        return json.loads(self.file(saved["path"]).body)

    def edited(self, answer: Answer) -> Any:
        """The state of the Lab, as it shows itself. answer: of opening it or of an edit."""
        shown = self.outputs("lab.select", answer.json())["lab"]
        return json.loads(shown["value"] if isinstance(shown, dict) else shown)

    def _event(self, function: str, data: Sequence[Any] | None, event: object) -> dict[str, Any]:
        page = read_page(self.port)
        number = page.functions[function]
        return {
            "data": self.filled_in(function) if data is None else list(data),
            "event_data": event,
            "fn_index": number,
            "session_hash": self.session,
        }

    def _connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_TO_WAIT)

    def _send(
        self, connection: HTTPConnection, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> HTTPResponse:
        forwarded = {"X-Forwarded-For": self.address} if self.address else {}
        connection.request(method, path, body=body, headers={**headers, **forwarded})
        return connection.getresponse()


def file_data(path: str, name: str = "clip.mp4") -> dict[str, Any]:
    """What a page sends of a file that it has uploaded."""
    return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def form(content: bytes, name: str) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of an upload; the name as it is, whatever a browser would have made of it."""
    head = b'--edge\r\nContent-Disposition: form-data; name="files"; filename="' + name.encode() + b'"\r\n\r\n'
    return head + content + b"\r\n--edge--\r\n", {"Content-Type": "multipart/form-data; boundary=edge"}
