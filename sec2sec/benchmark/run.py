"""A benchmark from settings to tables. It can be killed at any moment: the same command goes on where it was."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from sec2sec.benchmark.citing import cited, manifest
from sec2sec.benchmark.collect import collect
from sec2sec.benchmark.document import as_latex, as_markdown, as_page, figures
from sec2sec.benchmark.plan import FILE, Request, begin, noted, plan, plan_tuning
from sec2sec.benchmark.tables import NUMBERS, as_csv
from sec2sec.benchmark.tuning import choose
from sec2sec.benchmark.work import MEASURED, is_done, steps
from sec2sec.bibliography import REFERENCES, bibtex
from sec2sec.checkpoints import environment
from sec2sec.datasets.splits import leaks
from sec2sec.datasets.table import SPLITS
from sec2sec.device import pick_device
from sec2sec.files import write_atomically, write_json
from sec2sec.plots.pdf import figure_files
from sec2sec.progress import Progress, Steps, clock, until
from sec2sec.training.citing import MANIFEST, code_commit, hardware_facts, library_versions
from sec2sec.training.hardware import Hardware, command
from sec2sec.training.loop import TrainingError
from sec2sec.training.save import generator_settings
from sec2sec.training.settings import SettingsError
from sec2sec.training.setup import check_features, load_data
from sec2sec.training.side_by_side import Work, at_work, died_words, side_by_side, threads_each
from sec2sec.training.trial import Trial, extract_for, fingerprint, has_result, outcome_words, run_without_test


@dataclass(frozen=True)
class BenchmarkResult:
    """The figures of the tables; none where the benchmark was stopped, to be resumed."""

    results: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False


def benchmark_steps(
    request: Request,
    out: Path,
    machine: Hardware,
    *,
    jobs: int = 1,
    stop: Callable[[], bool] = lambda: False,
) -> Steps[BenchmarkResult]:
    """Tune and train and measure what is not done yet, then write the tables.

    jobs: trials at a time, each a process with its share of the cores; 0: all in this process, whose memory is then
    that of all. Raises SettingsError, DataError or TrainingError.
    """
    if machine.devices > 1 or machine.nodes > 1:
        raise SettingsError("a benchmark runs each trial on one device; add --jobs for several trials at a time")
    if jobs < 0:
        raise SettingsError(f"jobs must be at least 0, not {jobs}")
    planned = plan(request, out)
    table, _ = load_data(planned[0].config)
    for trial in planned:
        check_features(trial.config, table)  # before the folder is made
    depends_on = yield from fingerprint(planned[0].config)
    begun = planned if request.tuning is None else plan_tuning(request, out)
    request = begin(request, out, begun, depends_on)
    note = noted(out) | _about(machine, jobs)
    clips = {split: len(table.split(split)) for split in SPLITS}
    note["data"] = {
        "name": table.name,
        "notes": list(table.notes),
        "clips": clips,
        "planted": generator_settings(table),
        "warnings": leaks(table, "test"),
        **({"features": table.features.as_json()} if table.features else {}),
    }
    tuned: dict[str, dict[str, Any]] = {}
    if request.tuning is not None:
        trials = plan_tuning(request, out)
        if (yield from _train(_Trials(trials, run_without_test, has_result, "tuning "), machine, jobs, stop)):
            return BenchmarkResult(stopped=True)
        chosen = choose(trials)
        note["tuning"] = {**note["tuning"], "chosen": chosen}
        write_json(out / FILE, {**noted(out), "tuning": note["tuning"]})
        tuned = {name: best["settings"] for name, best in chosen.items()}
    trials = plan(request, out, tuned)
    if not all(is_done(trial) for trial in trials):
        write_json(out / FILE, note | {"data": {**note["data"], "sha256": ""}})
        if (yield from _train(_Trials(trials, steps, is_done), machine, jobs, stop)):
            return BenchmarkResult(stopped=True)
        note["data"]["sha256"] = json.loads((trials[0].folder / "data.json").read_text())["sha256"]
        write_json(out / FILE, note)
    return BenchmarkResult(write_tables(out))


def write_tables(out: Path) -> dict[str, Any]:
    """The tables of a benchmark's folder, made from what its trials left; returns the figures. Raises TrainingError."""
    results = collect(out)
    try:
        write_json(out / "results.json", results)
        write_atomically(out / "RESULTS.md", as_markdown(results).encode())
        write_atomically(out / "results.html", as_page(results).encode())
        write_atomically(out / "tables.tex", as_latex(results).encode())
        write_atomically(out / REFERENCES, bibtex(cited(results)).encode())
        write_json(out / MANIFEST, manifest(results))
        for name, content in figure_files(figures(results)).items():
            write_atomically(out / name, content)
        for kind in dict.fromkeys(results["targets"].values()):
            write_atomically(out / f"table-{NUMBERS[kind]}.csv", as_csv(results, kind).encode())
    except OSError as error:
        raise TrainingError(
            f"{out}: cannot be written ({error.strerror or error}); make room or give permission"
        ) from error
    return results


