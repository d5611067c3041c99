"""What was tried on the real app and held: forged files, values, events and names, others' trainings, results in order.

One app serves all of it, so that what one attack leaves would show in the next.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sec2sec.jobs.job import Job, Jobs, JobSpec, KnownTruth
from sec2sec.serving.deletion import LOCK, PREFIX
from sec2sec.training.settings import TrainConfig, as_json
from sec2sec.ui.training.submit import owner_of
from tests.browser.driver import ROOT, App
from tests.helpers.clips import grey, make_clip, tone
from tests.helpers.visitor import JSON, Answer, RefusedError, Visitor, file_data, read_page

OWNER, STRANGER = "o" * 20, "s" * 20
CANARY = b"only the host may read this"
INNARDS = re.compile(rb'Traceback|File \\"|/site-packages/|sec2sec/ui/')  # what no answer shows


@dataclass
class Host:
    """The app, and what lies on its machine beside it."""

    app: App
    folder: Path  # of the host: `secret.mp4`, a clip, and `secret.txt`
    clip: bytes  # that a visitor may upload
    job: Job  # a training of OWNER
    listener: int  # a port of this machine on which nobody should call
    calls: list[bytes]  # what was sent there

    def visitor(self) -> Visitor:
        """A new one."""
        return Visitor(self.app.port)

    def stored(self) -> list[Path]:
        """Files of visitors."""
        paths = Path(self.app.temp).glob(f"{PREFIX}*/**/*")
        return [path for path in paths if path.is_file() and path.name != LOCK]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host")
    make_clip(folder / "secret.mp4", 1.5, size=(64, 48))
    (folder / "secret.txt").write_bytes(CANARY)
    job = Jobs(folder / "runs").new()
    job.path.mkdir(parents=True, exist_ok=True)
    job.write_spec(JobSpec("20 clips", as_json(TrainConfig(data="clips")), KnownTruth(20), owner=owner_of(OWNER)))
    job.write_progress("stopped", "")
    content = make_clip(folder / "own.mp4", 1.5, size=(64, 48), container_options={"movflags": "+faststart"})
    calls: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = threading.Thread(target=listen, args=(server, calls), daemon=True)
        listener.start()
        with App("--private-runs", "yes", "--runs", str(folder / "runs")) as app:
            yield Host(app, folder, content.read_bytes(), job, server.getsockname()[1], calls)
        server.close()


def listen(server: socket.socket, calls: list[bytes]) -> None:
    """Answer with a film whoever calls."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            calls.append(connection.recv(4096))


def assert_silent(answer: Answer) -> None:
    """Nothing of the host is in an answer, and nothing of the program."""
    assert CANARY not in answer.body
    assert b"root:" not in answer.body
    assert not INNARDS.search(answer.body), answer.body[:500]


def is_chosen(answer: Answer) -> bool:
    """Whether a choice ended with a clip that can be explained."""
    return b"Press Explain" in answer.body


@pytest.fixture
def visitor(host: Host) -> Iterator[Visitor]:
    """A visitor; the next one is served afterwards."""
    yield host.visitor()
    other = host.visitor()
    assert is_chosen(other.choose(other.upload(host.clip, "next.mp4"), "next.mp4"))


# ---- files

