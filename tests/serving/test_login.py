"""A class code: without it nothing of the app is served, with it everything; and it cannot be guessed or stolen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode

import pytest

from sec2sec.serving import login
from sec2sec.serving.login import COOKIE, MAX_WRONG, SIGNED_IN, WINDOW, Login
from tests.browser.driver import App

CODE = "filmkurs café"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with App("--behind-proxy", "yes", "--training", "no", env={"SEC2SEC_CLASS_CODE": CODE}) as app:
        yield app


def ask(app: App, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, HTTPResponse, str]:
    connection = HTTPConnection("127.0.0.1", app.port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=body, headers={**(FORM if body is not None else {}), **named})
    response = connection.getresponse()
    answer = response.read().decode("utf-8", "replace")
    connection.close()
    return response.status, response, answer


def enter(app: App, code: str, **headers: str) -> tuple[int, HTTPResponse, str]:
    return ask(app, "POST", "/login", urlencode({"code": code}), **headers)


def scope(cookie: str = "") -> dict[str, Any]:
    return {"type": "http", "headers": [(b"cookie", cookie.encode())]}


def cookie_of(response: HTTPResponse) -> str:
    return (response.getheader("set-cookie") or "").partition(";")[0]


def body_of(code: str) -> bytes:
    return urlencode({"code": code}).encode()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/config"),
        ("GET", "/theme.css"),
        ("GET", "/assets/index.js"),
        ("GET", "/gradio_api/startup-events"),
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/queue/data?session_hash=a"),
        ("GET", "/gradio_api/heartbeat/a"),
        ("GET", "/gradio_api/file=assets/clips/sintel-flight.mp4"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/upload"),
    ],
)
def test_no_route_is_served_without_the_code(app: App, method: str, path: str) -> None:
    body = "{}" if method == "POST" else None
    for cookie in ("", f"{COOKIE}=", f"{COOKIE}=9999999999.{'0' * 64}", f'{COOKIE}="', "access-token=a"):
        status, _, answer = ask(app, method, path, body, Cookie=cookie)
        assert (status, answer) == (401, "Enter the code of your class first.")


def test_the_page_leads_to_the_form_and_the_form_shows_nothing_of_the_app(app: App) -> None:
    status, response, _ = ask(app, "GET", "/")
    assert (status, response.getheader("location")) == (303, "login")
    status, response, page = ask(app, "GET", "/login")
    assert status == 200
    assert "Code of your class" in page
    assert "gradio" not in page
    assert response.getheader("cache-control") == "no-store"
    assert "frame-ancestors" in (response.getheader("content-security-policy") or "")


def test_with_the_code_everything_is_served_and_after_signing_out_nothing(app: App) -> None:
    status, response, _ = enter(app, f" {CODE.replace('é', 'é')} ")  # as a Mac writes it, with spaces around
    assert (status, response.getheader("location")) == (303, "./")
    cookie = cookie_of(response)
    for path in ("/", "/config", "/theme.css", "/gradio_api/startup-events"):
        assert ask(app, "GET", path, Cookie=cookie)[0] == 200
    assert ask(app, "GET", "/login", Cookie=cookie)[0] == 303
    status, response, _ = ask(app, "GET", "/logout", Cookie=cookie)
    assert (status, response.getheader("location")) == (303, "login")
    assert f"{COOKIE}=;" in (response.getheader("set-cookie") or "")
    assert "Max-Age=0" in (response.getheader("set-cookie") or "")


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(app: App) -> None:
    attributes = (enter(app, CODE)[1].getheader("set-cookie") or "").split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={SIGNED_IN}"} <= set(attributes)
    assert "Secure" not in attributes
    secure = (enter(app, CODE, X_Forwarded_Proto="https")[1].getheader("set-cookie") or "").split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Secure"} <= set(secure)


def test_in_a_frame_of_another_site_the_cookie_is_that_frames_alone() -> None:
    response = Login(CODE, framed=True).enter(scope(), body_of(CODE), "1.2.3.4", is_secure=True)
    assert {"SameSite=None", "Partitioned", "Secure", "HttpOnly"} <= set(response.headers["set-cookie"].split("; "))


def test_another_site_cannot_send_the_form(app: App) -> None:
    assert enter(app, CODE, Origin="https://evil.example")[0] == 403
    assert enter(app, CODE, Origin=app.url)[0] == 303


@pytest.mark.parametrize("code", ["", "filmkurs", CODE + "x", CODE.upper(), "\0", "%00", "é" * 400])
def test_a_wrong_code_is_refused_and_its_page_says_so(app: App, code: str) -> None:
    status, response, page = enter(app, code, X_Forwarded_For=f"10.0.0.{len(code) % 250}")
    assert status == 403
    assert 'role="alert"' in page
    assert "This is not the code" in page
    assert response.getheader("set-cookie") is None


def test_a_form_that_is_too_long_is_not_read(app: App) -> None:
    assert enter(app, "x" * 5000)[0] == 413


def test_an_address_has_so_many_tries_and_others_have_their_own(app: App) -> None:
    for _ in range(MAX_WRONG):
        assert enter(app, "a guess", X_Forwarded_For="10.9.9.9")[0] == 403
    status, response, page = enter(app, CODE, X_Forwarded_For="10.9.9.9")
    assert status == 429
    assert "Try again in 10 min" in page
    assert 0 < int(response.getheader("retry-after") or 0) <= WINDOW + 1
    assert enter(app, CODE, X_Forwarded_For="10.9.9.8")[0] == 303


def test_tries_count_for_a_while_and_a_network_of_ipv6_is_one() -> None:
    now = [1000.0]
    own = Login(CODE, clock=lambda: now[0])
    for number in range(MAX_WRONG):
        assert own.enter(scope(), body_of("a guess"), f"2001:db8::{number:x}", False).status_code == 403
    assert own.enter(scope(), body_of(CODE), "2001:db8::ffff", False).status_code == 429
    assert own.enter(scope(), body_of(CODE), "2001:db8:0:1::1", False).status_code == 303
    now[0] += WINDOW + 1
    assert own.enter(scope(), body_of(CODE), "2001:db8::ffff", False).status_code == 303


def test_addresses_without_end_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "MAX_ADDRESSES", 50)
    own = Login(CODE)
    for number in range(200):
        own.enter(scope(), body_of("a guess"), f"10.0.{number // 250}.{number % 250}", False)
    assert len(own._wrong) == 50


def test_a_cookie_ends_after_its_time_and_with_its_process() -> None:
    now = [time.time()]
    own = Login(CODE, clock=lambda: now[0])
    cookie = own.enter(scope(), body_of(CODE), "1.2.3.4", False).headers["set-cookie"].partition(";")[0]
    assert own.is_signed_in(scope(cookie))
    assert not Login(CODE).is_signed_in(scope(cookie))
    until, _, signature = cookie.removeprefix(f"{COOKIE}=").partition(".")
    assert not own.is_signed_in(scope(f"{COOKIE}={int(until) + 1}.{signature}"))
    now[0] += SIGNED_IN + 1
    assert not own.is_signed_in(scope(cookie))


def test_the_health_is_open_and_says_no_sizes_without_the_code(app: App) -> None:
    status, _, answer = ask(app, "GET", "/health")
    assert (status, answer) == (200, '{"status":"ok"}')
    cookie = cookie_of(enter(app, CODE)[1])
    assert '"bytes"' in ask(app, "GET", "/health", Cookie=cookie)[2]


def test_the_code_is_in_no_page_and_no_log(app: App) -> None:
    cookie = cookie_of(enter(app, CODE)[1])
    for path in ("/", "/config", "/login"):
        assert CODE not in ask(app, "GET", path, Cookie=cookie)[2]
    assert CODE not in app.output()
