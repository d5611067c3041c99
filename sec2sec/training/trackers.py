"""Curves of a training for people who follow them elsewhere: TensorBoard, and what has wandb's interface.

The figures are those of the history (metrics.jsonl): losses, validation scores beside the trivial ones, learning rate.
A tracker is imported when the first epoch ends, never before, and one that fails says so once and is left out: a
training does not depend on it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from sec2sec.extras import require_extra
from sec2sec.progress import Progress

TrackerName = Literal["tensorboard", "trackio", "wandb"]
TRACKERS: tuple[TrackerName, ...] = get_args(TrackerName)
PROJECT = "sec2sec"  # under which trackio and wandb file the runs; WANDB_PROJECT names another for wandb
TENSORBOARD_FOLDER = "tensorboard"  # in the run folder
FIGURES = ("loss", "validation_loss", "score", "trivial_score", "best_epoch", "rate", "seconds")
FIGURES_BY_TARGET = ("scores", "trivial_scores")


class Tracker(Protocol):
    """Where the figures of a run go."""

    def log(self, figures: Mapping[str, float], epoch: int) -> None:
        """The figures of one epoch."""
        ...

    def finish(self) -> None:
        """There are no more."""
        ...


class TensorBoardTracker:
    """Event files in RUN/tensorboard, by torch's own writer."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], epoch: int) -> None:
        """epoch: the first that is logged; a resumed training overwrites what was logged from there on."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / TENSORBOARD_FOLDER), purge_step=epoch)
        rows = "\n".join(f"| {name} | {json.dumps(value)} |" for name, value in settings.items())
        self._writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}", epoch)

    def log(self, figures: Mapping[str, float], epoch: int) -> None:
        """One point of each curve, on the disk at once."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def finish(self) -> None:
        """Close the files."""
        self._writer.close()


class WandbTracker:
    """A module with wandb's interface: init, log and finish. A resumed training goes on in the same run."""

    def __init__(self, module: Any, folder: Path, settings: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self._module = module
        name = folder.resolve().name
        module.init(project=PROJECT, name=name, config=dict(settings), resume="allow", **options)

    def log(self, figures: Mapping[str, float], epoch: int) -> None:
        """The figures at the step `epoch`."""
        self._module.log(dict(figures), step=epoch)

    def finish(self) -> None:
        """Close the run."""
        self._module.finish()


def open_tracker(name: TrackerName, folder: Path, settings: Mapping[str, Any], epoch: int) -> Tracker:
    """Import and begin one. folder: of the run; settings: those of the training, as JSON has them."""
    if name == "tensorboard":
        return TensorBoardTracker(folder, settings, epoch)
    module = import_module(name)
    if name == "trackio":  # which finds a run again by its name
        return WandbTracker(module, folder, settings, {})
    identity = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return WandbTracker(module, folder, settings, {"id": identity, "dir": str(folder)})


def figures_of(report: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an epoch, from its line of the history: scores/arousal is that of one target."""
    figures = {name: float(report[name]) for name in FIGURES}
    for name in FIGURES_BY_TARGET:
        figures |= {f"{name}/{target}": float(v) for target, v in report[name].items() if v is not None}
    return figures


class Trackers:
    """Those that a run has; nothing of them is opened before the first epoch ends."""

    def __init__(
        self,
        names: Sequence[TrackerName],
        folder: Path,
        settings_of_run: Callable[[], Mapping[str, Any]],
        warn: Callable[[str], object] = lambda message: print(message, file=sys.stderr, flush=True),
    ) -> None:
        """settings_of_run: read when the first epoch ends. Raises MissingExtraError for one that is not installed."""
        for name in names:
            require_extra(name, f"--log {name}")
        self._waiting = list(dict.fromkeys(names))
        self._folder, self._settings_of_run, self._warn = folder, settings_of_run, warn
        self._open: dict[TrackerName, Tracker] = {}

    def report(self, progress: Progress) -> None:
        """Pass the figures on, where an epoch has ended."""
        if progress.epoch is None:
            return
        figures, epoch = figures_of(progress.epoch), int(progress.epoch["epoch"])
        for name in self._waiting:
            self._attempt(name, partial(self._begin, name, epoch))
        self._waiting = []
        for name, tracker in list(self._open.items()):
            self._attempt(name, partial(tracker.log, figures, epoch))

    def finish(self) -> None:
        """Close all that are open."""
        for name, tracker in list(self._open.items()):
            self._attempt(name, tracker.finish)
        self._open = {}

    def _begin(self, name: TrackerName, epoch: int) -> None:
        self._open[name] = open_tracker(name, self._folder, self._settings_of_run(), epoch)

    def _attempt(self, name: TrackerName, work: Callable[[], object]) -> None:
        """Do it; a tracker that fails, in whatever way, is said once and left out."""
        try:
            work()
        except Exception as error:
            self._open.pop(name, None)
            why = " ".join(str(error).split())[:200] or type(error).__name__
            self._warn(f"WARNING: {name} failed and gets no more figures of this training ({why})")
