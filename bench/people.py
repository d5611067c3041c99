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

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.row import Row
from recipes import photos, voices
from recipes.people import PeopleRecipe, figures_steps
from sec2sec.datasets.emodb import read_emodb
from sec2sec.encoding import stack
from sec2sec.features import MfccImage
from sec2sec.media import open_clip
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
            if recipe is voices.RECIPE:
                yield plain_row(data)
        elif (program_paths().checkpoints / recipe.name).is_dir():
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


def plain_row(data: Path) -> Row:
    """A logistic regression on mean and spread of each MFCC of an utterance, the same speakers left out."""
    table = read_emodb(data)
    image, vectors = MfccImage(), []
    for row in table.rows:
        seconds = list(open_clip(row.path, frames_per_second=1).seconds())
        mfcc = image(stack([second.samples for second in seconds])).movedim(0, 2).flatten(2)  # (3, C, T · steps)
        vectors.append(torch.cat([mfcc.mean(-1), mfcc.std(-1)]).flatten().numpy())
    label = np.array([row.targets["arousal"] for row in table.rows])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    speakers = [row.group for row in table.rows]
    score = cross_val_predict(
        model, np.stack(vectors), label, groups=speakers, cv=LeaveOneGroupOut(), method="decision_function"
    )
    name = "  a logistic regression on mean and spread of each MFCC, without a network, AUROC"
    return Row(name, float(roc_auc_score(label, score)))
