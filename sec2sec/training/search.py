"""The paper's grid search (§4.2) over any settings, or a random one: the best training by validation score.

    base: {data: LIRIS-ACCEDE, preset: paper}
    grid: {rate: [1e-4, 3e-4], heads: [4, 8]}                         # one training per combination
    space: {rate: {low: 1e-5, high: 1e-2, scale: log}, heads: [4, 8]}  # instead of a grid: so many drawn at random

A search that is stopped or killed goes on with the trial it was at. What a trial depends on (settings, data, code) may
not change meanwhile. The best trial is chosen as the best epoch is: by validation score, then by validation loss, then
the first. Test clips are predicted once, with the best trial.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sec2sec.files import write_atomically, write_json
from sec2sec.progress import Progress, Steps, until
from sec2sec.training.hardware import Hardware
from sec2sec.training.loop import TrainingError
from sec2sec.training.run_folder import RunFolder
from sec2sec.training.settings import SettingsError, as_json, read_mapping, train_config
from sec2sec.training.side_by_side import at_work, died_words, side_by_side
from sec2sec.training.spaces import Draws, Space, ValueRange, draw_settings, read_space
from sec2sec.training.train import TrainingResult, train_steps
from sec2sec.training.trial import (
    Trial,
    check_fingerprint,
    extract_for,
    fingerprint_of_all,
    has_result,
    outcome_words,
    result,
    run_without_test,
)

SCHEMA = "sec2sec.search/1"
FILE = "search.json"


def plan(file: Path, out: Path, draws: Draws | None = None) -> list[Trial]:
    """Every combination of the grid, in its order; with draws, so many of the grid or space. Raises SettingsError."""
    content = read_mapping(file)
    if unknown := sorted(set(content) - {"base", "grid", "space"}):
        raise SettingsError(f"{file}: a search has base, and grid or space, not {', '.join(unknown)}")
    base, name = content.get("base") or {}, "space" if "space" in content else "grid"
    choices = content.get(name) or {}
    if not isinstance(base, dict) or not isinstance(choices, dict) or not choices or {"grid", "space"} <= set(content):
        raise SettingsError(
            f"{file}: expected base: settings with values, and grid: settings with lists of values, or space: settings "
            "with lists or ranges"
        )
    if "select_by" in choices:
        raise SettingsError(f"{file}: {name}: trials are compared by what select_by names, so give it in base")
    settings = _settings(read_space(choices, f"{file}: {name}"), draws, f"{file}: {name}")
    return [
        Trial(out / f"trial-{number:03}", differs, train_config({**base, **differs}, str(file)))
        for number, differs in enumerate(settings)
    ]


def _settings(space: Space, draws: Draws | None, where: str) -> list[dict[str, Any]]:
    """What each trial differs in."""
    if draws is not None:
        return draw_settings(space, draws, where)
    values: list[Sequence[Any]] = []
    for name, choices in space.items():
        if isinstance(choices, ValueRange):
            raise SettingsError(f"{where}: {name} is a range, of which values are drawn: add --random N")
        values.append(choices)
    return [dict(zip(space, combination, strict=True)) for combination in itertools.product(*values)]


def search_steps(
    file: Path,
    out: Path,
    machine: Hardware,
    *,
    draws: Draws | None = None,
    parallel: int = 1,
    stop: Callable[[], bool] = lambda: False,
) -> Steps[TrainingResult]:
    """Run the trials that are not done yet; returns how the best one ended, or the one that was stopped.

    draws: of a random search; fewer than the folder was searched with before go on with those. parallel: trials at a
    time, each a process with its share of the threads. trials.csv has a line per trial.
    Raises what a training raises, and TrainingError at the end where a process of a trial died; a trial whose loss
    diverges is noted and left.
    """
    if machine.devices > 1 or machine.nodes > 1:
        raise SettingsError("a search runs each trial on one device; add --parallel for several trials at a time")
    if parallel < 1:
        raise SettingsError(f"parallel must be at least 1, not {parallel}")
    if draws is not None:
        draws = replace(draws, count=max(draws.count, _drawn_before(out)))
    trials = plan(file, out, draws)
    depends_on = yield from fingerprint_of_all(trials)
    _claim(out, trials, draws, depends_on)
    stopped = yield from _run(trials, out, machine, parallel, stop)
    if stopped is not None:
        return stopped
    done = {
        trial.folder: figures for trial in trials if (figures := result(trial.folder)) and "validation_score" in figures
    }
    if not done:
        raise TrainingError(f"{out}: every trial failed; choose lower rates")
    best = max(done, key=lambda folder: rank(done[folder]))  # the first of equals
    if "test" in done[best]:
        tested = TrainingResult(done[best]["epochs"], RunFolder(best).checkpoint, done[best])
    else:
        yield Progress(0, 0, f"the best by validation score is {best.name}; its test clips are predicted now, once")
        tested = yield from train_steps(best, None, machine, resume=True, test=True, stop=stop)
    if not tested.stopped:
        chosen = next(trial for trial in trials if trial.folder == best)
        write_json(out / "best.json", {"trial": best.name, **chosen.differs, "metrics": tested.metrics})
    return tested


def _run(
    trials: Sequence[Trial], out: Path, machine: Hardware, parallel: int, stop: Callable[[], bool]
) -> Steps[TrainingResult | None]:
    """Every trial that is not done; what came of the one that was stopped, None where none was."""
    todo = [trial for trial in trials if not has_result(trial)]
    _write_table(out, trials)
    if parallel == 1:
        for trial in todo:
            number = trials.index(trial) + 1
            yield Progress(0, 0, f"trial {number} of {len(trials)}: {_words(trial.differs)}")
            ended = yield from run_without_test(trial, machine, stop)
            if ended is not None and ended.stopped:
                return ended
            _write_table(out, trials)
        return None
    if (yield from until(stop, extract_for(todo, machine))) is None:  # here, so that no two trials encode the same
        return TrainingResult(0, todo[0].folder, stopped=True)

    def ended_words(trial: Trial) -> Progress:
        _write_table(out, trials)
        return Progress(0, 0, f"{trial.folder.name} {outcome_words(trial)}: {_words(trial.differs)}")

    def describe(running: Sequence[Trial]) -> Progress:
        done = sum(map(has_result, trials))
        return Progress(done, len(trials), f"{done} of {len(trials)} trials; {'; '.join(map(at_work, running))}")

    outcome = yield from side_by_side(
        todo, run_without_test, machine, parallel, stop=stop, ended=ended_words, describe=describe
    )
    _write_table(out, trials)
    if outcome.died and not outcome.stopped:
        raise TrainingError(f"{out}: {died_words(outcome)}; run the same command again, with fewer --parallel")
    if outcome.stopped or not all(map(has_result, trials)):  # somebody may have stopped a single one
        return TrainingResult(0, todo[0].folder, stopped=True)
    return None


def _drawn_before(out: Path) -> int:
    """How many trials a random search of this folder has; 0 for another folder."""
    try:
        return int(json.loads((out / FILE).read_text())["random"]["trials"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0  # _claim says what is wrong with it


def rank(figures: Mapping[str, Any]) -> tuple[float, float]:
    """By what trials are compared, as a training compares its epochs. figures: of a checkpoint's metrics.json."""
    return figures["validation_score"], -figures["validation_loss"]


