"""What the trials of a benchmark left in their folders → the figures of its tables, without any training."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
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
from sec2sec.metrics import DEFAULT_THRESHOLD, DRAWS, MAIN, SHOWN, TrainingLabels
from sec2sec.predictions import LabelledPredictions
from sec2sec.training.loop import TrainingError
from sec2sec.training.run_folder import PREDICTIONS
from sec2sec.training.settings import earlier_settings
from sec2sec.training.trial import FAILED, result

SCHEMA = "sec2sec.benchmark.results/1"
TRIVIAL = "trivial: "
MAX_SPREAD = 2.0  # the longest time over the shortest, of trainings that differ in their seed alone
NOTED = (
    "data",
    "command",
    "commit",
    "hardware",
    "versions",
    "settings",
    "overrides",
    "tuning",
    "jobs",
)  # of benchmark.json
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
    _check_one_split(out, done)
    first = next(iter(done.values()))[0]
    training = {name: TrainingLabels(**labels) for name, labels in first.metrics["training"].items()}
    predictions = {
        target: {name: [trial.predictions(target) for trial in trials] for name, trials in done.items()}
        for target in training
    }
    results: dict[str, Any] = {
        "schema": SCHEMA,
        **{key: note.get(key) for key in NOTED},
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
    for target in training:
        known = {name: TrainingLabels(**trials[0].metrics["training"][target]) for name, trials in done.items()}
        _add_target(results, target, known, predictions[target])
    return results


def _check_one_split(out: Path, done: Mapping[str, Sequence[_FinishedTrial]]) -> None:
    """TrainingError where trials were tested on clips that others learned from: an earlier version drew a random split
    from the seed of the training.
    """
    splits = {trial.split for trials in done.values() for trial in trials}
    if len(splits) > 1:
        raise TrainingError(
            f"{out}: its trials have different splits ({'; '.join(sorted(splits))}), which no table can compare; "
            "run the benchmark again in another folder"
        )


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
    def split(self) -> str:
        """By what its clips were split, in words."""
        settings = earlier_settings(self.config.get("provenance", {}).get("config", {}))
        return f"{settings.get('split', '')}, seed {settings['split_seed']}, rule {settings.get('liris_rule', '')}"

    @property
    def start(self) -> str:
        """What its weights began with, in words."""
        provenance = self.config.get("provenance", {})
        origin, tuned = provenance.get("encoders_from", ""), provenance.get("config", {}).get("encoders") == "tuned"
        if not origin:
            return ""
        if "features" in provenance:
            return f"{origin}, computed elsewhere; the model from random weights"
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
        return LabelledPredictions(ids, groups, np.array(labels), np.array(predictions), self.threshold(target))

    def threshold(self, target: str) -> float:
        """Above which class 1 of a target is predicted."""
        return float(self.answers.get("thresholds", {}).get(target, DEFAULT_THRESHOLD))


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
            "ms": _spread(cost["cost"]["ms"] for cost in costs),
            "encoder_ms": None
            if costs[0]["cost"]["encoder_ms"] is None  # features that another program computed
            else _spread(cost["cost"]["encoder_ms"] for cost in costs),
            "epoch_seconds": _spread(cost["epoch_seconds"] for cost in costs),
            "peak_memory": max((cost["peak_memory"] for cost in costs if cost["peak_memory"]), default=None),
        }
        row["start"] = trials[0].start
        row["epochs"] = [trial.metrics["epochs"] for trial in trials]
        row["best_epochs"] = [trial.metrics["best_epoch"] for trial in trials]
        row["thresholds"] = {
            target: [trial.threshold(target) for trial in trials]
            for target, labels in trials[0].metrics["training"].items()
            if labels["kind"] == "binary"
        }
        if "together" in costs[0]:
            row["together"] = _together([cost["together"] for cost in costs if "together" in cost])
        if "pointing" in costs[0]:
            row["pointing"] = _mean([cost["pointing"] for cost in costs])
            by_target = [cost["pointing_by_target"] for cost in costs]
            row["pointing_by_target"] = {
                target: _mean([shares[target] for shares in by_target]) for target in by_target[0]
            }
    return row


def _spread(values: Iterable[float]) -> dict[str, float | None]:
    """Median and ends of what the seeds took; no median where it would hide that the machine was busy."""
    taken = sorted(values)
    steady = taken[-1] <= MAX_SPREAD * taken[0]
    median = round(float(np.median(taken)), 4) if steady else None
    return {"median": median, "low": round(taken[0], 4), "high": round(taken[-1], 4)}


def _together(trials: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """What each target's score owes to sound and picture together: means over seeds, and the ends of the gain."""
    targets: dict[str, dict[str, Any]] = {}
    for name, first in trials[0].items():
        known = [trial[name] for trial in trials if None not in (trial[name]["own"], trial[name]["apart"])]
        if known:
            gains = [one["gain"] for one in known]
            means = {key: round(float(np.mean([one[key] for one in known])), 6) for key in ("own", "apart", "gain")}
            targets[name] = {"metric": first["metric"], **means, "ends": [min(gains), max(gains)]}
    return targets


