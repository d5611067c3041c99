"""What a training says on the terminal; train, search and benchmark share the words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sec2sec.cli.terminal import list_unusable, show
from sec2sec.progress import Progress, clock

if TYPE_CHECKING:
    from sec2sec.training.train import TrainingResult


def print_progress(progress: Progress) -> None:
    """An epoch and an event stay as lines; a count of clips or trials overwrites itself."""
    if progress.epoch is not None:
        print_epoch(progress.epoch)
    elif progress.total:
        show(progress.message, last=progress.done == progress.total)
    else:
        print(progress.message, flush=True)


def print_epoch(report: Mapping[str, Any]) -> None:
    """The figures of an epoch."""
    best = " best" if report["best"] else ""
    selected = f"selected by {report['selected']:.4f}  " if report["selected"] != report["score"] else ""
    print(
        f"epoch {report['epoch']:>3}  loss {report['loss']:.4f}  validation {report['validation_loss']:.4f}  "
        f"score {report['score']:.4f} (trivial {report['trivial_score']:.4f}){best:<5}  "
        f"{selected}{report['seconds']:.1f} s, at most {clock(report['seconds_left'])} left",
        flush=True,
    )


def print_result(result: TrainingResult, folder: Path) -> None:
    """How a training ended. folder: of the run, to say how to resume it."""
    from sec2sec.training.save import as_text

    if result.stopped:
        print(f"stopped after epoch {result.epochs}; resume with: python -m sec2sec train --out {folder} --resume")
        return
    print(as_text(result.metrics))
    list_unusable(result.unusable.values())
    print(f"checkpoint: {result.checkpoint}")
