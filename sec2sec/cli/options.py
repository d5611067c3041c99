"""Options that several subcommands share."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sec2sec.errors import SettingsError
from sec2sec.extras import require_extra
from sec2sec.outputs import STDOUT, Outputs
from sec2sec.paths import program_paths

if TYPE_CHECKING:
    from sec2sec.training.hardware import Hardware
REPORT_SUFFIXES = (".json", ".csv")  # of what stands beside a page
REPORT_MEGABYTES = 16.0  # of a clip that is put into the page
SPLITS = ("all", "train", "validation", "test")


def add_checkpoint(parser: argparse._ActionsContainer) -> None:
    """--checkpoint."""
    parser.add_argument(
        "--checkpoint",
        "--model",
        dest="checkpoint",
        type=Path,
        default=program_paths().demo,
        metavar="DIR",
        help="checkpoint folder, e.g. runs/first/checkpoint, or USER/NAME[@REVISION] on the Hugging Face Hub (default: "
        "the bundled demo)",
    )


def add_device(parser: argparse._ActionsContainer) -> None:
    """--device."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="device to compute on (default: auto, which uses a GPU if there is one)",
    )


def add_workers(parser: argparse._ActionsContainer, work: str) -> None:
    """--workers. work: what the processes do."""
    parser.add_argument(
        "--workers", type=int, metavar="N", help=f"number of processes that {work} (default: one per core)"
    )


def add_cache(parser: argparse._ActionsContainer) -> None:
    """--cache."""
    cache = program_paths().token_cache
    parser.add_argument(
        "--cache",
        type=Path,
        default=cache,
        metavar="DIR",
        help=f"folder of cached tokens, shared by all trainings (default: {in_help(cache)})",
    )


def add_part(parser: argparse.ArgumentParser, longest: float = 900) -> None:
    """Which part and which tracks of a clip are analysed. longest: part that is accepted without more ado, s."""
    part = parser.add_argument_group("part of the clip")
    part.add_argument("--start", type=float, default=0.0, metavar="S", help="analyse from this second on (default: 0)")
    part.add_argument("--end", type=float, metavar="S", help="analyse up to this second (default: the clip's end)")
    part.add_argument(
        "--max-seconds",
        type=float,
        metavar="S",
        help=f"longest part that is accepted, in seconds (default: {longest:g})",
    )
    part.add_argument(
        "--video-track",
        type=int,
        metavar="N",
        help="which picture to analyse of a file with several, counted from 1 (default: the file's own choice)",
    )
    part.add_argument(
        "--audio-track",
        type=int,
        metavar="N",
        help="which sound to analyse of a file with several, counted from 1 (default: the file's own choice)",
    )
    part.add_argument(
        "--max-pixels",
        type=float,
        metavar="N",
        help="largest number of pixels that are decoded, all frames together (default: no limit)",
    )


def add_csv(parser: argparse._ActionsContainer) -> None:
    """--csv."""
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write the figures of each second to this file, a row for each target and second (CSV); "
        "- is standard output",
    )


def add_report(parser: argparse._ActionsContainer) -> None:
    """--report and --report-clip."""
    parser.add_argument(
        "--report",
        type=Path,
        metavar="OUT.html",
        help="write the explanation to this file as a page that needs no network, with JSON and CSV next to the page",
    )
    parser.add_argument(
        "--report-clip",
        type=float,
        default=REPORT_MEGABYTES,
        metavar="MB",
        help=f"largest clip that --report puts into the page (default: {REPORT_MEGABYTES:g}; 0: still images instead)",
    )


def check_report(path: Path | None) -> None:
    """Refuse a report that cannot be made, before the work. Raises SettingsError or MissingExtraError."""
    if path is None:
        return
    if path.suffix.lower() not in (".html", ".htm"):
        raise SettingsError(f"{path}: a report is a page; give a name that ends in .html")
    require_extra("report", "--report")


def claim_explanation(outputs: Outputs, options: argparse.Namespace) -> None:
    """Decide on --json, --csv and --report, and on what stands beside the report. Raises FileError."""
    beside = [options.report.with_suffix(suffix) for suffix in REPORT_SUFFIXES] if options.report else []
    for path in (options.json, options.csv):
        if path and path.resolve() not in [own.resolve() for own in beside]:
            outputs.claim(path)
    for path in (*beside, options.report):
        if path:
            outputs.claim(path)


def add_json(parser: argparse._ActionsContainer, what: str) -> None:
    """--json and --overwrite. what: the content of the file, in words."""
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help=f"file to write the {what} to, as JSON; - is standard output"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace output files that exist and were not written by sec2sec"
    )


def add_latex(parser: argparse._ActionsContainer, what: str) -> None:
    """--latex. what: the content of the file, in words."""
    parser.add_argument(
        "--latex", type=Path, metavar="FILE", help=f"file to write the {what} to, as LaTeX tables (booktabs)"
    )


def print_result(text: str, json_file: Path | None) -> None:
    """Print a result for people: to stderr where the JSON goes to standard output."""
    print(text, file=sys.stderr if json_file == STDOUT else sys.stdout)


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Options that say what a training runs on; none of them changes what is learned."""
    group = parser.add_argument_group("hardware")
    add_device(group)
    group.add_argument(
        "--devices",
        type=int,
        default=1,
        metavar="N",
        help="number of GPUs, or of processes on a CPU, per machine (default: 1)",
    )
    group.add_argument("--nodes", type=int, default=1, metavar="N", help="number of machines (default: 1)")
    add_workers(group, "decode clips")
    add_cache(group)


def machine_of(options: argparse.Namespace) -> Hardware:
    """What the options of add_machine say."""
    from sec2sec.training.hardware import Hardware

    return Hardware(options.cache, options.device, options.devices, options.nodes, options.workers)


def in_help(path: Path) -> str:
    """A path as a help text shows it: from here, where it lies below; argparse wants % doubled."""
    here = Path(os.getcwd())
    return str(path.relative_to(here) if path.is_relative_to(here) else path).replace("%", "%%")
