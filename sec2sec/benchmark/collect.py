"""What the trials of a benchmark left in their folders → the figures of its tables, without any training."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.baselines import SYSTEMS
from sec2sec.benchmark.compare import (
    COMPARISON_DRAWS,
    SIGNIFICANCE_LEVEL,
    Draws,
    differences,
    measure_trials,
)
from sec2sec.benchmark.paper import figures_of
from sec2sec.benchmark.plan import noted
from sec2sec.benchmark.systems import group_of
from sec2sec.benchmark.work import MEASURED
from sec2sec.metrics import DRAWS, MAIN, SHOWN, TrainingLabels
from sec2sec.predictions import LabelledPredictions
from sec2sec.training.loop import TrainingError
from sec2sec.training.run_folder import PREDICTIONS
from sec2sec.training.trial import FAILED, result

SCHEMA = "sec2sec.benchmark.results/1"
TRIVIAL = "trivial: "
# The paper's ablation (§4.4), as what should beat what
ABLATION = (
    ("sec2sec-sa-ca", "sec2sec-sa-sa"),
    ("sec2sec-sa-ca", "sec2sec-audio"),
    ("sec2sec-sa-ca", "sec2sec-vision"),
    ("sec2sec-sa-sa", "sec2sec-audio"),
    ("sec2sec-sa-sa", "sec2sec-vision"),
)


def collect(out: Path) -> dict[str, Any]:
    """All figures of a benchmark's folder. Raises TrainingError where no trial is done, or a file of one is damaged."""
    note = noted(out)
    done, failed = _trials(out, note)
    if not done:
        raise TrainingError(f"{out}: no trial is done yet; run the benchmark first")
    first = next(iter(done.values()))[0]
    training = {name: TrainingLabels(**labels) for name, labels in first.metrics["training"].items()}
    predictions = {
        target: {name: [trial.predictions(target) for trial in trials] for name, trials in done.items()}
        for target in training
    }
    results: dict[str, Any] = {
        "schema": SCHEMA,
        **{key: note.get(key) for key in ("data", "command", "hardware", "versions", "settings", "overrides", "jobs")},
        "seeds": note["seeds"],
        "minutes": round(sum(trial.measured["wall_seconds"] for trials in done.values() for trial in trials) / 60, 1),
        "clips": len(first.answers["id"]),
        "groups": len(set(first.answers["group"])),
        "targets": {name: labels.kind for name, labels in training.items()},
        "draws": {"intervals": DRAWS, "comparisons": COMPARISON_DRAWS, "level": SIGNIFICANCE_LEVEL},
        "systems": [_system(name, done.get(name, []), failed.get(name, {}), note) for name in note["systems"]],
        "trivial": {},
        "comparisons": {},
        "ablation": {},
    }
    for target, labels in training.items():
        _add_target(results, target, labels, predictions[target])
    return results


class _FinishedTrial:
    """A finished trial's files."""

    def __init__(self, folder: Path) -> None:
        try:
            self.answers = json.loads((folder / PREDICTIONS).read_text())
            self.measured = json.loads((folder / MEASURED).read_text())
            self.config = json.loads((folder / "checkpoint" / "config.json").read_text())
        except (OSError, ValueError) as error:
            raise TrainingError(f"{folder}: cannot be read ({error}); delete this trial and run again") from error
        self.metrics = result(folder) or {}

    @property
    def start(self) -> str:
        """What its weights began with, in words."""
        provenance = self.config.get("provenance", {})
        origin, tuned = provenance.get("encoders_from", ""), provenance.get("config", {}).get("encoders") == "tuned"
        if not origin:
            return ""
        if SYSTEMS[self.config["model"]["system"]].uses_encoder_tokens:
            return f"encoders from {origin}, {'tuned' if tuned else 'frozen'}; the rest from random weights"
        if self.config["model"]["size"] == "small":
            return f"small size, whole from {origin}"
        return f"published size, from {origin}, {'tuned' if tuned else 'frozen'}; the FC layer from random weights"

    def predictions(self, target: str) -> LabelledPredictions:
        """Of a target, for the clips that have a label."""
        k = self.answers["targets"].index(target)
        rows = [
            (name, group, label[k], probability[k])
            for name, group, label, probability in zip(
                *(self.answers[key] for key in ("id", "group", "label", "probability")), strict=True
            )
            if label[k] is not None
        ]
        ids, groups, labels, predictions = zip(*rows, strict=True) if rows else ((), (), (), ())
        return LabelledPredictions(ids, groups, np.array(labels), np.array(predictions))


