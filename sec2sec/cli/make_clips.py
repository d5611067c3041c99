"""`make-clips`: clips whose truth is known."""

from __future__ import annotations

import argparse
from pathlib import Path

from sec2sec.cli.options import add_workers
from sec2sec.cli.terminal import drain_to_terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, and which clips."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder of the clips, clips.csv and planted.csv")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--clips", type=int, metavar="N", help="number of clips to make")
    source.add_argument(
        "--excerpts-of",
        type=Path,
        metavar="SOURCE",
        help="folder of known-truth clips: use them, and each decisive second of the training clips as its own clip",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the clips (default: 0)")
    parser.add_argument(
        "--level",
        choices=("plain", "cluttered", "film", "opposed", "unseen-timbre"),
        default="plain",
        help="plain (default): neutral seconds in the middle of every state; cluttered: noisy ones of any loudness; "
        "film: real film behind them, and cues by editing; opposed: some decisive seconds against the class; "
        "unseen-timbre: cluttered, with instruments and beats that no other level has",
    )
    parser.add_argument(
        "--neutral",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of clips without a decisive second (default: 0)",
    )
    parser.add_argument(
        "--splits",
        type=shares,
        default=(8, 1, 1),
        metavar="A:B:C",
        help="shares of the clips for training, validation and test (default: 8:1:1)",
    )
    add_workers(parser, "render clips")


def shares(text: str) -> tuple[int, ...]:
    """The three numbers of the text 8:1:1."""
    parts = tuple(int(part) for part in text.split(":"))
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"expected three numbers such as 8:1:1, not {text!r}")
    return parts


def run(options: argparse.Namespace) -> int:
    """Make the clips that are not there yet."""
    from sec2sec.datasets.known_truth import make_clips, make_excerpts

    directory = options.directory
    if options.excerpts_of:
        excerpts = drain_to_terminal(make_excerpts(options.excerpts_of, directory, options.workers))
        print(f"{directory}: the clips of {options.excerpts_of} and {excerpts} excerpts of one second")
        return 0
    drain_to_terminal(
        make_clips(
            directory, options.clips, options.seed, options.level, options.neutral, options.workers, options.splits
        )
    )
    print(f"{directory}: {options.clips} {options.level} clips, clips.csv and planted.csv")
    return 0
