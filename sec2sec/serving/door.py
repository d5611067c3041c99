"""The door of the app: an ASGI middleware that decides on a request before anything of it is parsed.

Only what the page uses is served, of a bounded size, from the page's own origin. gradio has many more
routes (a recorder that runs ffmpeg on what it is sent, a proxy, histories, deep links) and limits no body.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sec2sec.serving.deletion import Deletion, free_bytes
from sec2sec.serving.login import LOGIN, LOGOUT, MAX_FORM, Login

API = "/gradio_api"
UPLOAD = f"{API}/upload"
STARTUP = f"{API}/startup-events"
HEALTH = "/health"
READ = frozenset({"GET", "HEAD"})
WRITE = frozenset({"POST"})
# What the page asks for: found by driving every tab in a browser
ROUTES: tuple[tuple[frozenset[str], str], ...] = (
    (READ, r"/"),
    (READ, r"/(config|theme\.css|favicon\.ico|robots\.txt|manifest\.json|pwa_icon(/\d+)?|health)"),
    (READ, r"/(assets|static|svelte)/[\w./@+-]+"),
    (READ, rf"{API}/(startup-events|theme\.css|app_id|info|queue/data|upload_progress|login_check|user|token)/?"),
    (READ, rf"{API}/heartbeat/[\w-]+"),
    (READ, rf"{API}/file=(?!\w+:).+"),
    (WRITE, rf"{API}/(queue/join|run/[\w-]+|cancel|reset|component_server|upload)/?"),
)
LOGIN_ROUTES: tuple[tuple[frozenset[str], str], ...] = ((READ | WRITE, LOGIN), (READ, LOGOUT))
MAX_JSON = 256 * 1024  # bytes of a body that is no upload
MAX_HEADERS = 16 * 1024  # bytes of all headers; cookies and a proxy's additions fit
MULTIPART = 64 * 1024  # bytes that a form adds to the file in it
RESERVE = 256 * 1024**2  # bytes of the disk that uploads leave free
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # gradio's page has inline scripts, Plotly compiles
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
SPACES = "https://huggingface.co https://*.hf.space"  # a Space is shown in a frame of these


@dataclass(frozen=True)
class Limits:
    """What the door lets in.

    upload: bytes of one request. stored: bytes of all visitors' files at once. per_address: bytes that one address may
    upload within `window` seconds. proxied: whether the last address of X-Forwarded-For is the visitor's (only behind a
    proxy: anybody else can write it). framed_by: origins that may show the app in a frame. origins: other origins whose
    pages may use the server, as "https://host".
    """

    upload: int
    stored: int
    per_address: int
    window: float
    proxied: bool = False
    framed_by: str = ""
    origins: frozenset[str] = frozenset()


@dataclass
class Door:
    """The middleware.

    app: what it guards. deletion: knows the folder of uploads and how full it is. broken_off: the error at which the
    app removes the file of an upload that it has not read to its end. login: asks for a code, where there is one.
    """

    app: ASGIApp
    limits: Limits
    deletion: Deletion
    broken_off: type[Exception]
    login: Login | None = None
    clock: Callable[[], float] = time.monotonic
    _uploads: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    _is_started: bool = False
    _uploading: int = 0  # bytes announced by uploads that are on their way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on within limits."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing of the page is a web socket
            await send({"type": "websocket.close", "code": 1008})
            return
        send = self._with_headers(send)
        refusal = self._refusal(scope)
        is_signed_in = self.login is None or self.login.is_signed_in(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
        elif path_in_app(scope) == HEALTH:
            await self._health(is_signed_in)(scope, receive, send)
        elif self.login is not None and path_in_app(scope) in (LOGIN, LOGOUT):
            await (await self._sign_in_or_out(self.login, scope, receive))(scope, receive, send)
        elif not is_signed_in and not self._is_start(scope):
            await self._ask_for_code(scope)(scope, receive, send)
        elif path_in_app(scope).rstrip("/") == UPLOAD:
            await self._upload(scope, receive, send)
        else:
            await self._bounded(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request goes no further, decided from its head alone."""
        headers = Headers(scope=scope)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
            return PlainTextResponse("The headers are too long.", 431)
        if not self._same_origin(headers):
            return PlainTextResponse(
                "Pages of another site may not use this server. Its host can allow an address with --origins.", 403
            )
        path = path_in_app(scope)
        if (
            "\x00" in path
            or ".." in path.split("/")
            or not any(scope["method"] in methods and re.fullmatch(route, path) for methods, route in self._routes())
        ):
            return PlainTextResponse("Not found.", 404)
        return None

    def _routes(self) -> tuple[tuple[frozenset[str], str], ...]:
        return ROUTES if self.login is None else ROUTES + LOGIN_ROUTES

    def _is_start(self, scope: Scope) -> bool:
        """Whether the server asks itself, once, for what it does at its start."""
        is_first = not self._is_started and path_in_app(scope) == STARTUP
        self._is_started |= is_first
        return is_first

    def _ask_for_code(self, scope: Scope) -> Response:
        """The page leads to the form; everything else is refused."""
        if path_in_app(scope) == "/":
            return RedirectResponse(LOGIN.removeprefix("/"), 303)
        return PlainTextResponse("Enter the code of your class first.", 401)

    async def _sign_in_or_out(self, own: Login, scope: Scope, receive: Receive) -> Response:
        forwarded = Headers(scope=scope).get("x-forwarded-proto") if self.limits.proxied else None
        is_secure = (forwarded or scope.get("scheme")) == "https"
        if path_in_app(scope) == LOGOUT:
            return own.leave(is_secure)
        if scope["method"] in READ:
            return own.page(scope)
        body = await _read(scope, receive, MAX_FORM)
        if body is None:
            return PlainTextResponse("The code is too long.", 413)
        return own.enter(scope, body, visitor_address(scope, self.limits.proxied), is_secure)

    def _same_origin(self, headers: Headers) -> bool:
        """Browsers name the site of the page in Origin; other programs name none."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "none") != "cross-site" or headers.get("sec-fetch-mode") == "navigate"
        host = headers.get("x-forwarded-host") if self.limits.proxied else None
        return urlsplit(origin).netloc == (host or headers.get("host")) or origin in self.limits.origins

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limit, then pass it on."""
        body = await _read(scope, receive, MAX_JSON)
        if body is None:
            await PlainTextResponse(f"The request is larger than {MAX_JSON // 1024} kB.", 413)(scope, receive, send)
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, replay, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "")
        if not announced.isdecimal():
            await PlainTextResponse("An upload has to announce its size.", 411)(scope, receive, send)
            return
        size, address = int(announced), visitor_address(scope, self.limits.proxied)
        why = self._no_room(size, address)
        if why is not None:
            await PlainTextResponse(why, 413)(scope, receive, send)
            return
        self._uploads.setdefault(address, deque()).append((self.clock(), size))
        self._uploading += size

        async def watched() -> Message:
            """Leave no file of an upload that is broken off."""
            message = await receive()
            if message["type"] == "http.disconnect":
                raise self.broken_off("The upload was broken off.")
            if free_bytes(self.deletion.folder) < RESERVE:
                raise self.broken_off("The disk of the server is full. Try again later.")
            return message

        try:
            await self.app(scope, watched, send)
            self.deletion.add(size)
        except TypeError:  # what gradio raises at a form whose field of files holds text
            await PlainTextResponse("The form holds no file.", 400)(scope, receive, send)
        finally:
            self._uploading -= size

    def _no_room(self, size: int, address: str) -> str | None:
        """Why an upload of so many bytes is not taken; None if it is."""
        if size > self.limits.upload + MULTIPART:
            return f"The file is too large: {_megabytes(size)}, at most {_megabytes(self.limits.upload)}."
        if free_bytes(self.deletion.folder) - self._uploading - size < RESERVE:
            return "The server has no room for this file now. Try again later, or with a smaller file."
        if self.deletion.health().bytes + self._uploading + size > self.limits.stored:
            return "The server holds as many uploads as it may. Try again later; old ones are deleted."
        recent = self._uploads.get(address, deque())
        while recent and recent[0][0] < self.clock() - self.limits.window:
            recent.popleft()
        if sum(bytes_ for _, bytes_ in recent) + size > self.limits.per_address:
            minutes = (self.limits.window - (self.clock() - recent[0][0])) / 60 if recent else 0
            return (
                f"You have uploaded as much as one visitor may ({_megabytes(self.limits.per_address)}). "
                f"There is room again in {max(1, round(minutes))} minutes."
            )
        self._forget_idle()
        return None

    def _forget_idle(self) -> None:
        """Keep no address for longer than its uploads count."""
        oldest = self.clock() - self.limits.window
        for address in [address for address, recent in self._uploads.items() if not recent or recent[-1][0] < oldest]:
            del self._uploads[address]

    def _health(self, in_full: bool) -> Response:
        """A line for whoever watches the server: 503 where the deletion job is late. in_full: with sizes."""
        health = self.deletion.health()
        late = health.late(self.deletion.period)
        status = "deletion is late" if late else "ok"
        if not in_full:
            return JSONResponse({"status": status}, 503 if late else 200)
        content = {
            "status": status,
            "last_deletion_seconds_ago": None if health.last_sweep is None else round(health.last_sweep, 1),
            "files": health.files,
            "bytes": health.bytes,
            "deleted": health.deleted,
            "not_deletable": health.errors,
            "free_bytes": free_bytes(self.deletion.folder),
        }
        return JSONResponse(content, 503 if late else 200)

    def _with_headers(self, send: Send) -> Send:
        frames = f"frame-ancestors 'self' {self.limits.framed_by}".strip()
        security = [
            (b"content-security-policy", f"{POLICY}; {frames}".encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
        ]
        if not self.limits.framed_by:
            security.append((b"x-frame-options", b"SAMEORIGIN"))

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in security}
                rest = [pair for pair in message.get("headers", []) if pair[0].lower() not in names]
                message = {**message, "headers": [*rest, *security]}
            await send(message)

        return sent


def visitor_address(scope: Scope, proxied: bool) -> str:
    """The address of whoever asks. proxied: as the proxy in front says, which is the last to add to X-Forwarded-For."""
    forwarded = Headers(scope=scope).get("x-forwarded-for") if proxied else None
    return forwarded.rpartition(",")[2].strip() if forwarded else str((scope.get("client") or ("?", 0))[0])


async def _read(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The whole body; None where it is longer than the limit, of which no more is read."""
    announced = Headers(scope=scope).get("content-length", "0")
    if not announced.isdecimal() or int(announced) > limit:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def path_in_app(scope: Scope) -> str:
    """The path within the app, decoded."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root and path.startswith(root) else path


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.0f} MB"
