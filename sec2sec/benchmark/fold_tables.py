"""The figures of a cross-validation as Markdown, CSV, JSON and LaTeX, and in sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sec2sec.baselines import SYSTEMS
from sec2sec.benchmark.citing import cited, manifest
from sec2sec.benchmark.fold_results import as_csv
from sec2sec.bibliography import bibtex
from sec2sec.datasets.folds import EACH_GROUP
from sec2sec.files import write_atomically, write_json
from sec2sec.metrics import DEFAULT_THRESHOLD, SHOWN, baseline_words, figure, span, title_of
from sec2sec.tables import TextTable, counted
from sec2sec.training.loop import TrainingError
from sec2sec.training.settings import TrainConfig
from sec2sec.words import plus_minus

READING = (
    "Each clip was predicted once, by the training that had not seen its group. Pooled figures are over all clips, "
    "with the middle 95 % of a bootstrap over groups; trivial rows stand on the same clips, and those of a fold know "
    "its training labels alone. The interval does not say how much other seeds or other folds would differ."
)
POOLED_AUROC = "A pooled AUROC also compares predictions of different trainings, which may be calibrated differently."


def write_tables(out: Path, results: Mapping[str, Any]) -> None:
    """Every file of the tables. Raises TrainingError where the disk refuses."""
    used = {
        "systems": [{"name": results["settings"]["system"], "done": True}],
        "settings": results["settings"],
        "data": results["data"],
    }
    about = {**results, "seeds": 0, "overrides": {}, "hardware": {}}
    try:
        write_json(out / "results.json", results)
        write_json(out / "manifest.json", manifest(about) | {"seeds": [results["settings"]["seed"]]})
        files = {
            "RESULTS.md": as_markdown(results),
            "tables.tex": as_latex(results),
            "table.csv": as_csv(results),
            "references.bib": bibtex(cited(used)),
        }
        for name, text in files.items():
            write_atomically(out / name, text.encode())
    except OSError as error:
        raise TrainingError(
            f"{out}: cannot be written ({error.strerror or error}); make room or give permission"
        ) from error


def as_markdown(results: Mapping[str, Any]) -> str:
    """The whole document."""
    system, data = SYSTEMS[results["settings"]["system"]].title, results["data"]["name"]
    parts = [f"# Cross-validation: {system} on {data}", f"```\n{results['command']}\n```"]
    parts += ["\n".join(f"- {sentence}" for sentence in facts(results)), READING]
    if any(report["kind"] == "binary" for report in results["targets"].values()):
        parts.append(POOLED_AUROC)
    parts += ["\n".join(f"- {sentence}" for sentence in conclusions(results))]
    for target in results["targets"]:
        parts.append(pooled_table(results, target).as_markdown())
        folds = fold_table(results, target).as_markdown()
        parts.append(f"<details><summary>{target}: each fold</summary>\n\n{folds}\n\n</details>")
    return "\n\n".join(parts) + "\n"


def as_latex(results: Mapping[str, Any]) -> str:
    """Every table, for a paper."""
    tables = [make(results, target) for target in results["targets"] for make in (pooled_table, fold_table)]
    return "\n".join(table.as_latex() for table in tables)


def facts(results: Mapping[str, Any]) -> list[str]:
    """Data, folds, settings and versions, a sentence each."""
    data, defaults = results["data"], TrainConfig()
    own = {
        name: value
        for name, value in results["settings"].items()
        if name != "data" and value != json.loads(json.dumps(getattr(defaults, name)))
    }
    settings = ", ".join(f"{name} {json.dumps(value)}" for name, value in own.items()) or "none"
    unusable = f", {counted(results['unusable'], 'clip')} unusable" if results["unusable"] else ""
    return [
        f"Data: {data['name']}, {counted(data['clips'], 'clip')}{unusable}; SHA-256 of clips and labels "
        f"{data['sha256']}.",
        *data["notes"],
        f"{_folds_in_words(results)}; validation was drawn from the other groups, "
        f"split seed {results['settings']['split_seed']}.",
        f"Settings beyond the defaults: {settings}. One seed, {results['settings']['seed']}.",
        f"Trained in {results['minutes']:g} minutes.",
        f"Versions: {', '.join(f'{name} {number}' for name, number in results['versions'].items())}.",
        *results["warnings"],
    ]


def _folds_in_words(results: Mapping[str, Any]) -> str:
    if results["folds"] == EACH_GROUP:
        return f"Leave one group out, {results['trainings']} trainings"
    return f"{results['trainings']} folds by group, of about as many clips each"


def conclusions(results: Mapping[str, Any]) -> list[str]:
    """What came out of each target, in a sentence."""
    sentences = []
    for target, report in results["targets"].items():
        gain = report["gain"]
        main = report["pooled"][gain["metric"]]
        p = "" if gain["p"] is None else f", p = {gain['p']:.4f}"
        sentences.append(
            f"{target}: {title_of(gain['metric'])} {figure(main['value'])}{span(main['interval'])}, "
            f"{plus_minus(gain['difference'])}{span(gain['interval'])} "
            f"over {baseline_words(gain['over'])} (trivial){p}; "
            f"{report['clips']} clips of {counted(report['groups'], 'group')}."
        )
    return sentences


def pooled_table(results: Mapping[str, Any], target: str) -> TextTable:
    """All clips, the mean of folds, and the trivial baselines."""
    report = results["targets"][target]
    metrics = SHOWN[report["kind"]]
    mean = [_mean_cell(report["mean"][metric]) for metric in metrics]
    rows = [["all clips", *(_cell(report["pooled"][metric]) for metric in metrics)], ["mean of folds (sd)", *mean]]
    rows.append(["Trivial, all clips"])
    for name, figures in report["trivial"].items():
        rows.append([baseline_words(name), *(_cell(figures[metric]) for metric in metrics)])
    caption = (
        f"{target}: {_folds_in_words(results).lower()}, {counted(report['clips'], 'clip')} of "
        f"{counted(report['groups'], 'group')}, 95 % interval over groups{_thresholds_in_words(report)}"
    )
    return TextTable(caption, ["", *map(title_of, metrics)], rows)


def _thresholds_in_words(report: Mapping[str, Any]) -> str:
    if report["kind"] != "binary":
        return ""
    if all(fold["threshold"] == DEFAULT_THRESHOLD for fold in report["folds"]):
        return "; class 1 is predicted above 0.5"
    return "; class 1 is predicted above the threshold that the validation clips of each fold chose"


def fold_table(results: Mapping[str, Any], target: str) -> TextTable:
    """A line per fold."""
    report = results["targets"][target]
    metrics = SHOWN[report["kind"]]
    rows = [
        [
            str(fold["fold"]),
            str(len(fold["groups"])),
            str(fold["clips"]),
            f"{fold['epochs']} ({fold['best_epoch']})",
            *([f"{fold['threshold']:.4g}"] if report["kind"] == "binary" else []),
            *(figure(fold["figures"][metric]) for metric in metrics),
        ]
        for fold in report["folds"]
    ]
    threshold = ["threshold"] if report["kind"] == "binary" else []
    head = ["fold", "groups", "clips", "epochs (best)", *threshold, *map(title_of, metrics)]
    return TextTable(f"{target}: the test clips of each fold", head, rows)


def _cell(measured: Mapping[str, Any]) -> str:
    return figure(measured["value"]) + span(measured["interval"])


def _mean_cell(mean: Mapping[str, Any]) -> str:
    return figure(mean["value"]) + ("" if mean["sd"] is None else f" ({figure(mean['sd'])})")
