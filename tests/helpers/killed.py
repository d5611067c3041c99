"""Run as a process: kills a training at each moment at which it puts a file in place, goes on, and says what came out.

    python -m tests.helpers.killed MADE OUT once|every [tuned]

Prints a JSON object: {moment: whether the weights are those of the training that was never killed, and nothing of a
half-written file is left}. Every training is a fork of this process, which imports torch and computes nothing: a kill
costs no import and is a real one. once: before each kind of file, at its last time; every: before and after, at its
first time as well. progress.json is left out: nothing is read from it, and the clock says when it is written.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sec2sec.training.hardware import Hardware
from sec2sec.training.settings import TrainConfig
from sec2sec.training.train import train_steps
from tests.helpers.trainings import settings, weights

UNIQUE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}|[0-9a-f]{16,}")  # names of clips in the token cache, and of the cache


def forked(work: Callable[[], None]) -> int:
    """The status of a child that does this work; 9 is SIGKILL."""
    if (child := os.fork()) == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def watched(moment: Callable[[str], None]) -> None:
    """Tell of every rename in this process, before and after it."""
    for name in ("replace", "rename"):
        real: Any = getattr(os, name)

        def put(source: Any, target: Any, real: Any = real) -> None:
            what = UNIQUE.sub("", "/".join(Path(target).parts[-2:]))
            told = moment if not what.endswith("progress.json") else lambda what: None
            told(f"before {what}")
            real(source, target)
            told(f"after {what}")

        setattr(os, name, put)


def train(run: Path, config: TrainConfig, cache: Path, moment: Callable[[str], None] = lambda what: None) -> None:
    """Begin, or go on."""
    watched(moment)
    for _ in train_steps(run, config, Hardware(cache, "cpu", workers=0), resume=True):
        pass


def killed_at(run: Path, config: TrainConfig, cache: Path, moment: str, time: int) -> int:
    """The status of a training that is killed when it comes to a moment for the so-manieth time."""
    met: Counter[str] = Counter()

    def kill(what: str) -> None:
        met[what] += 1
        if (what, met[what]) == (moment, time):
            os.kill(os.getpid(), signal.SIGKILL)

    return forked(lambda: train(run, config, cache, kill))


def main(made: Path, out: Path, which: str, *tuned: str) -> None:
    """One moment after the other, each in a folder of its own."""
    config, passed = settings(made, encoders="tuned" if tuned else "frozen"), out / "moments.txt"

    def note(what: str) -> None:
        with passed.open("a") as file:
            file.write(what + "\n")

    assert forked(lambda: train(out / "run", config, out / "tokens", note)) == 0
    (out / "run").rename(out / "whole")
    times = Counter(passed.read_text().splitlines())
    last = [(moment, time) for moment, time in times.items()]
    chosen = [each for each in last if each[0].startswith("before")]
    if which == "every":
        chosen = sorted({*last, *((moment, 1) for moment in times)})
    found: dict[str, bool] = {}
    for number, (moment, time) in enumerate(chosen):
        folder = out / str(number)
        folder.mkdir()
        run = folder / "run"  # of the same name in each: moments are told by it
        # tokens are the same in all: only who is killed over them has to make them again
        cache = folder / "tokens" if moment.endswith((".safetensors", "about.json")) else out / "tokens"
        killed = killed_at(run, config, cache, moment, time)
        done = forked(lambda run=run, cache=cache: train(run, config, cache))
        same = killed == signal.SIGKILL and done == 0 and weights(run) == weights(out / "whole")
        found[f"{moment} ({time})"] = same and not list(run.glob(".*.part"))
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
