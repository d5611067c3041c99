"""`extract`: fill the token cache, and export tokens as features for other programs."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sec2sec.cli.options import add_machine, machine_of
from sec2sec.cli.terminal import bar, list_unusable, show
from sec2sec.errors import SettingsError
from sec2sec.extras import require_extra
from sec2sec.fields import add_flags, flag_values
from sec2sec.progress import Progress, drain
from sec2sec.training.settings import TrainConfig, train_config

if TYPE_CHECKING:
    from sec2sec.datasets.feature_files import FeatureFormat

LOG_EVERY = 60.0  # s between two lines of progress, where stderr is no terminal but the log of a cluster


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The share of the clips, and the settings of a training; those of data, model and encoders matter."""
    parser.add_argument(
        "--part",
        default="1/1",
        metavar="I/N",
        help="share of the clips that this process encodes, e.g. 2/4 (default: 1/1)",
    )
    parser.add_argument(
        "--export",
        nargs=2,
        metavar=("FORMAT", "DIR"),
        help="write the tokens of all clips to this new folder as well, as npz, npy or h5 files with a table "
        "features.csv, for other programs and for --data",
    )
    add_flags(parser, TrainConfig)
    add_machine(parser)


def run(options: argparse.Namespace) -> int:
    """Encode what the cache does not hold yet."""
    share = share_of(options.part)
    require_extra("train", "extract")
    file_format = format_of(options)
    from sec2sec.training.export_features import check_new, export_steps
    from sec2sec.training.extraction import extract_all

    logged = time.monotonic()

    def report(progress: Progress) -> None:
        nonlocal logged
        show(f"{bar(int(progress.done), int(progress.total))} {progress.message}", last=progress.done == progress.total)
        if not sys.stderr.isatty() and time.monotonic() - logged > LOG_EVERY:
            logged = time.monotonic()
            print(progress.message, file=sys.stderr, flush=True)

    config = train_config(flag_values(options, TrainConfig))
    if file_format:
        folder = Path(options.export[1])
        check_new(folder)
        exported = drain(export_steps(config, machine_of(options), folder, file_format), report)
        extraction = exported.extraction
    else:
        extraction = drain(extract_all(config, machine_of(options), share), report)
    list_unusable(extraction.unusable.values())
    print(
        f"{extraction.total} clips: {extraction.encoded} encoded, {extraction.reused} were there, "
        f"{len(extraction.unusable)} unusable"
    )
    if file_format:
        print(f"exported: {exported.clips} clips to {exported.table}")
    return 0


def format_of(options: argparse.Namespace) -> FeatureFormat | None:
    """The format of --export; None without it. Raises SettingsError, or MissingExtraError for h5."""
    if not options.export:
        return None
    from sec2sec.datasets.feature_files import FeatureFormat  # numpy: a help is to be quick

    if share_of(options.part) != (1, 1):
        raise SettingsError("--export takes all clips: leave --part out, also where parts have filled the cache")
    for file_format in get_args(FeatureFormat):
        if options.export[0] == file_format:
            if file_format == "h5":
                require_extra("h5", "--export h5")
            chosen: FeatureFormat = file_format
            return chosen
    raise SettingsError(f"--export takes {', '.join(get_args(FeatureFormat))} and a folder, not {options.export[0]!r}")


def share_of(text: str) -> tuple[int, int]:
    """The share that the text 2/4 names: (2, 4). Raises SettingsError."""
    index, _, number = text.partition("/")
    if not (index.isdecimal() and number.isdecimal() and 1 <= int(index) <= int(number)):
        raise SettingsError(f"--part takes I/N with I from 1 to N, not {text!r}")
    return int(index), int(number)
