"""Predictions per clip and target as a table that other programs read: CSV with one line for each.

id, split, group, target, truth, prediction, seed, threshold. truth is empty where a clip has no label, seed where no
training is known, threshold, above which class 1 is predicted, for a score. N clips, K targets.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sec2sec.datasets.table import DataError, Row, number, read_cells, read_text
from sec2sec.metrics import DEFAULT_THRESHOLD

REQUIRED = ("id", "split", "group", "target", "truth", "prediction")
COLUMNS = (*REQUIRED, "seed", "threshold")


@dataclass(frozen=True)
class LabelledPredictions:
    """What one model predicts of one target, for the clips that have a label."""

    ids: tuple[str, ...]  # (N,)
    groups: tuple[str, ...]
    label: np.ndarray
    prediction: np.ndarray  # 0..1
    threshold: float | np.ndarray = DEFAULT_THRESHOLD  # of class 1, for all clips or for each; of a score unused

    @property
    def thresholds(self) -> np.ndarray:
        """(N,) of each clip."""
        return np.broadcast_to(np.asarray(self.threshold, dtype=np.float64), (len(self.ids),))

    @property
    def answers(self) -> np.ndarray:
        """(N,) whether class 1 is predicted."""
        positive: np.ndarray = self.prediction > self.threshold
        return positive

    def at(self, places: np.ndarray) -> LabelledPredictions:
        """Some of the clips, by their places."""
        ids, groups = (tuple(names[place] for place in places) for names in (self.ids, self.groups))
        return LabelledPredictions(ids, groups, self.label[places], self.prediction[places], self.thresholds[places])


def predictions_csv(
    targets: Sequence[str],
    rows: Sequence[Row],
    prediction: Iterable[Sequence[float]],
    seed: int | None,
    thresholds: Mapping[str, float] | None = None,
) -> str:
    """The table of some clips. prediction (N, K) in 0..1; seed: of the training. Figures as they are, unrounded.

    thresholds: of the binary targets.
    """
    threshold_of = thresholds or {}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, values in zip(rows, prediction, strict=True):
        for target, value in zip(targets, values, strict=True):
            truth = row.targets.get(target, "")
            last = ["" if seed is None else seed, threshold_of.get(target, "")]
            writer.writerow([row.id, row.split, row.group, target, truth, float(value), *last])
    return text.getvalue()


def read_predictions(file: Path, split: str = "all") -> dict[str, LabelledPredictions]:
    """The labelled lines of such a table, by target, of one split or of all. Raises DataError that names the line."""
    _, lines = read_cells(file, read_text(file), ",", REQUIRED)
    by_target: dict[str, dict[str, tuple[str, float, float, float]]] = {}
    for where, cells in lines:
        if split not in ("all", cells["split"]):
            continue
        clips = by_target.setdefault(cells["target"], {})
        if cells["id"] in clips:
            raise DataError(f"{where}: the clip {cells['id']!r} has two predictions of {cells['target']!r}; keep one")
        if cells["truth"]:  # a clip without a label says nothing
            truth, prediction = (number(where, name, cells[name], 0, 1) for name in ("truth", "prediction"))
            cell = cells.get("threshold") or DEFAULT_THRESHOLD  # tables of other programs have no such column
            clips[cells["id"]] = (cells["group"], truth, prediction, number(where, "threshold", cell, 0, 1))
    return {target: _labelled(clips) for target, clips in by_target.items() if clips}


def _labelled(clips: Mapping[str, tuple[str, float, float, float]]) -> LabelledPredictions:
    groups, label, prediction, threshold = zip(*clips.values(), strict=True)
    return LabelledPredictions(tuple(clips), groups, np.array(label), np.array(prediction), np.array(threshold))
