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
        "directory", type=Path, metavar="DIR", help="a data set that is known here, or a folder with clips.csv"
    )
    add_json(parser, "report")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="number of threads that open clips (default: one per core)"
    )
    parser.add_argument("--no-probe", action="store_true", help="read only the table, without opening the clips")
    parser.add_argument(
        "--stills", type=Path, metavar="OUT", help="write clips of the pictures of DIR into this new folder instead"
    )
    parser.add_argument(
        "--still-seconds", type=int, metavar="S", default=4, help="length of such a clip in seconds (default: 4)"
    )
    reading = add_flags(parser, TrainConfig, ["liris_rule", "split", "split_seed", "split_shares"])["data"]
    interview = fields_of(TrainConfig)["interview"].help
    reading.add_argument("--interview", action="store_true", default=argparse.SUPPRESS, help=interview)


def run(options: argparse.Namespace) -> int:
    """Read the data set, print the report and write it."""
    from sec2sec.datasets.open import open_data
    from sec2sec.datasets.report import report_steps

    if options.stills:
        return _write_stills(options)
    if options.json:
        Outputs([options.directory], options.overwrite).claim(options.json)
    table = open_data(options.directory, **flag_values(options, TrainConfig))
    report = drain_to_terminal(report_steps(table, probe=not options.no_probe, workers=options.workers))
    if options.json:
        write_output(options.json, json_bytes(report.as_json()))
    print_result(report.as_text(), options.json)
    return 0


def _write_stills(options: argparse.Namespace) -> int:
    from sec2sec.datasets.open import open_data
    from sec2sec.datasets.stills import write_stills
    from sec2sec.errors import SettingsError

    if options.json:
        raise SettingsError("--stills writes clips and no report; leave out --json, and report on the new folder")
    table = open_data(options.directory, **flag_values(options, TrainConfig))
    count = drain_to_terminal(write_stills(table, options.stills, options.still_seconds))
    print(f"{options.stills}: {count} clips of {options.still_seconds} s and clips.csv")
    return 0
