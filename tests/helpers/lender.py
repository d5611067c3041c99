"""What lends GPUs on a ZeroGPU Space, as the package `spaces` meets it: a server that says yes, or what it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

# Answers to a request for a GPU. "refused": no quota is left; "timeout": none became free; "new": in a new process
ANSWERS = ("lent", "new", "refused", "timeout")


class Lender:
    """Its answers and what it was asked; POST /answer?next=refused chooses the next answer."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.next = "lent"
        self.lent: dict[str, int] = {}  # token → index of the GPU
        self.tokens = 0
        self.guard = threading.Lock()

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, str, str, dict[str, str]]:
        """Status, kind and text of the answer, and further headers."""
        with self.guard:
            self.requests.append((path, query))
            if path == "/answer":
                assert query["next"] in ANSWERS
                self.next = query["next"]
            if path == "/release":
                self.lent.pop(query["allowToken"], None)
            if path != "/schedule":
                return 200, "application/json", "{}", {}
            answer, self.next = self.next, "lent"
            if answer == "refused":
                return 429, "application/json", json.dumps({"left": 3, "wait": 3600}), {"X-Authenticated": "regular"}
            if answer == "timeout":
                return 200, "text/event-stream", "event: failed\n\n", {"X-Authenticated": "regular"}
            self.tokens += 1
            token, index = f"token{self.tokens}", next(i for i in range(99) if i not in self.lent.values())
            self.lent[token] = index
            lent = {"idle": answer != "new", "nvidiaIndex": index, "nvidiaUUID": "gpu", "allowToken": token}
            return 200, "application/json", json.dumps(lent), {}

    def asked(self, path: str = "/schedule") -> list[dict[str, str]]:
        """The parameters of all requests to a path, in their order."""
        return [query for asked, query in self.requests if asked == path]


@contextmanager
def lending() -> Iterator[tuple[Lender, str]]:
    """A Lender and its address, while it serves."""
    lender = Lender()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            address = urlsplit(self.path)
            status, kind, text, headers = lender.answer(address.path, dict(parse_qsl(address.query)))
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield lender, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
