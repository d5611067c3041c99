"""One training among several, as a search or a benchmark runs them: its folder, its settings, what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sec2sec.checkpoints import code_version
from sec2sec.datasets.extract import hash_files
from sec2sec.datasets.open import Reading
from sec2sec.files import write_json
from sec2sec.progress import Progress, Steps
from sec2sec.training.extraction import extract_all
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


def fingerprint_of_all(trials: Iterable[Trial]) -> Steps[dict[str, str]]:
    """The same of trials that may differ in their data, or in how it is read."""
    names = ("data", *(field.name for field in fields(Reading)))
    readings = {tuple(getattr(trial.config, name) for name in names): trial.config for trial in trials}
    hashes = []
    for config in readings.values():
        one = yield from fingerprint(config)
        hashes.append(one["data_sha256"])
    together = hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest()
    return {"data_sha256": together, "code": code_version()}


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


def run_without_test(trial: Trial, machine: Hardware, stop: Callable[[], bool]) -> Steps[TrainingResult | None]:
    """The same for a trial among which one is chosen: its test clips are left alone."""
    return (yield from run_trial(trial, machine, test=False, stop=stop))


def extract_for(trials: Iterable[Trial], machine: Hardware) -> Steps[bool]:
    """Fill the token cache for trials that run side by side, so that no two encode the same clips."""
    for config in {_encoding(trial.config): trial.config for trial in trials}.values():
        yield from extract_all(config, machine)
    return True


def _encoding(config: TrainConfig) -> tuple[Any, ...]:
    """What a clip's tokens depend on."""
    seed = config.seed if config.init == "random" else None
    names = ("data", "system", "preset", "init", "encoders", "video_grid", "audio_grid")
    return (*(getattr(config, name) for name in names), *config.encoder_names, config.frames_per_second, seed)


def outcome_words(trial: Trial) -> str:
    """What came of a trial whose process has ended, in words."""
    figures = result(trial.folder)
    if figures is None:
        return "is not done"
    if "failed" in figures:
        return "diverged and is left"
    return (
        f"done: {figures['epochs']} epochs, {figures['minutes']} minutes, validation {figures['validation_score']:.3f}"
    )


def result(folder: Path) -> dict[str, Any] | None:
    """The figures of a finished training, {"failed": why} of one that diverged; None for another."""
    for file in (folder / "checkpoint" / "metrics.json", folder / FAILED):
        try:
            return dict(json.loads(file.read_text()))
        except (OSError, ValueError, TypeError):
            continue
    return None


def has_result(trial: Trial) -> bool:
    """Whether a trial is finished, or diverged."""
    return result(trial.folder) is not None