FILES: dict[str, Callable[[Host, str], Any]] = {
    "a file of the host": lambda host, own: file_data(str(host.folder / "secret.mp4")),
    "a text of the host": lambda host, own: file_data(str(host.folder / "secret.txt")),
    "a file of the system": lambda host, own: file_data("/etc/passwd"),
    "up from the own upload": lambda host, own: file_data(f"{Path(own).parent}/../../../../etc/passwd"),
    "down and up again": lambda host, own: file_data(f"{own}/../../../../../../..{host.folder}/secret.mp4"),
    "relative to the program": lambda host, own: file_data("assets/clips/ATTRIBUTION.md"),
    "the program itself": lambda host, own: file_data(str(ROOT / "app.py")),
    "the home of the user": lambda host, own: file_data("~/.bashrc"),
    "an environment": lambda host, own: file_data("/proc/self/environ"),
    "an open file": lambda host, own: file_data("/proc/self/fd/0"),
    "an endless device": lambda host, own: file_data("/dev/zero"),
    "a folder": lambda host, own: file_data(str(host.folder)),
    "the folder of uploads": lambda host, own: file_data(str(Path(own).parents[1])),
    "a weight of a model": lambda host, own: file_data(str(ROOT / "checkpoints/demo/model.safetensors")),
    "a specification of a training": lambda host, own: file_data(str(host.job.path / "job.json")),
    "an address of a file": lambda host, own: file_data(f"file://{host.folder}/secret.mp4"),
    "an address of a file of localhost": lambda host, own: file_data(f"file://localhost{host.folder}/secret.mp4"),
    "a NUL in the path": lambda host, own: file_data(f"{host.folder}/secret.mp4\0.mp4"),
    "a NUL after the own upload": lambda host, own: file_data(f"{own}\0/../secret.mp4"),
    "a call to this machine by number": lambda host, own: file_data(f"http://127.0.0.1:{host.listener}/a.mp4"),
    "a call to this machine by name": lambda host, own: file_data(f"http://localhost:{host.listener}/a.mp4"),
    "a call to this machine in six bytes": lambda host, own: file_data(f"http://[::1]:{host.listener}/a.mp4"),
    "a call to this machine in one number": lambda host, own: file_data(f"http://2130706433:{host.listener}/a.mp4"),
    "a call to this machine in short": lambda host, own: file_data(f"http://127.1:{host.listener}/a.mp4"),
    "the address apart from the path": lambda host, own: {
        **file_data(str(host.folder / "secret.mp4")),
        "url": f"http://127.0.0.1:{host.listener}/a.mp4",
    },
    "a stream": lambda host, own: {**file_data(str(host.folder / "secret.mp4")), "is_stream": True},
    "no file but data": lambda host, own: {"path": None, "url": "data:video/mp4;base64,AAAA", "meta": {}},
    "a list in a list": lambda host, own: [[file_data(str(host.folder / "secret.mp4"))]],
    "a file in a file": lambda host, own: {**file_data("x"), "path": file_data(str(host.folder / "secret.mp4"))},
    "text in place of a file": lambda host, own: str(host.folder / "secret.mp4"),
    "a number in place of a file": lambda host, own: 3,
    "without its kind": lambda host, own: {"path": str(host.folder / "secret.mp4"), "orig_name": "a.mp4"},
}


@pytest.mark.parametrize("payload", FILES)
@pytest.mark.parametrize("field", ["upload.upload", "compare-upload.upload"])
def test_a_file_that_a_visitor_did_not_upload_is_never_opened(
    host: Host, visitor: Visitor, payload: str, field: str
) -> None:
    own = visitor.upload(host.clip, "own.mp4")
    sent = FILES[payload](host, own)
    before = {path.read_bytes() for path in host.stored()}
    answer = visitor.run(field, visitor.filled_in(field, upload=sent, compare_upload=sent))
    assert_silent(answer)
    assert not is_chosen(answer)
    assert b"secret.mp4, 1." not in answer.body
    assert {path.read_bytes() for path in host.stored()} <= before | {host.clip}
    assert host.calls == []


SERVED = [
    "/etc/passwd", "//etc/passwd", "/./etc/passwd", "etc/passwd", "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd", "%252e%252e%252fetc%252fpasswd", "....//....//etc/passwd", "..;/..;/etc/passwd",
    "..\\..\\etc\\passwd", "%5c..%5c..%5cetc%5cpasswd", "/proc/self/environ", "/proc/self/cmdline", "/dev/stdin",
    "file:///etc/passwd", "file:%2f%2f%2fetc%2fpasswd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "~/.bashrc",
    "{secret}", "{own}/../../../../../../../../{secret}", "{own}%00{secret}", "{own}/../../" + LOCK, "{app}", "{job}",
    "{own_folder}", "{uploads}", "{own}/../../../../../..{secret}", "http:%2f%2f127.0.0.1:{listener}%2fa.mp4",
    "http://2130706433:{listener}/a.mp4", "https://[::1]:{listener}/a.mp4",
]  # fmt: skip


def test_no_address_of_a_file_leads_to_a_file_of_the_host(host: Host, visitor: Visitor) -> None:
    own = visitor.upload(host.clip, "own.mp4")
    places = {
        "secret": host.folder / "secret.txt", "own": own, "app": ROOT / "app.py", "job": host.job.path / "job.json",
        "own_folder": Path(own).parent, "uploads": Path(own).parents[1], "listener": host.listener,
    }  # fmt: skip
    for pattern in SERVED:
        answer = visitor.get(f"/gradio_api/file={pattern.format(**places)}".replace(" ", "%20"))
        assert_silent(answer)
        assert answer.status in (400, 403, 404), pattern
    assert host.calls == []
    assert visitor.file(own).body == host.clip, "one's own is served"


