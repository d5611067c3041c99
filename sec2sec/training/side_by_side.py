"""Several trials at a time, each in a process of its own with its share of the threads.

A trial that is killed, or cannot start, is one line: the others go on, and the same command tries it again. No process
outlives this one: each looks between two batches whether its parent is there.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Protocol

import torch

from sec2sec.errors import one_line
from sec2sec.progress import Progress, Steps, drain
from sec2sec.training.hardware import Hardware
from sec2sec.training.run_folder import RunFolder
from sec2sec.training.trial import Trial
from sec2sec.workers import end_if_started_by_import, unguarded_script, why_they_ended

POLL_INTERVAL = 1.0  # s between two looks at the trials at work


class Work(Protocol):
    """What is done with a trial: a function of a module, which another process imports by its name."""

    def __call__(self, trial: Trial, machine: Hardware, stop: Callable[[], bool], /) -> Steps[object]:
        """Do it; end between two batches where `stop` says so."""
        ...


@dataclass
class SideBySide:
    """How the trials ended."""

    stopped: bool = False  # because somebody asked for it
    died: dict[str, str] = field(default_factory=dict)  # name of a trial → why it has no result


@dataclass(frozen=True)
class _Running:
    trial: Trial
    process: SpawnProcess
    errors: Connection  # where the process says what was wrong

    def why_it_ended(self) -> str | None:
        """In words, of a process that has ended; None where it did what it should."""
        self.process.join()
        try:
            words: str | None = self.errors.recv()
        except EOFError:  # it had nothing to say
            words = None
        self.errors.close()
        code = self.process.exitcode
        if code == 0 or words is not None:
            return words
        if unguarded_script() is not None:
            raise why_they_ended("")
        return f"killed by signal {-code} (out of memory?)" if code is not None and code < 0 else f"exit code {code}"


def threads_each(processes: int) -> int:
    """The share of the cores of one of so many processes."""
    return max(1, (os.cpu_count() or 1) // max(processes, 1))


def side_by_side(
    trials: Sequence[Trial],
    work: Work,
    machine: Hardware,
    processes: int,
    *,
    stop: Callable[[], bool],
    ended: Callable[[Trial], Progress | None],
    describe: Callable[[Sequence[Trial]], Progress],
) -> Steps[SideBySide]:
    """Every trial in a process of its own, so many at a time.

    ended: what is said of a trial that has done its work. describe: how far all are, given the trials at work.
    Nothing is left running behind a stop, an error or a closed generator.
    """
    outcome, waiting = SideBySide(), list(trials)
    end_if_started_by_import()
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                running.append(_start(waiting.pop(0), work, machine, threads_each(processes)))
            for one in _finished(running):
                running.remove(one)
                if why := one.why_it_ended():
                    outcome.died[one.trial.folder.name] = why
                    yield Progress(0, 0, f"{one.trial.folder.name} died: {why}")
                elif (progress := ended(one.trial)) is not None:
                    yield progress
            yield describe([one.trial for one in running])
            if stop():
                outcome.stopped = True
                return outcome
    finally:
        _end(running)
    return outcome


def _start(trial: Trial, work: Work, machine: Hardware, threads: int) -> _Running:
    context = get_context("spawn")  # fork after torch has started threads can hang
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_process, args=(work, trial, machine, threads, os.getpid(), sender))
    with _interrupts_held_back():
        process.start()
    sender.close()
    return _Running(trial, process, receiver)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """What is started meanwhile never gets a Ctrl-C, not even while it imports; this process gets its own after."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which would let them through again when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _process(work: Work, trial: Trial, machine: Hardware, threads: int, parent: int, errors: Connection) -> None:
    """The whole of a process. Ends by itself between two batches when its parent has gone, to be resumed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent asks to stop by the file `stop`
    torch.set_num_threads(threads)

    def orphaned() -> bool:
        return os.getppid() != parent

    try:
        drain(work(trial, machine, orphaned))
    except Exception as error:
        words = one_line(error)
        errors.send(words or f"{type(error).__name__}: {error}")
        if words is None:  # a mistake of this program keeps its traceback
            raise
    if orphaned():
        os._exit(1)


def _finished(running: Sequence[_Running]) -> list[_Running]:
    """Those that have ended, after a wait for the next one."""
    sentinels = wait([one.process.sentinel for one in running], timeout=POLL_INTERVAL)
    return [one for one in running if one.process.sentinel in sentinels]


def _end(running: list[_Running]) -> None:
    """Ask the trials to stop until all have; one that is only starting forgets the first time."""
    try:
        while running:
            for one in running:
                if RunFolder(one.trial.folder).exists():
                    (one.trial.folder / "stop").touch()
            for one in _finished(running):
                running.remove(one)
                one.process.join()
                one.errors.close()
    finally:  # a second Ctrl-C
        for one in running:
            one.process.terminate()
            one.process.join()


def at_work(trial: Trial) -> str:
    """What a trial does, as its folder says."""
    try:
        message = json.loads((trial.folder / "progress.json").read_text())["message"]
    except (OSError, ValueError, KeyError):
        message = "starting"
    return f"{trial.folder.name}: {message}"


def died_words(ended: SideBySide) -> str:
    """Which trials have no result, and why."""
    return "; ".join(f"{name} died: {why}" for name, why in ended.died.items())
