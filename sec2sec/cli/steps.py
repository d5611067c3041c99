"""What the steps of a training say on the terminal; train, search and benchmark share them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sec2sec.cli.terminal import list_unusable, show

if TYPE_CHECKING:
    from sec2sec.training.train import Step


def print_step(step: Step, folder: Path) -> None:
    """One step as lines. folder: of the run, to say how to resume it."""
    from sec2sec.datasets.extract import Extraction, clock
    from sec2sec.training.save import as_text
    from sec2sec.training.train import Epoch, Note, Stopped, Trained

    if isinstance(step, Note):
        print(step.text, flush=True)
    elif isinstance(step, Extraction):
        show(step.line, last=step.done == step.total)
    elif isinstance(step, Epoch):
        report = step.report
        best = " best" if report["best"] else ""
        print(
            f"epoch {report['epoch']:>3}  loss {report['loss']:.4f}  validation {report['validation_loss']:.4f}  "
            f"score {report['score']:.4f} (trivial {report['trivial_score']:.4f}){best:<5}  "
            f"{report['seconds']:.1f} s, at most {clock(report['seconds_left'])} left",
            flush=True,
        )
    elif isinstance(step, Stopped):
        print(f"stopped after epoch {step.epoch}; go on with: python -m sec2sec train --out {folder} --resume")
    elif isinstance(step, Trained):
        print(as_text(step.metrics))
        list_unusable(step.unusable)
        print(f"checkpoint: {step.checkpoint}")
