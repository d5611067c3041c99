"""Why two versions of a clip are predicted otherwise → JSON (schema sec2sec.difference/1) and lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from sec2sec.checkpoints import CheckpointSummary
from sec2sec.explanations import ClipSummary
from sec2sec.explanations.difference import Difference
from sec2sec.words import signed

SCHEMA = "sec2sec.difference/1"


def to_json(
    model: CheckpointSummary, a: ClipSummary, b: ClipSummary, differences: Mapping[str, Difference]
) -> dict[str, Any]:
    """All figures with all their digits, because their sum is exact."""
    return {
        "schema": SCHEMA,
        "checkpoint": {"name": model.name, "sha256": model.sha256},
        "a": {**asdict(a), "warnings": list(a.warnings)},
        "b": {**asdict(b), "warnings": list(b.warnings)},
        "targets": {name: _figures(name, one) for name, one in differences.items()},
    }


def _figures(name: str, difference: Difference) -> dict[str, Any]:
    values = {field.name: getattr(difference, field.name) for field in fields(difference)}
    plain = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in values.items()}
    return {"change": difference.change, "sentence": difference.sentence(name), **plain}


def as_text(model: CheckpointSummary, a: ClipSummary, b: ClipSummary, differences: Mapping[str, Difference]) -> str:
    """A sentence for each target, then what each second adds by sound and by picture; diagnostics are left out."""
    shown = {name: one for name, one in differences.items() if name not in model.diagnostics}
    lines = [
        f"{label}: {clip.name}, {clip.seconds} seconds from {clip.start:g} s" for label, clip in (("A", a), ("B", b))
    ]
    lines += [f"note: {warning}" for clip in (a, b) for warning in clip.warnings]
    lines += [f"model: {model.name}. {model.about}", ""]
    lines += [one.sentence(name) for name, one in shown.items()]
    lines += ["", how_measured(list(differences.values())), ""]
    lines.append("second " + "".join(f"| {name:<10}  sound  picture " for name in shown))
    rows = [(str(second), slice(second, second + 1)) for second in range(b.seconds)]
    for label, part in [*rows, ("all", slice(None))]:
        parts = [(one.sound[part].sum(), one.picture[part].sum()) for one in shown.values()]
        cells = (f"| {'':<10} {signed(sound, 3):>6} {signed(picture, 3):>8} " for sound, picture in parts)
        lines.append(f"{label:>6} " + "".join(cells))
    return "\n".join(lines)


def how_measured(differences: Sequence[Difference]) -> str:
    """Where the figures of one question come from, in a sentence: exact, or estimated with which error."""
    what = "sound and picture: what each adds to the change from A to B"
    orders = differences[0].orders
    if not orders:
        return f"{what}; exact Shapley values of all that differs."
    error = max(one.largest_error for one in differences)
    return f"{what}; Shapley values from {orders} random orders, standard error at most {error:.4f}."
