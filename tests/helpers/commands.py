"""The command line in this process: a process of its own would import torch anew for each command."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass

from sec2sec.cli import main


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: object) -> Done:
    """A command's exit code and what it printed; a mistake of the program is raised."""
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse: --help, or an option that it refuses
            code = int(end.code or 0)
    return Done(code, out.getvalue(), errors.getvalue())


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process, or of one that it starts, grows beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
