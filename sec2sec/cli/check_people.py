"""`check-people`: the bundled checkpoints against people who rated a film second by second."""

from __future__ import annotations

import argparse
from pathlib import Path

from sec2sec.cli.options import add_cache, add_device, add_json, print_result
from sec2sec.cli.terminal import drain_to_terminal
from sec2sec.files import json_bytes
from sec2sec.outputs import Outputs, write_output
from sec2sec.paths import program_paths

MADE = "<!-- made with sec2sec -->\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The films and their ratings, which checkpoints, what is written."""
    parser.add_argument(
        "directory", type=Path, metavar="FOLDER", help="Emo-FilM's Annot_NAME_stim.tsv and .json, and the films"
    )
    parser.add_argument(
        "--checkpoint",
        dest="checkpoints",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="checkpoint folders (default: every checkpoint that comes with the program)",
    )
    add_device(parser)
    add_cache(parser)
    add_json(parser, "figures")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="file to write the tables to, as Markdown")


def run(options: argparse.Namespace) -> int:
    """Compare, print the tables and write them."""
    outputs = Outputs([options.directory, *(options.checkpoints or [])], options.overwrite)
    for path in (options.json, options.markdown):
        if path:
            outputs.claim(path)
    from sec2sec.evaluation.people import check_people_steps

    checkpoints = options.checkpoints or bundled()
    report = drain_to_terminal(check_people_steps(options.directory, checkpoints, options.cache, options.device))
    if options.json:
        write_output(options.json, json_bytes(report.as_json()))
    notes = report.notes()
    if options.markdown:
        parts = [table.as_markdown() for table in report.tables()] + notes
        write_output(options.markdown, (MADE + "\n\n".join(parts) + "\n").encode())
    tables = [f"{table.caption}\n{table.as_text()}" for table in report.tables()]
    print_result("\n\n".join([*tables, *notes]), options.json)
    return 0


def bundled() -> list[Path]:
    """The folders of the checkpoints that come with the program."""
    return sorted(file.parent for file in program_paths().checkpoints.glob("*/config.json"))
