"""A known-truth clip in one sentence: what was planted, where the model looked, and what really counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sec2sec.explanations.results import Explanation


def planted_words(explanation: Explanation, planted: Mapping[str, Sequence[int]]) -> str:
    """The sentence of each target with planted seconds, one for all that say the same; empty where none has any."""
    sentences: dict[str, list[str]] = {}
    for name, seconds in planted.items():
        target = explanation.targets.get(name)
        if target is None or not seconds:
            continue
        counted = _highest(np.abs(target.effect))
        looked = "" if target.attention is None else f" The model looked most at {_span(_highest(target.attention))}."
        words = f"Planted: {_spans(seconds)}.{looked} What really counted most: {_span(counted)}."
        sentences.setdefault(words, []).append(name)
    if len(sentences) == 1:
        return next(iter(sentences))
    return " ".join(f"{' and '.join(names).capitalize()}: {words}" for words, names in sentences.items())


def _highest(values: np.ndarray) -> int:
    return int(np.nanargmax(values))


def _spans(seconds: Sequence[int]) -> str:
    *rest, last = (_span(second) for second in seconds)
    return f"{', '.join(rest)} and {last}" if rest else last


def _span(second: int) -> str:
    """A second by its ends on the axis, with a non-breaking space."""
    return f"{second}–{second + 1}\u00a0s"
