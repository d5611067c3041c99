"""What processes cost: explaining as one of its own, and one of several on the same cores.

`python -m bench.processes` explains the example clip each time it reads a line, and answers with the seconds it took.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from bench.row import Row
from sec2sec.threads import OWN_SETTINGS, let_waiting_threads_sleep

CLIPS = Path("assets/clips")
FLIGHT = CLIPS / "sintel-flight.mp4"  # 10 s
ROUNDS = 25  # of explanations in turns: each is a third of a second
TURNS = 5  # of whole processes, and of decoding
EXPLAIN = [sys.executable, "-m", "sec2sec", "explain", str(FLIGHT)]
IMPORT = [sys.executable, "-c", "import torch"]
Environment = dict[str, str]


def rows() -> Iterator[Row]:
    """A whole process, busy cores, decoding side by side; about two minutes."""
    yield from start_rows()
    yield from busy_rows()
    yield from decoding_rows()


def start_rows() -> Iterator[Row]:
    """`sec2sec explain` of a 10-s clip beside what cannot be saved."""
    spent: dict[str, list[tuple[float, float]]] = {"explain": [], "import": []}
    for turn in range(TURNS + 1):
        for name, command in (("explain", EXPLAIN), ("import", IMPORT)):
            times = process_seconds(command)
            if turn:  # the first turn reads the files into memory
                spent[name].append(times)
    explain, imported = ([median(column) for column in zip(*times, strict=True)] for times in spent.values())
    yield Row("`sec2sec explain` of 10 s as a process ÷ `import torch`, wall time", explain[0] / imported[0], "×", 2.0)
    yield Row("  the same, processor time of the program itself", explain[1] / imported[1], "×", 2.0)
    yield Row("  `sec2sec explain` as a process", explain[0], "s")


def process_seconds(command: Sequence[str]) -> tuple[float, float]:
    """Wall seconds and user seconds of a process from its start to its end."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def busy_rows() -> Iterator[Row]:
    """Explanations in warm processes beside others that never rest, with threads that sleep or spin while they wait."""
    spinning = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
    sleeping = dict(spinning)
    let_waiting_threads_sleep(sleeping)
    cores = os.cpu_count() or 1
    with explainer(spinning) as spin, explainer(sleeping) as sleep, idle_processes(cores) as others:
        seconds: dict[tuple[str, int], list[float]] = {}
        for turn in range(ROUNDS):
            explainers = [("spin", spin), ("sleep", sleep)]
            for busy in (0, 1, cores):
                with awake(others[:busy]):
                    for name, explain in explainers if turn % 2 else reversed(explainers):
                        seconds.setdefault((name, busy), []).append(explain())
    taken = {case: median(values) for case, values in seconds.items()}
    calm = taken["sleep", 0]
    yield Row("an explanation beside one busy process ÷ alone", taken["sleep", 1] / calm, "×", 1.5)
    yield Row(
        f"an explanation beside {cores} busy processes, one per core ÷ alone", taken["sleep", cores] / calm, "×", 2.5
    )
    yield Row("  alone: waiting threads that sleep ÷ OpenMP's own default", calm / taken["spin", 0], "×", 1.05)
    yield Row("  beside one busy process: the same", taken["sleep", 1] / taken["spin", 1], "×")
    yield Row("  an explanation alone", calm, "s")


@contextmanager
def explainer(environment: Environment) -> Iterator[Callable[[], float]]:
    """A warm process that explains the example clip when it is called, and says the seconds."""
    command = [sys.executable, "-m", "bench.processes"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def explain() -> float:
            print(file=questions, flush=True)
            return float(json.loads(answers.readline()))

        explain()
        yield explain
        questions.close()


@contextmanager
def idle_processes(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Stopped processes that keep a core busy while they run."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def awake(processes: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Let stopped processes run."""
    for process in processes:
        process.send_signal(signal.SIGCONT)
    time.sleep(0.05)
    yield
    for process in processes:
        process.send_signal(signal.SIGSTOP)


def decoding_rows() -> Iterator[Row]:
    """Two processes that decode, with one thread of libav each and with libav's own."""
    clips = sorted(CLIPS.glob("*.mp4"))
    seconds: dict[int | None, list[tuple[float, float]]] = {1: [], None: []}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for turn in range(TURNS + 1):
            for threads, times in seconds.items():
                began = time.perf_counter()
                processor = sum(pool.map(partial(decode, threads=threads), clips))
                if turn:
                    times.append((time.perf_counter() - began, processor))
    one, own = ([median(column) for column in zip(*times, strict=True)] for times in seconds.values())
    yield Row("two decoding processes: one libav thread each ÷ libav's own, processor time", one[1] / own[1], "×", 1.05)
    yield Row("  the same, wall time", one[0] / own[0], "×")


def decode(path: Path, threads: int | None) -> float:
    """Processor seconds of decoding ten seconds."""
    from sec2sec.media import open_clip

    began = time.process_time()
    for _ in open_clip(path, end=10, threads=threads).seconds():
        pass
    return time.process_time() - began


def answer() -> None:
    """Explain the example clip for each line that is read."""
    import sec2sec

    model = sec2sec.load(device="cpu")
    for _ in range(2):
        sec2sec.explain(FLIGHT, model)
    for _ in sys.stdin:
        began = time.perf_counter()
        sec2sec.explain(FLIGHT, model)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    answer()
