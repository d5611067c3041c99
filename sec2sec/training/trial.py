"""One training among several, as a search or a benchmark runs them: its folder, its settings, what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sec2sec.checkpoints import code_version
from sec2sec.datasets.extract import hash_files
from sec2sec.files import write_json
from sec2sec.progress import Progress, Steps
from sec2sec.training.hardware import Hardware
from sec2sec.training.loop import DivergedError, TrainingError
from sec2sec.training.run_folder import RunFolder, data_sha256
from sec2sec.training.settings import TrainConfig
from sec2sec.training.setup import load_data
from sec2sec.training.train import TrainingResult, train_steps

FAILED = "failed.json"


@dataclass(frozen=True)
class Trial:
    """One training: its folder, the settings that set it apart, and all of them."""

    folder: Path
    differs: dict[str, Any]
    config: TrainConfig


def fingerprint(config: TrainConfig) -> Steps[dict[str, str]]:
    """What trials depend on besides their settings: clips, labels and splits, and the code. Raises DataError."""
    table, _ = load_data(config)
    hashed = yield from hash_files(table.rows)
    return {"data_sha256": data_sha256(table, hashed.sha256), "code": code_version()}


def check_fingerprint(out: Path, before: Mapping[str, Any], now: Mapping[str, str]) -> None:
    """TrainingError where the trials in a folder learned from other data or by other code: both decide figures."""
    if before.get("data_sha256") != now["data_sha256"]:
        raise TrainingError(
            f"{out}: its trials learned from other clips, labels or splits than the data set has now; bring those "
            "back, or choose another folder"
        )
    if before.get("code") != now["code"]:
        raise TrainingError(
            f"{out}: its trials were trained by another version of the code ({before.get('code')}, this is "
            f"{now['code']}): their figures cannot be compared; choose another folder"
        )


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
