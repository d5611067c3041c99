"""Spearman's rank correlation and its permutation test, for many permutations at once.

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
    from scipy.stats import rankdata  # a second and a half to import

    ranks = rankdata(values, axis=-1)
    ranks = ranks - ranks.mean(-1, keepdims=True)
    length = np.sqrt((ranks**2).sum(-1, keepdims=True))
    centred: np.ndarray = np.divide(ranks, length, out=np.full_like(ranks, np.nan), where=length > 0)
    return centred


def rank_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's ρ along the last axis; NaN where either side is constant or not a number."""
    rho: np.ndarray = (centred_ranks(one) * centred_ranks(other)).sum(-1)
    return rho


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


@lru_cache(maxsize=8)
def _permutations(count: int) -> np.ndarray:
    """(P, T) every permutation, or RANDOM_PERMUTATIONS of them; the same each time."""
    if count <= MAX_EXACT_VALUES:
        return np.array(list(permutations(range(count))), dtype=np.intp)
    rows = np.tile(np.arange(count), (RANDOM_PERMUTATIONS, 1))
    return np.random.default_rng(count).permuted(rows, axis=1)
