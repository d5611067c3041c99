"""One trial of a benchmark from settings to figures; in a process of its own its memory can be measured."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from sec2sec.benchmark.cost import cost, peak_memory
from sec2sec.checkpoints import Bundle, load_checkpoint, load_encoders
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.known_truth import read_planted
from sec2sec.datasets.table import Row, Table
from sec2sec.encoders.tokens import Tokens
from sec2sec.evaluation.evaluate import PLANTED, Pairing, measure_cues_of, on_device
from sec2sec.evaluation.modalities import BOTH, FROM_OTHERS, MIN_CLIPS
from sec2sec.evaluation.pointing import point
from sec2sec.explanations.masker import masker_of
from sec2sec.explanations.results import Occlusion
from sec2sec.files import write_json
from sec2sec.progress import Steps, drain
from sec2sec.training.hardware import Hardware
from sec2sec.training.run_folder import PREDICTIONS
from sec2sec.training.setup import load_data
from sec2sec.training.train import TrainingResult
from sec2sec.training.trial import FAILED, Trial, run_trial

MEASURED = "measured.json"
CLIPS_PAIRED = 24  # to tell what a system owes to sound and picture together: 576 pairs


def is_done(trial: Trial) -> bool:
    """Whether there is nothing left to do."""
    return any((trial.folder / name).is_file() for name in (MEASURED, FAILED))


def steps(trial: Trial, machine: Hardware, stop: Callable[[], bool]) -> Steps[TrainingResult | None]:
    """Train, then measure what the tables need besides; None where the loss diverged."""
    began = time.monotonic()
    result = yield from run_trial(trial, machine, test=True, stop=stop)
    if result is not None and not result.stopped:
        write_json(trial.folder / MEASURED, _measure(trial, machine, time.monotonic() - began))
    return result


def _measure(trial: Trial, machine: Hardware, seconds: float) -> dict[str, Any]:
    bundle = load_checkpoint(trial.folder / "checkpoint", machine.device)
    history = [json.loads(line) for line in (trial.folder / "metrics.jsonl").read_text().splitlines()]
    measured: dict[str, Any] = {
        "peak_memory": peak_memory(bundle.device),  # before the clip of ten seconds, whose encoders may need more
        "wall_seconds": round(seconds, 2),
        "epoch_seconds": round(float(np.median([report["seconds"] for report in history])), 3),
        "threads": torch.get_num_threads(),
        "cost": cost(bundle),
    }
    table, _ = load_data(trial.config)
    tested = list(_tested(trial, bundle, machine, table))
    if (table.directory / PLANTED).is_file():
        measured |= pointing_of(bundle, table, [(row, masker_of(bundle.model, clip).occlusion) for row, clip in tested])
    return measured | together_of(bundle, table, tested)


def pointing_of(bundle: Bundle, table: Table, predicted: list[tuple[Row, Occlusion]]) -> dict[str, Any]:
    """Shares of test clips whose top second is a decisive one; nothing where no clip has any."""
    planted = read_planted(table.directory)
    cues = None if table.features is not None else drain(measure_cues_of(bundle, planted, predicted, workers=0))
    pointed = point(bundle.model.config.targets, planted, predicted, cues)
    return {} if pointed is None else {"pointing": pointed.shares, "pointing_by_target": pointed.by_target}


def together_of(bundle: Bundle, table: Table, tested: Sequence[tuple[Row, Tokens]]) -> dict[str, Any]:
    """What the score of each target owes to sound and picture together; nothing for a system of one of them.

    Nor for a published backbone, of which one run takes seconds, and there are hundreds of pairs.
    """
    both = [(row, clip) for row, clip in tested if clip.audio is not None and clip.video is not None]
    if not (bundle.system.sees and bundle.system.hears) or bundle.model.config.backbone == "published":
        return {}
    if len(both) < MIN_CLIPS:
        return {}
    pairing = Pairing(bundle, [row for row, _ in both], CLIPS_PAIRED)
    for row, clip in both:
        pairing.keep(row, clip)
    report = drain(pairing.measure_steps(table))
    return {
        "together": {
            name: {
                "metric": (metric := target["together"]["metric"]),
                "own": target["rows"][BOTH][metric],
                "apart": target["rows"][FROM_OTHERS][metric],
                "gain": target["together"]["value"],
            }
            for name, target in report["targets"].items()
        }
    }


def _tested(trial: Trial, bundle: Bundle, machine: Hardware, table: Table) -> Iterator[tuple[Row, Tokens]]:
    """The test clips with the tokens that the training has read."""
    tested = set(json.loads((trial.folder / PREDICTIONS).read_text())["id"])
    cache = TokenCache(machine.cache, load_encoders(trial.folder / "checkpoint"))
    for row in table.split("test"):
        tokens = cache.read(row.content_sha256()) if row.id in tested else None
        if tokens is not None:
            yield row, on_device(tokens, bundle)
