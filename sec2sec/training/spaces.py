"""Which settings are tried: of each setting a list of values, or a range from which values are drawn at random.

    rate: {low: 1e-5, high: 1e-2, scale: log}
    heads: [2, 4]

The draws of a seed are one sequence: more of them continue fewer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sec2sec.errors import SettingsError
from sec2sec.fields import fields_of
from sec2sec.training.settings import TrainConfig

RANGE_KEYS = ("low", "high", "scale")
SIGNIFICANT_DIGITS = 4  # of a value that is drawn from a range: short enough for a table
MAX_ATTEMPTS_PER_DRAW = 1000  # a space with so many equal draws in a row has no other settings


@dataclass(frozen=True)
class ValueRange:
    """Numbers from low to high, both included; logarithmic: each factor between them is as likely as any other."""

    low: float
    high: float
    logarithmic: bool
    whole: bool  # whole numbers alone

    def draw(self, rng: np.random.Generator) -> float | int:
        """One of the numbers."""
        if self.whole and not self.logarithmic:
            return int(rng.integers(int(self.low), int(self.high), endpoint=True))
        share = float(rng.random())
        if self.logarithmic:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        rounded = min(max(float(f"{value:.{SIGNIFICANT_DIGITS}g}"), self.low), self.high)
        return round(rounded) if self.whole else rounded

    @property
    def words(self) -> str:
        """The range as a document names it."""
        return f"{self.low:g} to {self.high:g}{' (log-uniform)' if self.logarithmic else ''}"


Choices = Sequence[Any] | ValueRange
Space = Mapping[str, Choices]  # by setting


@dataclass(frozen=True)
class Draws:
    """How many settings are drawn at random, and with which seed."""

    count: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1 or self.seed < 0:
            raise SettingsError(
                f"random search needs at least one trial and a seed of at least 0, not {self.count} and {self.seed}"
            )


def read_space(values: Mapping[str, Any], where: str) -> dict[str, Choices]:
    """From a file's names with lists of values or ranges. where: of the values, for errors. Raises SettingsError."""
    return {name: _read_choices(name, value, where) for name, value in values.items()}


def _read_choices(name: str, value: Any, where: str) -> Choices:
    if isinstance(value, Mapping):
        return _read_range(name, value, where)
    if isinstance(value, list) and value:
        return value
    raise SettingsError(f"{where}: {name} needs a list of values, or a range as {{low: 1, high: 2}}, not {value!r}")


def _read_range(name: str, value: Mapping[str, Any], where: str) -> ValueRange:
    fields = fields_of(TrainConfig)
    if name not in fields:
        raise SettingsError(f"{where}: there is no setting {name}; the settings are {', '.join(sorted(fields))}")
    if fields[name].type not in (int, float):
        raise SettingsError(f"{where}: {name} is no number and has no range; give a list of values")
    if unknown := sorted(set(value) - set(RANGE_KEYS)):
        raise SettingsError(f"{where}: {name}: a range has low, high and scale, not {', '.join(map(str, unknown))}")
    scale = value.get("scale", "linear")
    try:  # YAML takes 1e-4 for a text
        low, high = float(value["low"]), float(value["high"])
    except (KeyError, TypeError, ValueError):
        raise SettingsError(f"{where}: {name}: a range needs two numbers, low and high, not {dict(value)!r}") from None
    if scale not in ("linear", "log"):
        raise SettingsError(f"{where}: {name}: scale is linear or log, not {scale!r}")
    if not (math.isfinite(low) and math.isfinite(high) and low < high and (scale == "linear" or low > 0)):
        above = " and above 0" if scale == "log" else ""
        raise SettingsError(f"{where}: {name}: low must be below high{above}, not {low:g} and {high:g}")
    whole = fields[name].type is int
    if whole and not (low.is_integer() and high.is_integer()):
        raise SettingsError(f"{where}: {name} takes whole numbers, not {low:g} to {high:g}")
    return ValueRange(low, high, scale == "log", whole)


def draw_settings(space: Space, draws: Draws, where: str) -> list[dict[str, Any]]:
    """So many different settings of the space. Raises SettingsError where the space has not as many."""
    rng = np.random.default_rng(draws.seed)
    drawn: dict[str, dict[str, Any]] = {}
    for _ in range(MAX_ATTEMPTS_PER_DRAW * draws.count):
        settings = {name: _draw(choices, rng) for name, choices in space.items()}
        drawn.setdefault(repr(settings), settings)
        if len(drawn) == draws.count:
            return list(drawn.values())
    raise SettingsError(
        f"{where}: has {len(drawn)} combinations of settings, fewer than the {draws.count} trials; ask for fewer, or "
        "give more values"
    )


def _draw(choices: Choices, rng: np.random.Generator) -> Any:
    return choices.draw(rng) if isinstance(choices, ValueRange) else choices[int(rng.integers(len(choices)))]


def words_of(space: Space) -> str:
    """The space in words, for a document."""
    parts = (
        f"{name} {choices.words if isinstance(choices, ValueRange) else ' or '.join(map(str, choices))}"
        for name, choices in space.items()
    )
    return ", ".join(parts)
