"""The process of one training of the app: waits for its turn, makes the clips, trains, and says how it ended."""

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

from sec2sec.datasets.known_truth import make_clips
from sec2sec.errors import one_line
from sec2sec.jobs.job import Job, Order
from sec2sec.jobs.turns import LeftQueueError, turn
from sec2sec.progress import drain
from sec2sec.training.settings import train_config
from sec2sec.training.signals import stop_on_signals

NICE = 5  # the app answers first, the training takes what is left
EVERY = 1.0  # s between two writings of what was spent


class _Worker:
    """One start of a job's process."""

    def __init__(self, job: Job, order: Order, stopped: Callable[[], bool]) -> None:
        self.job, self.order = job, order
        self.before, self.began = job.spent, math.inf  # s of work before, and since when it is its turn
        self.said = 0.0
        self._signalled = stopped

    @property
    def spent(self) -> float:
        """Seconds of work so far, over all starts."""
        return self.before + max(time.monotonic() - self.began, 0.0)

    def stop(self) -> bool:
        """Whether somebody asked to stop."""
        return self._signalled() or self.job.asked("stop")

    def late(self) -> bool:
        """Whether its minutes are over."""
        return self.order.minutes is not None and self.spent > 60 * self.order.minutes

    def enough(self) -> bool:
        """Whether to end with the best weights so far."""
        return self.late() or self.job.asked("finish")

    def say(self, stage: str, message: str, done: int = 0, total: int = 0, *, now: bool = True) -> None:
        """To the page; at most once a second unless `now`."""
        if now or time.monotonic() - self.said > EVERY:
            self.said = time.monotonic()
            self.job.say(stage, message, done, total, self.spent)

    def waiting(self, ahead: int) -> None:
        """To the page; waiting is no work."""
        others = "1 other training is" if ahead == 1 else f"{ahead} other trainings are"
        self.say("waiting", f"Place {ahead} in the queue: {others} first.", ahead)

    def work(self) -> None:
        """All of it, in turn."""
        with turn(self.job.queue, self.waiting, self.stop):
            self.began = time.monotonic()
            if self.make():
                self.train()

    def make(self) -> bool:
        """Make the clips that are to be made; whether to go on."""
        make = self.order.make
        if make is None:
            return True
        folder = self.job.set_of(make) / "clips"
        self.say("clips", f"0 of {make.clips}", 0, make.clips)
        before: int | None = None  # clips that were there already
        for step in make_clips(folder, make.clips, make.seed, make.level, lengths=make.lengths):
            done, total = int(step.done), int(step.total)
            before = done if before is None else before
            seconds_per_clip = (time.monotonic() - self.began) / max(done - before, 1)
            left = f", {in_words(seconds_per_clip * (total - done))} left" if done > before else ""
            self.say("clips", f"{done} of {total}{left}", done, total, now=False)
            if self.stop() or self.enough():
                self.say("stopped", self.why("while the clips were made; those that exist stay"))
                return False
        return True

    def train(self) -> None:
        """The training itself, in its run folder."""
        self.say("run", "")
        from sec2sec.training.hardware import Hardware  # torch: only when it is our turn
        from sec2sec.training.train import train_steps

        machine = Hardware(Path(self.order.cache), self.order.device, workers=self.order.workers)
        config = train_config(dict(self.order.config))
        steps = train_steps(self.job.run, config, machine, resume=True, stop=self.stop, enough=self.enough)
        result = drain(steps, lambda progress: self.say("run", "", now=False))
        done = result.epochs
        if result.stopped:
            self.say("stopped", self.why(f"after epoch {done}"), done, config.epochs)
            return
        words = f"After {done} of at most {config.epochs} epochs; the weights are those of epoch "
        early = f" {self.why(f'in epoch {done + 1}')}" if self.enough() and done < config.epochs else ""
        unusable = f" {len(result.unusable)} clips could not be used." if result.unusable else ""
        message = f"{words}{result.metrics['best_epoch']}, chosen by the validation clips.{early}{unusable}"
        self.say("done", message, done, config.epochs)

    def why(self, where: str) -> str:
        """Who ended it, and where."""
        if self.late():
            return f"Stopped {where}: the limit of {self.order.minutes:g} minutes on this server is over."
        return f"Stopped {where}."


def in_words(seconds: float) -> str:
    """A stretch of time as people say it."""
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
        os.nice(NICE)
    job = Job(options.job)
    with stop_on_signals() as stopped:
        worker = _Worker(job, job.order(), stopped)
        try:
            worker.work()
        except LeftQueueError:
            worker.say("stopped", "Stopped while it waited for its turn.")
        except Exception as error:
            message = one_line(error)
            if message is not None:
                worker.say("failed", message)
                print(message, file=sys.stderr)
                return 2
            traceback.print_exc()
            worker.say("failed", f"Internal error: {type(error).__name__}: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
