"""Cross-validation by group: a training for each fold, and predictions of every clip by one that never saw its group.

OUT/cross-validation.json notes the settings, the folds and what they depend on; OUT/folds has a run folder for each
fold; OUT/predictions.csv and the tables are written when all folds are done. The same command goes on where it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sec2sec.benchmark.fold_results import collect_folds, predictions_of_folds
from sec2sec.benchmark.fold_tables import write_tables
from sec2sec.checkpoints import environment
from sec2sec.datasets.folds import count_folds, take_fold
from sec2sec.datasets.splits import OFFICIAL_SPLIT
from sec2sec.datasets.table import Table, some
from sec2sec.files import write_atomically, write_json
from sec2sec.progress import Progress, Steps, clock, relay
from sec2sec.training.hardware import Hardware, command
from sec2sec.training.loop import TrainingError
from sec2sec.training.save import generator_settings
from sec2sec.training.settings import SettingsError, TrainConfig, as_json
from sec2sec.training.setup import check_selection, load_data, training_labels
from sec2sec.training.trial import Trial, check_fingerprint, fingerprint, result, run_trial

SCHEMA = "sec2sec.cross-validation/1"
FILE = "cross-validation.json"
PREDICTIONS = "predictions.csv"


@dataclass(frozen=True)
class CrossValidation:
    """The figures of all folds; none where it was stopped, to be resumed."""

    results: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False


def plan(config: TrainConfig, folds: str, out: Path) -> tuple[Table, list[Trial], list[Table]]:
    """The data set, a training for each fold, and the data set as each fold splits it.

    Raises SettingsError or DataError where a fold cannot be learned, before anything is trained.
    """
    if config.fold or config.split != OFFICIAL_SPLIT:
        raise SettingsError("cross-validation makes the splits itself: leave fold and split out")
    table, targets = load_data(replace(config, split_shares=TrainConfig.split_shares))
    trials, tables = [], []
    for number in range(1, count_folds(table, folds) + 1):
        fold = f"{number}/{folds}"
        split = take_fold(table, fold, config.split_seed, config.split_shares)
        check_selection(config, training_labels(split, targets, split.rows), split.split("validation"))
        tables.append(split)
        trials.append(Trial(out / "folds" / f"fold-{number:03}", {"fold": fold}, replace(config, fold=fold)))
    return table, trials, tables


def cross_validate_steps(
    config: TrainConfig, folds: str, out: Path, machine: Hardware, *, stop: Callable[[], bool] = lambda: False
) -> Steps[CrossValidation]:
    """Train the folds that are not done yet, then write predictions and tables.

    folds: a number, or "groups" for a fold of each group. Raises what a training raises, and TrainingError for a fold
    whose loss diverged: without it, not every clip has a prediction.
    """
    if machine.devices > 1 or machine.nodes > 1:
        raise SettingsError("cross-validation trains each fold on one device")
    table, trials, tables = plan(config, folds, out)
    depends_on = yield from fingerprint(config)
    _claim(out, config, folds, table, depends_on)
    took: list[float] = []
    for number, (trial, split) in enumerate(zip(trials, tables, strict=True)):
        if (outcome := result(trial.folder)) is not None:
            _check_not_diverged(out, trial, outcome)
            continue
        rest = sum(result(other.folder) is None for other in trials[number + 1 :])
        yield Progress(0, 0, _heading(trial, split, took, rest + 1))
        began = time.monotonic()
        ended = yield from relay(run_trial(trial, machine, test=True, stop=stop), _AllFolds(rest, took, began))
        if ended is not None and ended.stopped:
            return CrossValidation(stopped=True)
        _check_not_diverged(out, trial, result(trial.folder) or {})
        took.append(time.monotonic() - began)
    results = collect_folds(_noted(out), [trial.folder for trial in trials])
    write_atomically(out / PREDICTIONS, predictions_of_folds([trial.folder for trial in trials]).encode())
    write_tables(out, results)
    return CrossValidation(results)


@dataclass(frozen=True)
class _AllFolds:
    """What an epoch says of the time left, for this fold and those after it."""

    rest: int  # folds after this one
    took: Sequence[float]  # s, of those done
    began: float

    def __call__(self, progress: Progress) -> Progress:
        if progress.epoch is None:
            return progress
        here = float(progress.epoch["seconds_left"])
        other = sum(self.took) / len(self.took) if self.took else time.monotonic() - self.began + here
        left = round(here + self.rest * other, 1)
        return replace(progress, seconds_left=left, epoch={**progress.epoch, "seconds_left": left})


def _heading(trial: Trial, table: Table, took: Sequence[float], unfinished: int) -> str:
    tested = table.split("test")
    groups = sorted({row.group for row in tested})
    left = f"; about {clock(sum(took) / len(took) * unfinished)} left" if took else ""
    return f"fold {trial.differs['fold']}: tests {len(tested)} clips of {some(groups, 3)}{left}"


def _check_not_diverged(out: Path, trial: Trial, outcome: Mapping[str, Any]) -> None:
    """outcome: see `result`."""
    if why := outcome.get("failed"):
        raise TrainingError(f"{out}: the fold {trial.differs['fold']} failed ({why}), and without it clips are missing")


def _claim(out: Path, config: TrainConfig, folds: str, table: Table, depends_on: Mapping[str, str]) -> None:
    """Note what is validated; TrainingError for a folder of something else, of other settings, data or code."""
    settings = as_json(config)
    note = {
        "schema": SCHEMA,
        "folds": folds,
        "settings": settings,
        **depends_on,
        "command": command(),
        "versions": environment(),
        "data": {
            "name": table.name,
            "notes": [sentence for sentence in table.notes if sentence != table.drawn],
            "clips": len(table.rows),
            "planted": generator_settings(table),
            "sha256": depends_on["data_sha256"],
        },
    }
    file = out / FILE
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            if any(out.iterdir()):
                raise TrainingError(f"{out}: is not empty and holds no cross-validation; choose another folder")
            write_json(file, note)
            return
        before = _noted(out)
        differing = [
            f"{name} was {before['settings'].get(name)!r}, is {value!r}"
            for name, value in settings.items()
            if before["settings"].get(name) != value
        ]
        if before["folds"] != folds:
            differing.insert(0, f"folds was {before['folds']}, is {folds}")
        if differing:
            raise TrainingError(
                f"{out}: holds another cross-validation ({'; '.join(differing)}); choose another folder"
            )
        check_fingerprint(out, before, depends_on)
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written ({error.strerror or error}); choose another folder") from error


def _noted(out: Path) -> dict[str, Any]:
    """cross-validation.json. Raises TrainingError."""
    try:
        note = dict(json.loads((out / FILE).read_text()))
        if note["schema"] == SCHEMA and isinstance(note["settings"], dict):
            return note
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TrainingError(f"{out / FILE}: cannot be read ({error}); choose another folder") from error
    raise TrainingError(f"{out / FILE}: is of another version; choose another folder")
