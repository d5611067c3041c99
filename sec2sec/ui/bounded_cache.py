"""Results in memory for the questions that follow, each for its visitor: bounded by bytes over all, and by age."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

import numpy as np
from torch import Tensor

from sec2sec.encoders.tokens import Tokens
from sec2sec.errors import UserError
from sec2sec.explanations import Explanation, Preview

CLIP_GONE = (
    "This clip is no longer in memory, because it was explained long ago or many others came after it; explain it again"
)


class ClipGoneError(UserError):
    """A result that the cache does not hold any more: what to do."""


class Sized(Protocol):
    """A result that knows its size."""

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, about."""
        ...


T = TypeVar("T", bound=Sized)


class BoundedCache(Generic[T]):
    """Results by an id that nobody can guess."""

    def __init__(self, max_age: float, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        """max_age: s after the last use."""
        self._max_age, self._max_bytes, self._clock = max_age, max_bytes, clock
        # when it was used last, and its bytes; the one used longest ago first
        self._results: dict[str, tuple[float, T, int]] = {}
        self._guard = threading.Lock()

    def put(self, result: T) -> str:
        """Keeps a result, at the cost of those used longest ago; returns its id."""
        key = secrets.token_hex(16)
        with self._guard:
            self._results[key] = self._clock(), result, result.nbytes
            self._discard_old()
        return key

    def get(self, key: str | None) -> T:
        """The result of an id. ClipGoneError if it is gone."""
        with self._guard:
            self._discard_old()
            entry = self._results.pop(key, None) if key is not None else None
            if key is None or entry is None:
                raise ClipGoneError(CLIP_GONE)
            result = entry[1]
            self._results[key] = self._clock(), result, result.nbytes  # it may have grown
            return result

    def discard(self, key: str | None) -> None:
        """Forgets a result: its visitor left."""
        if key is not None:
            with self._guard:
                self._results.pop(key, None)

    def _discard_old(self) -> None:
        now = self._clock()
        self._results = {key: entry for key, entry in self._results.items() if now - entry[0] <= self._max_age}
        total = sum(size for _, _, size in self._results.values())
        old = list(self._results)[:-1]  # never the newest
        for key in sorted(old, key=lambda key: not is_replaceable(self._results[key][1])):
            if total <= self._max_bytes:
                return
            total -= self._results.pop(key)[2]


def is_replaceable(result: object) -> bool:
    """Whether a result costs nothing to make again, so that it goes before what somebody has waited for."""
    return bool(getattr(result, "is_replaceable", False))


def bytes_of_result(explanation: Explanation, preview: Preview, tokens: Tokens | None = None) -> int:
    """Bytes that the heavy parts of a result take: tokens, maps, waveform, MFCC images and stills."""
    maps = explanation.co_attention.video_from_audio, explanation.co_attention.audio_from_video
    arrays: Iterable[Tensor | np.ndarray | None] = (*maps, preview.waveform, preview.mfcc)
    if tokens is not None:
        arrays = (*arrays, tokens.video, tokens.audio)
    stills = sum(len(still) for still in preview.stills if still is not None)
    return stills + sum(array.nbytes for array in arrays if array is not None)
