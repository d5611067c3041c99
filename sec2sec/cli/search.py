"""`search`: a training for each combination of settings, or for some that are drawn at random."""

from __future__ import annotations

import argparse
from pathlib import Path

from sec2sec.cli.options import add_machine, machine_of
from sec2sec.cli.steps import print_progress, print_result
from sec2sec.extras import require_extra
from sec2sec.progress import drain
from sec2sec.training.signals import stop_on_signals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file of the search and its folder."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="JSON or YAML file; base: settings with values; grid: settings with lists of values, or space: settings "
        "with lists or with ranges as {low: 1e-5, high: 1e-2, scale: log}",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the trials; an unfinished search in it is resumed",
    )
    trials = parser.add_argument_group("trials")
    trials.add_argument(
        "--random",
        type=int,
        metavar="N",
        help="try N combinations drawn at random instead of every one; a larger N continues a smaller one",
    )
    trials.add_argument(
        "--random-seed", type=int, default=0, metavar="N", help="seed of the draws of --random (default: 0)"
    )
    trials.add_argument(
        "--parallel",
        type=int,
        default=1,
        metavar="N",
        help="number of trials that run at the same time, each a process with its share of the cores (default: 1)",
    )
    add_machine(parser)


def run(options: argparse.Namespace) -> int:
    """Train every trial that is not done, then measure the best on the test clips."""
    require_extra("train", "search")
    from sec2sec.training.search import search_steps
    from sec2sec.training.spaces import Draws

    draws = Draws(options.random, options.random_seed) if options.random is not None else None
    with stop_on_signals() as stop:
        steps = search_steps(
            options.file, options.out, machine_of(options), draws=draws, parallel=options.parallel, stop=stop
        )
        result = drain(steps, print_progress)
    if result.stopped:
        print("stopped; the same command resumes")
    else:
        print_result(result, options.out)
    return 0
