"""The command line: one file per subcommand, each with add_arguments(parser) and run(options) → exit code.

Only the file of the chosen subcommand is imported, and nothing heavy before it runs: `--help` must be quick.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from importlib import import_module

from sec2sec import __version__
from sec2sec.cli.terminal import log_lines
from sec2sec.errors import UserError, one_line

USAGE_ERROR = 2  # a clip, a checkpoint or an option that cannot be used
STOPPED = 130  # by Ctrl-C, as shells count it

COMMANDS: dict[str, tuple[str, str]] = {  # name → file in this folder, help
    "explain": (
        "explain",
        "Predict how a clip will be perceived, and which seconds, sounds and places decide the prediction.",
    ),
    "audit": (
        "audit",
        "Ask any predictor about a clip and edited copies of it: what it goes by, and whether what it claims is true.",
    ),
    "difference": (
        "difference",
        "Explain why two versions or two parts of a clip are predicted otherwise: which seconds, sound or picture.",
    ),
    "app": ("app", "Start the app and serve it to a browser."),
    "evaluate": ("evaluate", "Measure a checkpoint on a data set, next to trivial baselines."),
    "check-modalities": (
        "check_modalities",
        "Compare a model with people: does it lean on the face, the voice or both where they do (CREMA-D)?",
    ),
    "compare": ("compare", "Test whether one of two trained models is better than the other on the same clips."),
    "data": ("data", "Report what a data set contains, and what is wrong with it."),
    "make-clips": ("make_clips", "Make video clips whose truth is known, for training and tests."),
    "suite": ("suite", "Test any explainer on clips whose truth is known: make the clips, score it, run our own."),
    "encoders": ("encoders", "List the encoders that are tested by name, and measure those whose weights are here."),
    "extract": ("extract", "Encode the clips of a data set once, for all later trainings."),
    "train": ("train", "Train a model on a data set; progress and results are saved in a run folder."),
    "search": (
        "search",
        "Train with every combination of some settings; only the best combination is tested on the test clips.",
    ),
    "cross-validate": (
        "cross_validate",
        "Train once for each fold of a data set, by group, and test every clip; k folds or leave one group out.",
    ),
    "benchmark": (
        "benchmark",
        "Train and compare the systems of the paper's tables, or compare methods of explanation.",
    ),
    "check-people": (
        "check_people",
        "Compare the bundled checkpoints with people who rated a film second by second (Emo-FilM).",
    ),
    "push": ("push", "Upload a checkpoint to the Hugging Face Hub, from where --checkpoint USER/NAME takes it."),
    "profile": ("attention_profile", "Measure the mean attention over seconds of a data set (paper, Fig. 2)."),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit code: 0, or 2 with one line on stderr for what a person can put right.

    Any other error is a mistake of this program and is raised, so that the process ends with its traceback and 1.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):  # a clip's name may hold what a terminal cannot show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = command_parser(arguments).parse_args(arguments)
    log_lines.begin()
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # whoever read the output has seen enough
        return 0
    except (UserError, OSError) as error:
        message = one_line(error)
        if message is None:
            raise
        print(f"sec2sec: {message}", file=sys.stderr)
        return USAGE_ERROR
    return code


def command_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """All subcommands with their help, and the options of the one that the arguments name."""
    parser = argparse.ArgumentParser(
        prog="sec2sec", description="Why a model predicts how a video clip will be perceived, second by second."
    )
    parser.add_argument("--version", action="version", version=f"sec2sec {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    chosen = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, (file, text) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text)
        if name == chosen:
            command = import_module(f"sec2sec.cli.{file}")
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    return parser
