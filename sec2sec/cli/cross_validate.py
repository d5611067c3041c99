"""`cross-validate`: a training for each fold of a data set, by group, and figures over all clips."""

from __future__ import annotations

import argparse
from pathlib import Path

from sec2sec.cli.options import add_machine, machine_of
from sec2sec.cli.steps import print_progress
from sec2sec.extras import require_extra
from sec2sec.fields import add_flags, fields_of, flag_values
from sec2sec.progress import drain
from sec2sec.training.settings import TrainConfig, read_mapping, train_config
from sec2sec.training.signals import stop_on_signals

MADE_BY_FOLDS = ("split", "fold")  # settings that the folds take the place of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folds, the folder, and every setting of a training but its split."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="JSON or YAML file with settings; options overrule it"
    )
    parser.add_argument(
        "--folds",
        default="5",
        metavar="K",
        help="number of folds of about as many clips each, no group in two of them, as scikit-learn's GroupKFold; or "
        "`groups`: each group is a fold, as LeaveOneGroupOut (default: 5)",
    )
    groups = add_flags(parser, TrainConfig, [name for name in fields_of(TrainConfig) if name not in MADE_BY_FOLDS])
    groups["output"].add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the trainings and tables; an unfinished cross-validation in it is resumed",
    )
    add_machine(parser)


def run(options: argparse.Namespace) -> int:
    """Train every fold that is not done, then write predictions and tables."""
    require_extra("train", "cross-validate")
    from sec2sec.benchmark.cross_validation import PREDICTIONS, cross_validate_steps
    from sec2sec.benchmark.fold_tables import conclusions, pooled_table

    values = (read_mapping(options.config) if options.config else {}) | flag_values(options, TrainConfig)
    config = train_config(values, str(options.config or ""))
    with stop_on_signals() as stop:
        steps = cross_validate_steps(config, options.folds, options.out, machine_of(options), stop=stop)
        validated = drain(steps, print_progress)
    if validated.stopped:
        print("stopped; the same command resumes")
        return 0
    results = validated.results
    for target in results["targets"]:
        table = pooled_table(results, target)
        print(f"\n{table.caption}\n{table.as_text()}")
    print("\n".join(["", *conclusions(results), *(f"WARNING: {sentence}" for sentence in results["warnings"])]))
    beside = "results.json, table.csv, tables.tex, references.bib, manifest.json"
    print(f"predictions: {options.out / PREDICTIONS}; tables: {options.out / 'RESULTS.md'}; beside it {beside}")
    return 0
