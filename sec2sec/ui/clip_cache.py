"""Clips that were explained, in memory for the questions that follow, each for its visitor: by bytes and age."""

from __future__ import annotations

import mimetypes
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sec2sec.edits.history import History
from sec2sec.encoders.tokens import Tokens
from sec2sec.errors import UserError
from sec2sec.explanations import Explanation, Preview
from sec2sec.explanations.embeddings import SecondEmbeddings
from sec2sec.explanations.stability import Bands, with_stability
from sec2sec.ui.chosen_clip import Part
from sec2sec.viewer.payload import as_json, changing_payload, shown_targets
from sec2sec.viewer.report import MAX_EMBEDDED_MEGABYTES, MEGABYTE
from sec2sec.viewer.report_page import report_page

BYTES_BESIDES = 1 << 19  # of a clip, for what is not counted: embeddings of its seconds, the lab's history
SECONDS_FOR_LOCK = 0.3  # that a request waits for an edit of the same clip
MAX_BYTES = 1 << 30  # ten minutes of the paper preset have 180 MB of tokens
CLIP_GONE = (
    "This clip is no longer in memory, because it was explained long ago or many others came after it; explain it again"
)


class ClipGoneError(UserError):
    """A clip that the cache does not hold any more: what to do."""


@dataclass
class ExplainedClip:
    """What one visitor explained last, for everything that can still be asked of it. tokens on the CPU."""

    explanation: Explanation
    preview: Preview
    tokens: Tokens
    path: Path
    part: Part  # that was asked for
    model: str | None
    known_truth: bool = False
    payload: dict[str, Any] = field(default_factory=dict)  # of viewer.payload, on the screen
    played: str = ""  # what the player shows; empty before it is converted
    pixels: int = 0  # of a picture; 0 without one
    embeddings: SecondEmbeddings | None = None  # once single places were asked for
    history: History | None = None  # of the lab, once it was opened
    soundtracks: dict[str, Path] = field(default_factory=dict)  # name → file, of those that can be taken
    serial: int = 0  # of the lab's last answer to the browser
    lock: threading.Lock = field(default_factory=threading.Lock)  # one edit after the other

    def __post_init__(self) -> None:
        self.preview = replace(self.preview, mfcc=None)  # it stands in `payload` alone
        self._payload_bytes = len(as_json(self.payload))  # what is added later is small

    @contextmanager
    def for_a_moment(self) -> Iterator[None]:
        """Hold the lock for something quick. UserError where a slow edit has it: no request waits for that."""
        if not self.lock.acquire(timeout=SECONDS_FOR_LOCK):
            raise UserError("One moment: an edit of this clip is still being computed. Try again when it is done.")
        try:
            yield
        finally:
            self.lock.release()

    @property
    def start(self) -> float:
        """Where in the file the analysed part begins, s."""
        return self.explanation.clip.start

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, about: tokens, maps, what is on the screen, and something for the rest."""
        maps = self.explanation.co_attention.video_from_audio, self.explanation.co_attention.audio_from_video
        arrays: list[Tensor | np.ndarray | None] = [self.tokens.video, self.tokens.audio, *maps, self.preview.waveform]
        stills = sum(len(still) for still in self.preview.stills if still is not None)
        heavy = sum(array.nbytes for array in arrays if array is not None)
        return heavy + stills + self._payload_bytes + BYTES_BESIDES

    @property
    def shown_targets(self) -> list[str]:
        """Names of the targets that its visitor may read."""
        return shown_targets(self.explanation, self.known_truth)

    def add_stability(self, bands: Bands) -> None:
        """Adds each target's bands of stability, also to what is on the screen."""
        self.explanation = with_stability(self.explanation, bands)
        self.payload |= changing_payload(self.explanation, self.preview, self.shown_targets)

    def report(self, card: str) -> str:
        """The report's page, with the clip as a browser plays it; one that is absent or too large is left out."""
        clip = Path(self.played)
        is_small = clip.is_file() and clip.stat().st_size <= MAX_EMBEDDED_MEGABYTES * MEGABYTE
        mime = mimetypes.guess_type(clip.name)[0] or "video/mp4"
        film = clip.read_bytes() if is_small else None
        return report_page(self.explanation, as_json(self.payload), self.shown_targets, card, film, mime)


class ClipCache:
    """Explained clips by an id that nobody can guess."""

    def __init__(self, max_age: float, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        """max_age: s after the last use."""
        self._max_age, self._max_bytes, self._clock = max_age, max_bytes, clock
        # when it was used last, and its bytes; the one used longest ago first
        self._clips: dict[str, tuple[float, ExplainedClip, int]] = {}
        self._guard = threading.Lock()

    def put(self, clip: ExplainedClip) -> str:
        """Keeps a clip, at the cost of those used longest ago; returns its id."""
        key = secrets.token_hex(16)
        with self._guard:
            self._clips[key] = self._clock(), clip, clip.nbytes
            self._discard_old()
        return key

    def get(self, key: str | None) -> ExplainedClip:
        """The clip of an id. ClipGoneError if it is gone."""
        with self._guard:
            self._discard_old()
            entry = self._clips.pop(key, None) if key is not None else None
            if key is None or entry is None:
                raise ClipGoneError(CLIP_GONE)
            _, clip, size = entry
            self._clips[key] = self._clock(), clip, size
            return clip

    def discard(self, key: str | None) -> None:
        """Forgets a clip: its visitor left."""
        if key is not None:
            with self._guard:
                self._clips.pop(key, None)

    def _discard_old(self) -> None:
        now = self._clock()
        self._clips = {key: entry for key, entry in self._clips.items() if now - entry[0] <= self._max_age}
        total = sum(size for _, _, size in self._clips.values())
        for key in list(self._clips)[:-1]:  # never the newest
            if total <= self._max_bytes:
                return
            total -= self._clips.pop(key)[2]
