"""Beats of many instruments, each of unit peak and shorter than an eighth of a second: drums, plucks, bells, clicks.

Whoever learns synchrony from some of them is asked about others: those of "unseen" stand in no clip to learn from.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sec2sec.datasets.known_truth.states import SLOTS, Timbres

Floats = NDArray[np.float32]
SLOWEST_ATTACK = 0.006  # s
BELL = (1.0, 2.0, 3.0, 4.2, 5.4)  # partials of a bell, in its lowest one
WOOD = (1.0, 2.57, 4.9)  # of a wooden block
GLASS = (1.0, 2.32, 4.25, 6.63)  # of a glass


def draw_onset(rng: np.random.Generator, rate: int, timbres: Timbres) -> Floats:
    """One beat, (samples,) in [-1, 1], of one of the instruments at random. rate: Hz."""
    time = np.arange(rate // SLOTS - rate // 50, dtype=np.float32) / np.float32(rate)
    kinds = KINDS[timbres]
    sound = kinds[int(rng.integers(len(kinds)))](rng, time)
    attack = rng.uniform(0.0, SLOWEST_ATTACK)
    sound = sound * np.minimum(1.0, (time + 1e-4) / (attack + 1e-4))
    sound = sound * np.clip((time[-1] - time) / 0.005, 0, 1)  # no click at the end
    onset: Floats = (sound / (np.abs(sound).max() + 1e-9)).astype(np.float32)
    return onset


def _noise(rng: np.random.Generator, time: Floats) -> Floats:
    return rng.standard_normal(time.size, dtype=np.float32)


def _decay(time: Floats, seconds: float) -> Floats:
    decay: Floats = np.exp(-time / np.float32(seconds))
    return decay


def _partials(rng: np.random.Generator, time: Floats, hertz: float, partials: tuple[float, ...], slow: float) -> Floats:
    """A struck body: the higher a partial, the faster it dies. slow: s, decay of the lowest."""
    sound = np.zeros_like(time)
    for number, ratio in enumerate(partials, start=1):
        phase = np.float32(rng.uniform(0, 2 * math.pi))
        sound += np.sin(np.float32(2 * math.pi * hertz * ratio) * time + phase) * _decay(time, slow / number) / number
    return sound


def _burst(rng: np.random.Generator, time: Floats) -> Floats:
    return _noise(rng, time) * _decay(time, rng.uniform(0.008, 0.022))


def _kick(rng: np.random.Generator, time: Floats) -> Floats:
    low: Floats = np.sin(np.float32(2 * math.pi * rng.uniform(70, 140)) * time) * _decay(time, 0.035)
    burst = _burst(rng, time)
    kick: Floats = burst / np.abs(burst).max() + np.float32(0.8) * low
    return kick


def _tom(rng: np.random.Generator, time: Floats) -> Floats:
    """A tone that falls by half an octave."""
    hertz = rng.uniform(120, 260) * 2 ** (-0.5 * time / time[-1])
    tom: Floats = np.sin(2 * math.pi * np.cumsum(hertz) * (time[1] - time[0])) * _decay(time, 0.04)
    return tom


def _pluck(rng: np.random.Generator, time: Floats) -> Floats:
    return _partials(rng, time, rng.uniform(180, 700), (1.0, 2.0, 3.0, 4.0, 5.0), rng.uniform(0.03, 0.07))


def _bell(rng: np.random.Generator, time: Floats) -> Floats:
    return _partials(rng, time, rng.uniform(500, 1500), BELL, rng.uniform(0.04, 0.08))


def _hat(rng: np.random.Generator, time: Floats) -> Floats:
    """High noise: white noise less what it was a moment ago."""
    noise = _noise(rng, time)
    return np.diff(noise, prepend=noise[:1]) * _decay(time, rng.uniform(0.006, 0.03))


def _click(rng: np.random.Generator, time: Floats) -> Floats:
    return _partials(rng, time, rng.uniform(1500, 3500), (1.0,), rng.uniform(0.003, 0.012))


def _woodblock(rng: np.random.Generator, time: Floats) -> Floats:
    return _partials(rng, time, rng.uniform(700, 1300), WOOD, rng.uniform(0.012, 0.03))


def _clap(rng: np.random.Generator, time: Floats) -> Floats:
    """Three hands, 8 to 12 ms apart."""
    gap = rng.uniform(0.008, 0.012)
    hands = sum(_decay(np.abs(time - n * gap), 0.004 if n < 2 else 0.02) * (time >= n * gap) for n in range(3))
    clap: Floats = _noise(rng, time) * hands
    return clap


def _glass(rng: np.random.Generator, time: Floats) -> Floats:
    return _partials(rng, time, rng.uniform(900, 2000), GLASS, rng.uniform(0.03, 0.06))


KINDS: dict[Timbres, tuple[Callable[[np.random.Generator, Floats], Floats], ...]] = {
    "learned": (_burst, _kick, _tom, _pluck, _bell, _hat, _click),
    "unseen": (_woodblock, _clap, _glass),
}
