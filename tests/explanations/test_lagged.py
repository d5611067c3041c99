"""Correlation at the best lag: against slow loops, on planted lags, and how often its interval holds the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from sec2sec.explanations import lagged
from sec2sec.explanations.lagged import LAGS, MAX_LAG, MIN_SECONDS, lagged_correlation


def smooth(rng: np.random.Generator, memory: float, seconds: int) -> np.ndarray:
    """A series whose neighbouring seconds correlate by `memory`, of variance 1."""
    noise = rng.standard_normal(seconds + 200) * math.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], noise)[200:]


def rated(rng: np.random.Generator, seconds: int, rho: float, lag: int, memory: float = 0.9, of_ratings: float = 0.97):
    """A curve, and ratings that correlate with it by rho, `lag` seconds later."""
    x = smooth(rng, memory, seconds + MAX_LAG)
    y = rho * np.roll(x, lag) + math.sqrt(1 - rho**2) * smooth(rng, of_ratings, seconds + MAX_LAG)
    return x[MAX_LAG:], y[MAX_LAG:]


@pytest.mark.parametrize("lag", range(LAGS))
@pytest.mark.parametrize("sign", [1, -1])
def test_a_planted_lag_is_found_with_its_sign(lag, sign):
    x, y = rated(np.random.default_rng(lag), 300, sign * 0.9, lag)
    fit = lagged_correlation(x, y)
    assert fit is not None
    assert fit.lag == lag
    assert sign * fit.r > 0.7
    assert fit.low <= fit.corrected <= fit.high
    assert sign * (fit.low if sign > 0 else fit.high) > 0


def test_correlations_are_those_of_numpy_on_the_seconds_that_every_lag_has():
    rng = np.random.default_rng(0)
    x, y = rated(rng, 120, 0.5, 2)
    x[[3, 40]], y[[17, 90]] = np.nan, np.nan
    fit = lagged_correlation(x, y)
    assert fit is not None
    kept = [t for t in range(120 - MAX_LAG) if np.isfinite(x[t]) and np.isfinite(y[t : t + LAGS]).all()]
    assert fit.seconds == len(kept) < 120 - MAX_LAG
    slow = [np.corrcoef([x[t] for t in kept], [y[t + lag] for t in kept])[0, 1] for lag in range(LAGS)]
    np.testing.assert_allclose(fit.by_lag, slow)
    assert fit.lag == int(np.abs(slow).argmax())
    assert fit.r == pytest.approx(slow[fit.lag])


@pytest.mark.parametrize("block", [2, 7, 10, 33])
def test_resamples_are_blocks_put_end_to_end(block):
    rng = np.random.default_rng(1)
    x, y = lagged.rows(*rated(rng, 100, 0.4, 1))
    seconds, draws = len(x), 20
    fast = lagged.resample(x, y, block, draws, np.random.default_rng(5))
    again = np.random.default_rng(5)
    whole = -(-seconds // block) - 1
    rest = seconds - whole * block
    starts, last = again.integers(0, seconds - block + 1, (draws, whole)), again.integers(0, seconds - rest + 1, draws)
    for draw in range(draws):
        picked = [at + step for at in starts[draw] for step in range(block)]
        picked += [int(last[draw]) + step for step in range(rest)]
        assert len(picked) == seconds
        slow = [np.corrcoef(x[picked], y[picked, lag])[0, 1] for lag in range(LAGS)]
        np.testing.assert_allclose(fast[draw], slow, atol=1e-9)


def test_the_correction_is_that_of_a_slow_loop_that_picks_the_lag_anew():
    x, y = lagged.rows(*rated(np.random.default_rng(2), 200, 0.3, 3))
    fit = lagged_correlation(*rated(np.random.default_rng(2), 200, 0.3, 3), draws=300, seed=4)
    assert fit is not None
    own = lagged.correlations(x, y)
    flattery = []
    for r in lagged.resample(x, y, fit.block, 300, np.random.default_rng(4)):
        lag = max(range(LAGS), key=lambda lag: abs(r[lag]))
        flattery.append(math.copysign(1, r[lag]) * (math.atanh(r[lag]) - math.atanh(own[lag])))
    assert np.mean(flattery) > 0
    expected = math.copysign(math.tanh(max(abs(math.atanh(fit.r)) - float(np.mean(flattery)), 0)), fit.r)
    assert fit.corrected == pytest.approx(expected)
    reach = lagged.critical_value(fit.block / len(x)) * float(np.std(flattery, ddof=1))
    assert math.atanh(fit.high) - math.atanh(fit.low) == pytest.approx(2 * reach)


def test_shifts_are_circular_and_pick_their_lag_too():
    x, y = lagged.rows(*rated(np.random.default_rng(3), 150, 0.5, 1))
    block = 10
    slow = [
        max(abs(np.corrcoef(np.roll(x, shift), y[:, lag])[0, 1]) for lag in range(LAGS))
        for shift in range(block, len(x) - block + 1)
    ]
    np.testing.assert_allclose(lagged.shifted(x, y, block), slow)
    assert len(lagged.shifted(x, y, len(x) // 2)) == 0


def test_blocks_grow_with_the_memory_of_both_curves():
    rng = np.random.default_rng(4)
    quick, slow = smooth(rng, 0.3, 400), smooth(rng, 0.98, 400)
    assert lagged.block_length(quick, quick) <= lagged.block_length(quick, slow) < lagged.block_length(slow, slow)
    assert lagged.block_length(slow, slow) <= 400 // 4
    product = lagged.autocorrelation(slow) ** 2
    first = next(t for t in range(400) if product[t] < math.exp(-1))
    assert lagged.block_length(slow, slow) == min(8 * first, 100)


@pytest.mark.parametrize(
    ("curve", "ratings"),
    [
        (np.arange(MIN_SECONDS + MAX_LAG - 1.0), np.arange(MIN_SECONDS + MAX_LAG - 1.0) ** 2),
        (np.full(100, 0.3), np.arange(100.0)),
        (np.arange(100.0), np.full(100, 2.0)),
        (np.arange(100.0), np.full(100, np.nan)),
        (np.arange(3.0), np.arange(3.0)),
    ],
)
def test_too_few_seconds_and_curves_that_never_change_have_no_correlation(curve, ratings):
    assert lagged_correlation(curve, ratings) is None


def test_long_blocks_widen_the_interval():
    assert lagged.critical_value(0) == 1.96
    assert lagged.critical_value(0.1) == pytest.approx(2.26, abs=0.005)  # Kiefer & Vogelsang 2005, table 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("memory", "rho", "least"), [(0.5, 0.5, 0.75), (0.8, 0.0, 0.87), (0.8, 0.5, 0.81), (0.95, 0.0, 0.88)]
)
def test_the_interval_holds_the_truth_about_as_often_as_it_says(memory, rho, least):
    """400 made-up films of 490 s whose ratings resemble their neighbours as real ones do (.74 at 10 s)."""
    rng = np.random.default_rng(6)
    true = rho * memory ** np.abs(np.arange(LAGS) - 3)
    hits, naive, tests = 0, 0, 400
    for _ in range(tests):
        x, y = rated(rng, 490, rho, 3, memory)
        fit = lagged_correlation(x, y, draws=300)
        assert fit is not None
        truth = float(true[fit.lag])
        hits += fit.low <= truth <= fit.high
        z, reach = math.atanh(fit.r), 1.96 / math.sqrt(fit.seconds - 3)  # as if every second were independent
        naive += math.tanh(z - reach) <= truth <= math.tanh(z + reach)
    assert least <= hits / tests <= 0.99
    assert naive / tests < hits / tests - 0.15