# ---- values and events

VALUES: list[Any] = [
    "../demo", "/etc", "demo/../demo", "trained:../../etc", "trained:", "nobody", "", 3, True, -1, 1e400, None, [],
    ["demo"],
    {"value": "demo"}, {"__type__": "update", "choices": ["x"]}, "demo\0", "d" * 100_000, "<script>alert(1)</script>",
]  # fmt: skip


def test_no_model_but_those_on_offer_is_loaded(host: Host, visitor: Visitor) -> None:
    visitor.choose(visitor.upload(host.clip, "own.mp4"), "own.mp4")
    for value in VALUES:
        if value is None:
            continue  # nothing chosen: the first
        message = visitor.wait("explain", visitor.filled_in("explain", model=value))
        text = json.dumps(message).encode()
        assert not INNARDS.search(text), value
        assert b"Explained" not in text, value


@pytest.mark.parametrize(("function", "inputs"), [("compare-mode.input", 3), ("compare-pinned.input", 2)])
def test_forged_choices_change_nothing_for_the_next_visitor(
    host: Host, visitor: Visitor, function: str, inputs: int
) -> None:
    for value in VALUES[:-2]:
        assert_silent(visitor.run(function, [value] * inputs))


def test_the_servers_own_state_is_not_what_a_visitor_sends(host: Host, visitor: Visitor) -> None:
    own = host.visitor()
    own.choose(own.upload(host.clip, "mine.mp4"), "mine.mp4")
    key = own.view_key(own.explain())
    forged = {"path": str(host.folder / "secret.mp4"), "playable": True}
    for state in (key, forged, [forged], {"__type__": "update", "value": key}):
        for function in ("json.click", "report.click", "open", "lab.select"):
            answer = visitor.run(function, [state])
            assert_silent(answer)
            assert b"mine" not in answer.body
    data = visitor.filled_in("explain")
    for place in (0, 2, 3):  # of what the server keeps of a visitor
        forgery = [*data[:place], forged, *data[place + 1 :]]
        assert b"Explained" not in json.dumps(visitor.wait("explain", forgery)).encode()
    assert own.explanation()["clip"]["name"] == "mine.mp4"


EVENTS: list[Any] = [
    None, "", "x", 0, -1, True, 1.5, 1e300, [], [[]], {}, {"index": -1}, {"index": 10**9}, {"index": "0"},
    {"index": 1.0},
    {"index": None}, {"index": [0]}, {"edit": None}, {"edit": 3}, {"edit": []}, {"edit": {"edit": "rm"}},
    {"edit": {"edit": "mute", "seconds": [-1]}}, {"edit": {"edit": "mute", "seconds": "all"}},
    {"edit": {"edit": "mute", "seconds": [10**12]}}, {"edit": {"edit": "soundtrack", "track": "/etc/passwd"}},
    {"edit": {"edit": "soundtrack", "track": "../secret.mp4"}}, {"action": "__class__"}, {"action": ["undo"]},
    {"run": "../../etc"}, {"run": {"a": 1}}, {"target": "__proto__", "rank": 0}, {"rank": -1, "target": None},
]  # fmt: skip


@pytest.mark.parametrize("function", ["lab.select", ".select", "evaluate-report.select", "train-view.select"])
def test_forged_events_are_refused_in_words_and_the_clip_stays(host: Host, visitor: Visitor, function: str) -> None:
    visitor.choose(visitor.upload(host.clip, "own.mp4"), "own.mp4")
    visitor.explain()
    visitor.run("open")
    for event in EVENTS:
        assert_silent(visitor.run(function, None, event))
    if function == ".select":  # of the examples: a tile that is not there takes the clip away
        assert_silent(visitor.run("open"))
        return
    state = visitor.edited(visitor.run("lab.select", None, {"action": "clear"}))
    assert state["edits"] == []
    assert state["clip"]["name"] == "own.mp4"


METHODS = [
    "__init__", "__class__", "__reduce__", "preprocess", "postprocess", "get_config", "render", "server_functions",
    "move_resource_to_block_cache",
]  # fmt: skip


