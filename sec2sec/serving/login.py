"""A code that a class shares: nothing of the app is served to whoever has not entered it.

The page needs no script and nothing else of the app. Who entered the code has a cookie, signed with a key of this
process, so that nothing has to be remembered for it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
import unicodedata
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from sec2sec.viewer.templates import render

LOGIN, LOGOUT = "/login", "/logout"
COOKIE = "sec2sec-code"
SIGNED_IN = 12 * 3600  # s until the code is asked for again
MAX_FORM = 4096  # bytes
MAX_WRONG = 20  # tries of one address within WINDOW: a class has one address, and makes mistakes
WINDOW = 600.0  # s
MAX_ADDRESSES = 10_000  # whose tries are remembered
WRONG = "This is not the code. Ask the person who gave you this address, and try again."


@dataclass
class Login:
    """Decides who has entered the code.

    code: of the class. framed: whether pages of other sites show the app in a frame, as Hugging Face does with a Space.
    """

    code: str
    framed: bool = False
    clock: Callable[[], float] = time.time
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _wrong: dict[str, deque[float]] = field(default_factory=dict)  # times of wrong tries by network

    def is_signed_in(self, scope: Scope) -> bool:
        """Whether a request has the cookie of somebody who has entered the code."""
        try:
            cookies = SimpleCookie(Headers(scope=scope).get("cookie", ""))
        except CookieError:
            return False
        until, _, signature = (cookies[COOKIE].value if COOKIE in cookies else "").partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(until).encode()):
            return False
        return until.isdecimal() and int(until) > self.clock()

    def page(self, scope: Scope, message: str = "", status: int = 200) -> Response:
        """The form, or the app for whoever is signed in."""
        if self.is_signed_in(scope):
            return RedirectResponse("./", 303)
        return HTMLResponse(render("login.html", message=message), status, {"Cache-Control": "no-store"})

    def enter(self, scope: Scope, body: bytes, address: str, is_secure: bool) -> Response:
        """What comes of a form that was sent. is_secure: whether it came by HTTPS."""
        network = network_of(address)
        wait = self._seconds_to_wait(network)
        if wait > 0:
            minutes = max(1, round(wait / 60))
            response = self.page(
                scope, f"Too many wrong codes came from your network. Try again in {minutes} min.", 429
            )
            response.headers["Retry-After"] = str(int(wait) + 1)
            return response
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
        if not self._is_code(form.get("code", [""])[0]):
            self._wrong.setdefault(network, deque(maxlen=MAX_WRONG)).append(self.clock())
            self._forget_old()
            return self.page(scope, WRONG, 403)
        response = RedirectResponse("./", 303)
        until = str(int(self.clock()) + SIGNED_IN)
        self._set_cookie(response, f"{until}.{self._sign(until)}", SIGNED_IN, is_secure)
        return response

    def leave(self, is_secure: bool) -> Response:
        """Sign out."""
        response = RedirectResponse(LOGIN.removeprefix("/"), 303)
        self._set_cookie(response, "", 0, is_secure)
        return response

    def _is_code(self, text: str) -> bool:
        """Compared by digests, so that the time it takes says nothing, not even of the length."""
        digests = [hashlib.sha256(normalised(value).encode()).digest() for value in (text, self.code)]
        return hmac.compare_digest(*digests)

    def _sign(self, until: str) -> str:
        return hmac.new(self._key, until.encode(), hashlib.sha256).hexdigest()

    def _set_cookie(self, response: Response, value: str, age: int, is_secure: bool) -> None:
        cross_site = self.framed and is_secure  # a frame of another site gets no stricter cookie
        attributes = [f"{COOKIE}={value}", "Path=/", f"Max-Age={age}", "HttpOnly"]
        attributes += ["SameSite=None", "Partitioned"] if cross_site else ["SameSite=Lax"]
        attributes += ["Secure"] if is_secure else []
        response.headers.append("set-cookie", "; ".join(attributes))

    def _seconds_to_wait(self, network: str) -> float:
        tries = self._wrong.get(network, deque())
        return tries[0] + WINDOW - self.clock() if len(tries) == MAX_WRONG else 0.0

    def _forget_old(self) -> None:
        oldest = self.clock() - WINDOW
        for network in [network for network, tries in self._wrong.items() if tries[-1] < oldest]:
            del self._wrong[network]
        while len(self._wrong) > MAX_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]


def normalised(code: str) -> str:
    """Without what keyboards add: space at the ends, and letters that are written as two."""
    return unicodedata.normalize("NFC", code).strip()


def network_of(address: str) -> str:
    """The network whose tries count together: one machine has a whole /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if parsed.version == 6 else address
