"""Results of the checks as lines of a terminal, as JSON and as a table in Markdown."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.gpu.plan import Check
from bench.row import Row
from sec2sec.files import write_atomically, write_json

Status = Literal["ran", "failed", "skipped"]
NAME_WIDTH = 72  # characters of the terminal, at least
SHOWN_WARNINGS = ("contiguous chunk", "TF32")  # torch tells by them what it does slowly or not exactly


@dataclass
class Result:
    """What came of one check. Rows that were measured before a failure stay."""

    check: Check
    status: Status
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass
class Report:
    """All results so far. Limits are stated for a GPU: a dry run reports them and judges none."""

    dry: bool
    machine: dict[str, Any] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, result: Result) -> None:
        """One more."""
        self.results.append(result)

    def of_status(self, status: Status) -> list[Result]:
        """The results that ended so."""
        return [result for result in self.results if result.status == status]

    def holds_limit(self, row: Row) -> bool | None:
        """Whether a figure keeps its limit; None where it has none, or none here. NaN keeps none."""
        return None if self.dry else row.holds

    @property
    def broken(self) -> list[Row]:
        """Rows that do not keep their limit."""
        return [row for result in self.results for row in result.rows if self.holds_limit(row) is False]

    @property
    def holds(self) -> bool:
        """Whether no check failed and every limit that was measured is kept."""
        return not self.broken and not self.of_status("failed")

    @property
    def heading(self) -> str:
        """What the figures are of, in one line."""
        words = [f"{self.machine['device']} {self.machine['capability']}".strip(), f"{self.machine['cores']} cores"]
        words += [f"torch {self.machine['torch']}", f"CUDA {self.machine['cuda'] or 'none'}"]
        words += [f"cuDNN {self.machine['cudnn']}"] if self.machine["cudnn"] else []
        words += [f"driver {self.machine['driver']}"] if self.machine["driver"] else []
        return ", ".join([*words, f"commit {self.machine['commit']}"])

    @property
    def summary(self) -> str:
        """How it went, in a few lines."""
        failed, skipped = self.of_status("failed"), self.of_status("skipped")
        ran = len(self.results) - len(failed) - len(skipped)
        lines = [
            f"{ran} checks ran, {len(failed)} failed, {len(skipped)} were skipped, in {self.seconds:.0f} s"
            + (" (dry run: limits are not judged)" if self.dry else f"; {len(self.broken)} limits broken")
        ]
        lines += [f"failed: {result.check.name}: {result.error}" for result in failed]
        lines += [f"skipped: {result.check.name}" for result in skipped]
        lines += [f"broken: {row.name}: {figure(row.value)} {row.unit}, {limit_of(row)}" for row in self.broken]
        return "\n".join(lines)

    def text_of(self, result: Result) -> str:
        """The lines of one check."""
        words = {"ran": f"{result.seconds:.1f} s", "failed": f"FAILED: {result.error}", "skipped": "skipped"}
        lines = [f"{result.check.title} [{result.check.name}]: {words[result.status]}"]
        width = max([NAME_WIDTH, *(len(row.name) for row in result.rows)])
        for row in result.rows:
            verdict = {True: "holds", False: "BROKEN", None: ""}[self.holds_limit(row)]
            lines.append(
                f"  {row.name:<{width}}{figure(row.value):>10} {row.unit:<10}{limit_of(row):>16}  {verdict}".rstrip()
            )
        shown = [text for text in result.warnings if any(word in text for word in SHOWN_WARNINGS)]
        return "\n".join([*lines, *(f"  torch warns: {text}" for text in shown)])

    def as_json(self) -> dict[str, Any]:
        """Checks and rows as two lists; a value that is no number is null."""
        return {
            "dry": self.dry,
            "machine": self.machine,
            "seconds": self.seconds,
            "holds": self.holds,
            "checks": [
                {
                    "name": result.check.name,
                    "title": result.check.title,
                    "status": result.status,
                    "seconds": result.seconds,
                    "error": result.error,
                    "warnings": result.warnings,
                }
                for result in self.results
            ],
            "rows": [
                {
                    "check": result.check.name,
                    **vars(row),
                    "value": row.value if math.isfinite(row.value) else None,
                    "holds": self.holds_limit(row),
                }
                for result in self.results
                for row in result.rows
            ],
        }

    def as_markdown(self) -> str:
        """One table of every row, and what failed or was skipped."""
        lines = [f"Measured by `python -m bench gpu` on {self.heading}"]
        lines += ["A dry run: every check small, on the CPU. No limit is judged.", ""] if self.dry else [""]
        lines += ["| check | what | measured | limit | |", "|---|---|---|---|---|"]
        for result in self.results:
            for row in result.rows:
                verdict = {True: "holds", False: "**broken**", None: ""}[self.holds_limit(row)]
                cells = (
                    result.check.title,
                    row.name,
                    f"{figure(row.value)} {row.unit}".strip(),
                    limit_of(row),
                    verdict,
                )
                lines.append("| " + " | ".join(cells) + " |")
        for status in ("failed", "skipped"):
            ended = self.of_status(status)
            lines += ["", f"{status.capitalize()}:", ""] if ended else []
            lines += [f"- {result.check.title} (`{result.check.name}`): {result.error}" for result in ended]
        return "\n".join(lines) + "\n"

    def write(self, out: Path) -> None:
        """Both files, beside each other."""
        write_json(out, self.as_json())
        write_atomically(out.with_suffix(".md"), self.as_markdown().encode())


def figure(value: float) -> str:
    """A figure with the digits that mean something."""
    if not math.isfinite(value):
        return "no number"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def limit_of(row: Row) -> str:
    """The limit of a row in words."""
    return "reported" if row.limit is None else f"{row.side} {row.limit:g}"
