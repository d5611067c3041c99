"""The paper's grid search (§4.2) over any settings: one training per combination, the best by validation score.

    base: {data: LIRIS-ACCEDE, preset: paper}
    grid: {rate: [1e-4, 3e-4], heads: [4, 8]}

A search that is stopped or killed goes on with the trial it was at. What a trial depends on (settings, data, code) may
not change meanwhile. The best trial is chosen as the best epoch is: by validation score, then by validation loss, then
the first. Test clips are predicted once, with the best trial.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sec2sec.files import write_atomically, write_json
from sec2sec.progress import Progress, Steps
from sec2sec.training.hardware import Hardware
from sec2sec.training.loop import TrainingError
from sec2sec.training.run_folder import RunFolder
from sec2sec.training.settings import SettingsError, as_json, read_mapping, train_config
from sec2sec.training.train import TrainingResult, train_steps
from sec2sec.training.trial import Trial, check_fingerprint, fingerprint, result, run_trial

SCHEMA = "sec2sec.search/1"


def plan(file: Path, out: Path) -> list[Trial]:
    """Every combination of the grid, in its order. Raises SettingsError."""
    content = read_mapping(file)
    if unknown := sorted(set(content) - {"base", "grid"}):
        raise SettingsError(f"{file}: a search has base and grid, not {', '.join(unknown)}")
    base, grid = content.get("base") or {}, content.get("grid") or {}
    if not isinstance(base, dict) or not isinstance(grid, dict) or not grid:
        raise SettingsError(f"{file}: expected base: settings with values, grid: settings with lists of values")
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise SettingsError(f"{file}: grid: {name} needs a list of values, not {values!r}")
    if "select_by" in grid:
        raise SettingsError(f"{file}: grid: trials are compared by what select_by names, so give it in base")
    trials = []
    for number, values in enumerate(itertools.product(*grid.values())):
        differs = dict(zip(grid, values, strict=True))
        trials.append(Trial(out / f"trial-{number:03}", differs, train_config({**base, **differs}, str(file))))
    return trials


def search_steps(
    file: Path, out: Path, machine: Hardware, *, stop: Callable[[], bool] = lambda: False
) -> Steps[TrainingResult]:
    """Run the trials that are not done yet; returns how the best one ended, or the one that was stopped.

    trials.csv has a line per trial. Raises what a training raises; a trial whose loss diverges is noted and left.
    """
    if machine.devices > 1 or machine.nodes > 1:
        raise SettingsError("a search runs on one device; run several searches over parts of the grid instead")
    trials = plan(file, out)
    depends_on = yield from fingerprint(trials[0].config)
    _claim(out, trials, depends_on)
    for number, trial in enumerate(trials, start=1):
        if result(trial.folder) is None:
            yield Progress(0, 0, f"trial {number} of {len(trials)}: {_words(trial.differs)}")
            ended = yield from run_trial(trial, machine, test=False, stop=stop)
            if ended is not None and ended.stopped:
                return ended
        _write_table(out, trials)
    done = {
        trial.folder: figures for trial in trials if (figures := result(trial.folder)) and "validation_score" in figures
    }
    if not done:
        raise TrainingError(f"{out}: every trial failed; choose lower rates")
    best = max(done, key=lambda folder: rank(done[folder]))  # the first of equals
    if "test" in done[best]:
        return TrainingResult(done[best]["epochs"], RunFolder(best).checkpoint, done[best])
    yield Progress(0, 0, f"the best by validation score is {best.name}; its test clips are predicted now, once")
    tested = yield from train_steps(best, None, machine, resume=True, test=True, stop=stop)
    if not tested.stopped:
        chosen = next(trial for trial in trials if trial.folder == best)
        write_json(out / "best.json", {"trial": best.name, **chosen.differs, "metrics": tested.metrics})
    return tested


def rank(figures: Mapping[str, Any]) -> tuple[float, float]:
    """By what trials are compared, as a training compares its epochs. figures: of a checkpoint's metrics.json."""
    return figures["validation_score"], -figures["validation_loss"]


def _claim(out: Path, trials: list[Trial], depends_on: Mapping[str, str]) -> None:
    """Note what is searched; TrainingError for a folder of another search, or of other data or code."""
    settings = {trial.folder.name: as_json(trial.config) for trial in trials}
    note = {"schema": SCHEMA, "trials": settings, **depends_on}
    file = out / "search.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if file.exists():
            before = json.loads(file.read_text())
            if before.get("trials") != settings:
                raise TrainingError(
                    f"{out}: holds another search{_difference(before.get('trials'), settings)}; choose another folder"
                )
            check_fingerprint(out, before, depends_on)
        elif any(out.iterdir()):
            raise TrainingError(f"{out}: is not empty and holds no search; choose another folder")
        else:
            write_json(file, note)
    except (OSError, ValueError) as error:
        if isinstance(error, TrainingError):
            raise
        raise TrainingError(f"{out}: cannot hold a search ({error}); choose another folder") from error


def _difference(before: Any, now: Mapping[str, Mapping[str, Any]]) -> str:
    """In which settings two searches differ, in words; empty where they have other trials."""
    if not isinstance(before, dict) or set(before) != set(now):
        return ""
    differing = {key: (before[name].get(key), value) for name in now for key, value in now[name].items()}
    words = [f"{key} was {was!r}, is {value!r}" for key, (was, value) in differing.items() if was != value]
    return f" ({'; '.join(words)})" if words else ""


def _write_table(out: Path, trials: list[Trial]) -> None:
    """trials.csv: what each trial differs in, and what came of it; empty cells where there is nothing yet."""
    text = io.StringIO()
    names = list(trials[0].differs)
    writer = csv.DictWriter(text, ["trial", *names, "validation_score", "best_epoch", "epochs", "minutes", "failed"])
    writer.writeheader()
    for trial in trials:
        outcome = result(trial.folder) or {}
        figures = {name: outcome.get(name, "") for name in writer.fieldnames if name not in ("trial", *names)}
        writer.writerow({"trial": trial.folder.name, **trial.differs, **figures})
    write_atomically(out / "trials.csv", text.getvalue().encode())


def _words(differs: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in differs.items())
