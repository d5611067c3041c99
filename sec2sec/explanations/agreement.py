"""Do two systems give the same reasons? Rank correlations of what each says of the same seconds, and where they differ.

T seconds. Spearman's ρ, because systems of different kinds agree on an order long before they agree on a size.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sec2sec.errors import ExplanationError
from sec2sec.explanations.ranks import rank_correlation
from sec2sec.explanations.results import TargetExplanation

Word = Literal["agree", "partly", "disagree", "short", "unknown"]
MIN_SECONDS_FOR_AGREEMENT = 4  # s; three ranks agree by chance once in six
MIN_AGREE, MIN_PARTLY = 0.6, 0.2  # rank correlations from which on the words are used


@dataclass(frozen=True)
class Agreement:
    """ρ of two rankings of the same seconds, in a word; NaN where it is undefined."""

    word: Word
    rho: float


@dataclass(frozen=True)
class TargetAgreement:
    """Two systems on one target of one clip."""

    effect: Agreement
    attention: Agreement | None  # None where one of them has no attention over seconds
    difference: np.ndarray  # (T,) effect of the second system minus effect of the first, in units of the prediction
    order: np.ndarray  # (T,) seconds, the largest difference first whatever its sign; ties in the order of time


def agreement(a: np.ndarray, b: np.ndarray) -> Agreement:
    """Whether two (T,) rank the seconds alike."""
    if len(a) < MIN_SECONDS_FOR_AGREEMENT:
        return Agreement("short", float("nan"))
    rho = float(rank_correlation(a, b))
    if not np.isfinite(rho):
        return Agreement("unknown", rho)
    return Agreement("agree" if rho >= MIN_AGREE else "partly" if rho >= MIN_PARTLY else "disagree", rho)


def compare_target(first: TargetExplanation, second: TargetExplanation) -> TargetAgreement:
    """One target of one clip as two systems explain it. Raises ExplanationError where their seconds differ."""
    if len(first.effect) != len(second.effect):
        raise ExplanationError(
            f"two explanations of {len(first.effect)} and {len(second.effect)} s are not of one clip"
        )
    difference = second.effect - first.effect
    attention = None
    if first.attention is not None and second.attention is not None:
        attention = agreement(first.attention, second.attention)
    return TargetAgreement(
        agreement(first.effect, second.effect), attention, difference, np.argsort(-np.abs(difference), kind="stable")
    )


def shared_targets(systems: Sequence[Collection[str]]) -> tuple[list[str], dict[str, list[int]]]:
    """The targets that every system predicts, in the first one's order; and the others, each with who predicts it."""
    names = dict.fromkeys(name for targets in systems for name in targets)
    owners = {name: [i for i, targets in enumerate(systems) if name in targets] for name in names}
    return (
        [name for name, who in owners.items() if len(who) == len(systems)],
        {name: who for name, who in owners.items() if len(who) < len(systems)},
    )
