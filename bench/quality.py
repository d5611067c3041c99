"""What the bundled checkpoints know: 500 unseen known-truth clips of each level, beside what needs no model.

What the models of people's judgements know is in bench/people.py, whose rows come first.

Clips and tokens stay in build/bench, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import people
from bench.row import Row
from bench.unedited import MIN_MOVED, UNSEEN, pointing_where_moved, predict_unedited
from sec2sec import DEMO
from sec2sec.checkpoints import Bundle, load_checkpoint
from sec2sec.datasets.known_truth import LEVELS, Level, make_clips, read_planted
from sec2sec.datasets.table import read_table
from sec2sec.evaluation.baseline import baseline_drift
from sec2sec.evaluation.evaluate import Evaluated, evaluate_steps
from sec2sec.evaluation.modalities import (
    ADDITIVE,
    BOTH,
    FROM_OTHERS,
    OTHER_PICTURE,
    OTHER_SOUND,
    PICTURE,
    SOUND,
)
from sec2sec.evaluation.yardsticks import ODD_ONE_OUT
from sec2sec.paths import program_paths
from sec2sec.progress import drain
from sec2sec.training.opening import OpenedData

CLIPS = 500  # of each level
PAIRED = 24  # of the bundled clips: all of them
FIRST_SEED = 2001  # of the first level; neither of the training nor of the card
BUILD = Path("build/bench")
LENGTHS = range(1, 61)  # s, over which the baseline must not drift
MAX_DRIFT = 0.03


@dataclass(frozen=True)
class Limits:
    """The least of a level; None: reported alone."""

    graded: float | None = None  # accuracy of arousal and of valence
    synchrony: float | None = None  # accuracy
    synchrony_auroc: float | None = None
    pointing: float | None = None  # of occlusion
    pointing_where_moved: float | None = None  # of occlusion, where the cue moved the prediction


LIMITS = {
    "plain": Limits(0.95, 0.93, pointing=0.95),
    "cluttered": Limits(0.90, 0.85, pointing=0.80),
    "film": Limits(pointing_where_moved=0.70),
    "unseen-timbre": Limits(synchrony_auroc=0.90),
}


def rows() -> Iterator[Row]:
    """Generates the clips once; about ten minutes for each level the first time, two after that."""
    yield from people.rows()
    bundle = load_checkpoint(DEMO, "cpu")
    yield from modality_rows(bundle)
    for level in LEVELS:
        evaluated = evaluate_level(bundle, level, CLIPS, BUILD)
        yield from rows_of_level(level, evaluated.report)
        if level == "film":
            yield moved_row(bundle, evaluated, BUILD / level)
    for target, drift in baseline_drift(bundle, LENGTHS).items():
        yield Row(f"baseline of {target}: largest drift from 1 s to {LENGTHS[-1]} s", drift, "", MAX_DRIFT)


def modality_rows(bundle: Bundle, clips: int = PAIRED) -> Iterator[Row]:
    """What the score of each target owes to sound and picture together, on the bundled known-truth clips."""
    folder = program_paths().known_truth
    data = OpenedData(read_table(folder))
    report = drain(evaluate_steps(bundle, data, workers=0, modalities=clips)).report["modalities"]
    command = "sec2sec evaluate --data assets/known-truth --modalities"
    for name, target in report["targets"].items():
        alone = name in bundle.summary.diagnostics  # synchrony can be told from neither modality alone
        for kind in (BOTH, ADDITIVE, FROM_OTHERS, SOUND, PICTURE, OTHER_PICTURE, OTHER_SOUND):
            auroc = target["rows"][kind]["auroc"]
            limit = {BOTH: 0.95, FROM_OTHERS: None if alone else 0.95}.get(kind)
            yield Row(f"{report['clips']} clips: AUROC of {name} from {kind}", auroc, "", limit, "at least", command)
        low, high = target["together"]["interval"] or (float("nan"), float("nan"))
        yield Row(f"  {name}: owed to both together", target["together"]["value"], command=command)
        yield Row("  lower end of its 95 % interval", low, "", 0.0 if alone else None, "above", command)
        yield Row("  upper end", high, "", None if alone else 0.05, command=command)


def seed_of(level: Level) -> int:
    """Of a level's clips."""
    return FIRST_SEED + LEVELS.index(level)


def evaluate_level(bundle: Bundle, level: Level, clips: int, build: Path, workers: int = 2) -> Evaluated:
    """What `evaluate` gives on unseen clips of a level; its report is kept beside them."""
    directory, tokens = build / level, build / "tokens"
    drain(make_clips(directory, clips, seed_of(level), level, workers=max(1, workers), footage=UNSEEN))
    data = OpenedData(read_table(directory))
    evaluated = drain(evaluate_steps(bundle, data, split="all", workers=workers, cache=tokens))
    (directory / "report.json").write_text(json.dumps(evaluated.report))
    return evaluated


def rows_of_level(level: str, report: dict[str, Any]) -> Iterator[Row]:
    """Predictions beside the majority, pointing beside chance and the yardsticks, and the paired difference."""
    limits, command = LIMITS.get(level, Limits()), command_of(level, report)
    for target, figures in report["targets"].items():
        least = limits.synchrony if target == "synchrony" else limits.graded
        yield Row(f"{level}: accuracy of {target}", figures["accuracy"], "", least, "at least", command)
        yield Row(
            "  majority of the training set (trivial)", figures["trivial"]["majority"]["accuracy"], command=command
        )
        least = limits.synchrony_auroc if target == "synchrony" else None
        yield Row(f"{level}: AUROC of {target} (chance .5)", figures["auroc"], "", least, "at least", command)
    for method, share in report["pointing"].items():
        least = limits.pointing if method == "occlusion" else None
        yield Row(f"{level}: pointing, {method}", share, "", least, "at least", command)
    for gain in report["pointing_gains"]:
        low, high = gain["interval"]
        least = 0.0 if gain["over"] == ODD_ONE_OUT else None
        yield Row(f"{level}: pointing, occlusion − {gain['over']}", gain["value"], command=command)
        yield Row("  lower end of its 95 % interval, paired over clips", low, "", least, "above", command)
        yield Row("  upper end", high, command=command)


def command_of(level: str, report: dict[str, Any]) -> str:
    """What gives a level's figures without the bench; nothing for film, of which the command line takes no part."""
    if level == "film":
        return ""
    folder = f"{BUILD}/{level}"
    make = f"sec2sec make-clips {folder} --clips {report['clips']} --seed {seed_of(level)} --level {level}"
    return f"{make}; sec2sec evaluate --data {folder} --split all"


def moved_row(bundle: Bundle, evaluated: Evaluated, directory: Path, workers: int = 2) -> Row:
    """Pointing of single targets in the clips whose cue does something to the prediction."""
    planted = read_planted(directory)
    unedited = predict_unedited(bundle, directory, len(planted), seed_of("film"), "film", workers)
    graded = [name not in bundle.summary.diagnostics for name in bundle.model.config.targets]
    share, cases = pointing_where_moved(evaluated.predicted, unedited, planted, np.flatnonzero(graded))
    name = f"film: pointing, occlusion, where the edit moves the prediction by {MIN_MOVED}: {cases} clips × targets"
    return Row(name, share, "", LIMITS["film"].pointing_where_moved, "at least")
