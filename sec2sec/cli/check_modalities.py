"""`check-modalities`: does a model lean on the face, the voice or both where people do?"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from sec2sec.cli.options import add_checkpoint, add_device, add_json, add_workers, print_result
from sec2sec.cli.terminal import drain_to_terminal
from sec2sec.files import json_bytes
from sec2sec.outputs import Outputs, write_output

SCHEMA = "sec2sec.leaning/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The data, the checkpoint, what is written."""
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of CREMA-D, of which the clips that are there are compared; its tables summaryTable.csv and "
        "tabulatedVotes.csv with them",
    )
    add_checkpoint(parser)
    hardware = parser.add_argument_group("hardware")
    add_device(hardware)
    add_workers(hardware, "decode clips")
    add_json(parser.add_argument_group("output"), "counts, and the parts of each clip")


def run(options: argparse.Namespace) -> int:
    """Compare and print the plates."""
    from sec2sec.datasets.open import open_data

    if options.json:
        Outputs([options.data, options.checkpoint], options.overwrite).claim(options.json)
    table = open_data(options.data)  # what is wrong with it is said before torch is imported
    from sec2sec.checkpoints import load_checkpoint
    from sec2sec.evaluation.leaning import as_text, lean_steps

    bundle = load_checkpoint(options.checkpoint, options.device)
    workers = os.cpu_count() or 1 if options.workers is None else options.workers
    report = drain_to_terminal(lean_steps(bundle, table, workers=workers))
    if options.json:
        write_output(options.json, json_bytes({"schema": SCHEMA, **report}))
    print_result(as_text(report), options.json)
    return 0
