"""Processes that work for this one: what has to hold before they start, and in words why they ended."""

from __future__ import annotations

import ast
import multiprocessing
import os
import shutil
import sys
from pathlib import Path

from sec2sec.errors import FileError

SHARED_MEMORY = Path("/dev/shm")  # where Linux keeps what processes share; elsewhere it is not there
SHARED_BYTES_PER_WORKER = 64 * 1024  # of the locks and queues of one process, a page each
REMEDIES_OF_SHARED_MEMORY = "make it larger (docker run --shm-size=1g), or use --workers 0"
UNGUARDED = (
    "the processes that share the work could not start, because each runs the script {script} again from its first "
    'line; put the lines that call sec2sec below: if __name__ == "__main__":'
)


def end_if_started_by_import() -> None:
    """To be called before processes are started: ends one that is itself being started, and runs the script again.

    It would start others in its turn. The process that started it says why it ended.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(1)


def check_shared_memory(workers: int) -> None:
    """Raise FileError where there is no room for what this process shares with so many others."""
    if SHARED_MEMORY.is_dir() and (free := shutil.disk_usage(SHARED_MEMORY).free) < workers * SHARED_BYTES_PER_WORKER:
        raise FileError(
            f"{SHARED_MEMORY}: {free / 1e3:.0f} kB are free, too little for {workers} processes; "
            f"{REMEDIES_OF_SHARED_MEMORY}"
        )


def why_they_ended(message: str) -> FileError:
    """What is said of processes that ended before their work was done. message: of the library that started them."""
    script = unguarded_script()
    if script is not None:
        return FileError(UNGUARDED.format(script=script))
    if "Bus error" in message or "shared memory" in message:
        return FileError(
            f"{SHARED_MEMORY}: is full, so that a process that works on clips was ended; what was done is kept: "
            f"{REMEDIES_OF_SHARED_MEMORY}"
        )
    return FileError(
        "a process that works on clips was killed, most often because memory ran out; what was done is kept: "
        "run it again with fewer --workers"
    )


def unguarded_script() -> str | None:
    """The name of the script that this process runs, where a process that it starts would run all of it again."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is None:  # an interactive session, or a notebook
        return None
    try:
        statements = ast.parse(Path(file).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return None
    guarded = any(isinstance(statement, ast.If) and _asks_for_name(statement.test) for statement in statements)
    return None if guarded else Path(file).name


def _asks_for_name(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))
