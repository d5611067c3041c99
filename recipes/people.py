"""What the recipes of models that learned from people's judgements share.

A recipe trains once for each fold of groups that are left out, for the figures, then once for the checkpoint, with the
same settings. All of it stays in a work folder: the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sec2sec.benchmark.cross_validation import cross_validate_steps
from sec2sec.benchmark.fold_tables import READING, pooled_table
from sec2sec.cli.steps import print_progress
from sec2sec.errors import UserError
from sec2sec.explanations.training_sample import SAMPLED_SECONDS
from sec2sec.paths import program_paths
from sec2sec.progress import Steps, drain
from sec2sec.training.hardware import Hardware
from sec2sec.training.people import Judgements, publish
from sec2sec.training.settings import TrainConfig, train_config
from sec2sec.training.train import train_steps

KEPT = ("folds", "trainings", "data", "targets")  # of the figures on groups left out
MAX_BYTES = 15_000_000  # of a bundled checkpoint


@dataclass(frozen=True)
class PeopleRecipe:
    """A model that learned from people's judgements."""

    name: str  # of the checkpoint
    settings: Mapping[str, Any]  # of the training
    folds: str  # a number, or "groups" for a fold of each
    judgements: Judgements
    prepare: Callable[[Path, Path], Steps[Path]]  # data and work folder → the folder to learn from
    sampled: int = SAMPLED_SECONDS  # training seconds that are kept as tokens


def figures_steps(recipe: PeopleRecipe, data: Path, work: Path, machine: Hardware) -> Steps[dict[str, Any]]:
    """The figures on groups left out. Raises what a cross-validation raises."""
    config = yield from _config(recipe, data, work)
    validated = yield from cross_validate_steps(config, recipe.folds, work / "left-out", machine)
    return validated.results


def make_steps(recipe: PeopleRecipe, data: Path, out: Path, work: Path, machine: Hardware) -> Steps[Path]:
    """Figures, training and checkpoint; returns its folder in `out`. Raises what a training or `publish` raises."""
    results = yield from figures_steps(recipe, data, work, machine)
    config = yield from _config(recipe, data, work)
    trained = yield from train_steps(work / "training", config, machine, resume=True)
    folder = out / recipe.name
    tables = [READING, *(_table(results, target) for target in results["targets"])]
    command = f"python -m recipes.{recipe.name} DATA_FOLDER OUT"
    kept = {name: value for name, value in results.items() if name in KEPT}
    publish(trained.checkpoint, folder, recipe.judgements, command, kept, tables, recipe.sampled)
    return folder


def _config(recipe: PeopleRecipe, data: Path, work: Path) -> Steps[TrainConfig]:
    folder = yield from recipe.prepare(data, work)
    return train_config({**recipe.settings, "data": str(folder)}, recipe.name)


def _table(results: Mapping[str, Any], target: str) -> str:
    return f"\n{pooled_table(results, target).as_markdown()}"


def add_hardware(parser: argparse.ArgumentParser) -> None:
    """What it runs on."""
    parser.add_argument("--workers", type=int, default=2, help="processes that decode")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")


def run(recipe: PeopleRecipe, description: str | None, arguments: Sequence[str] | None = None) -> int:
    """The command of a recipe: 0, or 2 with one line where something cannot be used."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA_FOLDER", help="the data set as it is distributed")
    parser.add_argument("out", type=Path, metavar="OUT", help=f"folder that gets the checkpoint {recipe.name}")
    parser.add_argument("--work", type=Path, help=f"folder of trainings and tokens (default: build/{recipe.name})")
    add_hardware(parser)
    options = parser.parse_args(arguments)
    work = options.work or Path("build") / recipe.name
    machine = Hardware(program_paths().token_cache, options.device, workers=options.workers)
    try:
        folder = drain(make_steps(recipe, options.data, options.out, work, machine), print_progress)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB, of at most {MAX_BYTES / 1e6:g}")
    return 0 if size <= MAX_BYTES else 1
