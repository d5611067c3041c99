"""The About tab: what the model learned from, what its explanations show and do not show, and what it is not for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.tables import MetricRow, rows_of_target
from sec2sec.ui.devices import all_devices_words
from sec2sec.ui.models import Models
from sec2sec.viewer.templates import render

TEXT = (resources.files(__package__) / "about.md").read_text(encoding="utf-8")
METRICS = {  # and their titles
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "macro_f1": "macro F1",
    "auroc": "AUROC",
    "mae": "mean error",
    "pearson": "Pearson r",
    "ccc": "CCC",
}


def tab(models: Models) -> None:
    """Lays out the tab; called within gr.Blocks."""
    with gr.Column(elem_classes="about"):
        gr.HTML(render("paragraph.html", text=all_devices_words(models.devices)), elem_id="devices")
        gr.Markdown(TEXT)
        for name in models.names():
            folder = models.folder / name
            with gr.Accordion(f"Model “{name}”: its card and its figures", open=name == models.names()[0]):
                gr.Markdown(_text(folder / "card.md") or "This checkpoint has no card.")
                gr.HTML(figures(_json(folder / "metrics.json")), elem_classes="figures")


@dataclass(frozen=True)
class EvaluationTable:
    """What about.html shows of one evaluation."""

    caption: str
    metrics: list[str]
    rows: list[MetricRow]
    pointing: str

    @property
    def head(self) -> list[str]:
        """Titles of the metrics."""
        return [METRICS[metric] for metric in self.metrics]


def figures(metrics: Mapping[str, Any]) -> str:
    """Tables of every evaluation in metrics.json, each target beside its trivial baselines. HTML."""
    return render("about.html", tables=[_table(title, report) for title, report in _reports(metrics, "")])


def _reports(value: Any, title: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every evaluation within, wherever it is nested, under the key it was found at."""
    if not isinstance(value, Mapping):
        return
    if isinstance(value.get("targets"), Mapping):
        yield title, value
        return
    for key, inner in value.items():
        yield from _reports(inner, str(key))


def _table(title: str, report: Mapping[str, Any]) -> EvaluationTable:
    targets = {name: target for name, target in report["targets"].items() if isinstance(target, Mapping)}
    rows = [row for name, target in targets.items() for row in rows_of_target(name, target)]
    metrics = [m for m in METRICS if any(row.value(m) is not None for row in rows if not row.baseline)]
    clips = f" ({report['clips']} clips)" if "clips" in report else ""
    pointing = report["pointing"].items() if isinstance(report.get("pointing"), Mapping) else ()
    shares = ", ".join(f"{method} {share:.2f}" for method, share in pointing if isinstance(share, int | float))
    return EvaluationTable((title.replace("_", " ").replace("-", " ") or "evaluation") + clips, metrics, rows, shares)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _json(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(_text(path) or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}
