"""`train`: one training in a run folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sec2sec.cli.options import add_machine, machine_of
from sec2sec.cli.steps import print_progress, print_result
from sec2sec.extras import require_extra
from sec2sec.fields import add_flags, flag_values
from sec2sec.progress import Progress, drain
from sec2sec.training.settings import TrainConfig, as_json, read_mapping, train_config
from sec2sec.training.signals import stop_on_signals
from sec2sec.training.trackers import TRACKERS, Trackers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folder, and every setting."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="JSON or YAML file with settings, or config.json of a run folder; options overrule it",
    )
    parser.add_argument(
        "--queue",
        type=Path,
        metavar="DIR",
        help="folder that is a queue of trainings, e.g. the app's runs/app/queue: those that are in it come first "
        "(default: no waiting)",
    )
    groups = add_flags(parser, TrainConfig)
    output = groups["output"]
    output.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder, e.g. runs/first")
    output.add_argument("--resume", action="store_true", help="resume the training of the run folder")
    output.add_argument(
        "--log",
        nargs="+",
        choices=TRACKERS,
        default=[],
        metavar="TRACKER",
        help=f"send the figures of each epoch to a tracker as well: {', '.join(TRACKERS)}, or several of them",
    )
    add_machine(parser)


def run(options: argparse.Namespace) -> int:
    """Begin a training, or resume one."""
    require_extra("train", "train")
    from sec2sec.training.hardware import first_process
    from sec2sec.training.run_folder import RunFolder
    from sec2sec.training.train import train_steps

    values = (read_mapping(options.config) if options.config else {}) | flag_values(options, TrainConfig)
    folder = RunFolder(options.out)
    trackers = Trackers(options.log, options.out, lambda: as_json(folder.config()))
    if options.resume and folder.exists():
        config = train_config(as_json(folder.config()) | values) if values else None
    else:
        config = train_config(values, str(options.config or ""))
    with stop_on_signals() as stop, wait_for_turn(options.queue, stop):
        steps = train_steps(options.out, config, machine_of(options), resume=options.resume, stop=stop)
        try:
            result = drain(steps, lambda progress: show_epoch(progress, trackers))
        finally:
            trackers.finish()
    if first_process():
        print_result(result, options.out)
    return 0


def show_epoch(progress: Progress, trackers: Trackers) -> None:
    """Print what is new, and pass it on."""
    print_progress(progress)
    trackers.report(progress)


@contextmanager
def wait_for_turn(queue: Path | None, stop: Callable[[], bool]) -> Iterator[None]:
    """Wait for the other trainings of a queue, where one is named; a stop before the turn ends as Ctrl-C does."""
    if queue is None:
        yield
        return
    from sec2sec.jobs.turns import LeftQueueError, turn

    try:
        with turn(queue, lambda ahead: print(f"waiting: {ahead} before this one", flush=True), stop):
            yield
    except LeftQueueError:
        raise KeyboardInterrupt from None
