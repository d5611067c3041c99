"""Clips that were explained, kept in memory for the questions that follow: few, not for long, each for its visitor."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from sec2sec.edits import EditError
from sec2sec.edits.history import History
from sec2sec.encode import Tokens
from sec2sec.explanations import Explanation, Preview

MOST = 64  # clips
MOST_BYTES = 1 << 30  # of tokens; ten minutes of the paper preset are 180 MB
GONE = (
    "This clip is no longer in memory, because it was explained long ago or many others came after it; explain it again"
)


@dataclass
class Kept:
    """What one visitor explained last. tokens on the CPU."""

    explanation: Explanation
    preview: Preview
    tokens: Tokens
    path: Path
    start: float  # s into the file
    model: str | None
    known_truth: bool = False
    history: History | None = None  # of the lab, once it was opened
    soundtracks: dict[str, Path] = field(default_factory=dict)  # name → file, of those that can be taken
    serial: int = 0  # of the last answer to the browser
    lock: threading.Lock = field(default_factory=threading.Lock)  # one edit after the other

    @property
    def nbytes(self) -> int:
        """Bytes of its tokens."""
        parts: list[Tensor | None] = [self.tokens.video, self.tokens.audio]
        return sum(part.nbytes for part in parts if part is not None)


class Shelf:
    """Kept clips by an id that nobody can guess."""

    def __init__(
        self, max_age: float, max_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """max_age: s after the last use."""
        self._max_age, self._max_bytes, self._clock = max_age, max_bytes, clock
        self._clips: dict[str, tuple[float, Kept]] = {}  # the one used longest ago first
        self._guard = threading.Lock()

    def put(self, kept: Kept) -> str:
        """Keeps a clip, at the cost of those used longest ago; returns its id."""
        key = secrets.token_hex(16)
        with self._guard:
            self._clips[key] = self._clock(), kept
            self._sweep()
        return key

    def get(self, key: str | None) -> Kept:
        """The clip of an id. EditError if it is gone."""
        with self._guard:
            self._sweep()
            found = self._clips.pop(key, None) if key is not None else None
            if key is None or found is None:
                raise EditError(GONE)
            self._clips[key] = self._clock(), found[1]
            return found[1]

    def drop(self, key: str | None) -> None:
        """Forgets a clip: its visitor left."""
        if key is not None:
            with self._guard:
                self._clips.pop(key, None)

    def _sweep(self) -> None:
        now = self._clock()
        self._clips = {key: value for key, value in self._clips.items() if now - value[0] <= self._max_age}
        total = sum(kept.nbytes for _, kept in self._clips.values())
        for key in list(self._clips)[:-1]:  # never the newest
            if total <= self._max_bytes and len(self._clips) <= MOST:
                return
            total -= self._clips.pop(key)[1].nbytes
