"""The scoreboard as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sec2sec.evaluation.scoreboard.score import COLUMNS
from sec2sec.files import write_atomically, write_json


def as_markdown(report: Mapping[str, Any]) -> str:
    """The table with its intervals, each target's figures, and what the columns mean."""
    columns = [name for name in COLUMNS if any(m[name]["value"] is not None for m in report["methods"].values())]
    again = f", trained again: {', '.join(other['name'] for other in report['others'])}" if report["others"] else ""
    lines = [
        f"{report['clips']} clips of {report['data']} ({report['split']}), checkpoint {report['checkpoint']['name']}"
        f"{again}; mean over {', '.join(report['targets'])}, with 95 % intervals by bootstrap over clips. "
        f"{report['chance']:.1%} of the seconds are planted.",
        "",
        "| method | " + " | ".join(columns) + " | ms a clip |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    for name, found in report["methods"].items():
        shown = f"**{name}**" if name == report["winner"] else name
        cells = [_cell(found[column]) for column in columns]
        taken = found["milliseconds"]
        lines.append(f"| {shown} | " + " | ".join(cells) + f" | {'' if taken is None else f'{taken:.1f}'} |")
    for target in report["targets"]:
        lines += ["", f"| {target} | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
        for name, found in report["methods"].items():
            values = [found["by_target"][target][column] for column in columns]
            lines.append(f"| {name} | " + " | ".join("" if v is None else f"{v:.3f}" for v in values) + " |")
    lines += ["", *(f"- {column}: {COLUMNS[column]}." for column in columns)]
    lines += ["- ms a clip: from tokens, median, all targets at once.", ""]
    return "\n".join(lines)


def _cell(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return ""
    low, high = found["interval"]
    return f"{found['value']:.3f} [{low:.3f}, {high:.3f}]"


def as_csv(report: Mapping[str, Any]) -> str:
    """A row for each method, column and target ("all": the mean over targets)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("method", "target", "column", "value", "low", "high", "clips"))
    for name, found in report["methods"].items():
        for column in COLUMNS:
            one = found[column]
            writer.writerow((name, "all", column, one["value"], *(one["interval"] or (None, None)), one["clips"]))
            for target, values in found["by_target"].items():
                writer.writerow((name, target, column, values[column], None, None, None))
        writer.writerow((name, "all", "milliseconds", found["milliseconds"], None, None, None))
    return text.getvalue()


def write_scoreboard(folder: Path, report: Mapping[str, Any]) -> None:
    """explanations.md, .csv and .json in a folder. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "explanations.md", as_markdown(report).encode())
    write_atomically(folder / "explanations.csv", as_csv(report).encode())
    write_json(folder / "explanations.json", report)
