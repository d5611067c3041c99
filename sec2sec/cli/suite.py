"""`suite`: known-truth clips that any explainer can be tested on: make them, score an explainer, run our own."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from sec2sec.cli.make_clips import shares
from sec2sec.cli.options import (
    SPLITS,
    add_checkpoint,
    add_device,
    add_json,
    add_workers,
    print_result,
)
from sec2sec.cli.terminal import drain_to_terminal, list_unusable, list_written
from sec2sec.files import json_bytes
from sec2sec.outputs import Outputs, write_output

ROOM_OF_SCORES = 16 * 1024**2  # bytes: a line has about 60, and a thousand clips have some 30,000 lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One subcommand for each of the three steps."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="ACTION", help="make, run or score; each has a --help of its own"
    )
    for name, (text, add, _) in ACTIONS.items():
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("directory", type=Path, metavar="DIR", help="folder of the suite")
        add(action)


def _add_make(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--clips", type=int, default=100, metavar="N", help="number of clips of each level (default: 100)"
    )
    parser.add_argument(
        "--levels", default="all", metavar="A,B", help="names of levels, as in make-clips --level, or all (default)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the clips (default: 0)")
    parser.add_argument(
        "--splits",
        type=shares,
        default=(5, 1, 4),
        metavar="A:B:C",
        help="shares of the clips for training, validation and test (default: 5:1:4)",
    )
    parser.add_argument(
        "--url", default="./", metavar="URL", help="address where the suite will be found, for croissant.json"
    )
    add_workers(parser, "render clips")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--method",
        default="occlusion",
        metavar="NAME",
        help="method of explanation: occlusion (default), occlusion-neighbour, attention, integrated-gradients, "
        "gradient-attention or last-first",
    )
    add_checkpoint(parser)
    parser.add_argument("--split", choices=SPLITS, default="test", help="clips to explain (default: test)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="file to write the scores to (default: DIR/scores-METHOD.csv)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a file that exists and was not written by sec2sec"
    )
    add_device(parser)
    add_workers(parser, "decode clips")


def _add_score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scores",
        type=Path,
        metavar="SCORES",
        help="scores as CSV with the columns clip, target, second and score, and perhaps video and audio; or as JSON",
    )
    parser.add_argument("--split", choices=SPLITS, default="test", help="clips to score (default: test)")
    parser.add_argument("--unsigned", action="store_true", help="take scores below 0 as small, not as signed")
    add_json(parser, "figures")


def run(options: argparse.Namespace) -> int:
    """Do one of the three."""
    ACTIONS[options.action][2](options)
    return 0


def make(options: argparse.Namespace) -> None:
    """Make the clips that are not there yet, and all that is said of them."""
    from sec2sec.datasets.known_truth import LEVELS
    from sec2sec.evaluation.suite.make import levels_of, suite_steps

    levels = LEVELS if options.levels == "all" else levels_of(options.levels.split(","))
    suite = drain_to_terminal(
        suite_steps(
            options.directory,
            clips=options.clips,
            levels=levels,
            seed=options.seed,
            workers=options.workers,
            shares=options.splits,
            url=options.url,
        )
    )
    print(
        f"{options.directory}: {suite.clips} clips in the levels {', '.join(suite.levels)}; README.md says how to go on"
    )
    if suite.kept:
        print(f"left as they are, because they were changed since: {', '.join(suite.kept)}")


def explain(options: argparse.Namespace) -> None:
    """Write the scores of one of our methods."""
    from sec2sec.checkpoints import load_checkpoint
    from sec2sec.evaluation.suite.run import method_of, read_suite, score_steps

    method = method_of(options.method)
    read_suite(options.directory)  # what is wrong with it is said before a checkpoint is loaded
    out = options.out or options.directory / f"scores-{options.method}.csv"
    Outputs([options.directory, options.checkpoint], options.overwrite).claim(out, ROOM_OF_SCORES)
    bundle = load_checkpoint(options.checkpoint, options.device)
    steps = score_steps(bundle, options.directory, method, split=options.split, workers=options.workers)
    scored = drain_to_terminal(steps)
    write_output(out, scored.text.encode())
    list_unusable(scored.unusable)
    list_written([out])


def score(options: argparse.Namespace) -> None:
    """Print the figures of somebody's scores, by the scorer that lies in every suite."""
    from sec2sec.datasets.table import DataError
    from sec2sec.evaluation.suite.files.score import ScoresError, as_text
    from sec2sec.evaluation.suite.files.score import score as score_file

    if options.json:
        Outputs([options.directory, options.scores], options.overwrite).claim(options.json)
    try:
        report = score_file(options.directory, options.scores, options.split, unsigned=options.unsigned)
    except ScoresError as error:
        raise DataError(str(error)) from None
    if options.json:
        write_output(options.json, json_bytes(report))
    print_result(as_text(report), options.json)


Action = tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], None]]
ACTIONS: dict[str, Action] = {  # name → help, its options, what it does
    "make": ("Make clips of every level, their truth, a loader, a scorer and a card in one folder.", _add_make, make),
    "run": ("Explain the clips with a checkpoint and one of our methods, and write the scores.", _add_run, explain),
    "score": (
        "Compare an explainer's scores with what was planted, next to what needs no explainer.",
        _add_score,
        score,
    ),
}
