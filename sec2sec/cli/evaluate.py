"""`evaluate`: a checkpoint on a data set, as text, JSON, page and table of predictions."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sec2sec.cli.options import (
    SPLITS,
    add_cache,
    add_checkpoint,
    add_device,
    add_json,
    add_latex,
    add_workers,
    print_result,
)
from sec2sec.cli.terminal import drain_to_terminal, list_unusable, list_written
from sec2sec.errors import FileError
from sec2sec.extras import require_extra
from sec2sec.files import json_bytes, write_atomically
from sec2sec.outputs import Outputs, write_output

if TYPE_CHECKING:
    from sec2sec.checkpoints import Bundle
    from sec2sec.evaluation.evaluate import Evaluated

CLIPS_PAIRED = 64
MIN_PAIRED = 4  # MIN_CLIPS of evaluation.modalities, which a test compares: importing it takes a second
SCHEMA = "sec2sec.evaluation/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The data, the checkpoint, what is written."""
    add_data(parser)
    parser.add_argument("--split", choices=SPLITS, default="test", help="clips to measure on (default: test)")
    parser.add_argument(
        "--include-seen",
        action="store_true",
        help="measure also on clips that the checkpoint learned from; the output then says so first",
    )
    parser.add_argument(
        "--modalities",
        type=clips_to_pair,
        nargs="?",
        const=CLIPS_PAIRED,
        default=0,
        metavar="CLIPS",
        help="measure also what the score owes to sound and picture together: pair every sound with every picture of "
        f"so many clips (without a number {CLIPS_PAIRED}, which are {CLIPS_PAIRED**2:,} pairs)",
    )
    add_checkpoint(parser)
    hardware = parser.add_argument_group("hardware")
    add_device(hardware)
    add_workers(hardware, "decode clips")
    add_cache(hardware)
    output = parser.add_argument_group("output")
    add_json(output, "metrics")
    add_latex(output, "metrics")
    output.add_argument(
        "--figures",
        type=Path,
        metavar="DIR",
        help="folder for each curve as figure-TARGET-NAME.svg and .pdf; it is made where it does not exist",
    )
    output.add_argument(
        "--report", type=Path, metavar="FILE", help="write a page with tables and curves (HTML) to this file"
    )
    output.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE",
        help="write truth and prediction of each clip and target (CSV) to this file, for `compare` and other programs",
    )
    output.add_argument(
        "--worst",
        type=int,
        default=20,
        metavar="N",
        help="number of clips to list whose predictions are farthest off (default: 20)",
    )


def clips_to_pair(text: str) -> int:
    """The number behind --modalities. Raises ArgumentTypeError, whose sentence argparse prints."""
    if not text.isdecimal() or int(text) < MIN_PAIRED:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of clips from {MIN_PAIRED} on")
    return int(text)


def add_data(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """--data, and options of reading that overrule the checkpoint's."""
    parser.add_argument("--data", type=Path, required=required, metavar="DIR", help="folder of the data set")
    reading = parser.add_argument_group(
        "reading the data", "default: as the checkpoint learned to read it; what differs is said in the output"
    )
    reading.add_argument("--liris-rule", metavar="RULE", help="LIRIS-ACCEDE: what counts as high, as in `train`")
    reading.add_argument("--liris-split", metavar="SPLIT", help="LIRIS-ACCEDE: which split, as `train --split`")
    reading.add_argument("--split-seed", type=int, metavar="N", help="seed of a random split, as in `train`")


def reading_options(options: argparse.Namespace) -> dict[str, Any]:
    """The options of add_data that were given, by their names in `open_data`."""
    given = {"liris_rule": options.liris_rule, "split": options.liris_split, "split_seed": options.split_seed}
    return {name: value for name, value in given.items() if value is not None}


def run(options: argparse.Namespace) -> int:
    """Measure, print the table and write what the options name."""
    from sec2sec.datasets.open import is_liris, open_data

    outputs = Outputs([options.data, options.checkpoint], options.overwrite)
    files = [file for file in (options.json, options.latex, options.report, options.predictions) if file]
    for file in [*files, *(claim_figures(options.figures) if options.figures else [])]:
        outputs.claim(file)
    if not is_liris(options.data):  # how that is to be read, the checkpoint says
        open_data(options.data)  # what is wrong with the table is said before torch is imported
    from sec2sec.evaluation.document import as_latex, as_page, as_text
    from sec2sec.training.citing import find_manifest

    bundle, evaluated = evaluate_checkpoint(options.checkpoint, options, options.worst, options.modalities)
    if (manifest := find_manifest(options.checkpoint, bundle.summary.sha256)) is not None:
        evaluated.report["manifest"] = str(manifest)
    if options.json:
        write_output(options.json, json_bytes({"schema": SCHEMA, **evaluated.report}))
    if options.latex:
        write_output(options.latex, as_latex(evaluated.report).encode())
    if options.figures:
        files += write_figures(options.figures, evaluated)
    if options.report:
        write_output(options.report, as_page(evaluated.report).encode())
    if options.predictions:
        write_output(options.predictions, evaluated.predictions_csv(bundle).encode())
    print_result(as_text(evaluated.report), options.json)
    list_unusable(evaluated.unusable)
    list_written(files)
    return 0


def claim_figures(folder: Path) -> list[Path]:
    """The figures of before in a folder, which may be replaced; the folder is there then. Raises FileError."""
    require_extra("train", "evaluate --figures")
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder}: is no folder; give the name of one for the figures")
    folder.mkdir(parents=True, exist_ok=True)
    return sorted(file for file in folder.glob("figure-*.*") if file.suffix in (".svg", ".pdf"))


def write_figures(folder: Path, evaluated: Evaluated) -> list[Path]:
    """Every curve as SVG and PDF; returns the files."""
    from sec2sec.evaluation.document import figures
    from sec2sec.plots.pdf import figure_files

    files = {folder / name: content for name, content in figure_files(figures(evaluated.report)).items()}
    for file, content in files.items():
        write_atomically(file, content)
    return list(files)


def evaluate_checkpoint(
    checkpoint: Path, options: argparse.Namespace, listed: int = 0, modalities: int = 0
) -> tuple[Bundle, Evaluated]:
    """Measure a checkpoint on the data that the options name. listed, modalities: as of evaluate_steps."""
    from sec2sec.checkpoints import load_checkpoint
    from sec2sec.evaluation.evaluate import evaluate_steps
    from sec2sec.training.opening import open_as_learned

    bundle = load_checkpoint(checkpoint, options.device)
    steps = evaluate_steps(
        bundle,
        open_as_learned(bundle, options.data, options=reading_options(options)),
        split=options.split,
        workers=options.workers,
        listed=listed,
        cache=options.cache,
        include_seen=options.include_seen,
        modalities=modalities,
    )
    return bundle, drain_to_terminal(steps)
