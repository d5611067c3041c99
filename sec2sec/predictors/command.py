"""A command as a predictor: it is run once for each clip and prints one JSON object.

Without a shell: the words are those of the person who called, and the clip's path is one word whatever it holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from sec2sec.predictors.answers import PredictorError
from sec2sec.predictors.predictor import LIMIT, NOT_SAID, Failure, Identity, Inputs, hash_of

PLACE = "{clip}"  # in the command, for the path
MAX_OUTPUT = 1 << 20  # bytes of an answer
MAX_COMPLAINT = 4096  # bytes of standard error that are kept: its end
MAX_VERSIONED = 64 * 1024**2  # bytes of a file of the command that is hashed for its version
GRACE = 2.0  # s between the request to end and the end


class CommandPredictor:
    """Runs a command for each clip."""

    inputs: Inputs = "files"
    batch = 1

    def __init__(
        self,
        command: str,
        name: str = "",
        version: str = "",
        learned_from: str = "",
        *,
        workers: int = 1,
        limit: float = LIMIT,
    ) -> None:
        """command: with {clip} where the path belongs. limit: s for one clip. Raises PredictorError."""
        try:
            self.words = shlex.split(command)
        except ValueError as error:
            raise PredictorError(f"{command}: cannot be read as a command ({error}); check its quotes") from error
        if not any(PLACE in word for word in self.words):
            raise PredictorError(f"{command}: does not say where the clip belongs; put {PLACE} there")
        if shutil.which(self.words[0]) is None:
            raise PredictorError(f"{self.words[0]}: no such command; give its path, or one that is on the PATH")
        self.identity = Identity(name or command, version or self.hash(), learned_from or NOT_SAID)
        self.workers, self.limit = workers, limit
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def hash(self) -> str:
        """A hash of the files that the command names; empty where it names none."""
        files = [Path(word) for word in self.words[1:] if PLACE not in word]
        return hash_of([file for file in files if file.is_file() and file.stat().st_size <= MAX_VERSIONED])

    def ask(self, clips: Sequence[Path]) -> list[Any]:
        """One run for each clip."""
        return [self._run(clip) for clip in clips]

    def stop(self) -> None:
        """Ends every run, and starts none any more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _end(process, at_once=True)

    def _run(self, clip: Path) -> Any:
        words = [word.replace(PLACE, str(clip)) for word in self.words]
        with self._lock:  # so that stop() knows of every process
            if self._stopped:
                return Failure("stopped")
            try:
                process = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,  # what it starts ends with it
                )
            except OSError as error:
                return Failure(f"cannot be started ({error.strerror})")
            self._running.add(process)
        try:
            return self._outcome(process)
        finally:
            with self._lock:
                self._running.discard(process)

    def _outcome(self, process: subprocess.Popen[bytes]) -> Any:
        out, complaint = _Reader(process, process.stdout, MAX_OUTPUT), _Reader(process, process.stderr, None)
        try:
            code = process.wait(self.limit)
        except subprocess.TimeoutExpired:
            return Failure(f"no answer within {self.limit:g} s")
        finally:
            _end(process)  # whatever it left running holds the pipes open
            out.join()
            complaint.join()
        if out.too_much:
            return Failure(f"it printed more than {MAX_OUTPUT >> 20} MB")
        if code != 0:
            last = complaint.last_line()
            ended = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
            return Failure(f"{ended}{f': {last}' if last else ''}")
        return parse(bytes(out.data), "it printed")


class _Reader(threading.Thread):
    """Reads a pipe to its end: all of it up to a limit, above which the process is ended; or its end alone."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: IO[bytes] | None, limit: int | None) -> None:
        super().__init__(daemon=True)
        assert pipe is not None
        self.data, self.too_much = bytearray(), False
        self._process, self._pipe, self._limit = process, pipe, limit
        self.start()

    def run(self) -> None:
        with self._pipe:
            while block := os.read(self._pipe.fileno(), 65536):
                self.data += block
                if self._limit is None:
                    del self.data[:-MAX_COMPLAINT]
                elif len(self.data) > self._limit:
                    self.too_much = True
                    _end(self._process, at_once=True)
                    return

    def last_line(self) -> str:
        """Of what was read, as far as it is text."""
        lines = [line.strip() for line in self.data.decode(errors="replace").splitlines() if line.strip()]
        return lines[-1][:200] if lines else ""


def parse(text: bytes, what: str) -> Any:
    """JSON, or a Failure. what: where it comes from, as "it printed"."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        shown = text.decode(errors="replace").strip()
        found = f"{shown[:80]!r}{' …' if len(shown) > 80 else ''}" if shown else "nothing"
        return Failure(f'{what} {found}, and one JSON object is expected, such as {{"arousal": 0.7}}')


def _end(process: subprocess.Popen[bytes], at_once: bool = False) -> None:
    """Ends a process and all that it started: asks first, then insists."""
    if os.name != "posix":
        process.kill()
        process.wait()
        return
    if not at_once and process.poll() is None:
        _signal(process, signal.SIGTERM)
        waited_until = time.monotonic() + GRACE
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, waited_until - time.monotonic()))
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
