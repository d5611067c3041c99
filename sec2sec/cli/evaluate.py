"""`evaluate`: a checkpoint on a data set, as text, JSON and page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sec2sec.cli.options import SPLITS, add_checkpoint, add_device, add_json, add_workers, print_result
from sec2sec.cli.terminal import drain_to_terminal
from sec2sec.files import json_bytes
from sec2sec.outputs import Outputs, write_output

SCHEMA = "sec2sec.evaluation/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The data, the checkpoint, what is written."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data set")
    parser.add_argument("--split", choices=SPLITS, default="all", help="clips to measure on (default: all)")
    add_checkpoint(parser)
    hardware = parser.add_argument_group("hardware")
    add_device(hardware)
    add_workers(hardware, "decode clips")
    output = parser.add_argument_group("output")
    add_json(output, "metrics")
    output.add_argument(
        "--report", type=Path, metavar="FILE", help="write a page with tables and curves (HTML) to this file"
    )
    output.add_argument(
        "--worst",
        type=int,
        default=20,
        metavar="N",
        help="number of clips to list whose predictions are farthest off (default: 20)",
    )


def run(options: argparse.Namespace) -> int:
    """Measure, print the table and write what the options name."""
    from sec2sec.datasets.open import open_data

    outputs = Outputs([options.data, options.checkpoint], options.overwrite)
    for file in (options.json, options.report):
        if file:
            outputs.claim(file)
    table = open_data(options.data)
    from sec2sec.checkpoints import load_checkpoint  # torch
    from sec2sec.evaluation.document import as_page, as_text
    from sec2sec.evaluation.evaluate import evaluate_steps

    bundle = load_checkpoint(options.checkpoint, options.device)
    steps = evaluate_steps(bundle, table, split=options.split, workers=options.workers, listed=options.worst)
    evaluated = drain_to_terminal(steps)
    if options.json:
        write_output(options.json, json_bytes({"schema": SCHEMA, **evaluated.report}))
    if options.report:
        write_output(options.report, as_page(evaluated.report).encode())
    print_result(as_text(evaluated.report), options.json)
    for message in evaluated.unusable:
        print(f"not usable: {message}", file=sys.stderr)
    return 0