@dataclass(frozen=True)
class _Trials:
    """Trials, what is done with each, and when nothing is left to do. kind: before the word trials, in messages."""

    trials: Sequence[Trial]
    work: Work
    is_done: Callable[[Trial], bool]
    kind: str = ""

    @property
    def todo(self) -> list[Trial]:
        return [trial for trial in self.trials if not self.is_done(trial)]


def _train(batch: _Trials, machine: Hardware, jobs: int, stop: Callable[[], bool]) -> Steps[bool]:
    """Every trial that is not done; whether they were stopped. Raises TrainingError where a process of one died."""
    if not (todo := batch.todo):
        return False
    if (yield from until(stop, extract_for(todo, machine))) is None:  # here, so that no two trials encode the same
        return True
    count = len(batch.trials)
    yield Progress(0, 0, f"{count} {batch.kind}trials, {count - len(todo)} of them done before")
    if jobs == 0:
        return (yield from _one_by_one(batch, machine, stop))
    outcome = yield from side_by_side(
        todo,
        batch.work,
        machine,
        jobs,
        stop=stop,
        ended=lambda trial: _ended(trial) if batch.is_done(trial) else None,
        describe=lambda running: _progress(batch, running, jobs),
    )
    if outcome.died and not outcome.stopped:
        raise TrainingError(f"{died_words(outcome)}; run the same command again, with fewer --jobs")
    return outcome.stopped or bool(batch.todo)  # somebody may have stopped a single one


def _one_by_one(batch: _Trials, machine: Hardware, stop: Callable[[], bool]) -> Steps[bool]:
    """Every trial in this process; whether they were stopped."""
    todo = batch.todo
    for number, trial in enumerate(todo):
        yield _trials_progress(number, len(todo), [trial.folder.name], math.nan, batch.kind)
        yield from batch.work(trial, machine, stop)
        if not batch.is_done(trial):
            return True
    return False


def _ended(trial: Trial) -> Progress:
    return Progress(0, 0, f"{trial.folder.name} {outcome_words(trial)}")


def _progress(batch: _Trials, running: Sequence[Trial], jobs: int) -> Progress:
    """Time left by what trials of the same system, or else any, took so far."""
    taken: dict[str, list[float]] = {}
    rest = batch.todo
    for trial in batch.trials:
        if (trial.folder / MEASURED).is_file():
            seconds = json.loads((trial.folder / MEASURED).read_text())["wall_seconds"]
            taken.setdefault(trial.differs["system"], []).append(seconds)
    every = [seconds for own in taken.values() for seconds in own]
    left = math.nan
    if every:
        expected = sum(fmean(taken.get(trial.differs["system"], every)) for trial in rest)
        left = expected / jobs if len(rest) >= jobs else expected / max(len(rest), 1)
    done = len(batch.trials) - len(rest)
    return _trials_progress(done, len(batch.trials), [at_work(trial) for trial in running], left, batch.kind)


def _trials_progress(done: int, total: int, running: Sequence[str], seconds_left: float, kind: str) -> Progress:
    """running: what each trial at work does."""
    left = f", {clock(seconds_left)} left" if math.isfinite(seconds_left) else ""
    message = f"{done} of {total} {kind}trials{left}; {'; '.join(running)}"
    return Progress(done, total, message, f"{kind}trials", seconds_left)


def _about(machine: Hardware, jobs: int) -> dict[str, Any]:
    """What the document says of the machine and the code."""
    hardware = {**hardware_facts(pick_device(machine.device)), "threads": threads_each(jobs)}
    about = {"command": command(), "hardware": hardware, "versions": {**environment(), **library_versions()}}
    return {**about, "commit": code_commit(), "jobs": max(jobs, 1)}
