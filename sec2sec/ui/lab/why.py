"""The question "Why did it change?": what a browser asks, and the answer that it draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from sec2sec.edits import EditError
from sec2sec.edits.history import History
from sec2sec.explanations.difference import Difference
from sec2sec.ui.clip_cache import ExplainedClip


def answer(clip: ExplainedClip, question: Any) -> dict[str, Any]:
    """What carries the change between two versions or two parts of the clip, or why that cannot be told."""
    history = clip.history
    assert history is not None
    try:
        differences = ask(history, question)
    except EditError as error:
        return {"refused": str(error)}
    shown = {name: differences[name] for name in clip.shown_targets}
    one = next(iter(differences.values()))
    return {
        "refused": "",
        "orders": one.orders,
        "error": max(each.largest_error for each in differences.values()),
        "changed": {"sound": one.sound_changed.tolist(), "picture": one.picture_changed.tolist()},
        "targets": [_of_target(name, each) for name, each in shown.items()],
    }


def ask(history: History, question: Any) -> dict[str, Difference]:
    """The answer in figures. EditError for anything that is no question, and where there is no answer."""
    asked = question if isinstance(question, dict) else {}
    parts = _whole_numbers(asked.get("parts"), 3)
    if parts is not None:
        return history.difference_of_parts(*parts)
    versions = _whole_numbers(asked.get("versions"), 2)
    if versions is None:
        raise EditError("This is no question; choose two versions or two parts of the clip")
    return history.difference(*versions)


def _whole_numbers(value: Any, count: int) -> list[int] | None:
    """So many whole numbers, or None."""
    if not isinstance(value, list) or len(value) != count:
        return None
    return value if all(isinstance(one, int) and not isinstance(one, bool) for one in value) else None


def _of_target(name: str, difference: Difference) -> dict[str, Any]:
    return {
        "name": name,
        "change": difference.change,
        "sentence": difference.sentence(name),
        "sound": _rounded(difference.sound),
        "picture": _rounded(difference.picture),
    }


def _rounded(values: np.ndarray) -> list[float]:
    rounded: list[float] = np.round(values, 6).tolist()
    return rounded
