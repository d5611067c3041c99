"""The process of one training of the app: waits for its turn, makes the clips, trains, and writes how it ended."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sec2sec.datasets.known_truth import make_clips
from sec2sec.errors import one_line
from sec2sec.jobs.job import Job, JobSpec
from sec2sec.jobs.turns import LeftQueueError, turn
from sec2sec.progress import drain
from sec2sec.training.settings import train_config
from sec2sec.training.signals import stop_on_signals

if TYPE_CHECKING:
    from sec2sec.training.train import TrainingResult

NICENESS = 5  # the app answers first, the training takes what is left
SECONDS_BETWEEN_WRITES = 1.0  # of progress.json


class _Worker:
    """One start of a job's process."""

    def __init__(self, job: Job, spec: JobSpec, stopped: Callable[[], bool]) -> None:
        self.job, self.spec = job, spec
        self.spent_before, self.turn_began = job.spent, math.inf  # s
        self.last_written = 0.0
        self._signalled = stopped

    @property
    def spent(self) -> float:
        """Seconds of work so far, over all starts."""
        return self.spent_before + max(time.monotonic() - self.turn_began, 0.0)

    def stop(self) -> bool:
        """Whether a stop was requested."""
        return self._signalled() or self.job.requested("stop")

    def is_over_time(self) -> bool:
        """Whether the training has had its minutes."""
        return self.spec.minutes is not None and self.spent > 60 * self.spec.minutes

    def finish_early(self) -> bool:
        """Whether to end with the best weights so far."""
        return self.is_over_time() or self.job.requested("finish")

    def write(self, stage: str, message: str, done: int = 0, total: int = 0, *, now: bool = True) -> None:
        """Write the progress for the page; at most once per second unless `now`."""
        if now or time.monotonic() - self.last_written > SECONDS_BETWEEN_WRITES:
            self.last_written = time.monotonic()
            self.job.write_progress(stage, message, done, total, self.spent)

    def write_place(self, ahead: int) -> None:
        """Write the place in the queue; waiting is no work."""
        others = "1 other training is" if ahead == 1 else f"{ahead} other trainings are"
        self.write("waiting", f"Place {ahead} in the queue: {others} first.", ahead)

    def work(self) -> None:
        """Wait, make the clips and train."""
        with turn(self.job.queue, self.write_place, self.stop):
            self.turn_began = time.monotonic()
            if self.make():
                self.train()

    def make(self) -> bool:
        """Make the clips that the specification names; returns whether to go on."""
        make = self.spec.make
        if make is None:
            return True
        folder = self.job.clip_set_dir(make) / "clips"
        self.write("clips", f"0 of {make.clips}", 0, make.clips)
        for progress in make_clips(folder, make.clips, make.seed, make.level, lengths=make.lengths):
            done, total = int(progress.done), int(progress.total)
            left = "" if math.isnan(progress.seconds_left) else f", {in_words(progress.seconds_left)} left"
            self.write("clips", f"{done} of {total}{left}", done, total, now=False)
            if self.stop() or self.finish_early():
                self.write("stopped", self.reason("while the clips were made; those that exist stay"))
                return False
        return True

    def train(self) -> None:
        """The training itself, in its run folder."""
        self.write("run", "")
        from sec2sec.training.hardware import Hardware  # torch: only when it is our turn
        from sec2sec.training.train import train_steps

        machine = Hardware(Path(self.spec.cache), self.spec.device, workers=self.spec.workers)
        config = train_config(self.spec.config)
        steps = train_steps(self.job.run, config, machine, resume=True, stop=self.stop, enough=self.finish_early)
        result = drain(steps, lambda progress: self.write("run", "", now=False))
        if result.stopped:
            self.write("stopped", self.reason(f"after epoch {result.epochs}"), result.epochs, config.epochs)
        else:
            self.write_done(result, config.epochs)

    def write_done(self, result: TrainingResult, most: int) -> None:
        """Write how the training ended. most: epochs that were asked for."""
        best = result.metrics["best_epoch"]
        sentences = [
            f"After {result.epochs} of at most {most} epochs; the weights are those of epoch {best}, chosen by the "
            "validation clips."
        ]
        if self.finish_early() and result.epochs < most:
            sentences.append(self.reason(f"in epoch {result.epochs + 1}"))
        if result.unusable:
            sentences.append(f"{len(result.unusable)} clips could not be used.")
        self.write("done", " ".join(sentences), result.epochs, most)

    def reason(self, where: str) -> str:
        """Why the training ended, and where."""
        if self.is_over_time():
            return f"Stopped {where}: the limit of {self.spec.minutes:g} minutes on this server is over."
        return f"Stopped {where}."


def in_words(seconds: float) -> str:
    """A duration as people say it: "about 2 minutes"."""
    if not seconds >= 0:
        return "an unknown time"
    if seconds < 50:
        return f"about {max(10, round(seconds / 10) * 10):.0f} seconds"
    if seconds < 5400:
        minutes = max(1, round(seconds / 60))
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    return f"about {seconds / 3600:.1f} hours"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 for what cannot be done, with one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m sec2sec.jobs.worker", description=__doc__)
    parser.add_argument("job", type=Path, metavar="JOB", help="folder of the training, made by the app")
    parser.add_argument("--lock", type=int, required=True, metavar="FD", help="the lock that the app hands over")
    options = parser.parse_args(arguments)
    os.set_inheritable(options.lock, False)  # the lock is to go with this process, whatever it starts
    with suppress(OSError):
        os.nice(NICENESS)
    job = Job(options.job)
    with stop_on_signals() as stopped:
        worker = _Worker(job, job.spec(), stopped)
        try:
            worker.work()
        except LeftQueueError:
            worker.write("stopped", "Stopped while waiting for its turn.")
        except Exception as error:
            message = one_line(error)
            if message is not None:
                worker.write("failed", message)
                print(message, file=sys.stderr)
                return 2
            traceback.print_exc()
            worker.write("failed", f"Internal error: {type(error).__name__}: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
