"""`data`: what a data set holds, and what is wrong with it."""

from __future__ import annotations

import argparse
from pathlib import Path

from sec2sec.cli.options import add_json, print_result
from sec2sec.cli.terminal import drain_to_terminal
from sec2sec.fields import add_flags, fields_of, flag_values
from sec2sec.files import json_bytes
from sec2sec.outputs import Outputs, write_output
from sec2sec.training.settings import TrainConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The data set and how to read it."""
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="LIRIS-ACCEDE, First Impressions or a folder with clips.csv"
    )
    add_json(parser, "report")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="number of threads that open clips (default: one per core)"
    )
    parser.add_argument("--no-probe", action="store_true", help="read only the table, without opening the clips")
    reading = add_flags(parser, TrainConfig, ["liris_rule", "split", "split_seed", "split_shares"])["data"]
    interview = fields_of(TrainConfig)["interview"].help
    reading.add_argument("--interview", action="store_true", default=argparse.SUPPRESS, help=interview)


def run(options: argparse.Namespace) -> int:
    """Read the data set, print the report and write it."""
    from sec2sec.datasets.open import open_data
    from sec2sec.datasets.report import report_steps

    if options.json:
        Outputs([options.directory], options.overwrite).claim(options.json)
    table = open_data(options.directory, **flag_values(options, TrainConfig))
    report = drain_to_terminal(report_steps(table, probe=not options.no_probe, workers=options.workers))
    if options.json:
        write_output(options.json, json_bytes(report.as_json()))
    print_result(report.as_text(), options.json)
    return 0
