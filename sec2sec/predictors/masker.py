"""A predictor that is not ours as what every method asks: which seconds are there → predictions.

N variants, T seconds, K targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sec2sec.explanations.effects import as_second_effects
from sec2sec.explanations.results import Gap, SecondEffects
from sec2sec.predictors.answers import Answer, PredictorError
from sec2sec.predictors.effort import Effort
from sec2sec.predictors.interview import Interview, Question
from sec2sec.predictors.predictor import Failure
from sec2sec.predictors.references import Reference
from sec2sec.scales import Scale


class EditMasker:
    """Answers through edited clips. An edit that was not answered is NaN."""

    def __init__(
        self, interview: Interview, targets: Sequence[str], scales: Mapping[str, Scale], reference: Reference
    ) -> None:
        """reference: what stands in where nobody says. scales: of targets that are not counted from 0 to 1."""
        self.interview, self.targets, self.scales, self.reference = interview, tuple(targets), scales, reference
        tracks = interview.maker.tracks
        self.seconds, self.has_video, self.has_audio = tracks.seconds, tracks.has_video, tracks.has_audio

    def predict(self, picture: np.ndarray, sound: np.ndarray, reference: Reference | None = None) -> np.ndarray:
        """Presence of picture and sound (N, T) bool → (N, K). Each distinct variant is asked once, ever."""
        used = self.reference if reference is None else reference
        questions = [self._question(*row, used) for row in zip(picture, sound, strict=True)]
        return np.stack([self.values(answer) for answer in self.interview.ask(questions)])

    def values(self, answer: Answer | Failure) -> np.ndarray:
        """(K,) from 0 to 1; NaN for what was not answered."""
        if isinstance(answer, Failure):
            return np.full(len(self.targets), np.nan)
        values = [answer.predictions.get(name, np.nan) for name in self.targets]
        return np.array([self._share(name, value) for name, value in zip(self.targets, values, strict=True)])

    def _share(self, name: str, value: float) -> float:
        scale = self.scales.get(name)
        return value if scale is None else (value - scale.lowest) / (scale.highest - scale.lowest)

    def _question(self, picture: np.ndarray, sound: np.ndarray, reference: Reference) -> Question:
        """What the clip lacks is neither there nor away: two edits that make one film are one question."""
        seen = tuple(bool(one) for one in picture) if self.has_video else (True,) * self.seconds
        heard = tuple(bool(one) for one in sound) if self.has_audio else (True,) * self.seconds
        return Question(seen, heard, None if all(seen) and all(heard) else reference)

    def unedited(self, repeat: int = 0) -> Question:
        """The clip as it is, encoded again."""
        everything = (True,) * self.seconds
        return Question(everything, everything, repeat=repeat)

    def effects(self, effort: Effort, prediction: np.ndarray) -> list[list[SecondEffects]]:
        """References × targets. prediction (K,): of the unedited clip, the mean where it was asked several times."""
        return [self._effects(effort, reference, prediction) for reference in effort.references]

    def _effects(self, effort: Effort, reference: Reference, prediction: np.ndarray) -> list[SecondEffects]:
        begins = np.arange(0, self.seconds, effort.step)
        away = (np.arange(self.seconds) // effort.step) == np.arange(len(begins))[:, None]  # (G, T)
        there, all_there = ~away, np.ones_like(away)
        both = self.has_video and self.has_audio
        parts = [(there, there), (all_there, there), (there, all_there)] if effort.split and both else [(there, there)]
        # the edits of one second follow each other: they share what is encoded
        picture, sound = (np.stack([part[side] for part in parts], 1).reshape(-1, self.seconds) for side in (0, 1))
        predictions = self.predict(picture, sound, reference).reshape(len(begins), len(parts), -1)  # (G, parts, K)
        lengths = away.sum(1)
        change = (prediction - predictions) / lengths[:, None, None]
        of_second = np.repeat(change, lengths, axis=0)  # (T, parts, K)
        whole = of_second[:, 0].T
        if len(parts) == 3:
            audio, video = of_second[:, 1].T, of_second[:, 2].T
        elif effort.split:  # of a clip of one modality the whole is that modality
            nothing = np.where(np.isfinite(whole), 0.0, np.nan)
            audio, video = (whole, nothing) if self.has_audio else (nothing, whole)
        else:
            audio = video = np.full_like(whole, np.nan)
        return as_second_effects(reference.name, whole, audio, video)


def gaps(interview: Interview, start: float) -> tuple[Gap, ...]:
    """What was not answered, and why. start: of the analysed part, s."""
    return tuple(Gap(in_words(question, start), reason) for question, reason in interview.failures.items())


def in_words(question: Question, start: float = 0.0) -> str:
    """Which clip was asked about, as a clause. start: of the analysed part, s."""
    if question.original:
        return "the file as it came"
    if question.reference is None:
        return "the clip as it is"
    if question.picture == question.sound:
        away = [_spans(question.picture, start)]
    else:
        sides = (("the picture of", question.picture), ("the sound of", question.sound))
        away = [f"{side} {_spans(present, start)}" for side, present in sides if not all(present)]
    return f"the clip without {' and '.join(away)} ({question.reference.name} instead)"


def _spans(present: Sequence[bool], start: float) -> str:
    """The seconds that are away, by where they begin and end in the file."""
    gone = [second for second, there in enumerate(present) if not there]
    if len(gone) == len(present):
        return "all seconds"
    first = [second for second in gone if second - 1 not in gone]
    last = [second for second in gone if second + 1 not in gone]
    return ", ".join(f"{start + begin:g}–{start + end + 1:g} s" for begin, end in zip(first, last, strict=True))


def checked_scales(answer: Answer, scales: Mapping[str, Scale], who: str) -> None:
    """Raises PredictorError for a prediction that lies off its scale, which is 0 to 1 where none is said."""
    if unknown := [name for name in scales if name not in answer.predictions]:
        names = ", ".join(answer.predictions)
        raise PredictorError(
            f"{who}: a scale was given for {unknown[0]}, which it does not predict; it predicts {names}"
        )
    for name, value in answer.predictions.items():
        scale = scales.get(name, Scale(name, 0.0, 1.0))
        if not scale.lowest <= value <= scale.highest:
            raise PredictorError(
                f"{who}: predicted {name} as {value:g}, which lies off the scale of {scale.lowest:g} to "
                f"{scale.highest:g}; say which it is on, as {name}=-60:0"
            )
