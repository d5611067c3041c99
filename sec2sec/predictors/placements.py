"""Where a claim's seconds could lie elsewhere: the same lengths at other places of the clip.

A set of seconds is a mask (T,); its runs are the stretches without a gap. N placements, T seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, permutations
from math import comb, factorial

import numpy as np

MAX_ENUMERATED = 1_000  # placements; beyond it they are drawn
DRAWN = 1_000  # to find the strongest among
MAX_RUNS_IN_ALL_ORDERS = 5


def named_seconds(intervals: Sequence[tuple[float, float]], seconds: int) -> list[np.ndarray]:
    """Of each interval (s), the seconds it names, (T,) bool: those it covers by half, or the one it covers most."""
    starts = np.arange(seconds)
    masks = []
    for begin, end in intervals:
        share = np.clip(np.minimum(end, starts + 1) - np.maximum(begin, starts), 0, 1)
        mask = share >= 0.5 - 1e-9
        if not mask.any():
            mask[share.argmax()] = True
        masks.append(mask)
    return masks


def heaviest_seconds(weights: np.ndarray) -> np.ndarray:
    """(T,) bool: the fewest seconds that have half of the weight together, equal ones all or none; at least one."""
    order = np.argsort(-weights, kind="stable")
    enough = int(np.searchsorted(weights[order].cumsum(), weights.sum() / 2 - 1e-9)) + 1
    mask: np.ndarray = weights >= weights[order[enough - 1]] - 1e-12
    return mask


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First second and length of each stretch without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [(int(first), int(end - first)) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def placements(mask: np.ndarray, limit: int) -> np.ndarray:
    """(N, T) the other placements of its runs: all of them where there are at most `limit`, else so many at random.

    The same for the same mask each time.
    """
    pool = _candidates(mask)
    others: np.ndarray = pool[(pool != mask).any(1)]
    if len(others) > limit:
        chance = np.random.default_rng([len(mask), *np.flatnonzero(mask)])
        others = others[np.sort(chance.permutation(len(others))[:limit])]
    return others


def strongest(mask: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(T,) bool: of the other placements of its runs, the one with the largest sum of `size` (T,)."""
    pool = np.concatenate([_candidates(mask), _greedy(mask, size)[None]])
    others = pool[(pool != mask).any(1)]
    return np.asarray(others[(others @ size).argmax()]) if len(others) else mask


def at_the_end(mask: np.ndarray) -> np.ndarray:
    """(2, T) bool: as many seconds at the end of the clip, and at its beginning."""
    count, places = int(mask.sum()), np.arange(len(mask))
    return np.stack([places >= len(mask) - count, places < count])


def _candidates(mask: np.ndarray) -> np.ndarray:
    """(N, T) distinct placements of the runs, in any order: all of them, or DRAWN at random."""
    return _placements_of(tuple(sorted(length for _, length in runs(mask))), len(mask))


@lru_cache(maxsize=64)
def _placements_of(lengths: tuple[int, ...], seconds: int) -> np.ndarray:
    """The same of runs of these lengths in a clip of T seconds; read only."""
    free = seconds - sum(lengths)
    orders = factorial(len(lengths)) if len(lengths) <= MAX_RUNS_IN_ALL_ORDERS else MAX_ENUMERATED
    if orders * comb(free + len(lengths), len(lengths)) <= MAX_ENUMERATED:
        rows = [
            _placed(order, gaps, seconds)
            for order in sorted(set(permutations(lengths)))
            for gaps in combinations(range(free + len(lengths)), len(lengths))
        ]
    else:
        chance = np.random.default_rng([seconds, *lengths])
        rows = [
            _placed(
                chance.permutation(lengths),
                np.sort(chance.permutation(free + len(lengths))[: len(lengths)]),
                seconds,
            )
            for _ in range(DRAWN)
        ]
    distinct: np.ndarray = np.unique(np.array(rows), axis=0)
    distinct.flags.writeable = False
    return distinct


def _placed(lengths: Sequence[int] | np.ndarray, gaps: Sequence[int] | np.ndarray, seconds: int) -> np.ndarray:
    """(T,) runs of these lengths; gaps: their places among runs and free seconds, as if each run were one second."""
    mask = np.zeros(seconds, bool)
    before = 0  # what the runs so far have beyond one second each
    for length, place in zip(lengths, gaps, strict=True):
        first = int(place) + before
        mask[first : first + int(length)] = True
        before += int(length) - 1
    return mask


def _greedy(mask: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(T,) the longest run first, each where `size` has its largest sum among the seconds that are still free."""
    placed = np.zeros(len(mask), bool)
    for length in sorted((length for _, length in runs(mask)), reverse=True):
        sums = np.convolve(np.where(placed, -np.inf, size), np.ones(length), "valid")
        sums = np.where(np.isfinite(sums), sums, -np.inf)
        if np.isfinite(sums.max()):
            first = int(sums.argmax())
            placed[first : first + length] = True
    return placed if placed.sum() == mask.sum() else mask
