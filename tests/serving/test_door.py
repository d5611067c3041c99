"""The door of the real app: what it lets in, of what size, from whom; and that nothing of a broken-off upload stays."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import brotli
import pytest

from sec2sec.serving.deletion import LOCK, PREFIX
from tests.browser.driver import App
from tests.helpers.clips import make_clip
from tests.helpers.visitor import Visitor

MB = 1024**2
JSON = {"Content-Type": "application/json"}
UPLOAD = "/gradio_api/upload"
PROXIED = ("--origins", "https://class.example.org https://b.example.org")


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with App(
        "--delete-after", "4", "--max-megabytes", "5", "--visitor-megabytes", "12", "--training", "no", *PROXIED
    ) as app:
        yield app


def asked(
    app: App, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", app.port, timeout=60)
    connection.request(method, path, body=body, headers=headers or {})
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response.status, response, answer


def form(content: bytes, name: str = "clip.mp4") -> tuple[bytes, dict[str, str]]:
    head = f'--edge\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
    return head + content + b"\r\n--edge--\r\n", {"Content-Type": "multipart/form-data; boundary=edge"}


def uploads(app: App) -> list[Path]:
    return [path for path in Path(app.temp).glob(f"{PREFIX}*/**/*") if path.is_file() and path.name != LOCK]


def wait_until_gone(app: App, seconds: float) -> None:
    end = time.monotonic() + seconds
    while uploads(app) and time.monotonic() < end:
        time.sleep(0.1)
    assert uploads(app) == []


@pytest.mark.parametrize("path", ["/", "/config", "/theme.css", "/gradio_api/startup-events", "/health"])
def test_what_the_page_asks_for_is_served(app, path):
    assert asked(app, "GET", path)[0] == 200


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_page_is_compressed_where_the_browser_asks_for_that(app, encoding):
    _, plain, page = asked(app, "GET", "/")
    assert plain.headers["content-encoding"] is None
    _, packed, body = asked(app, "GET", "/", headers={"Accept-Encoding": encoding})
    assert packed.headers["content-encoding"] == encoding
    assert "accept-encoding" in packed.headers["vary"].lower()
    unpacked = gzip.decompress(body) if encoding == "gzip" else brotli.decompress(body)
    assert len(unpacked) == pytest.approx(len(page), abs=100)
    assert len(body) < len(page) / 3


def test_each_message_of_the_queue_leaves_at_once_though_it_is_compressed(app, tmp_path):
    visitor = Visitor(app.port)
    clip = make_clip(tmp_path / "clip.mp4", 2, size=(64, 48)).read_bytes()
    visitor.choose(visitor.upload(clip, "clip.mp4"), "clip.mp4")
    visitor.join("explain")
    with closing(HTTPConnection("127.0.0.1", app.port, timeout=60)) as connection:
        path = f"/gradio_api/queue/data?session_hash={visitor.session}"
        connection.request("GET", path, headers={"Accept-Encoding": "gzip, br"})
        response, unpacker, pieces = connection.getresponse(), brotli.Decompressor(), []
        assert response.headers["content-encoding"] == "br"
        while packed := response.read1(1 << 24):
            pieces.append(unpacker.process(packed).decode())
    first, words = pieces[0], "".join(pieces)
    assert first.endswith("\n\n"), "a whole message, which does not wait for the next"
    assert "process_completed" in words.removeprefix(first)
    wait_until_gone(app, 20)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/deep_link?session_hash=a"),
        ("GET", "/gradio_api/runs"),
        ("POST", "/gradio_api/run-history/connect"),
        ("GET", "/gradio_api/run-history/buckets"),
        ("GET", "/monitoring"),
        ("GET", "/monitoring/summary"),
        ("GET", "/monitoring/abc"),
        ("GET", "/gradio_api/proxy=https://example.com/"),
        ("GET", "/gradio_api/file=https://example.com/"),
        ("GET", "/gradio_api/file=http://127.0.0.1:1/"),
        ("GET", "/gradio_api/file=HTTP://127.0.0.1/"),
        ("GET", "/gradio_api/stream/a/1/2/playlist.m3u8"),
        ("POST", "/gradio_api/stream/a"),
        ("GET", "/gradio_api/custom_component/1/client/component/index.js"),
        ("GET", "/custom_component/1/client/component/index.js"),
        ("POST", "/gradio_api/vibe-edit"),
        ("GET", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/vibe-starter-queries"),
        ("GET", "/gradio_api/openapi.json"),
        ("POST", "/gradio_api/call/predict"),
        ("POST", "/gradio_api/api/predict"),
        ("GET", "/gradio_api/dev/reload"),
        ("GET", "/gradio_api/profiling/traces"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/assets/..%2f..%2fetc/passwd"),
        ("DELETE", "/"),
        ("PUT", "/gradio_api/upload"),
    ],
)
def test_what_the_page_does_not_use_is_not_there(app, method, path):
    status, _, answer = asked(app, method, path, body=b"" if method == "POST" else None)
    assert status == 404
    assert answer == b"Not found."


def test_files_of_the_machine_are_not_served(app):
    for path in ("/etc/passwd", "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "/proc/self/environ"):
        status, _, answer = asked(app, "GET", f"/gradio_api/file={path}")
        assert status in (403, 404), path
        assert b"root:" not in answer


def test_a_body_that_is_no_upload_has_a_limit_and_nobody_waits_for_it(app):
    body = b'{"data":[' + b"[]," * 4_000_000 + b"[]]}"
    began = time.monotonic()
    other: list[float] = []

    def look() -> None:
        for _ in range(5):
            start = time.monotonic()
            assert asked(app, "GET", "/config")[0] == 200
            other.append(time.monotonic() - start)

    beside = threading.Thread(target=look)
    beside.start()
    for path in (
        "/gradio_api/run/predict",
        "/gradio_api/queue/join",
        "/gradio_api/component_server",
        "/gradio_api/cancel",
    ):
        status, _, answer = refused_early(app, path, body)
        assert status == 413, path
        assert answer == b"The request is larger than 256 kB."
    beside.join()
    assert time.monotonic() - began < 15
    assert max(other) < 5


def refused_early(app: App, path: str, body: bytes) -> tuple[int, HTTPResponse | None, bytes]:
    """A request whose answer comes before its body was read, so that writing may end in the middle."""
    with socket.create_connection(("127.0.0.1", app.port), timeout=30) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{app.port}\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nConnection: close\r\n\r\n".encode())
        answer = connection.recv(65536)
        while b"\r\n\r\n" not in answer or not answer.partition(b"\r\n\r\n")[2]:
            more = connection.recv(65536)
            if not more:
                break
            answer += more
    return int(answer.split()[1]), None, answer.partition(b"\r\n\r\n")[2]


def test_a_body_of_unknown_length_is_read_up_to_the_limit(app):
    def endless() -> Iterator[bytes]:
        yield from (b"[" * 65536 for _ in range(8))

    connection = HTTPConnection("127.0.0.1", app.port, timeout=60)
    connection.request("POST", "/gradio_api/run/predict", body=endless(), headers=JSON, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_headers_have_a_limit(app):
    assert asked(app, "GET", "/", headers={"Cookie": "a" * 20_000})[0] == 431


def test_pages_of_other_sites_may_not_use_the_server(app):
    own = f"http://127.0.0.1:{app.port}"
    body = json.dumps({"data": [], "fn_index": 0, "session_hash": "abc"}).encode()
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", f"{own}.evil.example", f"https://x@{own}"):
        for path in ("/gradio_api/queue/join", "/gradio_api/component_server", UPLOAD):
            status, response, _ = asked(app, "POST", path, body, {**JSON, "Origin": origin})
            assert status == 403, (origin, path)
            assert response.getheader("Access-Control-Allow-Origin") is None
    assert asked(app, "GET", "/config", headers={"Origin": own})[0] == 200
    assert asked(app, "GET", "/config", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})[0] == 403
    assert asked(app, "GET", "/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})[0] == 200


def test_an_address_that_the_host_has_named_is_the_pages_own(app):
    body = json.dumps({"data": [], "fn_index": 0, "session_hash": "abc"}).encode()
    for origin, refused in (
        ("https://class.example.org", False),
        ("https://b.example.org", False),
        ("http://class.example.org", True),
        ("https://class.example.org.evil.example", True),
    ):
        status = asked(app, "POST", "/gradio_api/queue/join", body, {**JSON, "Origin": origin})[0]
        assert (status == 403) is refused, origin


def test_no_preflight_of_another_site_is_granted(app):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    _, response, _ = asked(app, "OPTIONS", "/gradio_api/queue/join", headers=headers)
    assert response.getheader("Access-Control-Allow-Origin") is None
    assert response.getheader("Access-Control-Allow-Credentials") is None


@pytest.mark.parametrize("path", ["/", "/config", "/nothing-here", "/health"])
def test_every_answer_has_the_security_headers(app, path):
    _, response, _ = asked(app, "GET", path)
    policy = response.getheader("Content-Security-Policy")
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "object-src 'none'" in policy
    assert response.getheader("X-Content-Type-Options") == "nosniff"
    assert response.getheader("X-Frame-Options") == "SAMEORIGIN"
    assert response.getheader("Referrer-Policy") == "same-origin"


def test_an_upload_too_large_for_the_limit_is_refused_before_it_is_read(app):
    body, headers = form(b"x" * 6 * MB)
    connection = HTTPConnection("127.0.0.1", app.port, timeout=30)
    connection.putrequest("POST", UPLOAD)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert response.read() == b"The file is too large: 6 MB, at most 5 MB."
    connection.close()
    assert uploads(app) == []


def test_an_upload_has_to_say_its_size(app):
    body, headers = form(b"x")
    connection = HTTPConnection("127.0.0.1", app.port, timeout=30)
    connection.request("POST", UPLOAD, body=iter([body]), headers=headers, encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()


def test_an_upload_is_deleted_after_the_limit_and_one_that_was_broken_off_at_once(app):
    body, headers = form(b"x" * MB)
    status, _, answer = asked(app, "POST", UPLOAD, body, headers)
    assert status == 200
    assert Path(json.loads(answer)[0]).is_file()
    wait_until_gone(app, 10)

    body, headers = form(b"y" * 3 * MB)
    with socket.create_connection(("127.0.0.1", app.port)) as connection:
        sent = {**headers, "Host": f"127.0.0.1:{app.port}", "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        connection.sendall(f"POST {UPLOAD} HTTP/1.1\r\n{head}\r\n".encode())
        connection.sendall(body[: 2 * MB])
        end = time.monotonic() + 10
        while not uploads(app) and time.monotonic() < end:
            time.sleep(0.02)
        assert uploads(app), "the upload has begun"
    wait_until_gone(app, 1.5)  # long before it would be deleted for its age


def test_one_visitor_may_upload_so_much_and_is_told_when_there_is_room_again(app):
    wait_until_gone(app, 10)
    time.sleep(4.2)  # until what was uploaded before no longer counts
    body, headers = form(b"z" * 4 * MB)
    answers = [asked(app, "POST", UPLOAD, body, headers)[::2] for _ in range(4)]
    assert [status for status, _ in answers] == [200, 200, 413, 413]
    assert b"as much as one visitor may (12 MB)" in answers[-1][1]
    wait_until_gone(app, 10)


def test_health_tells_when_old_files_were_last_deleted(app):
    time.sleep(1.1)
    health = json.loads(asked(app, "GET", "/health")[2])
    assert health["status"] == "ok"
    assert health["last_deletion_seconds_ago"] <= 2
    assert health["not_deletable"] == 0


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_server_that_is_ended_leaves_no_uploads(sent):
    with App("--training", "no") as app:
        body, headers = form(b"x" * MB)
        assert asked(app, "POST", UPLOAD, body, headers)[0] == 200
        assert uploads(app)
        app.process.send_signal(sent)
        app.process.wait(30)
        assert not list(Path(app.temp).glob(PREFIX + "*"))