def test_no_method_of_a_component_can_be_called_but_those_of_the_page(host: Host, visitor: Visitor) -> None:
    components = read_page(host.app.port).components
    assert len(components) > 50
    for component in components:
        for method in METHODS:
            answer = visitor.ask(component, method, "/etc/passwd")
            assert answer.status in (404, 500), (component, method)
            assert_silent(answer)
    for number in (-1, 10**9, "1", None, [1], 1.5):
        content: dict[str, Any] = {"component_id": number, "fn_name": "places", "data": {}}
        answer = visitor.post("/gradio_api/component_server", {**content, "session_hash": visitor.session})
        assert answer.status >= 400, number
        assert_silent(answer)


@pytest.mark.parametrize("key", ["", "0" * 32, None, 3, ["x"], {"x": 1}, "../x", True])
def test_a_clip_opens_by_its_key_alone(host: Host, visitor: Visitor, key: object) -> None:
    answer = visitor.ask("view", "places", {"key": key, "second": 0})
    assert "explain it again" in answer.json()["error"]


def test_deeply_nested_bodies_are_answered_at_once(visitor: Visitor) -> None:
    for depth in (500, 5_000, 50_000, 100_000):
        for path in ("run/predict", "queue/join", "component_server"):
            body = b'{"fn_index":0,"session_hash":"x","data":' + b"[" * depth + b"]" * depth + b"}"
            began = time.monotonic()
            assert_silent(visitor.request("POST", f"/gradio_api/{path}", body, JSON))
            assert time.monotonic() - began < 5


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    "data",
    "event_data",
    "fn_index",
    "session_hash",
    "trigger_id",
    "api_name",
    "event_id",
    "component_id",
    "fn_name",
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(["run/predict", "queue/join", "component_server", "cancel", "reset"]),
    fields=st.dictionaries(st.sampled_from(FIELDS), ANY_JSON),
    function=st.none() | st.integers(-1, 70),
    cut=st.none() | st.integers(0, 60),
    noise=st.binary(max_size=4),
)
def test_any_body_gets_an_answer_without_the_programs_innards(
    host: Host, route: str, fields: dict[str, Any], function: int | None, cut: int | None, noise: bytes
) -> None:
    known = {"session_hash": "fuzz", "data": []} | ({} if function is None else {"fn_index": function})
    body = json.dumps(known | fields).encode()
    if cut is not None:
        body = body[:cut] + noise + body[cut:]
    began = time.monotonic()
    answer = host.visitor().request("POST", f"/gradio_api/{route}", body, JSON)
    assert time.monotonic() - began < 10
    assert answer.status in (200, 400, 404, 422, 500, 503)
    assert_silent(answer)


# ---- names

NAMES: dict[str, str] = {
    "markup": "<img src=x onerror=alert(1)>.mp4",
    "script": "</script><script>alert(1)</script>.mp4",
    "a quote": "a' onmouseover='alert(1).mp4",
    "an escaped quote": 'a\\" onmouseover=\\"alert(1).mp4',
    "a formula": "=HYPERLINK(1).mp4",
    "a template": "{{7*7}}${7*7}.mp4",
    "right to left": "a\u202e4pm.exe.mp4",
    "a newline, escaped": "a%0Ab.mp4",
    "a NUL": "a\0b.mp4",
    "a path": "../../../../tmp/x.mp4",
    "a path of Windows": "..\\..\\x.mp4",
    "absolute": "/tmp/x.mp4",
    "long": "a" * 400 + ".mp4",
    "long in every letter": "\U0001f3ac" * 200 + ".mp4",
    "dots": "..",
    "a dot": ".",
    "blank": " ",
    "empty": "",
    "a lock": LOCK,
    "a device of Windows": "CON.mp4",
    "without a name": ".mp4",
}


REFUSED_NAMES = {"dots"}


@pytest.mark.parametrize("kind", NAMES)
def test_any_name_of_a_file_is_just_a_name(host: Host, visitor: Visitor, kind: str) -> None:
    answer = visitor.send_upload(host.clip, NAMES[kind])
    assert_silent(answer)
    assert answer.status == (400 if kind in REFUSED_NAMES else 200), answer
    if kind in REFUSED_NAMES:
        return
    (path,) = answer.json()
    assert Path(path).resolve().is_relative_to(Path(host.app.temp).resolve())
    assert Path(path).read_bytes() == host.clip
    chosen = visitor.choose(path, NAMES[kind])
    assert_silent(chosen)
    shown = visitor.outputs("upload.upload", chosen.json())["status"] if chosen.status == 200 else ""
    assert not re.search(r"<(img|script)|<[^>]* on\w+=", shown), shown


