"""Clips that were explained, in memory for the questions that follow, each for its visitor: by bytes and age."""

from __future__ import annotations

import mimetypes
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sec2sec.edits.history import History
from sec2sec.encoders.tokens import Tokens
from sec2sec.errors import UserError
from sec2sec.explanations import Explanation, Preview
from sec2sec.explanations.embeddings import SecondEmbeddings
from sec2sec.explanations.ratings import Rating
from sec2sec.explanations.stability import Bands, with_stability
from sec2sec.ui.bounded_cache import BoundedCache, bytes_of_result
from sec2sec.ui.chosen_clip import Part
from sec2sec.viewer.payload import as_json, changing_payload, shown_targets
from sec2sec.viewer.report import MAX_EMBEDDED_MEGABYTES, MEGABYTE
from sec2sec.viewer.report_page import report_page

BYTES_BESIDES = 1 << 19  # of a clip, for what is not counted: embeddings of its seconds, the lab's history
BYTES_OF_OPENED = 1 << 14  # of an example that was only opened
SECONDS_FOR_LOCK = 0.3  # that a request waits for an edit of the same clip
MAX_BYTES = 1 << 30  # ten minutes of the paper preset have 180 MB of tokens


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
    planted: Mapping[str, Sequence[int]] = field(default_factory=dict)  # target → seconds, where they are known
    payload: dict[str, Any] = field(default_factory=dict)  # of viewer.payload, on the screen
    played: str = ""  # what the player shows; empty before it is converted
    pixels: int = 0  # of a picture; 0 without one
    embeddings: SecondEmbeddings | None = None  # once single places were asked for
    history: History | None = None  # of the lab, once it was opened
    soundtracks: dict[str, Path] = field(default_factory=dict)  # name → file, of those that can be taken
    made: dict[str, Path] = field(default_factory=dict)  # the newest file of each kind that was made of it
    is_shared: bool = False  # its arrays are those of an example, which are held once for all visitors
    film: str = ""  # id of the film, where this is one of its windows
    serial: int = 0  # of the lab's last answer to the browser
    lock: threading.Lock = field(default_factory=threading.Lock)  # one edit after the other

    def __post_init__(self) -> None:
        self.preview = replace(self.preview, mfcc=None)  # it stands in `payload` alone
        # what is added later is small; an example's payload is held once, as its arrays are
        self._payload_bytes = 0 if self.is_shared else len(as_json(self.payload))

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
    def is_replaceable(self) -> bool:
        """Whether it is an example that nobody has asked anything of: a press of its tile shows it again."""
        return self.is_shared and self.history is None and self.embeddings is None and not self.explanation.ratings

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, about: tokens, maps, what is on the screen, and something for the rest."""
        rated = sum(rating.times.nbytes + rating.values.nbytes for rating in self.explanation.ratings)
        added = 0 if self.history is None else self.history.lab.added_bytes
        if self.is_replaceable:
            return BYTES_OF_OPENED
        if self.is_shared:
            return added + rated + BYTES_BESIDES
        heavy = bytes_of_result(self.explanation, self.preview, self.tokens) + rated
        return heavy + added + self._payload_bytes + BYTES_BESIDES

    @property
    def shown_targets(self) -> list[str]:
        """Names of the targets that its visitor may read."""
        return shown_targets(self.explanation, self.known_truth)

    def afresh(self) -> ExplainedClip:
        """The same explanation, without what was done with it since: edits, files, soundtracks, people's ratings."""
        kept = {"explanation", "preview", "tokens", "path", "part", "model", "known_truth", "planted", "payload"}
        values = {name: getattr(self, name) for name in (*kept, "played", "pixels", "is_shared", "film")}
        fresh = ExplainedClip(**values | {"payload": dict(self.payload)})
        if self.explanation.ratings:
            fresh.show_ratings(())
        return fresh

    def add_stability(self, bands: Bands) -> None:
        """Adds each target's bands of stability, also to what is on the screen."""
        self.explanation = with_stability(self.explanation, bands)
        self.payload |= changing_payload(self.explanation, self.preview, self.shown_targets)

    def show_ratings(self, ratings: tuple[Rating, ...]) -> None:
        """Lay people's ratings beside the clip, also on the screen; none to take them away."""
        self.explanation = replace(self.explanation, ratings=ratings)
        self.payload |= changing_payload(self.explanation, self.preview, self.shown_targets)

    def keep_newest(self, kind: str, path: Path) -> None:
        """Keep one file of each kind that was made of the clip: pressed fifty times, a button fills no disk."""
        old = self.made.get(kind)
        self.made[kind] = path
        if old is not None:
            old.unlink(missing_ok=True)

    def report(self, card: str) -> str:
        """The report's page, with the clip as a browser plays it; one that is absent or too large is left out."""
        clip = Path(self.played)
        is_small = clip.is_file() and clip.stat().st_size <= MAX_EMBEDDED_MEGABYTES * MEGABYTE
        mime = mimetypes.guess_type(clip.name)[0] or "video/mp4"
        film = clip.read_bytes() if is_small else None
        return report_page(self.explanation, as_json(self.payload), self.shown_targets, card, film, mime)


class ClipCache(BoundedCache[ExplainedClip]):
    """Explained clips by an id that nobody can guess."""

    def __init__(self, max_age: float, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        """max_age: s after the last use."""
        super().__init__(max_age, max_bytes, clock)
        self._shared: dict[str, ExplainedClip] = {}

    def share(self, name: str, clip: ExplainedClip) -> str:
        """Keeps a clip that every page may ask of, and nobody may change; returns its id."""
        self._shared[name] = clip
        return name

    def get(self, key: str | None) -> ExplainedClip:
        """The clip of an id. ClipGoneError if it is gone."""
        shared = self._shared.get(key or "")
        return shared if shared is not None else super().get(key)