def _claim(out: Path, trials: Sequence[Trial], draws: Draws | None, depends_on: Mapping[str, str]) -> None:
    """Note what is searched; TrainingError for a folder of another search, or of other data or code."""
    settings = {trial.folder.name: as_json(trial.config) for trial in trials}
    random = None if draws is None else {"trials": draws.count, "seed": draws.seed}
    note = {"schema": SCHEMA, "random": random, "trials": settings, **depends_on}
    file = out / FILE
    try:
        out.mkdir(parents=True, exist_ok=True)
        if file.exists():
            before = json.loads(file.read_text())
            if not _continues(before, settings, draws):
                raise TrainingError(
                    f"{out}: holds another search{_difference(before.get('trials'), settings)}; choose another folder"
                )
            check_fingerprint(out, before, depends_on)
            write_json(file, note)
        elif any(out.iterdir()):
            raise TrainingError(f"{out}: is not empty and holds no search; choose another folder")
        else:
            write_json(file, note)
    except (OSError, ValueError) as error:
        if isinstance(error, TrainingError):
            raise
        raise TrainingError(f"{out}: cannot hold a search ({error}); choose another folder") from error


def _continues(before: Mapping[str, Any], settings: Mapping[str, Any], draws: Draws | None) -> bool:
    """Whether these trials are those of before; of a random search, those of before and more of its draws."""
    trials = before.get("trials")
    if draws is None or before.get("random") is None:
        return bool(trials == settings and draws is None and before.get("random") is None)
    return isinstance(trials, dict) and all(settings.get(name) == trial for name, trial in trials.items())


def _difference(before: Any, now: Mapping[str, Mapping[str, Any]]) -> str:
    """In which settings two searches differ, in words; empty where they have other trials."""
    if not isinstance(before, dict) or set(before) != set(now):
        return ""
    differing = {key: (before[name].get(key), value) for name in now for key, value in now[name].items()}
    words = [f"{key} was {was!r}, is {value!r}" for key, (was, value) in differing.items() if was != value]
    return f" ({'; '.join(words)})" if words else ""


def _write_table(out: Path, trials: Sequence[Trial]) -> None:
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
