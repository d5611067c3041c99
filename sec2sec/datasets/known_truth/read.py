"""Read back what was planted."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sec2sec.datasets.known_truth.states import SOFT_TARGET_SLOPE, STATES, TARGETS
from sec2sec.datasets.table import DataError


@dataclass(frozen=True)
class Planted:
    """The truth about one clip of T seconds."""

    states: dict[str, NDArray[np.float64]]  # name → (T,) in [0, 1]
    evidence: dict[str, NDArray[np.float64]]  # target → (T,), signed
    decisive: NDArray[np.bool_]  # (T,)
    decoy: NDArray[np.bool_]  # (T,)
    flash_slots: NDArray[np.bool_]  # (T, 8), eighths of a second
    beat_slots: NDArray[np.bool_]  # (T, 8)
    synchrony: NDArray[np.float64]  # (T,) 1, 0, 0.5 where some coincide, NaN without flashes and beats

    def soft_target(self, target: str) -> float:
        """How strongly the clip shows the target, in (0, 1)."""
        return float(1 / (1 + np.exp(-SOFT_TARGET_SLOPE * self.evidence[target].sum())))


def read_planted(directory: Path) -> dict[str, Planted]:
    """planted.csv of a folder of known-truth clips, by clip id in the table's order. Raises DataError."""
    path = Path(directory) / "planted.csv"
    if not path.exists():
        raise DataError(f"{path}: not found; make the clips with `python -m sec2sec make-clips {directory}`")
    rows: dict[str, list[dict[str, str]]] = {}
    try:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["id"], []).append(row)
        return {name: _planted(seconds) for name, seconds in rows.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: is damaged ({error}); delete it and run the same `make-clips` again") from error


def planted_seconds(directory: Path, clip: str) -> dict[str, list[int]]:
    """The decisive seconds of one clip by target, those with evidence for it; empty where there is no truth about it.

    clip: its id. Raises DataError for a damaged table.
    """
    if not (Path(directory) / "planted.csv").is_file():
        return {}
    truth = read_planted(directory).get(clip)
    if truth is None:
        return {}
    return {name: np.flatnonzero(truth.decisive & (own != 0)).tolist() for name, own in truth.evidence.items()}


def _planted(rows: list[dict[str, str]]) -> Planted:
    rows = sorted(rows, key=lambda row: int(row["second"]))

    def numbers(column: str) -> NDArray[np.float64]:
        return np.array([float(row[column] or "nan") for row in rows])

    def slots(column: str) -> NDArray[np.bool_]:
        return np.array([[mark == "1" for mark in row[column]] for row in rows])

    return Planted(
        states={name: numbers(name) for name in STATES},
        evidence={target: numbers(f"{target}_evidence") for target in TARGETS},
        decisive=numbers("decisive") == 1,
        decoy=numbers("decoy") == 1,
        flash_slots=slots("flash_slots"),
        beat_slots=slots("beat_slots"),
        synchrony=numbers("synchrony"),
    )