def test_a_form_without_a_file_is_refused(visitor: Visitor) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=edge"}
    for body in (
        b'--edge\r\nContent-Disposition: form-data; name="files"\r\n\r\ntext\r\n--edge--\r\n',
        b'--edge\r\nContent-Disposition: form-data; filename="a.mp4"\r\n\r\nx\r\n--edge--\r\n',
        b"--edge--\r\n",
        b"x" * 1000,
        b"",
    ):
        answer = visitor.request("POST", "/gradio_api/upload", body, kind)
        assert answer.status in (200, 400, 422), body
        assert_silent(answer)
    for headers in ({"Content-Type": "multipart/form-data"}, {"Content-Type": "text/plain"}, {}):
        assert visitor.request("POST", "/gradio_api/upload", b"x", headers).status == 400, headers


# ---- trainings of others

QUESTIONS: list[tuple[str, Callable[[Host], dict[str, Any]]]] = [
    ("act", lambda host: {"run": host.job.id, "what": "stop"}),
    ("act", lambda host: {"run": host.job.id, "what": "finish"}),
    ("act", lambda host: {"run": host.job.id, "what": "resume"}),
    ("act", lambda host: {"run": host.job.id, "what": "remove"}),
    ("act", lambda host: {"run": host.job.id, "what": "download"}),
    ("stills", lambda host: {"run": host.job.id}),
    ("job_status", lambda host: {"run": host.job.id}),
    ("job_status", lambda host: {"run": host.job.id, "visitor": owner_of(OWNER)}),
    ("act", lambda host: {"run": host.job.id, "what": "remove", "visitor": owner_of(OWNER)}),
    ("act", lambda host: {"run": f"../runs/{host.job.id}", "what": "remove"}),
    ("act", lambda host: {"run": host.job.id, "what": "download", "visitor": None}),
    ("act", lambda host: {"run": host.job.id, "what": "remove", "visitor": ["o"] * 20}),
    ("stills", lambda host: {"run": host.job.id, "visitor": {"o": 1}}),
]  # fmt: skip


def test_nobody_sees_or_changes_anothers_training(host: Host, visitor: Visitor) -> None:
    files = sorted(path.name for path in host.job.path.iterdir())
    for function, question in QUESTIONS:
        answer = visitor.ask("train-view", function, {"visitor": STRANGER, **question(host)})
        assert_silent(answer)
        assert b"20 clips" not in answer.body
        assert host.job.id.encode() not in answer.body
    inspected = visitor.run("train-view.select", [STRANGER], {"run": host.job.id})
    assert b"not there any more" in inspected.body
    assert sorted(path.name for path in host.job.path.iterdir()) == files
    own = visitor.ask("train-view", "job_status", {"visitor": OWNER})
    assert own.json()["run"]["id"] == host.job.id, "its owner sees it"


# ---- results


def test_each_of_many_at_once_gets_the_result_of_their_own_clip(host: Host, tmp_path: Path) -> None:
    def visit(number: int) -> tuple[str, str, str]:
        picture, sound = grey(20 * number), tone(1.5, 200 + 50 * number)
        path = make_clip(tmp_path / f"{number}.mp4", 1.5, size=(64, 48), picture=picture, sound=sound)
        visitor, content = host.visitor(), path.read_bytes()
        visitor.choose(visitor.upload(content, path.name), path.name)
        while True:
            try:
                visitor.explain()
                break
            except RefusedError:
                continue
        clip = visitor.explanation()["clip"]
        assert clip["name"] == path.name
        assert clip["sha256"] == hashlib.sha256(content).hexdigest()
        return clip["name"], clip["sha256"], visitor.session

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(visit, range(12)))
    assert len(set(results)) == 12


def test_nothing_of_all_this_ended_or_slowed_the_server(host: Host) -> None:
    assert host.visitor().get("/health").json()["status"] == "ok"
    assert host.app.process.poll() is None
    assert host.calls == []
