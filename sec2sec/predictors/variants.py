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
    """The predictions of variants of one clip, of which some are known before anything is asked."""

    def __init__(
        self, prediction: np.ndarray, baseline: np.ndarray, effects: Sequence[SecondEffects], of_one_second: bool = True
    ) -> None:
        """prediction, baseline (K,): of the clip, and of nothing; effects: of each target.

        of_one_second: each effect is of its second alone, and not a share of what several did together. Else what
        the seconds of a part do one by one is left out: a call for each would be more than the effects took.
        """
        self.seconds, self.targets, self.one_by_one = len(effects[0].whole), len(prediction), of_one_second
        self._values: dict[bytes, np.ndarray] = {}
        whole, single = np.ones((1, 2, self.seconds), bool), np.eye(self.seconds, dtype=bool)
        self._keep(whole, prediction[None])
        self._keep(~whole, baseline[None])
        if not of_one_second:
            return
        for modality, kind in ((None, "whole"), ("audio", "audio"), ("video", "video")):
            without = prediction - np.stack([getattr(effect, kind) for effect in effects], 1)
            answered = np.isfinite(without).all(1)
            self._keep(~part_of(single, modality)[answered], without[answered])

    def missing(self, parts: np.ndarray, insertion: bool) -> np.ndarray:
        """(M, 2, T) the distinct variants that sizes() needs and that are not known yet."""
        distinct = {row.tobytes(): row for row in self._rows(parts, insertion)}
        new = [row for key, row in distinct.items() if key not in self._values]
        return np.array(new).reshape(-1, 2, self.seconds)

    def ask(self, predict: MaskedPredictor, variants: np.ndarray) -> None:
        """Run some variants (M, 2, T), all in one call. One that failed is NaN."""
        if len(variants):
            self._keep(variants, predict(variants[:, PICTURE], variants[:, SOUND]))

    def sizes(self, parts: np.ndarray, insertion: bool, noise: np.ndarray) -> Sizes:
        """What each part (N, 2, T) does. noise (K,): standard deviation of a prediction, from one call to the next."""
        clip, nothing = self._of(np.ones((1, 2, self.seconds), bool)), self._of(np.zeros((1, 2, self.seconds), bool))
        singles = self._singles(parts)
        gone = [self._of(~single) - clip for single in singles]
        deletion = _larger(self._of(~parts) - clip, gone, noise)
        if not insertion:
            return Sizes(deletion, None)
        alone = [self._of(single) - nothing for single in self._inserted(parts, singles)]
        return Sizes(deletion, _larger(self._of(parts) - nothing, alone, noise))

    def _rows(self, parts: np.ndarray, insertion: bool) -> np.ndarray:
        """(M, 2, T) the variants behind sizes(), some of them twice."""
        singles = self._singles(parts)
        rows = [~parts, *(~single for single in singles)]
        return np.concatenate([*rows, parts, *self._inserted(parts, singles)] if insertion else rows)

    def _singles(self, parts: np.ndarray) -> list[np.ndarray]:
        """Of each part, its seconds as parts of their own, (m, 2, T)."""
        return [_seconds_of(part) if self.one_by_one else np.zeros((0, *part.shape), bool) for part in parts]

    @staticmethod
    def _inserted(parts: np.ndarray, singles: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Those that are put back one by one: of a part of all seconds none, which would be a call for each second."""
        return [single[:0] if part.any(0).all() else single for part, single in zip(parts, singles, strict=True)]

    def _keep(self, rows: np.ndarray, values: np.ndarray) -> None:
        for row, value in zip(rows, values, strict=True):
            self._values[row.tobytes()] = np.asarray(value, np.float64)

    def _of(self, rows: np.ndarray) -> np.ndarray:
        """(N, K) the predictions of variants (N, 2, T)."""
        known = [self._values[row.tobytes()] for row in rows]
        return np.array(known).reshape(len(rows), self.targets)


def part_of(seconds: np.ndarray, modality: str | None) -> np.ndarray:
    """(…, 2, T) some seconds (…, T), in both modalities or in one."""
    nothing = np.zeros_like(seconds)
    return np.stack([nothing if modality == "audio" else seconds, nothing if modality == "video" else seconds], -2)


def _seconds_of(part: np.ndarray) -> np.ndarray:
    """(m, 2, T) each second of a part (2, T) as a part of its own."""
    seconds = np.flatnonzero(part.any(0))
    single = np.zeros((len(seconds), *part.shape), bool)
    single[np.arange(len(seconds)), :, seconds] = part[:, seconds].T
    return single


def _larger(at_once: np.ndarray, one_by_one: Sequence[np.ndarray], noise: np.ndarray) -> np.ndarray:
    """(N, K) of what parts do at once (N, K), and the sum of what each second does beyond the noise (N of (m, K)).

    A second, or a part, that was not answered is left out; NaN where nothing was.
    """
    own = NOISE_OF_A_SECOND * np.sqrt(2) * noise
    sums = [
        np.where(np.isfinite(changes).any(0), np.nansum(np.maximum(np.abs(changes) - own, 0), 0), np.nan)
        for changes in (change.reshape(-1, at_once.shape[1]) for change in one_by_one)
    ]
    larger: np.ndarray = np.fmax(np.abs(at_once), np.array(sums))
    return larger
