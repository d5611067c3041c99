"""One predictor asked about the edited versions of one clip: none of them twice, several at once, and some may fail.

While the predictor works on one edited clip the next is made. What fails is asked once more; then it is a gap with its
reason, and the rest goes on.

T seconds.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sec2sec.edits.plan import ClipTracks, Plan
from sec2sec.predictors.answers import Answer, PredictorError, read_answer
from sec2sec.predictors.cache import AnswerCache
from sec2sec.predictors.predictor import Failure, Predictor
from sec2sec.predictors.references import Reference, plan_of

MAX_FAILURES = 5  # edits that fail one after the other before any was answered: then it is the predictor
BETWEEN_LOOKS = 0.05  # s until a stop is noticed


class StoppedError(Exception):
    """The interview was stopped: nobody waits for its result."""


@dataclass(frozen=True)
class Question:
    """An edited clip. picture and sound (T,): which seconds are as they are; the reference stands in for the others."""

    picture: tuple[bool, ...]
    sound: tuple[bool, ...]
    reference: Reference | None = None  # None where nothing is replaced
    repeat: int = 0  # the how manieth time the same is asked
    original: bool = False  # the file itself, which was not encoded again

    @property
    def key(self) -> str:
        """As a cache knows it."""
        if self.original:
            return "original"
        bits = ("".join("01"[present] for present in side) for side in (self.picture, self.sound))
        return " ".join([*bits, "as it is" if self.reference is None else self.reference.name, str(self.repeat)])


class Maker(Protocol):
    """Who makes edited clips."""

    tracks: ClipTracks

    def make(self, plan: Plan) -> Any:
        """The edited clip, as the predictor takes it."""
        ...

    def discard(self, edited: Any) -> None:
        """It is not needed any more."""
        ...


class Interview:
    """Questions to one predictor about one clip."""

    def __init__(self, predictor: Predictor, maker: Maker, cache: AnswerCache, original: Any = None) -> None:
        """original: the clip as it came, for the question about it."""
        self.predictor, self.maker, self.original = predictor, maker, original
        self.asked = 0  # questions that the predictor was asked; a second try counts for none
        self.remembered = 0  # questions that the cache answered
        self.first_took = 0.0  # s of the first question
        self._took = 0.0  # s of all of them, as if one came after the other
        self.failures: dict[Question, str] = {}
        self._cache = cache
        self._known: dict[Question, Answer] = {}
        self._stopped = threading.Event()

    @property
    def known_before(self) -> int:
        """Answers that the cache holds."""
        return len(self._cache.known)

    @property
    def mean_took(self) -> float:
        """Seconds that one question takes."""
        return self._took / self.asked if self.asked else 0.0

    def stop(self) -> None:
        """End it: whoever waits gets StoppedError."""
        self._stopped.set()
        self.predictor.stop()

    def ask(self, questions: Sequence[Question]) -> list[Answer | Failure]:
        """An answer, or why there is none, for each. Raises PredictorError for a predictor that answers nothing."""
        self._recall(questions)
        missing = [one for one in dict.fromkeys(questions) if one not in self._known and one not in self.failures]
        if missing:
            self._ask_all(missing)
        return [self._known[one] if one in self._known else Failure(self.failures[one]) for one in questions]

    def _recall(self, questions: Sequence[Question]) -> None:
        for question in dict.fromkeys(questions):
            raw = None if question in self._known else self._cache.known.get(question.key)
            if raw is not None:
                self._known[question] = read_answer(raw, self.predictor.identity.name)
                self.remembered += 1

    def _ask_all(self, questions: Sequence[Question]) -> None:
        todo: queue.Queue[list[tuple[Question, Any]] | None] = queue.Queue(maxsize=1)
        outcomes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        workers = max(1, min(self.predictor.workers, len(questions)))
        for _ in range(workers):
            threading.Thread(target=self._work, args=(todo, outcomes), daemon=True, name="asking").start()
        waiting = 0
        try:
            for first in range(0, len(questions), self.predictor.batch):
                some = questions[first : first + self.predictor.batch]
                self._put(todo, [(question, self._edited(question)) for question in some])
                waiting += len(some)
                while not outcomes.empty():
                    outcomes.get()()
                    waiting -= 1
            while waiting:
                self._check_stopped()
                try:
                    outcome = outcomes.get(timeout=BETWEEN_LOOKS)
                except queue.Empty:
                    continue
                outcome()
                waiting -= 1
        finally:
            threading.Thread(target=_dismiss, args=(todo, workers), daemon=True).start()

    def _put(self, todo: queue.Queue[Any], item: Any) -> None:
        is_waiting = True
        while is_waiting:
            self._check_stopped()
            with contextlib.suppress(queue.Full):
                todo.put(item, timeout=BETWEEN_LOOKS)
                is_waiting = False

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise StoppedError

    def _edited(self, question: Question) -> Any:
        if question.original:
            return self.original
        reference = question.reference or Reference("silence", "black")
        return self.maker.make(plan_of(question.picture, question.sound, reference, self.maker.tracks))

    def _work(self, todo: queue.Queue[Any], outcomes: queue.SimpleQueue[Callable[[], None]]) -> None:
        """A worker: asks, and leaves it to the thread that made the clips to note what came of it."""
        while (chunk := todo.get()) is not None:
            if self._stopped.is_set():
                continue
            began = time.perf_counter()
            try:
                answers = self._answers([edited for _, edited in chunk])
            except Exception as error:  # to be raised where it is waited for
                outcomes.put(lambda error=error: _raise(error))  # type: ignore[misc]
                continue
            took = (time.perf_counter() - began) / len(chunk)
            for (question, edited), answer in zip(chunk, answers, strict=True):
                outcomes.put(lambda q=question, e=edited, a=answer, t=took: self._note(q, e, a, t))  # type: ignore[misc]

    def _answers(self, edited: list[Any]) -> list[Any]:
        """Raw answers that can be read, or Failures; what failed was asked once more by itself."""
        answers = [self._checked(raw) for raw in self.predictor.ask(edited)]
        for index, answer in enumerate(answers):
            if isinstance(answer, Failure) and not self._stopped.is_set():
                answers[index] = self._checked(self.predictor.ask([edited[index]])[0])
        return answers

    def _checked(self, raw: Any) -> Any:
        """The raw answer, if it is one."""
        if isinstance(raw, Failure):
            return raw
        try:
            read_answer(raw, "it")
        except PredictorError as error:
            return Failure(str(error))
        return raw

    def _note(self, question: Question, edited: Any, raw: Any, took: float) -> None:
        if edited is not self.original:
            self.maker.discard(edited)
        self.first_took = self.first_took or took
        self._took += took
        self.asked += 1
        if not isinstance(raw, Failure):
            self._known[question] = read_answer(raw, self.predictor.identity.name)
            self._cache.add(question.key, plain(raw))
            return
        self.failures[question] = raw.reason
        edits = [one for one in self._known if one.reference is not None]
        if len(self.failures) >= MAX_FAILURES and not edits:
            raise PredictorError(
                f"{self.predictor.identity.name}: answered none of {len(self.failures)} edited clips ({raw.reason}); "
                "try it on one clip by itself first"
            )


def plain(raw: Any) -> Any:
    """An answer as JSON has it: numbers of numpy and torch are numbers, arrays are lists."""
    if isinstance(raw, dict):
        return {str(name): plain(value) for name, value in raw.items()}
    if isinstance(raw, str | bool | int | float) or raw is None:
        return raw
    if isinstance(raw, list | tuple):
        return [plain(value) for value in raw]
    return plain(np.asarray(raw).tolist())


def _dismiss(todo: queue.Queue[Any], workers: int) -> None:
    """Tell workers that there is no more to do; one that hangs is never told."""
    for _ in range(workers):
        todo.put(None)


def _raise(error: Exception) -> None:
    raise error
