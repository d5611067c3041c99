"""The scoreboard as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sec2sec.evaluation.scoreboard.score import COLUMNS, NO_MODEL
from sec2sec.evaluation.yardsticks import ABOUT
from sec2sec.files import json_bytes
from sec2sec.outputs import write_output
from sec2sec.tables import pipe_table

SCHEMA = "sec2sec.explanations/1"
MARK = b"<!-- made with sec2sec -->\n"  # by which a file is known as one that may be written again


def as_markdown(report: Mapping[str, Any]) -> str:
    """The table with its intervals, each target's figures, and what the columns mean."""
    methods = report["methods"]
    columns = [name for name in COLUMNS if any(figures[name]["value"] is not None for figures in methods.values())]
    again = f", trained again: {', '.join(other['name'] for other in report['others'])}" if report["others"] else ""
    rows = [
        [
            f"**{name}**" if name == report["winner"] else name,
            *(_cell(figures[column]) for column in columns),
            "" if figures["milliseconds"] is None else f"{figures['milliseconds']:.1f}",
        ]
        for name, figures in methods.items()
    ]
    parts = [
        f"{report['clips']} clips of {report['data']} ({report['split']}), checkpoint {report['checkpoint']['name']}"
        f"{again}; mean over {', '.join(report['targets'])}, with 95 % intervals by bootstrap over clips. "
        f"{report['chance']:.1%} of the seconds are planted.",
        pipe_table(["method", *columns, "ms a clip"], rows),
        *(pipe_table([target, *columns], _rows_of_target(methods, target, columns)) for target in report["targets"]),
        "\n".join(f"- {column}: {COLUMNS[column]}." for column in columns)
        + "\n- ms a clip: from tokens, median, all targets at once.",
        "These rows need no model:\n\n" + "\n".join(f"- {name}: {ABOUT[name]}." for name in NO_MODEL),
    ]
    return "\n\n".join(parts) + "\n"


def _rows_of_target(methods: Mapping[str, Any], target: str, columns: Sequence[str]) -> list[list[str]]:
    rows = []
    for name, figures in methods.items():
        values = [figures["by_target"][target][column] for column in columns]
        rows.append([name, *("" if value is None else f"{value:.3f}" for value in values)])
    return rows


def _cell(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return ""
    low, high = figure["interval"]
    return f"{figure['value']:.3f} [{low:.3f}, {high:.3f}]"


def as_csv(report: Mapping[str, Any]) -> str:
    """A row for each method, column and target ("all": the mean over targets)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("method", "target", "column", "value", "low", "high", "clips"))
    for name, figures in report["methods"].items():
        for column in COLUMNS:
            one = figures[column]
            writer.writerow((name, "all", column, one["value"], *(one["interval"] or (None, None)), one["clips"]))
            for target, values in figures["by_target"].items():
                writer.writerow((name, target, column, values[column], None, None, None))
        writer.writerow((name, "all", "milliseconds", figures["milliseconds"], None, None, None))
    return text.getvalue()


def scoreboard_files(folder: Path) -> dict[Path, Callable[[Mapping[str, Any]], bytes]]:
    """Each file that write_scoreboard writes, and what makes its content of a report."""
    return {
        folder / "explanations.md": lambda report: MARK + as_markdown(report).encode(),
        folder / "explanations.csv": lambda report: as_csv(report).encode(),
        folder / "explanations.json": lambda report: json_bytes({"schema": SCHEMA, **report}),
    }


def write_scoreboard(folder: Path, report: Mapping[str, Any]) -> None:
    """explanations.md, .csv and .json in a folder. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in scoreboard_files(folder).items():
        write_output(file, content(report))
