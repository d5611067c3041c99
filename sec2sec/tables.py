"""Figures → rows and tables of text, once for the terminal, for pages, for cards of checkpoints and for Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sec2sec.metrics import SHOWN, baseline_words, figure, span, threshold_words, thresholds_of, title_of

Interval = Sequence[float] | None  # the ends of a 95 % interval; None where there is none


def counted(number: int, what: str) -> str:
    """A number of things in words: 1 seed, 3 seeds."""
    return f"{number:,} {what}{'s' if number != 1 else ''}"


@dataclass(frozen=True)
class TextTable:
    """A table of cells; a row of one cell stands over those below it."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def as_markdown(self) -> str:
        """A pipe table under its caption."""
        return f"**{self.caption}**\n\n{pipe_table(self.head, self.rows, '---:')}"

    def as_text(self) -> str:
        """Aligned columns for a terminal, without the caption."""
        lines = [self.head, *(row for row in self.rows if len(row) > 1)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        return "\n".join(_aligned(row, widths) for row in (self.head, *self.rows))

    def as_latex(self) -> str:
        """A table environment; the document needs the package booktabs."""
        body = [_latex_row([rf"\textbf{{{latex(cell)}}}" if cell else "" for cell in self.head]), r"\midrule"]
        for row in self.rows:
            heading = rf"\multicolumn{{{len(self.head)}}}{{l}}{{\textit{{{latex(row[0])}}}}} \\"
            body.append(heading if len(row) == 1 else _latex_row([latex(cell) for cell in row]))
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex(self.caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(self.head) - 1)}}}",
            r"\toprule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"


# What LaTeX reads as a command, and signs that its usual fonts lack
LATEX = {sign: f"\\{sign}" for sign in "#$%&_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "²": r"\textsuperscript{2}",
    "→": r"$\to$",
    "–": "--",
    "…": r"\dots{}",
}


def latex(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(LATEX.get(sign, sign) for sign in text)


def latex_document(comments: Sequence[str], tables: Sequence[TextTable]) -> str:
    """Tables as a file of their own, below comments that say what they are of."""
    lines = ["% made with sec2sec; \\usepackage{booktabs}", *(f"% {' '.join(words.split())}" for words in comments)]
    return "\n".join([*lines, *(table.as_latex() for table in tables)])


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    """The first cell on the left, the others on the right."""
    if len(row) == 1:
        return row[0]
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return "  ".join(cells).rstrip()


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
    baselines = {baseline: values for baseline, values in _mapping(report.get("trivial")).items() if _mapping(values)}
    return [own, *(MetricRow(name, baseline_words(baseline), values, {}) for baseline, values in baselines.items())]


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
            if thresholds := threshold_words(thresholds_of(targets) if kind == "binary" else {}):
                caption += f"; {thresholds}"
            tables.append(TextTable(caption, ["target", *map(title_of, metrics), "clips"], cells))
    return tables
