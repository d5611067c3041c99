"""Figures and enumerations as words, the same on every screen, page and terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

BASELINE = "the same length, every second at the training average"  # what a prediction is measured against
SCALES = {"arousal": "calm to exciting", "valence": "unpleasant to pleasant"}  # from 0 to 1, of the usual targets
LEVELS = ((0.2, "very low"), (0.4, "low"), (0.6, "medium"), (0.8, "high"))


def listed(words: Sequence[str]) -> str:
    """An enumeration: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def signed(value: float, places: int = 2) -> str:
    """A number with its sign and a true minus; what rounds to nothing has no sign, what was not measured is a dash."""
    return plus_minus(value, places).replace("-", "−") if math.isfinite(value) else "–"


def plus_minus(value: float, places: int = 3) -> str:
    """A number with its sign in ASCII, as the tables of results have it; what rounds to nothing has no sign."""
    digits = f"{value:+.{places}f}"
    return digits[1:] if float(digits) == 0 else digits


def level(prediction: float) -> str:
    """A prediction of 0..1 in words, by the two places that are shown of it."""
    return next((words for limit, words in LEVELS if round(prediction, 2) < limit), "very high")


def r_words(r: float) -> str:
    """A correlation with two places and a real minus."""
    return f"{r:.2f}".replace("-", "−")


def p_words(p: float) -> str:
    """A p, rounded up: it never looks like a threshold that it does not reach."""
    return "p < 0.001" if p < 0.001 else f"p = {math.ceil(1000 * p - 1e-6) / 1000:.3f}"


def share_words(share: float) -> str:
    """A share in per cent, rounded down for the same reason."""
    return f"{math.floor(100 * share + 1e-6)} %"


def percent(threshold: float) -> str:
    """A threshold, as exact as it is."""
    return f"{100 * threshold:.3g} %"
