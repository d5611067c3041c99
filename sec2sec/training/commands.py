"""The subcommands of data and training: options in, lines out. Nothing here imports torch before it is needed."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sec2sec.training.settings import as_json, given, read_mapping, train_config

if TYPE_CHECKING:
    from sec2sec.training.run import Machine

NAMED = 10  # unusable clips that are named on the terminal; all are in data.json
LOGGED = 60.0  # s between two words on how far an extraction is, where stderr is no terminal but the log of a cluster


def show(line: str, last: bool = False) -> None:
    """A progress line that overwrites itself; nothing where stderr is not a terminal."""
    if sys.stderr.isatty():
        print(f"\r{line:<70}", end="\n" if last else "", file=sys.stderr, flush=True)


def bar(done: int, total: int, width: int = 10) -> str:
    """How much of something is done, as [####......]."""
    full = width * done // max(total, 1)
    return f"[{'#' * full}{'.' * (width - full)}]"


def run_data(options: argparse.Namespace) -> None:
    """What a data set holds."""
    from sec2sec.datasets.open import open_data
    from sec2sec.datasets.report import data_report
    from sec2sec.files import check_writable, write_json

    if options.json:
        check_writable(options.json)
    table = open_data(
        options.directory, liris_rule=options.liris_rule, split=options.split, interview=options.interview
    )

    def progress(done: int, total: int) -> None:
        show(f"{done} of {total} clips", last=done == total)

    report = data_report(table, probe=not options.no_probe, workers=options.workers, progress=progress)
    print(report.as_text())
    if options.json:
        write_json(options.json, report.as_json())


def run_extract(options: argparse.Namespace) -> None:
    """Fill the token cache."""
    from sec2sec.training.run import extract_all

    said = time.monotonic()
    for step in extract_all(train_config(given(options)), machine_of(options), share_of(options.part)):
        show(f"{bar(step.done, step.total)} {step.line}", last=step.done == step.total)
        if not sys.stderr.isatty() and time.monotonic() - said > LOGGED:
            said = time.monotonic()
            print(step.line, file=sys.stderr, flush=True)
    list_unusable(step.unusable)
    print(f"{step.done} clips: {step.encoded} encoded, {step.kept} were there, {len(step.unusable)} unusable")


def run_train(options: argparse.Namespace) -> None:
    """Begin a training, or go on with one."""
    from sec2sec.training.folder import RunFolder
    from sec2sec.training.run import train_steps

    values = (read_mapping(options.config) if options.config else {}) | given(options)
    folder = RunFolder(options.out)
    if options.resume and folder.exists():
        config = train_config(as_json(folder.config()) | values) if values else None
    else:
        config = train_config(values, str(options.config or ""))
    with stop_on_signals() as stop, in_turn(options.queue, stop):
        for step in train_steps(options.out, config, machine_of(options), resume=options.resume, stop=stop):
            tell(step, options.out)


@contextmanager
def in_turn(queue: Path | None, stop: Callable[[], bool]) -> Iterator[None]:
    """Wait for the other trainings of a queue, where one is given; a stop before the turn ends as Ctrl-C does."""
    if queue is None:
        yield
        return
    from sec2sec.training.queue import LeftQueueError, turn

    try:
        with turn(queue, lambda ahead: print(f"waiting: {ahead} before this one", flush=True), stop):
            yield
    except LeftQueueError:
        raise KeyboardInterrupt from None


def run_search(options: argparse.Namespace) -> None:
    """A training for each combination of settings."""
    from sec2sec.training.search import search_steps

    with stop_on_signals() as stop:
        for step in search_steps(options.file, options.out, machine_of(options), stop=stop):
            tell(step, options.out)


def run_benchmark(options: argparse.Namespace) -> None:
    """All systems with all seeds, and the tables."""
    from sec2sec.training.benchmark.document import findings
    from sec2sec.training.benchmark.plan import requested
    from sec2sec.training.benchmark.run import Compared, Progress, benchmark_steps, write_tables
    from sec2sec.training.run import Stopped

    if options.explanations:
        compare_explanations(options)
        return
    if options.tables:
        print_results(options.out, findings(write_tables(options.out)))
        return
    values = (read_mapping(options.config) if options.config else {}) | given(options)
    request = requested(values, options.systems, options.seeds, str(options.config or ""))
    with stop_on_signals() as stop:
        for step in benchmark_steps(request, options.out, machine_of(options), jobs=options.jobs, stop=stop):
            if isinstance(step, Compared):
                print_results(options.out, findings(step.results))
            elif isinstance(step, Progress):
                show(step.line)
            elif isinstance(step, Stopped):
                print("stopped; the same command goes on")
            else:
                tell(step, options.out)


def compare_explanations(options: argparse.Namespace) -> None:
    """Every method of explanation on known-truth clips, and the table in the folder."""
    from sec2sec.checkpoints import load_checkpoint
    from sec2sec.datasets.open import open_data
    from sec2sec.training.scoreboard import Scored, as_markdown, scoreboard_steps, write_scoreboard

    if not getattr(options, "data", ""):
        raise ValueError("--data is missing: give a folder of known-truth clips, as make-clips makes them")
    table = open_data(options.data)
    bundle, *others = [load_checkpoint(folder, options.device) for folder in (options.checkpoint, *options.others)]
    for step in scoreboard_steps(bundle, table, others=others, clips=options.clips, workers=options.workers):
        if isinstance(step, Scored):
            show("", last=True)
            print(as_markdown(step.report))
            for message in step.unusable:
                print(f"not usable: {message}", file=sys.stderr)
            write_scoreboard(options.out, step.report)
        else:
            show(f"{step.done} of {step.total} clips")


def print_results(out: Path, findings: list[str]) -> None:
    """What came out, and where it stands."""
    print("\n".join([*findings, f"tables: {out / 'RESULTS.md'}, results.html, results.json and table-*.csv beside it"]))


def run_profile(options: argparse.Namespace) -> None:
    """The mean attention over seconds."""
    from sec2sec.files import check_writable, write_json
    from sec2sec.training.profile import Profiled, as_text, profile_steps

    if options.json:
        check_writable(options.json)
    for step in profile_steps(
        options.checkpoint,
        options.data,
        options.cache,
        split=options.part_of,
        save=options.save,
        device=options.device,
        workers=options.workers,
    ):
        if isinstance(step, Profiled):
            print(as_text(step.profile, step.clips))
            list_unusable(step.unusable)
            if options.json:
                write_json(options.json, step.profile)
        else:
            show(step.line, last=step.done == step.total)


def machine_of(options: argparse.Namespace) -> Machine:
    """The options that say what to run on."""
    from sec2sec.training.run import Machine

    return Machine(options.cache, options.device, options.devices, options.nodes, options.workers)


def share_of(text: str) -> tuple[int, int]:
    """ "2/4" → (2, 4). Raises ValueError in words."""
    first, _, all_of = text.partition("/")
    if not (first.isdecimal() and all_of.isdecimal() and 1 <= int(first) <= int(all_of)):
        raise ValueError(f"--part takes I/N with I from 1 to N, not {text!r}")
    return int(first), int(all_of)


def tell(step: Any, folder: Path) -> None:
    """One step of a training, as lines."""
    from sec2sec.training.extract import Extraction, clock
    from sec2sec.training.run import Epoch, Note, Stopped, Trained
    from sec2sec.training.trained import as_text

    if isinstance(step, Note):
        print(step.text, flush=True)
    elif isinstance(step, Extraction):
        show(step.line, last=step.done == step.total)
    elif isinstance(step, Epoch):
        report = step.report
        best = " best" if report["best"] else ""
        print(
            f"epoch {report['epoch']:>3}  loss {report['loss']:.4f}  validation {report['validation_loss']:.4f}  "
            f"score {report['score']:.4f} (trivial {report['trivial_score']:.4f}){best:<5}  "
            f"{report['seconds']:.1f} s, at most {clock(report['seconds_left'])} left",
            flush=True,
        )
    elif isinstance(step, Stopped):
        print(f"stopped after epoch {step.epoch}; go on with: python -m sec2sec train --out {folder} --resume")
    elif isinstance(step, Trained):
        print(as_text(step.metrics))
        list_unusable(step.unusable)
        print(f"checkpoint: {step.checkpoint}")


def list_unusable(unusable: Mapping[str, str]) -> None:
    """Name the clips that could not be used, some of many, and say how many there are."""
    for message in list(unusable.values())[:NAMED]:
        print(f"not usable: {message}", file=sys.stderr)
    if len(unusable) > NAMED:
        print(f"… and {len(unusable) - NAMED} more", file=sys.stderr)
    if unusable:
        print(f"{len(unusable)} clip{'s' * (len(unusable) > 1)} could not be used", file=sys.stderr)


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """While it lasts, SIGINT and SIGTERM ask to stop after the batch; a second SIGINT ends at once."""
    asked: list[int] = []

    def ask(number: int, frame: Any) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
