"""`python -m bench gpu`: all checks within a time, as one table and one JSON file."""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.gpu.plan import BY_NAME, CHECKS, SECONDS, Check
from bench.gpu.report import Report, Result
from bench.row import Row

WORK = Path("build/bench")  # a folder in it for clips, tokens and runs, about 5 GB; removed at the end
OUT = Path("build/gpu.json")
STARTING = 180.0  # s until a process has said what machine it is on
DRY_SECONDS = 3600.0
LAST = 5.0  # s that the check at the end of the time may pass it by, and that a process has to end by itself
NO_DEVICE = "torch sees no CUDA GPU here; add --dry to run every check small on the CPU"


class ChildError(RuntimeError):
    """The process of the checks ended or hung: how, and the last it wrote."""


class Child:
    """The process that runs the checks."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # so that its decoding processes end with it
            )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.put(line)
        self.lines.put(None)

    def end(self, patience: float = 0.0) -> None:
        """End it and all that it started; by itself, if it does so within `patience` s."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):  # all of it has ended
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait()
        self.reader.join(LAST)  # it closes the pipe; a grandchild that got away may hold the other end

    def receive(self, until: float) -> dict[str, Any]:
        """Its next message. Raises ChildError where it ends, or says nothing until then (time.monotonic)."""
        try:
            line = self.lines.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise ChildError("took too long and was ended") from None
        if line is None:
            code = self.process.wait()
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            raise ChildError(f"its process ended {how}: {last_line(self.log)}")
        message: dict[str, Any] = json.loads(line)
        return message

    def ask(self, check: Check, until: float) -> Iterator[dict[str, Any]]:
        """The messages of one check, its end last."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{check.name}\n")
        self.process.stdin.flush()
        while True:
            message = self.receive(until)
            yield message
            if message["event"] == "end":
                return


def last_line(log: Path) -> str:
    """What a process wrote last to its log."""
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it wrote nothing")


class Bench:
    """Checks one after the other, in as many processes as it takes."""

    def __init__(self, report: Report, command: Sequence[str], log: Path, ends: float) -> None:
        """command: starts a process of checks. ends: when none may run any more (time.monotonic)."""
        self.report, self.command, self.log, self.ends = report, command, log, ends
        self.child: Child | None = None

    def start(self) -> Child:
        """The process that is there, or a new one. Raises ChildError, and LookupError where it has no GPU."""
        if self.child is None:
            self.child = Child(self.command, self.log)
            message = self.child.receive(time.monotonic() + STARTING)
            if message["event"] == "no device":
                raise LookupError(NO_DEVICE)
            self.report.machine = message["machine"]
        return self.child

    def stop(self, patience: float = 0.0) -> None:
        """End the process."""
        if self.child is not None:
            self.child.end(patience)
            self.child = None

    def fits(self, check: Check) -> bool:
        """Whether there is time for it. A dry run takes another time than a GPU: as long as any is left."""
        return time.monotonic() + (0 if self.report.dry else check.about) <= self.ends

    def run(self, check: Check) -> Result:
        """One check; a failure of any kind is part of its result."""
        if not self.fits(check):
            return Result(check, "skipped", error="no time was left")
        result, began = Result(check, "ran"), time.monotonic()
        try:
            child = self.start()
            until = self.ends + LAST if self.report.dry else min(began + check.patience, self.ends + LAST)
            for message in child.ask(check, until):
                if message["event"] == "row":
                    result.rows.append(Row(**message["row"]))
                else:
                    result.error, result.warnings = message["error"], message["warnings"]
                    result.seconds = message["seconds"]
                    if not message["usable"]:
                        self.stop()
        except (ChildError, BrokenPipeError) as error:
            result.error, result.seconds = str(error), round(time.monotonic() - began, 2)
            self.stop()
        if result.error:
            result.status = "failed"
        return result


def main(arguments: Sequence[str]) -> int:
    """Run the checks; 1 where one fails or a limit is broken, 2 where there is no GPU."""
    options = parse(arguments)
    for folder in (options.out.parent, WORK):
        folder.mkdir(parents=True, exist_ok=True)
    work = tempfile.mkdtemp(prefix="gpu-", dir=WORK)
    began = time.monotonic()
    log = options.out.with_suffix(".log")
    log.write_bytes(b"")
    report = Report(dry=options.dry)
    command = [sys.executable, "-m", "bench.gpu.child", "--work", work, "--commit", options.commit]
    bench = Bench(report, [*command, *(["--dry"] if options.dry else [])], log, began + options.seconds)
    try:
        bench.start()
        print(report.heading, flush=True)
        for check in (BY_NAME[name] for name in options.checks or BY_NAME):
            result = bench.run(check)
            report.add(result)
            print(report.text_of(result), flush=True)
            report.seconds = round(time.monotonic() - began, 1)
            report.write(options.out)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    except ChildError as error:
        print(f"The checks could not start: {error}", file=sys.stderr)
        return 1
    finally:
        bench.stop(LAST)
        shutil.rmtree(work, ignore_errors=True)
    print(report.summary)
    print(f"{options.out}, {options.out.with_suffix('.md')}; what went wrong in full: {log}")
    return 0 if report.holds else 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench gpu",
        description="Everything about sec2sec that only a GPU can tell, the most valuable first. See docs/gpu.md.",
    )
    names = [check.name for check in CHECKS]
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"all of them if none is named: {', '.join(names)}")
    parser.add_argument("--dry", action="store_true", help="run every check small on the CPU; limits are not judged")
    parser.add_argument("--seconds", type=float, help=f"what does not fit is skipped (default {SECONDS})")
    parser.add_argument("--out", type=Path, default=OUT, help="JSON; a table in Markdown is written beside it")
    parser.add_argument("--commit", default="", help="which version this is, where the folder is no clone")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.checks if name not in BY_NAME]:
        parser.error(f"no check is called {', '.join(unknown)}; there are {', '.join(names)}")
    if options.seconds is None:
        options.seconds = DRY_SECONDS if options.dry else float(SECONDS)
    return options
