"""What the models of people's judgements know of groups that they had not seen, beside what needs no model.

SEC2SEC_REAL_DATA names a folder with the data sets `photos` (OASIS) and `voices` (EmoDB): the trainings that leave
groups out are then done, in build/bench/people, where an interrupted run goes on. Without it the rows are the figures
that were recorded with the checkpoints.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.row import Row
from recipes import photos, voices
from recipes.people import PeopleRecipe, figures_steps
from sec2sec.metrics import baseline_words, title_of
from sec2sec.paths import program_paths
from sec2sec.progress import drain
from sec2sec.training.hardware import Hardware
from sec2sec.training.people import left_out_of

REAL_DATA = os.environ.get("SEC2SEC_REAL_DATA", "")
BUILD = Path("build/bench/people")
LIMITS = {  # the least, of what frozen features reach by a ridge regression, or by what was asked of our own encoder
    "photos": {("valence", "pearson"): 0.58, ("arousal", "pearson"): 0.63},
    "voices": {("arousal", "auroc"): 0.93},
}
UNSEEN = {"photos": "themes left out, five folds", "voices": "speaker left out"}
SHOWN = {"score": ("pearson", "mean_accuracy"), "binary": ("auroc", "accuracy")}


def rows() -> Iterator[Row]:
    """Of both models; about ten minutes each the first time where the data are there."""
    for recipe in (photos.RECIPE, voices.RECIPE):
        data = Path(REAL_DATA) / recipe.name
        if REAL_DATA and data.is_dir():
            yield from rows_of(recipe, measured(recipe, data), "")
        else:
            recorded = left_out_of(program_paths().checkpoints / recipe.name)
            yield from rows_of(recipe, recorded, ", as recorded with the checkpoint")


def measured(recipe: PeopleRecipe, data: Path) -> Mapping[str, Any]:
    """The figures of trainings on this machine."""
    return drain(figures_steps(recipe, data, BUILD / recipe.name, Hardware(program_paths().token_cache)))


def rows_of(recipe: PeopleRecipe, results: Mapping[str, Any], how: str) -> Iterator[Row]:
    """Each figure with its interval over groups, and the trivial baselines on the same clips."""
    command = f"python -m recipes.{recipe.name} DATA_FOLDER OUT"
    for target, report in results["targets"].items():
        for metric in SHOWN[report["kind"]]:
            own, words = report["pooled"][metric], title_of(metric)
            name = f"{recipe.name}: {words} of {target}, {UNSEEN[recipe.name]}{how}"
            limit = LIMITS[recipe.name].get((target, metric))
            yield Row(name, own["value"], "", limit, "at least", command)
            for end, value in zip(("lower", "upper"), own["interval"] or (), strict=False):
                yield Row(f"  {end} end of its 95 % interval over {report['groups']} groups", value, command=command)
            for baseline, figures in report["trivial"].items():
                if (value := figures[metric]["value"]) is not None:
                    yield Row(f"  {baseline_words(baseline)} (trivial)", value, command=command)
