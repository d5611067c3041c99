"""`data`: what a data set holds, and what is wrong with it."""

from __future__ import annotations

import argparse
from pathlib import Path

from sec2sec.cli.options import add_json
from sec2sec.cli.terminal import drain_to_terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The data set and how to read it."""
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="LIRIS-ACCEDE, First Impressions or a folder with clips.csv"
    )
    add_json(parser, "report")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="threads that open clips (default: as many as there are cores)"
    )
    parser.add_argument("--no-probe", action="store_true", help="read the table alone; leave the clips unopened")
    reading = parser.add_argument_group("how published data sets are read")
    reading.add_argument(
        "--liris-rule",
        default="median",
        metavar="TEXT",
        help="LIRIS-ACCEDE: what counts as high: median (default), mean, class, or a rating such as 3",
    )
    reading.add_argument(
        "--split",
        default="official",
        metavar="TEXT",
        help="LIRIS-ACCEDE: official (default), disjoint in films, or random-7:1:2-films-leak, the paper-like one",
    )
    reading.add_argument(
        "--interview", action="store_true", help="First Impressions: the interview score is a target as well"
    )


def run(options: argparse.Namespace) -> int:
    """Read the data set, print the report and write it."""
    from sec2sec.datasets.open import open_data
    from sec2sec.datasets.report import report_steps
    from sec2sec.files import check_writable, write_json

    if options.json:
        check_writable(options.json)
    table = open_data(
        options.directory, liris_rule=options.liris_rule, split=options.split, interview=options.interview
    )
    report = drain_to_terminal(report_steps(table, probe=not options.no_probe, workers=options.workers))
    print(report.as_text())
    if options.json:
        write_json(options.json, report.as_json())
    return 0
