"""`search`: a training for each combination of settings."""

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
        help="JSON or YAML file; base: settings with values, grid: settings with lists of values",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the trials; an unfinished search in it is resumed",
    )
    add_machine(parser)


def run(options: argparse.Namespace) -> int:
    """Train every trial that is not done, then measure the best on the test clips."""
    require_extra("train", "search")
    from sec2sec.training.search import search_steps

    with stop_on_signals() as stop:
        result = drain(search_steps(options.file, options.out, machine_of(options), stop=stop), print_progress)
    print_result(result, options.out)
    return 0
