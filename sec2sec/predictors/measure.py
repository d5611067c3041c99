"""What a predictor does with one clip and its edits: predictions, effects, shares of sound and picture, claims.

T seconds, K targets.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from sec2sec.explanations.results import SecondEffects, Shapley, Verdict
from sec2sec.explanations.shapley import shapley
from sec2sec.predictors.answers import PredictorError
from sec2sec.predictors.claims import judge_claims
from sec2sec.predictors.effort import MORE_REPEATS, REPEATS, Budget, Effort, choose
from sec2sec.predictors.interview import Interview, Question, StoppedError
from sec2sec.predictors.masker import EditMasker, checked_scales
from sec2sec.predictors.predictor import Failure
from sec2sec.predictors.references import Reference
from sec2sec.progress import Progress, Steps, clock
from sec2sec.scales import Scale

MIN_SAME = 1e-6  # answers that differ by less are one, rounded
CHANCE = 2.0  # standard deviations within which chance stays in nineteen of twenty cases
BETWEEN_PROGRESS = 0.1  # s
COSTS = "costs"  # stage of a Progress that says what the work will cost: to stay on a screen

R = TypeVar("R")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Measurement:
    """What was measured of one clip."""

    targets: tuple[str, ...]
    prediction: np.ndarray  # (K,) of the clip encoded again; the mean of its repeats
    baseline: np.ndarray  # (K,) with every second away
    effects: list[list[SecondEffects]]  # references × targets
    shapley: list[Shapley] | None  # None where sound and picture were not asked apart
    verdicts: Mapping[str, Verdict]
    noise: np.ndarray  # (K,) standard deviation of the repeats
    repeats: int
    reencoding: np.ndarray  # (K,) what encoding it again changed; NaN where it was not asked
    effort: Effort
    left_out: tuple[str, ...]

    @property
    def chance(self) -> np.ndarray:
        """(K,) ± that an effect has by chance: a mean of repeats minus one answer."""
        return CHANCE * self.noise * math.sqrt(1 + 1 / self.repeats)


def measure_steps(
    interview: Interview,
    references: Sequence[Reference],
    budget: Budget | None,
    scales: Mapping[str, Scale],
    start: float,
) -> Steps[Measurement]:
    """Ask all that is to be asked. Raises PredictorError. start: of the analysed part, s."""
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    work = _Measuring(interview, references, budget, scales, start, told.put)
    result = yield from in_background(work.run, work.progress, told, interview.stop)
    return result


class _Measuring:
    """The questions in their order."""

    def __init__(
        self,
        interview: Interview,
        references: Sequence[Reference],
        budget: Budget | None,
        scales: Mapping[str, Scale],
        start: float,
        tell: Tell,
    ) -> None:
        self.interview, self.references, self.budget = interview, tuple(references), budget
        self.scales, self.start, self.tell = scales, start, tell
        tracks = interview.maker.tracks
        self.seconds, self.both = tracks.seconds, tracks.has_video and tracks.has_audio
        self.who = interview.predictor.identity.name
        self.doing, self.total = "Asking about the clip as it is", 0

    def progress(self) -> Progress:
        """How far it is."""
        interview = self.interview
        done = interview.asked + interview.remembered
        left = math.nan
        if interview.asked and self.total:
            left = max(self.total - done, 0) * interview.mean_took / interview.predictor.workers
        of = f" of {self.total}" if self.total else ""
        time_left = f", about {clock(left)} left" if math.isfinite(left) and left >= 1 else ""
        return Progress(done, self.total, f"{self.doing}: {done}{of} predictions{time_left}", "asking", left)

    def run(self) -> Measurement:
        """All of it."""
        self._tell_costs()
        masker, claims = self._first()
        prediction, noise, repeats, reencoding = self._again(masker)
        left = None if self.budget is None else self._left()
        effort = choose(self.references, self.seconds, self.both, left)
        self.total = self._done() + effort.questions(self.seconds, self.both)
        self._tell_time()
        self.doing = "Taking seconds away"
        effects = masker.effects(effort, prediction)
        nothing = np.zeros((1, self.seconds), bool)
        baseline = masker.predict(nothing, nothing)[0]
        shares = None
        if effort.split and self.both:
            shares = shapley(masker.predict, effects[0])
        self.doing = "Testing what it claims"
        left = None if self.budget is None else max(self._left(), 0)
        named = dict(zip(masker.targets, effects[0], strict=True))
        verdicts = judge_claims(
            masker.predict, prediction, baseline, named, claims, noise, left, self.start, effort.step == 1
        )
        whole = Effort(self.references)
        return Measurement(
            masker.targets,
            prediction,
            baseline,
            effects,
            shares,
            verdicts,
            noise,
            repeats,
            reencoding,
            effort,
            tuple(effort.left_out(whole)),
        )

    def _first(self) -> tuple[EditMasker, Mapping[str, Any]]:
        """The answer about the clip as it is, which says what the targets are, and what it claims."""
        everything = (True,) * self.seconds
        (answer,) = self.interview.ask([Question(everything, everything)])
        if isinstance(answer, Failure):
            raise PredictorError(f"{self.who}: gave no answer about the clip itself: {answer.reason}")
        checked_scales(answer, self.scales, self.who)
        masker = EditMasker(self.interview, tuple(answer.predictions), self.scales, self.references[0])
        return masker, answer.claims

    def _again(self, masker: EditMasker) -> tuple[np.ndarray, np.ndarray, int, np.ndarray]:
        """Prediction, noise, how often it was asked, and what encoding changed, (K,) each."""
        questions = [masker.unedited(repeat) for repeat in range(REPEATS)]
        original = Question(questions[0].picture, questions[0].sound, original=True)
        asked = [*questions, original] if self.interview.original is not None else questions
        values = np.stack([masker.values(answer) for answer in self.interview.ask(asked)])
        repeats = values[:REPEATS]
        if np.ptp(repeats[np.isfinite(repeats).all(1)], axis=0).max() > MIN_SAME:
            more = [masker.unedited(repeat) for repeat in range(REPEATS, MORE_REPEATS)]
            repeats = np.concatenate([repeats, np.stack([masker.values(one) for one in self.interview.ask(more)])])
        answered = repeats[np.isfinite(repeats).all(1)]
        prediction = np.where(np.ptp(answered, axis=0) > MIN_SAME, answered.mean(0), answered[0])
        noise = answered.std(0, ddof=1) if len(answered) > 1 else np.zeros(len(prediction))
        noise[noise < MIN_SAME] = 0.0
        reencoding = prediction - values[-1] if len(asked) > REPEATS else np.full(len(prediction), np.nan)
        return prediction, noise, len(answered), reencoding

    def _done(self) -> int:
        return self.interview.asked + self.interview.remembered

    def _left(self) -> int:
        assert self.budget is not None
        return self.budget.left(self.interview.asked, self.interview.mean_took, self.interview.predictor.workers)

    def _tell_costs(self) -> None:
        if self.budget is not None:
            return
        edits = Effort(self.references).questions(self.seconds, self.both)
        around = REPEATS + (self.interview.original is not None)
        self.total = edits + around
        known = f"; {count} answers are known from before" if (count := self.interview.known_before) else ""
        self.tell(
            f"{self.total} predictions are needed: {around} of the clip as it is, {edits} of edited copies{known}. "
            "Testing a claim takes more."
        )

    def _tell_time(self) -> None:
        if not self.interview.asked:
            return
        left = max(self.total - self._done(), 0)
        took, workers = self.interview.mean_took, self.interview.predictor.workers
        self.tell(
            f"The first prediction took {self.interview.first_took:.2g} s; {left} more will take about "
            f"{clock(left * took / workers)}."
        )


def in_background(
    work: Callable[[], R],
    progress: Callable[[], Progress],
    told: queue.SimpleQueue[str],
    stop: Callable[[], None],
) -> Steps[R]:
    """Run work in a thread and yield how far it is; what it tells comes as Progress of the stage COSTS.

    Closing the steps calls `stop`. What the work raises is raised here.
    """
    outcome: list[R] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except StoppedError:
            return
        except BaseException as error:  # raised where somebody sees it
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="audit")
    thread.start()
    try:
        while thread.is_alive():
            thread.join(BETWEEN_PROGRESS)
            while not told.empty():
                yield Progress(0, 0, told.get(), COSTS)
            yield progress()
    finally:
        stop()
        thread.join()
    while not told.empty():
        yield Progress(0, 0, told.get(), COSTS)
    if errors:
        raise errors[0]
    return outcome[0]
