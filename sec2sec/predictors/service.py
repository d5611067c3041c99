"""A service as a predictor: each clip is posted to an address, which answers with one JSON object."""

from __future__ import annotations

import http.client
import json
import secrets
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from sec2sec.files import safe_name
from sec2sec.predictors.answers import PredictorError
from sec2sec.predictors.command import MAX_OUTPUT, parse
from sec2sec.predictors.predictor import LIMIT, NOT_SAID, Failure, Identity, Inputs

Sent = Literal["file", "path"]  # the clip itself, as a form; or where it lies, as JSON, for a service on this machine
FIELD = "clip"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A clip goes where the person said, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


class ServicePredictor:
    """Posts each clip to an address."""

    inputs: Inputs = "files"
    batch = 1

    def __init__(
        self,
        url: str,
        name: str = "",
        version: str = "",
        learned_from: str = "",
        *,
        sends: Sent = "file",
        workers: int = 1,
        limit: float = LIMIT,
    ) -> None:
        """limit: s for one clip. Raises PredictorError for what is no http address."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PredictorError(f"{url}: is no address of a service; give one as http://127.0.0.1:9000/predict")
        self.url, self.sends = url, sends
        # nobody here can see whether a service has changed: without a version its answers end with the run
        self.identity = Identity(name or url, version, learned_from or NOT_SAID)
        self.workers, self.limit = workers, limit
        self._opener = urllib.request.build_opener(_NoRedirects)

    def ask(self, clips: Sequence[Path]) -> list[Any]:
        """One request for each clip."""
        return [self._within_limit(clip) for clip in clips]

    def stop(self) -> None:
        """A request ends with its limit of time, or with the process."""

    def _within_limit(self, clip: Path) -> Any:
        """In a thread, since the limit of a socket begins anew with each byte."""
        outcome: list[Any] = []
        thread = threading.Thread(target=lambda: outcome.append(self._post(clip)), daemon=True)
        thread.start()
        thread.join(self.limit)
        return outcome[0] if outcome else Failure(f"no answer within {self.limit:g} s")

    def _post(self, clip: Path) -> Any:
        body, kind = (
            form(clip) if self.sends == "file" else (json.dumps({FIELD: str(clip)}).encode(), "application/json")
        )
        headers = {"Content-Type": kind, "Accept": "application/json"}
        request = urllib.request.Request(self.url, body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=self.limit) as response:
                data = response.read(MAX_OUTPUT + 1)
        except urllib.error.HTTPError as error:
            with error:
                return Failure(f"the service answered {error.code} {error.reason}")
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            return Failure(f"the service cannot be reached ({getattr(reason, 'strerror', None) or reason})")
        if len(data) > MAX_OUTPUT:
            return Failure(f"the service answered with more than {MAX_OUTPUT >> 20} MB")
        return parse(data, "the service answered")


def form(clip: Path) -> tuple[bytes, str]:
    """The clip as the one file of a form, and the form's type (multipart/form-data, RFC 7578)."""
    border = secrets.token_hex(16)
    head = (
        f'--{border}\r\nContent-Disposition: form-data; name="{FIELD}"; filename="clip.{safe_name(clip.suffix)}"\r\n'
        "Content-Type: video/mp4\r\n\r\n"
    )
    body = head.encode() + clip.read_bytes() + f"\r\n--{border}--\r\n".encode()
    return body, f"multipart/form-data; boundary={border}"
