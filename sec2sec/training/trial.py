"""One training among several, as a search or a benchmark runs them: its folder, its settings, what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sec2sec.files import write_json
from sec2sec.progress import Progress, Steps
from sec2sec.training.hardware import Hardware
from sec2sec.training.loop import DivergedError
from sec2sec.training.run_folder import RunFolder
from sec2sec.training.settings import TrainConfig
from sec2sec.training.train import TrainingResult, train_steps

FAILED = "failed.json"


@dataclass(frozen=True)
class Trial:
    """One training: its folder, the settings that set it apart, and all of them."""

    folder: Path
    differs: dict[str, Any]
    config: TrainConfig


def run_trial(trial: Trial, machine: Hardware, *, test: bool, stop: Callable[[], bool]) -> Steps[TrainingResult | None]:
    """Train, or go on. A loss that diverges is noted in failed.json, not raised: the result is None then."""
    resume = RunFolder(trial.folder).exists()
    try:
        return (yield from train_steps(trial.folder, trial.config, machine, resume=resume, test=test, stop=stop))
    except DivergedError as error:
        write_json(trial.folder / FAILED, {"failed": str(error)})
        yield Progress(0, 0, str(error))
        return None


def result(folder: Path) -> dict[str, Any] | None:
    """The figures of a finished training, {"failed": why} of one that diverged; None for another."""
    for file in (folder / "checkpoint" / "metrics.json", folder / FAILED):
        try:
            return dict(json.loads(file.read_text()))
        except (OSError, ValueError, TypeError):
            continue
    return None
