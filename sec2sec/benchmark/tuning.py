"""Settings of each system chosen on the validation clips, with one budget for each, so that a comparison is fair.

Every system is trained with its settings as they are given, and then with the same draws from the same space. The best
training is chosen as the best epoch is: by validation score, then by validation loss, then the first. No test clip is
predicted meanwhile, and no label of one is read by a training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sec2sec.errors import SettingsError
from sec2sec.fields import fields_of
from sec2sec.training.search import rank
from sec2sec.training.settings import MODEL, OPTIMISATION, STOPPING, TrainConfig
from sec2sec.training.spaces import Draws, draw_settings, read_space
from sec2sec.training.trial import Trial, result

FOLDER = "tuning"
TRAINING_SEED = 9999  # of the trainings that choose settings; those of the table count from 0
TUNED_GROUPS = (MODEL, OPTIMISATION, STOPPING)  # of settings; the others decide what is measured, not how well
NOT_TUNED = ("system", "seed")
DEFAULT_SPACE: Mapping[str, Any] = {
    "rate": {"low": 1e-5, "high": 1e-2, "scale": "log"},
    "weight_decay": {"low": 1e-4, "high": 1e-1, "scale": "log"},
    "dropout": {"low": 0.0, "high": 0.5},
}


@dataclass(frozen=True)
class Tuning:
    """The budget of each system, and from what settings are drawn."""

    trials: int
    space: Mapping[str, Any] = field(default_factory=lambda: dict(DEFAULT_SPACE))  # as JSON has it
    seed: int = 0  # of the draws

    def __post_init__(self) -> None:
        if self.trials < 2:
            raise SettingsError(f"tuning needs at least two trials for each system, not {self.trials}")
        tunable = [name for name, one in fields_of(TrainConfig).items() if one.group in TUNED_GROUPS]
        if refused := sorted(name for name in self.space if name not in tunable or name in NOT_TUNED):
            raise SettingsError(
                f"space: {', '.join(refused)} cannot be tuned; settings of the model, of optimisation and of stopping "
                "can, but for system and seed"
            )

    @property
    def settings(self) -> list[dict[str, Any]]:
        """What each trial of a system changes; the first one nothing. Raises SettingsError."""
        return [{}, *draw_settings(read_space(self.space, "space"), Draws(self.trials - 1, self.seed), "space")]

    def as_json(self) -> dict[str, Any]:
        """What a folder notes."""
        return {
            "trials": self.trials,
            "space": dict(self.space),
            "seed": self.seed,
            "training_seed": TRAINING_SEED,
        }


def folder_of(out: Path, system: str, number: int) -> Path:
    """Where a trial of the tuning is trained."""
    return out / FOLDER / f"{system}-{number:03}"


def choose(trials: Sequence[Trial]) -> dict[str, dict[str, Any]]:
    """The best trial of each system, of trials that are done."""
    systems = dict.fromkeys(trial.differs["system"] for trial in trials)
    return {system: _choose_of([trial for trial in trials if trial.differs["system"] == system]) for system in systems}


def _choose_of(trials: Sequence[Trial]) -> dict[str, Any]:
    """The best of one system's trials; where all diverged, the first, whose settings are as given."""
    figures = [result(trial.folder) or {} for trial in trials]
    done = [number for number, own in enumerate(figures) if "validation_score" in own]
    best = max(done, key=lambda number: rank(figures[number]), default=0)
    return {
        "trial": trials[best].folder.name,
        "settings": {name: value for name, value in trials[best].differs.items() if name != "system"},
        "validation_score": figures[best].get("validation_score"),
        "as_given": figures[0].get("validation_score"),
        "diverged": len(trials) - len(done),
    }
