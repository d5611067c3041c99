"""`compare`: two checkpoints, trainings or tables of predictions on the same clips."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sec2sec.cli.evaluate import add_data, evaluate_checkpoint
from sec2sec.cli.options import SPLITS, add_cache, add_device, add_json, add_latex, add_workers, print_result
from sec2sec.cli.terminal import list_written
from sec2sec.errors import SettingsError
from sec2sec.files import json_bytes
from sec2sec.outputs import Outputs, write_output

if TYPE_CHECKING:
    from sec2sec.predictions import LabelledPredictions

SCHEMA = "sec2sec.comparison/1"
TABLE = "predictions.csv"  # of a run folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two, and the data where they are checkpoints."""
    for name in ("A", "B"):
        parser.add_argument(
            name.lower(),
            type=Path,
            metavar=name,
            help="run folder, table of predictions as `evaluate --predictions` writes it, or checkpoint folder, which "
            "takes --data",
        )
    add_data(parser, required=False)
    parser.add_argument("--split", choices=SPLITS, default="test", help="clips to compare on (default: test)")
    parser.add_argument(
        "--include-seen", action="store_true", help="compare also on clips that a checkpoint learned from"
    )
    hardware = parser.add_argument_group("hardware")
    add_device(hardware)
    add_workers(hardware, "decode clips")
    add_cache(hardware)
    output = parser.add_argument_group("output")
    add_json(output, "comparison")
    add_latex(output, "comparison")


def run(options: argparse.Namespace) -> int:
    """Predict where that is needed, compare, print the table and write it."""
    sides = [options.a, options.b]
    outputs = Outputs([*sides, *([options.data] if options.data else [])], options.overwrite)
    files = [outputs.claim(file) for file in (options.json, options.latex) if file]
    from sec2sec.benchmark.paired import compare_predictions, comparison_table, conclusions
    from sec2sec.tables import latex_document

    a, b = (predictions_of(side, options) for side in sides)
    results = compare_predictions(a, b)
    if options.json:
        content = {"schema": SCHEMA, "a": str(options.a), "b": str(options.b), "split": options.split}
        write_output(options.json, json_bytes({**content, "targets": results}))
    about = [f"A: {options.a}", f"B: {options.b}", f"split: {options.split}"]
    table, words = comparison_table(results), conclusions(results)
    if options.latex:
        write_output(options.latex, latex_document([*about, *words], [table]).encode())
    print_result("\n".join([*about, "", table.as_text(), "", *words]), options.json)
    list_written(files)
    return 0


def predictions_of(side: Path, options: argparse.Namespace) -> dict[str, LabelledPredictions]:
    """What one side predicts, by target."""
    from sec2sec.predictions import read_predictions

    table = side / TABLE if (side / TABLE).is_file() else side
    if table.is_file():
        return read_predictions(table, options.split)
    if options.data is None:
        raise SettingsError(
            f"{side}: is no table of predictions and no run folder with {TABLE}; a checkpoint takes --data as well"
        )
    bundle, evaluated = evaluate_checkpoint(side, options)
    return evaluated.labelled(bundle)