def _mean(shares: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {method: round(float(np.mean([share[method] for share in shares])), 6) for method in shares[0]}


def _add_target(
    results: dict[str, Any],
    target: str,
    training: Mapping[str, TrainingLabels],
    predictions: Mapping[str, list[LabelledPredictions]],
) -> None:
    """Metrics of each system and trivial baseline, and all comparisons, of one target. training: of each system."""
    complete = {name: trials for name, trials in predictions.items() if all(trial.ids for trial in trials)}
    if not complete:
        return
    kind = training[next(iter(complete))].kind
    main, shown = MAIN[kind], SHOWN[kind]
    draws = Draws([group for trials in complete.values() for trial in trials for group in trial.groups])

    def figures(trials: Sequence[LabelledPredictions], name: str) -> dict[str, Any]:
        report = measure_trials(kind, trials, name, draws)
        return {metric: report[metric] for metric in shown}

    for row in results["systems"]:
        if row["name"] in complete:
            row["targets"][target] = figures(complete[row["name"]], row["name"])
    titles = {row["name"]: row["title"] for row in results["systems"]}
    rivals = _rivals(complete, training, titles)
    trivial = results["trivial"][target] = {name: figures(trials, name) for name, trials in rivals.items()}
    usual = list(training[next(iter(complete))].trivial(0))  # on the clips of most systems
    best = max(usual, key=lambda name: trivial[name][main]["value"])
    everyone = {**complete, f"{TRIVIAL}{best}": rivals[best]}
    results["comparisons"][target] = differences(kind, everyone, list(itertools.combinations(everyone, 2)))
    ablation = [pair for pair in ABLATION if set(pair) <= set(complete)]
    results["ablation"][target] = differences(kind, complete, ablation) if ablation else []


def _rivals(
    systems: Mapping[str, Sequence[LabelledPredictions]],
    training: Mapping[str, TrainingLabels],
    titles: Mapping[str, str],
) -> dict[str, list[LabelledPredictions]]:
    """The trivial baselines on exactly the clips of each system, and from its training labels.

    Systems that agree in both share a row. Those of most systems come first, under the plain names.
    """
    alike: dict[tuple[tuple[str, ...], TrainingLabels], list[str]] = {}
    for name, trials in systems.items():
        for clips in dict.fromkeys(trial.ids for trial in trials):
            alike.setdefault((clips, training[name]), []).append(name)
    rivals: dict[str, list[LabelledPredictions]] = {}
    for (clips, labels), names in sorted(alike.items(), key=lambda one: -len(one[1])):
        one = next(trial for trial in systems[names[0]] if trial.ids == clips)
        where = f", the {len(clips)} clips of {', '.join(titles[name] for name in names)}" if rivals else ""
        for name, values in labels.trivial(len(clips)).items():
            rivals[f"{name}{where}"] = [LabelledPredictions(one.ids, one.groups, one.label, values)]
    return rivals
