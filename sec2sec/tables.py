"""Figures → rows and tables of text, once for the terminal, for pages, for cards of checkpoints and for Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sec2sec.metrics import SHOWN, figure, span, title_of

Interval = Sequence[float] | None  # the ends of a 95 % interval; None where there is none


@dataclass(frozen=True)
class TextTable:
    """A table of cells; a row of one cell stands over those below it."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def as_markdown(self) -> str:
        """A pipe table under its caption."""
        return f"**{self.caption}**\n\n{pipe_table(self.head, self.rows, '---:')}"


def pipe_table(head: Sequence[str], rows: Sequence[Sequence[str]], rule: str = "---") -> str:
    """Cells as Markdown. rule: what stands under the head of each column but the first; "---:" aligns it right."""
    width = len(head)
    lines = [_pipes(head), "|---|" + f"{rule}|" * (width - 1)]
    lines += [_pipes([f"*{row[0]}*", *[""] * (width - 1)] if len(row) == 1 else row) for row in rows]
    return "\n".join(lines)


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


@dataclass(frozen=True)
class MetricRow:
    """The metrics of one target, or of one of its trivial baselines."""

    target: str
    baseline: str  # in words; empty: these are the model's own
    values: Mapping[str, object]  # by metric, None where one is undefined; what else a report says is ignored
    intervals: Mapping[str, Interval]
    clips: object = ""

    @property
    def label(self) -> str:
        """What the row is of."""
        return f"{self.target}, {self.baseline} (trivial)" if self.baseline else self.target

    def value(self, metric: str) -> float | None:
        """A metric; None where it is undefined or not measured."""
        value = self.values.get(metric)
        return float(value) if isinstance(value, int | float) else None

    def cell(self, metric: str, missing: str = "") -> str:
        """A metric with its interval. missing: what stands where it was not measured."""
        return figure(self.value(metric)) + span(self.intervals.get(metric)) if metric in self.values else missing


def rows_of_target(name: str, report: Mapping[str, object]) -> list[MetricRow]:
    """The row of a target of `metrics.measure`, then those of its trivial baselines.

    A checkpoint's metrics.json may come from anybody: what is no figure there makes no row.
    """
    own = MetricRow(name, "", report, _mapping(report.get("interval")), report.get("clips", ""))
    baselines = {words: values for words, values in _mapping(report.get("trivial")).items() if _mapping(values)}
    return [own, *(MetricRow(name, words.replace("_", " "), values, {}) for words, values in baselines.items())]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def metric_rows(targets: Mapping[str, Mapping[str, object]], kind: str) -> list[MetricRow]:
    """The rows of all targets of a kind, each above its trivial baselines."""
    return [row for name, report in targets.items() if report["kind"] == kind for row in rows_of_target(name, report)]


def metric_tables(targets: Mapping[str, Mapping[str, object]]) -> list[TextTable]:
    """A table for each kind of target that there is."""
    tables = []
    for kind, metrics in SHOWN.items():
        if rows := metric_rows(targets, kind):
            cells = [[row.label, *(row.cell(metric) for metric in metrics), str(row.clips)] for row in rows]
            words = "Classes" if kind == "binary" else "Scores"
            caption = f"{words}, each above what needs no model; 95 % intervals over groups"
            tables.append(TextTable(caption, ["target", *map(title_of, metrics), "clips"], cells))
    return tables
