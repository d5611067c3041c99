"""Rows and tables of text: what a figure reads like wherever it stands."""

from __future__ import annotations

import numpy as np

from sec2sec.metrics import TrainingLabels, measure
from sec2sec.tables import TextTable, metric_rows, metric_tables, pipe_table, rows_of_target


def measured(kind: str) -> dict[str, object]:
    rng = np.random.default_rng(0)
    label = (rng.random(40) < 0.5).astype(float) if kind == "binary" else rng.random(40)
    training = TrainingLabels(kind, 40, 0.6, 0.6)
    return measure(training, rng.random(40), label, [str(i % 5) for i in range(40)])


def test_each_target_stands_above_its_trivial_baselines() -> None:
    targets = {"arousal": measured("binary"), "calm": measured("score"), "valence": measured("binary")}
    labels = [row.label for row in metric_rows(targets, "binary")]
    assert labels == [
        "arousal", "arousal, majority of the training set (trivial)", "arousal, always positive (trivial)",
        "valence", "valence, majority of the training set (trivial)", "valence, always positive (trivial)",
    ]  # fmt: skip
    classes, scores = metric_tables(targets)
    assert [row[0] for row in classes.rows] == labels
    assert [row[0] for row in scores.rows] == [
        "calm", "calm, mean of the training set (trivial)", "calm, median of the training set (trivial)",
    ]  # fmt: skip
    assert all(len(row) == len(table.head) for table in (classes, scores) for row in table.rows)
    assert [table.head[-1] for table in (classes, scores)] == ["clips", "clips"]
    assert classes.rows[0][-1] == "40"


def test_a_figure_is_undefined_a_blank_or_a_number_with_its_interval() -> None:
    own, majority, _ = rows_of_target("arousal", measured("binary"))
    low, high = own.intervals["accuracy"]  # type: ignore[misc]
    assert own.cell("accuracy") == f"{own.value('accuracy'):.3f} [{low:.3f}, {high:.3f}]"
    assert majority.cell("accuracy") == f"{majority.value('accuracy'):.3f}"
    assert majority.cell("auroc") == ""  # a constant has none
    assert majority.cell("auroc", "undefined") == "undefined"
    assert rows_of_target("x", {"pearson": None})[0].cell("pearson") == "undefined"


def test_a_report_from_anybody_makes_rows_of_its_figures_alone() -> None:
    (row,) = rows_of_target("x", {"accuracy": "high", "trivial": {"majority": 0.5}, "interval": 3})
    assert row.value("accuracy") is None
    assert row.cell("accuracy") == "undefined"
    assert len(rows_of_target("x", {"trivial": 1})) == 1


def test_a_pipe_in_a_cell_stays_in_its_cell_and_a_row_of_one_cell_is_a_heading() -> None:
    table = TextTable("Table 1", ["a", "b"], [["Part"], ["x|y", "1"]])
    assert table.as_markdown().splitlines() == [
        "**Table 1**", "", "| a | b |", "|---|---:|", "| *Part* |  |", "| x\\|y | 1 |",
    ]  # fmt: skip
    assert pipe_table(["a", "b"], [["1", "2"]]).splitlines()[1] == "|---|---|"