def _trials(out: Path, note: Mapping[str, Any]) -> tuple[dict[str, list[_FinishedTrial]], dict[str, dict[str, str]]]:
    """The finished trials of each system in the order of seeds, and why others failed, by seed."""
    done: dict[str, list[_FinishedTrial]] = {}
    failed: dict[str, dict[str, str]] = {}
    for name, seed in itertools.product(note["systems"], range(int(note["seeds"]))):
        folder = out / "trials" / f"{name}-{seed}"
        if (folder / MEASURED).is_file():
            done.setdefault(name, []).append(_FinishedTrial(folder))
        elif (folder / FAILED).is_file():
            failed.setdefault(name, {})[str(seed)] = (result(folder) or {}).get("failed", "")
    return done, failed


def _system(
    name: str, trials: Sequence[_FinishedTrial], failed: Mapping[str, str], note: Mapping[str, Any]
) -> dict[str, Any]:
    """A system's row but for its metrics."""
    system = SYSTEMS[name]
    row: dict[str, Any] = {
        "name": name,
        "title": system.title,
        "group": group_of(name),
        "modalities": system.modalities,
        "done": len(trials),
        "failed": dict(failed),
        "paper": figures_of(str((note.get("data") or {}).get("name", "")), name),
        "targets": {},
    }
    if trials:
        costs = [trial.measured for trial in trials]
        row["cost"] = {
            **costs[0]["cost"],
            "ms": _median(cost["cost"]["ms"] for cost in costs),
            "encoder_ms": _median(cost["cost"]["encoder_ms"] for cost in costs),
            "epoch_seconds": _median(cost["epoch_seconds"] for cost in costs),
            "peak_memory": max((cost["peak_memory"] for cost in costs if cost["peak_memory"]), default=None),
        }
        row["start"] = trials[0].start
        row["epochs"] = [trial.metrics["epochs"] for trial in trials]
        row["best_epochs"] = [trial.metrics["best_epoch"] for trial in trials]
        if "pointing" in costs[0]:
            row["pointing"] = _mean([cost["pointing"] for cost in costs])
            by_target = [cost["pointing_by_target"] for cost in costs]
            row["pointing_by_target"] = {
                target: _mean([shares[target] for shares in by_target]) for target in by_target[0]
            }
    return row


def _median(values: Any) -> float:
    return round(float(np.median(list(values))), 4)


def _mean(shares: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {method: round(float(np.mean([share[method] for share in shares])), 6) for method in shares[0]}


def _add_target(
    results: dict[str, Any],
    target: str,
    training: TrainingLabels,
    predictions: Mapping[str, list[LabelledPredictions]],
) -> None:
    """Metrics of each system and trivial baseline, and all comparisons, of one target."""
    complete = {name: trials for name, trials in predictions.items() if all(trial.ids for trial in trials)}
    if not complete:
        return
    kind, main, shown = training.kind, MAIN[training.kind], SHOWN[training.kind]
    draws = Draws([group for trials in complete.values() for trial in trials for group in trial.groups])

    def figures(trials: Sequence[LabelledPredictions], name: str) -> dict[str, Any]:
        report = measure_trials(kind, trials, name, draws)
        return {metric: report[metric] for metric in shown}

    for row in results["systems"]:
        if row["name"] in complete:
            row["targets"][target] = figures(complete[row["name"]], row["name"])
    one = next(iter(complete.values()))[0]
    rivals = {
        name: [LabelledPredictions(one.ids, one.groups, one.label, values)]
        for name, values in training.trivial(len(one.ids)).items()
    }
    trivial = results["trivial"][target] = {name: figures(trials, name) for name, trials in rivals.items()}
    best = max(trivial, key=lambda name: trivial[name][main]["value"])
    everyone = {**complete, f"{TRIVIAL}{best}": rivals[best]}
    results["comparisons"][target] = differences(kind, everyone, list(itertools.combinations(everyone, 2)))
    ablation = [pair for pair in ABLATION if set(pair) <= set(complete)]
    results["ablation"][target] = differences(kind, complete, ablation) if ablation else []
