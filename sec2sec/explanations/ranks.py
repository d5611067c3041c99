"""Rank correlation (Spearman), correlation (Pearson) and their permutation tests, for many permutations at once.

T values per row.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations

import numpy as np

MAX_EXACT_VALUES = 8  # up to here all T! permutations are tried
RANDOM_PERMUTATIONS = 5_000  # drawn beyond it


def centred_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, ties at their mean, centred and of length 1; NaN where all values are equal."""
    ranks = mean_ranks(values)
    ranks = ranks - ranks.mean(-1, keepdims=True)
    length = np.sqrt((ranks**2).sum(-1, keepdims=True))
    centred: np.ndarray = np.divide(ranks, length, out=np.full_like(ranks, np.nan), where=length > 0)
    return centred


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis from 1 up, ties at their mean; a row with NaN has no ranks: all NaN.

    scipy.stats.rankdata, whose package takes half a second to import.
    """
    order = values.argsort(-1)
    ordered = np.take_along_axis(values, order, -1)
    places = np.arange(values.shape[-1])
    rises = ordered[..., 1:] != ordered[..., :-1]
    edge = np.ones((*values.shape[:-1], 1), bool)
    first = np.maximum.accumulate(np.where(np.concatenate([edge, rises], -1), places, 0), -1)
    last = np.where(np.concatenate([rises, edge], -1), places, places[-1:])
    last = np.minimum.accumulate(last[..., ::-1], -1)[..., ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, -1)
    return np.where(np.isnan(values).any(-1, keepdims=True), np.nan, ranks)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's ρ along the last axis; NaN where either side is constant or not a number."""
    rho: np.ndarray = (centred_ranks(one) * centred_ranks(other)).sum(-1)
    return rho


def correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson's r along the last axis; NaN where either side is constant or not a number."""
    r: np.ndarray = (_centred(one) * _centred(other)).sum(-1)
    return r


def permutation_test(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """ρ of two rows (T,) and how often chance does as well, one-sided: share of permutations of `one` with ρ as high.

    Exact up to MAX_EXACT_VALUES; beyond it drawn, and the row as it stands counts as one of them (Phipson & Smyth
    2010). Both NaN where either row is constant.
    """
    first, second = centred_ranks(one), centred_ranks(other)
    rho = float(first @ second)
    if not np.isfinite(rho):
        return float("nan"), float("nan")
    orders = _permutations(len(one))
    as_high = int((first[orders] @ second >= rho - 1e-9).sum())
    exact = len(one) <= MAX_EXACT_VALUES
    return rho, (as_high if exact else as_high + 1) / (len(orders) if exact else len(orders) + 1)


def correlation_tests(rows: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pearson's r of each row (N, T) with another (T,), and its one-sided p by permutation: (N,), (N,).

    As permutation_test() does it, of amounts instead of ranks. Both NaN where a row or the other is constant.
    """
    first, second = _centred(rows), _centred(other)
    r = first @ second
    by_chance = second[_permutations(len(other))] @ first.T  # (P, N)
    as_high = (by_chance >= r - 1e-9).sum(0)
    exact = len(other) <= MAX_EXACT_VALUES
    p = (as_high if exact else as_high + 1) / (len(by_chance) if exact else len(by_chance) + 1)
    return r, np.where(np.isfinite(r), p, np.nan)


def _centred(values: np.ndarray) -> np.ndarray:
    """Values along the last axis minus their mean, at length 1; NaN where they are all equal."""
    shifted = values - values.mean(-1, keepdims=True)
    length = np.sqrt((shifted**2).sum(-1, keepdims=True))
    centred: np.ndarray = np.divide(shifted, length, out=np.full_like(shifted, np.nan), where=length > 1e-12)
    return centred


@lru_cache(maxsize=8)
def _permutations(count: int) -> np.ndarray:
    """(P, T) every permutation, or RANDOM_PERMUTATIONS of them; the same each time."""
    if count <= MAX_EXACT_VALUES:
        return np.array(list(permutations(range(count))), dtype=np.intp)
    rows = np.tile(np.arange(count), (RANDOM_PERMUTATIONS, 1))
    return np.random.default_rng(count).permuted(rows, axis=1)


def evenness(weights: np.ndarray) -> float:
    """Entropy of weights (T,) that sum to 1, as a share of that of equal ones; 1 of a single second."""
    weights = np.maximum(weights, 1e-12)
    return float(-(weights * np.log(weights)).sum() / np.log(len(weights))) if len(weights) > 1 else 1.0
