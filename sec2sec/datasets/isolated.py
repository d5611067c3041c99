"""A data set, or a file of ratings, that a stranger sent: read by a process of its own, which has limits.

They are on memory, processor time and waiting. A table that is made to be slow or large costs that process, and nobody
else's page. Only JSON comes back. The process is sec2sec/datasets/child.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.datasets.groups import DEFAULT_SHARES
from sec2sec.datasets.open import MEDIAN_RULE
from sec2sec.datasets.splits import OFFICIAL_SPLIT
from sec2sec.datasets.table import MAX_OPCODES, DataError, Row, Table, TableLimits
from sec2sec.datasets.track_of_clip import RatingsFile, TimedClip
from sec2sec.datasets.tracks import RatingTrack
from sec2sec.isolation import MEMORY_EXIT
from sec2sec.media.isolated import ABANDONED

UPLOADED_FILE_BYTES = 8 * 1024**2  # of one file of annotations; the largest real one has about 4 MB
OPCODES_PER_CLIP = 250  # of a pickle; real ones have up to 115
OPCODES_OF_ANY = 10_000  # of a pickle, whatever its number of clips
AT_ONCE = threading.BoundedSemaphore(2)  # processes that read
BETWEEN_LOOKS = 0.2  # s until it is noticed that a visitor has left
SIGXCPU = 24


@dataclass(frozen=True)
class ReadingLimits:
    """What the process may take. memory: bytes of address space. processor, waiting, place: s."""

    memory: int = 1024**3
    processor: float = 20.0
    waiting: float = 60.0  # until the table is there
    place: float = 30.0  # until one of the processes is free


def limits_of_upload(clips: int) -> TableLimits:
    """What is read of an uploaded data set of at most so many clips."""
    opcodes = min(MAX_OPCODES, OPCODES_OF_ANY + OPCODES_PER_CLIP * clips)
    return TableLimits(clips=clips, file_bytes=UPLOADED_FILE_BYTES, opcodes=opcodes)


def open_uploaded(
    directory: Path | str,
    limits: TableLimits,
    *,
    liris_rule: str = MEDIAN_RULE,
    split: str = OFFICIAL_SPLIT,
    split_seed: int = 0,
    split_shares: tuple[int, ...] = DEFAULT_SHARES,
    fold: str = "",
    interview: bool = False,
    process: ReadingLimits = ReadingLimits(),
) -> Table:
    """As open_data(inside=True), by another process. Raises DataError, also where that takes too much."""
    directory = Path(directory)
    request = {
        "kind": "table",
        "directory": str(directory),
        "limits": asdict(limits),
        "options": {
            "liris_rule": liris_rule,
            "split": split,
            "split_seed": split_seed,
            "split_shares": split_shares,
            "fold": fold,
            "interview": interview,
        },
    }
    table = _answer(directory, request, process)["table"]
    rows = [
        Row(row["id"], Path(row["path"]), row["targets"], row["split"], row["group"], row["columns"])
        for row in (dict(zip(table["columns"], values, strict=True)) for values in table["rows"])
    ]
    return Table(
        directory,
        tuple(table["targets"]),
        rows,
        table["kinds"],
        table["name"],
        tuple(table["notes"]),
        drawn=table["drawn"],
    )


def read_uploaded_track(
    file: RatingsFile, clip: TimedClip, limits: TableLimits, process: ReadingLimits = ReadingLimits()
) -> RatingTrack:
    """As read_for_clip, by another process. Raises DataError, also where that takes too much."""
    request = {
        "kind": "track",
        "path": str(file.path),
        "column": file.column,
        "about": None if file.about is None else str(file.about),
        "clip": asdict(replace(clip, path=None)),  # a stranger's file names no other
        "limits": asdict(limits),
    }
    track = _answer(file.path, request, process)["track"]
    values = {name: np.array(column, np.float64) for name, column in track["values"].items()}
    return RatingTrack(np.array(track["times"], np.float64), values, track["name"])


def _answer(path: Path, request: dict[str, Any], process: ReadingLimits) -> dict[str, Any]:
    """What another process read. Raises DataError."""
    request = request | {"memory": process.memory, "processor": process.processor}
    if not AT_ONCE.acquire(timeout=process.place):
        raise DataError(f"{path}: the server is reading other files; try again in a moment")
    try:
        answer = _ask(path, request, process.waiting)
    finally:
        AT_ONCE.release()
    if "error" in answer:
        raise DataError(answer["error"])
    return answer


def _ask(directory: Path, request: dict[str, Any], waiting: float) -> dict[str, Any]:
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "sec2sec.datasets.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,  # a Ctrl-C for the server is none for it: the server ends it
        )
    except (OSError, subprocess.SubprocessError) as error:  # too many processes or files, or no memory
        raise DataError(f"{directory}: the server has no room to read it now; try again in a moment") from error
    abandoned, until = ABANDONED.get(), time.monotonic() + waiting
    question: bytes | None = json.dumps(request).encode()
    try:
        while True:
            try:
                answer, _ = child.communicate(question, timeout=BETWEEN_LOOKS)
                break
            except subprocess.TimeoutExpired:
                question = None
                if time.monotonic() > until or (abandoned is not None and abandoned.is_set()):
                    child.kill()
                    child.communicate()
                    raise _too_much(directory, "time") from None
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    if child.returncode == 0:
        return dict(json.loads(answer))
    if child.returncode == -SIGXCPU:
        raise _too_much(directory, "time")
    if child.returncode == MEMORY_EXIT:
        raise _too_much(directory, "memory")
    raise DataError(f"{directory}: its files of annotations could not be read; check them with: sec2sec data FOLDER")


def _too_much(directory: Path, what: str) -> DataError:
    return DataError(f"{directory}: reading its files of annotations takes more {what} than is allowed here; use fewer")
