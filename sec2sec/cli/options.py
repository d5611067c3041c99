"""Options that several subcommands share."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sec2sec.outputs import STDOUT
from sec2sec.paths import program_paths

if TYPE_CHECKING:
    from sec2sec.training.hardware import Hardware
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
