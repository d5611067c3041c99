"""Folders of many clips: what memory they take, and how fast they are explained."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.row import Row
from tests.helpers.clips import grey, make_clip

FEW, MANY = 20, 200
RUN = """import resource, sys
from sec2sec.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""
KILOBYTES = 1 if sys.platform != "darwin" else 1 / 1024  # in a unit of ru_maxrss


def rows() -> Iterator[Row]:
    """Peak memory of whole processes that explain a folder of 20 and of 200 small clips; about two minutes."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = tiny_clips(Path(folder) / "few", FEW), tiny_clips(Path(folder) / "many", MANY)
        peaks = {clips: peak(clips, clips.with_suffix(".csv")) for clips in (few, many)}
        yield Row(f"peak memory, folder of {FEW} clips", peaks[few] / 1024, "MB")
        yield Row(f"peak memory, folder of {MANY} ÷ folder of {FEW} clips", peaks[many] / peaks[few], "×", 1.1)
        began = time.perf_counter()
        peak(many, many.with_suffix(".csv"))
        yield Row(f"a folder of {MANY} clips again, of which all are explained", time.perf_counter() - began, "s")


def tiny_clips(folder: Path, number: int) -> Path:
    """A folder of clips of two seconds that all differ."""
    folder.mkdir()
    for index in range(number):
        make_clip(folder / f"{index:03}.mp4", fps=8, size=(96, 64), picture=grey(index))
    return folder


def peak(clips: Path, to: Path) -> float:
    """Peak resident memory of a process that explains a folder, kB; that which decodes is renewed every 50 clips."""
    command = [sys.executable, "-c", RUN, "explain", str(clips), "--csv", str(to), "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1]) * KILOBYTES
