"""Answers that were given before: a second question, or a run that goes on, asks nothing twice.

A file for each clip and predictor, by the contents of the clip and the version of the predictor; a line for each
edited clip, written as soon as it is known. A line that was cut off is asked for again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from sec2sec.paths import program_paths
from sec2sec.predictors.predictor import Identity

EDITION = 1  # of how edited clips are made: answers about those of another edition count for nothing
MAX_BYTES = 64 * 1024**2  # of all files together; the oldest go first


class AnswerCache:
    """The answers of one predictor about one clip."""

    def __init__(self, clip: str, identity: Identity, folder: Path | None = None, ask_again: bool = False) -> None:
        """clip: its contents and its part, as words. folder: the program's own if None.

        Without a version of the predictor nothing is read and nothing is kept. ask_again: forget what was kept.
        """
        self.known: dict[str, Any] = {}
        self._file: Path | None = None
        if not identity.version:
            return
        folder = program_paths().answers if folder is None else folder
        whose = json.dumps([EDITION, clip, identity.name, identity.version])
        with contextlib.suppress(OSError):  # what cannot be kept is asked for again
            folder.mkdir(parents=True, exist_ok=True)
            self._file = folder / f"{hashlib.sha256(whose.encode()).hexdigest()[:32]}.jsonl"
            keep_within(folder, MAX_BYTES, self._file)
            if ask_again:
                self._file.unlink(missing_ok=True)
            self.known = read(self._file)

    def add(self, question: str, answer: Any) -> None:
        """Keep an answer, as it came."""
        self.known[question] = answer
        if self._file is None:
            return
        line = json.dumps([question, answer]).encode() + b"\n"
        with contextlib.suppress(OSError):
            file = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(file, b"\n" + line)  # a line that was cut off before spoils none after it
            finally:
                os.close(file)


def read(file: Path) -> dict[str, Any]:
    """The answers in a file; none where there is no such file."""
    known: dict[str, Any] = {}
    if not file.is_file():
        return known
    for line in file.read_text(errors="replace").splitlines():
        with contextlib.suppress(ValueError, TypeError):
            question, answer = json.loads(line)
            known[question] = answer
    return known


def keep_within(folder: Path, most: int, own: Path) -> None:
    """Delete the oldest files of a folder until all of them have at most so many bytes; never `own`."""
    files = sorted(((path.stat().st_mtime, path.stat().st_size, path) for path in folder.glob("*.jsonl")), reverse=True)
    total = 0
    for _, size, path in files:
        total += size
        if total > most and path != own:
            path.unlink(missing_ok=True)
