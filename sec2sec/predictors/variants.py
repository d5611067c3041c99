"""Edited clips whose predictions are known, and what taking a part away, or leaving it alone, does to a prediction.

A part is a mask (2, T): the seconds of the picture, and of the sound, that it consists of. What a part does is measured
both ways: taken away from the clip (deletion), and alone in a clip that holds nothing else (insertion). Where its
seconds oppose each other the whole part moves nothing though each of them counts, so the larger of two is taken:
what the part does at once, and the sum of what each of its seconds does.

N parts, T seconds, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sec2sec.explanations.masker import MaskedPredictor
from sec2sec.explanations.results import SecondEffects

NOISE_OF_A_SECOND = 2.0  # standard deviations of an effect that are taken off it before effects are summed
PICTURE, SOUND = 0, 1


@dataclass(frozen=True)
class Sizes:
    """How far parts move the predictions, without sign; each (N, K), in units of the prediction. NaN: not known."""

    deletion: np.ndarray
    insertion: np.ndarray | None  # None where it was not run

    @property
    def both(self) -> np.ndarray:
        """Their mean; of deletion alone where insertion was not run."""
        return self.deletion if self.insertion is None else (self.deletion + self.insertion) / 2


class KnownVariants:
    """The predictions of variants of one clip. The clip, nothing, and the clip without each second come with it."""

    def __init__(self, prediction: np.ndarray, baseline: np.ndarray, effects: Sequence[SecondEffects]) -> None:
        """prediction, baseline (K,); effects: of each target."""
        self.seconds = len(effects[0].whole)
        self._values: dict[bytes, np.ndarray] = {}
        whole, single = np.ones((2, self.seconds), bool), np.eye(self.seconds, dtype=bool)
        self._keep(whole[None], prediction[None])
        self._keep(~whole[None], baseline[None])
        nothing = np.zeros_like(single)
        for rows, kind in (
            (np.stack([single, single], 1), "whole"),
            (np.stack([nothing, single], 1), "audio"),
            (np.stack([single, nothing], 1), "video"),
        ):
            self._keep(~rows, prediction - np.stack([getattr(effect, kind) for effect in effects], 1))

    def missing(self, parts: np.ndarray, insertion: bool) -> np.ndarray:
        """(M, 2, T) the distinct variants that sizes() needs and that are not known yet."""
        rows = self._rows(parts, insertion)
        distinct = {row.tobytes(): row for row in rows}
        new = [row for key, row in distinct.items() if key not in self._values]
        return np.array(new).reshape(-1, 2, self.seconds)

    def ask(self, predict: MaskedPredictor, variants: np.ndarray) -> None:
        """Run some variants (M, 2, T), all in one call."""
        if len(variants):
            self._keep(variants, predict(variants[:, PICTURE], variants[:, SOUND]), gaps=True)

    def sizes(self, parts: np.ndarray, insertion: bool, noise: np.ndarray) -> Sizes:
        """What each part (N, 2, T) does. noise (K,): standard deviation of a prediction, from one call to the next."""
        own = NOISE_OF_A_SECOND * np.sqrt(2) * noise
        clip, nothing = self._of(np.ones((1, 2, self.seconds), bool)), self._of(np.zeros((1, 2, self.seconds), bool))
        deletion = self._larger(
            np.abs(clip - self._of(~parts)), [self._of(~single) - clip for single in _singles(parts)], own
        )
        if not insertion:
            return Sizes(deletion, None)
        alone = [
            self._of(single) - nothing if not _is_everywhere(part) else np.zeros((1, len(own)))
            for part, single in zip(parts, _singles(parts), strict=True)
        ]
        return Sizes(deletion, self._larger(np.abs(self._of(parts) - nothing), alone, own))

    @staticmethod
    def _larger(at_once: np.ndarray, one_by_one: Sequence[np.ndarray], noise: np.ndarray) -> np.ndarray:
        """(N, K) of what parts do at once, and the sum of what each of their seconds does beyond the noise."""
        sums = np.array([np.maximum(np.abs(changes) - noise, 0).sum(0) for changes in one_by_one])
        larger: np.ndarray = np.maximum(at_once, sums)
        return larger

    def _rows(self, parts: np.ndarray, insertion: bool) -> np.ndarray:
        """(M, 2, T) the variants behind sizes(), some of them twice."""
        singles = _singles(parts)
        rows = [~parts, *(~single for single in singles)]
        if insertion:
            rows += [parts, *(single for part, single in zip(parts, singles, strict=True) if not _is_everywhere(part))]
        return np.concatenate(rows)

    def _keep(self, rows: np.ndarray, values: np.ndarray, gaps: bool = False) -> None:
        """gaps: a prediction that failed is known as well: not to be asked again."""
        for row, value in zip(rows, values, strict=True):
            if gaps or np.isfinite(value).all():
                self._values[row.tobytes()] = np.asarray(value, np.float64)

    def _of(self, rows: np.ndarray) -> np.ndarray:
        """(N, K) the predictions of variants (N, 2, T)."""
        return np.stack([self._values[row.tobytes()] for row in rows])


def part_of(seconds: np.ndarray, modality: str | None) -> np.ndarray:
    """(2, T) some seconds (T,), in both modalities or in one."""
    nothing = np.zeros_like(seconds)
    return np.stack([nothing if modality == "audio" else seconds, nothing if modality == "video" else seconds])


def _singles(parts: np.ndarray) -> list[np.ndarray]:
    """Of each part, its seconds as parts of their own, (m, 2, T)."""
    singles = []
    for part in parts:
        seconds = np.flatnonzero(part.any(0))
        single = np.zeros((len(seconds), *part.shape), bool)
        single[np.arange(len(seconds)), :, seconds] = part[:, seconds].T
        singles.append(single)
    return singles


def _is_everywhere(part: np.ndarray) -> bool:
    """Whether a part has all seconds; what each does alone would cost a call for every second of the clip."""
    return bool(part.any(0).all())
