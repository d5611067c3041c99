"""One clip after the other, whatever explains it; a clip that cannot be used costs that clip alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Protocol

from sec2sec.config import DEFAULT_TRACKS, MediaLimits, TrackChoice
from sec2sec.datasets.extract import pace
from sec2sec.errors import one_line
from sec2sec.files import file_sha256
from sec2sec.many.clips import ClipFile
from sec2sec.progress import Progress, Steps, clock, drain, relay

if TYPE_CHECKING:
    from sec2sec.checkpoints import Bundle
    from sec2sec.clip import PresentedExplanation

ExplainOne = Callable[[Path], "Steps[PresentedExplanation]"]
LINE = 64  # letters of a progress, which a terminal shows in one line
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of one clip: an explanation, or why there is none."""

    clip: ClipFile
    sha256: str = ""  # of the file's content; empty where it cannot be read
    explanation: PresentedExplanation | None = None
    reason: str = ""  # a sentence; empty where the clip was explained
    error: Exception | None = None  # that the reason was made of


class Keeper(Protocol):
    """Who holds what came of each clip."""

    def has(self, clip: ClipFile) -> bool:
        """Whether the clip was explained before, as it is now."""

    def keep(self, outcome: Outcome) -> None:
        """Hold an outcome. What it raises ends the run: an explanation that cannot be written is no clip's fault."""


@dataclass
class Counts:
    """How many clips came to what."""

    total: int
    explained: int = 0
    reused: int = 0  # explained before
    failed: int = 0

    @property
    def done(self) -> int:
        """Those that need no more work."""
        return self.explained + self.reused + self.failed


def explain_each(clips: Sequence[ClipFile], explain_one: ExplainOne, keeper: Keeper) -> Steps[Counts]:
    """Explain every clip that the keeper does not have, and hand it each outcome as soon as it is known.

    Nothing of a clip is held beyond its turn. Closing the steps stops between two clips, or within one, which is then
    not kept.
    """
    counts = Counts(len(clips))
    began = time.monotonic()
    for clip in clips:
        if keeper.has(clip):
            counts.reused += 1
            continue
        before = _progress(counts, began)
        yield before
        outcome = yield from relay(explain_or_say(clip, explain_one), partial(_within, before))
        keeper.keep(outcome)
        counts.failed += outcome.explanation is None
        counts.explained += outcome.explanation is not None
    yield _progress(counts, began)
    return counts


def explain_or_say(clip: ClipFile, explain_one: ExplainOne) -> Steps[Outcome]:
    """The outcome of one clip; never an error of the clip, of its decoder or of what explains it."""
    sha256 = ""
    try:
        sha256 = file_sha256(clip.path)
        explanation = yield from explain_one(clip.path)
    except Exception as error:
        reason = one_line(error)
        if reason is None:  # a night's work goes on; the log has what a programmer needs
            log.error("%s: unexpected error", clip.path, exc_info=error)
            reason = f"{clip.path.name}: the program failed on it ({type(error).__name__}); the log says where"
        return Outcome(clip, sha256, reason=reason, error=error)
    return Outcome(clip, sha256, explanation)


def explain_in_turn(
    clips: Sequence[ClipFile], explain_one: ExplainOne
) -> Iterator[tuple[Path, PresentedExplanation | Exception]]:
    """Each clip with its explanation or its error, when it is known."""
    for clip in clips:
        outcome = drain(explain_or_say(clip, explain_one))
        answer = outcome.explanation or outcome.error
        assert answer is not None
        yield clip.path, answer


def by_model(
    model: Bundle,
    *,
    start: float = 0.0,
    end: float | None = None,
    limits: MediaLimits | None = None,
    tracks: TrackChoice = DEFAULT_TRACKS,
) -> ExplainOne:
    """A model of ours as what explains one clip.

    Clips are decoded in another process: a decoder that breaks down on a file, or never ends, costs that file alone.
    """
    isolated = replace(limits or MediaLimits(), isolated=True)

    def explain_one(path: Path) -> Steps[PresentedExplanation]:
        from sec2sec.clip import explain_steps  # torch

        clip = yield from explain_steps(path, model, start=start, end=end, limits=isolated, tracks=tracks)
        return clip.explain()

    return explain_one


def _progress(counts: Counts, began: float) -> Progress:
    """How many clips are done, how fast, and for how long it still goes on; only clips of this run tell."""
    done, made = counts.done, counts.explained + counts.failed
    words, left = f"{done} of {counts.total} clips", float("nan")
    if made:
        rate = made / max(time.monotonic() - began, 1e-6)
        left = (counts.total - done) / rate
        words += f", {pace(rate)}, {clock(left)} left"
    return Progress(done, counts.total, words, "clips", left)


def _within(at: Progress, inner: Progress) -> Progress:
    """A step within a clip, beside how many clips are done."""
    words = shorten(f"{at.message}; {inner.message}", LINE, placeholder=" …")
    return replace(at, done=at.done + inner.fraction, message=words)
