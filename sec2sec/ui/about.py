"""The About tab: what the model learned from, what its explanations show and do not show, and what it is not for."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.ui.devices import all_devices_words
from sec2sec.ui.models import Models

TEXT = (resources.files(__package__) / "about.md").read_text(encoding="utf-8")
COLUMNS = {
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
        gr.HTML(f"<p>{html.escape(all_devices_words(models.devices))}</p>", elem_id="devices")
        gr.Markdown(TEXT)
        for name in models.names():
            folder = models.folder / name
            with gr.Accordion(f"Model “{name}”: its card and its figures", open=name == models.names()[0]):
                gr.Markdown(_text(folder / "card.md") or "This checkpoint has no card.")
                gr.HTML(figures(_json(folder / "metrics.json")), elem_classes="figures")


def figures(metrics: Mapping[str, Any]) -> str:
    """Tables of every evaluation in metrics.json, each target beside its trivial baselines. HTML."""
    tables = "".join(_table(title, report) for title, report in _reports(metrics, ""))
    return tables or "<p>This checkpoint comes without figures.</p>"


def _reports(value: Any, title: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every evaluation within, wherever it is nested, under the key it was found at."""
    if not isinstance(value, Mapping):
        return
    if isinstance(value.get("targets"), Mapping):
        yield title, value
        return
    for key, inner in value.items():
        yield from _reports(inner, str(key))


def _table(title: str, report: Mapping[str, Any]) -> str:
    targets = {name: found for name, found in report["targets"].items() if isinstance(found, Mapping)}
    used = [c for c in COLUMNS if any(isinstance(found.get(c), int | float) for found in targets.values())]
    head = "".join(f'<th scope="col">{COLUMNS[c]}</th>' for c in used)
    rows = ""
    for name, found in targets.items():
        rows += _row(f"<b>{html.escape(name)}</b>", found, used)
        trivial = found.get("trivial", {})
        nested = {k: v for k, v in trivial.items() if isinstance(v, Mapping)} if isinstance(trivial, Mapping) else {}
        for baseline, values in (nested or {"baseline": trivial}).items():
            if values:
                rows += _row(f"trivial: {html.escape(str(baseline).replace('_', ' '))}", values, used)
    clips = f" ({report['clips']} clips)" if "clips" in report else ""
    pointing = report.get("pointing")
    said = ""
    if isinstance(pointing, Mapping):
        shares = ", ".join(f"{html.escape(str(k))} {v:.2f}" for k, v in pointing.items() if isinstance(v, int | float))
        said = f"<p>How often the top second is one that was planted: {shares}.</p>"
    caption = html.escape(title.replace("_", " ").replace("-", " ") or "evaluation") + clips
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}"><table><caption>{caption}</caption>'
        f'<thead><tr><th scope="col">target</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>{said}'
    )


def _row(name: str, values: Mapping[str, Any], columns: list[str]) -> str:
    cells = (values.get(c) for c in columns)
    shown = "".join(f"<td>{c:.3f}</td>" if isinstance(c, int | float) else "<td>–</td>" for c in cells)
    return f'<tr><th scope="row">{name}</th>{shown}</tr>'


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
