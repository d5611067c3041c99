"""One trial of a benchmark from settings to figures; in a process of its own its memory can be measured."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from sec2sec.benchmark.cost import cost, peak_memory
from sec2sec.checkpoints import Bundle, load_checkpoint, load_encoders
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.known_truth import read_planted
from sec2sec.datasets.table import Row, Table
from sec2sec.encoders.tokens import Tokens
from sec2sec.evaluation.evaluate import PLANTED, measure_cues_of
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
    if (table.directory / PLANTED).is_file():
        measured |= pointing_of(bundle, table, _occluded(trial, bundle, machine, table))
    return measured


def pointing_of(bundle: Bundle, table: Table, predicted: list[tuple[Row, Occlusion]]) -> dict[str, Any]:
    """Shares of test clips whose top second is a decisive one; nothing where no clip has any."""
    planted = read_planted(table.directory)
    cues = None if table.features is not None else drain(measure_cues_of(bundle, planted, predicted, workers=0))
    pointed = point(bundle.model.config.targets, planted, predicted, cues)
    return {} if pointed is None else {"pointing": pointed.shares, "pointing_by_target": pointed.by_target}


def _occluded(trial: Trial, bundle: Bundle, machine: Hardware, table: Table) -> list[tuple[Row, Occlusion]]:
    """The effect of each second of the test clips, from the tokens that the training has read."""
    tested = set(json.loads((trial.folder / PREDICTIONS).read_text())["id"])
    cache = TokenCache(machine.cache, load_encoders(trial.folder / "checkpoint"))
    occlusions = []
    for row in table.split("test"):
        tokens = cache.read(row.content_sha256()) if row.id in tested else None
        if tokens is not None:
            moved = Tokens(*(None if x is None else x.float().to(bundle.device) for x in (tokens.video, tokens.audio)))
            occlusions.append((row, masker_of(bundle.model, moved).occlusion))
    return occlusions
