"""A benchmark from settings to tables. It can be killed at any moment: the same command goes on where it was."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from sec2sec.benchmark.citing import bibtex, cited, manifest
from sec2sec.benchmark.collect import collect
from sec2sec.benchmark.document import as_latex, as_markdown, as_page, figures
from sec2sec.benchmark.plan import FILE, Request, begin, noted, plan
from sec2sec.benchmark.tables import NUMBERS, as_csv
from sec2sec.benchmark.work import MEASURED, is_done, steps, work
from sec2sec.checkpoints import environment
from sec2sec.datasets.extract import clock
from sec2sec.datasets.splits import leaks
from sec2sec.datasets.table import SPLITS
from sec2sec.device import pick_device
from sec2sec.files import safe_name, write_atomically, write_json
from sec2sec.plots.svg import standalone
from sec2sec.progress import Progress, Steps, until
from sec2sec.training.hardware import Hardware, command
from sec2sec.training.loop import TrainingError
from sec2sec.training.save import generator_settings
from sec2sec.training.settings import SettingsError
from sec2sec.training.setup import check_features, load_data
from sec2sec.training.train import extract_all
from sec2sec.training.trial import Trial, fingerprint
from sec2sec.workers import end_if_started_by_import, unguarded_script, why_they_ended

POLL_INTERVAL = 1.0  # s between two looks at the trials at work


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
    """Train and measure what is not done yet, then write the tables.

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
    request = begin(request, out, planned, depends_on)
    trials = plan(request, out)
    threads = max(1, (os.cpu_count() or 1) // max(jobs, 1))
    note = noted(out) | _about(machine, jobs, threads)
    clips = {split: len(table.split(split)) for split in SPLITS}
    note["data"] = {
        "name": table.name,
        "notes": list(table.notes),
        "clips": clips,
        "planted": generator_settings(table),
        "warnings": leaks(table, "test"),
        **({"features": table.features.as_json()} if table.features else {}),
    }
    todo = [trial for trial in trials if not is_done(trial)]
    for name in dict.fromkeys(trial.differs["system"] for trial in todo):
        first = next(trial for trial in todo if trial.differs["system"] == name)
        # here, so that no two trials encode the same clips
        if (yield from until(stop, extract_all(first.config, machine))) is None:
            return BenchmarkResult(stopped=True)
    if todo:
        write_json(out / FILE, note | {"data": {**note["data"], "sha256": ""}})
        yield Progress(0, 0, f"{len(trials)} trials, {len(trials) - len(todo)} of them done before")
        running = _one_by_one(todo, machine, stop) if jobs == 0 else _side_by_side(trials, machine, jobs, threads, stop)
        if (yield from running):
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
        write_atomically(out / "references.bib", bibtex(cited(results)).encode())
        write_json(out / "manifest.json", manifest(results))
        for target, figure in figures(results).items():
            write_atomically(out / f"figure-{safe_name(target)}.svg", standalone(figure).encode())
        for kind in dict.fromkeys(results["targets"].values()):
            write_atomically(out / f"table-{NUMBERS[kind]}.csv", as_csv(results, kind).encode())
    except OSError as error:
        raise TrainingError(
            f"{out}: cannot be written ({error.strerror or error}); make room or give permission"
        ) from error
    return results


def _one_by_one(todo: Sequence[Trial], machine: Hardware, stop: Callable[[], bool]) -> Steps[bool]:
    """Every trial in this process; whether they were stopped."""
    for number, trial in enumerate(todo):
        yield _trials_progress(number, len(todo), [trial.folder.name], math.nan)
        result = yield from steps(trial, machine, stop)
        if result is not None and result.stopped:
            return True
    return False


def _side_by_side(
    trials: Sequence[Trial], machine: Hardware, jobs: int, threads: int, stop: Callable[[], bool]
) -> Steps[bool]:
    """Every trial in a process of its own, `jobs` at a time; whether they were stopped."""
    todo = [trial for trial in trials if not is_done(trial)]
    waiting = list(todo)
    working: dict[Future[None], Trial] = {}
    end_if_started_by_import()
    context = get_context("spawn")  # fork after torch has started threads can hang
    with ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        try:
            while waiting or working:
                while waiting and len(working) < jobs:
                    trial = waiting.pop(0)
                    working[pool.submit(work, trial, machine, threads, os.getpid())] = trial
                finished, _ = wait(working, timeout=POLL_INTERVAL, return_when=FIRST_COMPLETED)
                for future in finished:
                    trial = working.pop(future)
                    future.result()
                    if is_done(trial):
                        yield Progress(0, 0, f"{trial.folder.name} {_outcome(trial)}")
                yield _progress(trials, list(working.values()), jobs)
                if stop():
                    return True
        except BrokenProcessPool as error:
            if unguarded_script() is not None:
                raise why_they_ended(str(error)) from None
            raise TrainingError(
                "the process of a trial was killed (out of memory?); run the same command again, with fewer --jobs"
            ) from error
        finally:
            _end(working)  # nothing is left running behind a stop or an error
    return False


def _end(working: Mapping[Future[None], Trial]) -> None:
    """Ask the trials to stop until all have; one that is only starting forgets the first time."""
    while unfinished := wait(working, timeout=0).not_done:
        for future in unfinished:
            if working[future].folder.is_dir():
                (working[future].folder / "stop").touch()
        wait(unfinished, timeout=POLL_INTERVAL)


def _outcome(trial: Trial) -> str:
    if not (trial.folder / MEASURED).is_file():
        return "diverged and is left"
    metrics = json.loads((trial.folder / "checkpoint" / "metrics.json").read_text())
    return (
        f"done: {metrics['epochs']} epochs, {metrics['minutes']} minutes, validation {metrics['validation_score']:.3f}"
    )


def _progress(trials: Sequence[Trial], working: Sequence[Trial], jobs: int) -> Progress:
    """Time left by what trials of the same system, or else any, took so far."""
    taken: dict[str, list[float]] = {}
    done = [trial for trial in trials if is_done(trial)]
    for trial in done:
        if (trial.folder / MEASURED).is_file():
            seconds = json.loads((trial.folder / MEASURED).read_text())["wall_seconds"]
            taken.setdefault(trial.differs["system"], []).append(seconds)
    every = [seconds for each in taken.values() for seconds in each]
    left = math.nan
    if every:
        rest = [trial for trial in trials if trial not in done]
        expected = sum(fmean(taken.get(trial.differs["system"], every)) for trial in rest)
        left = expected / jobs if len(rest) >= jobs else expected / max(len(rest), 1)
    return _trials_progress(len(done), len(trials), [_at_work(trial) for trial in working], left)


def _trials_progress(done: int, total: int, running: Sequence[str], seconds_left: float) -> Progress:
    """running: what each trial at work does."""
    left = f", {clock(seconds_left)} left" if math.isfinite(seconds_left) else ""
    return Progress(done, total, f"{done} of {total} trials{left}; {'; '.join(running)}", "trials", seconds_left)


def _at_work(trial: Trial) -> str:
    try:
        message = json.loads((trial.folder / "progress.json").read_text())["message"]
    except (OSError, ValueError, KeyError):
        message = "starting"
    return f"{trial.folder.name}: {message}"


def _about(machine: Hardware, jobs: int, threads: int) -> dict[str, Any]:
    """What the document says of the machine."""
    device = pick_device(machine.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    hardware: Mapping[str, Any] = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "device": name,
        "threads": threads,
    }
    return {"command": command(), "hardware": hardware, "versions": environment(), "jobs": max(jobs, 1)}


def processor() -> str:
    """The model of the CPU, as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
