"""Files: written so that a reader sees the old one or the new one, never half of one; and hashed once."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from sec2sec.errors import FileError

LOCKS = importlib.util.find_spec("fcntl") is not None  # not on Windows


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the target, then rename over it. Raises OSError; nothing is left behind then.

    A link stays a link, and what it points to is written. A pipe or a device is written to: it cannot be replaced.
    """
    path = path.resolve()
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as file:
            file.write(data)
        return
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file beside the target, to be written within the block; at its end it takes the target's place, on the disk.

    Raises OSError; nothing is left behind then.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".sec2sec-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~current_umask())  # mkstemp makes files for their owner alone
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise with_name(error, path) from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def append(path: Path, data: bytes) -> None:
    """Add to a file, on the disk when this returns. Raises OSError; the file is as it was then."""
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except BaseException as error:
            file.truncate(before)
            if isinstance(error, OSError):
                raise with_name(error, path) from error
            raise


def with_name(error: OSError, path: Path) -> OSError:
    """An error that says which file it is of: the system names none where a write fails."""
    limit = ": ulimit -f" if error.errno == errno.EFBIG else ""
    return OSError(error.errno, f"{error.strerror}{limit}", str(path))


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Write JSON atomically. NaN and infinity raise ValueError: they are not JSON."""
    write_atomically(path, json_bytes(value, indent))


def json_bytes(value: Any, indent: int | None = 1) -> bytes:
    """JSON as it is written to a file. NaN and infinity raise ValueError."""
    return json.dumps(value, indent=indent, allow_nan=False).encode() + b"\n"


def safe_name(text: str) -> str:
    """A text as part of a file's name: letters, figures, dots, dashes and underscores; what else it had, as dashes."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "unnamed"


def current_umask() -> int:
    """The process's umask; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_writable(path: Path) -> None:
    """Raise FileError where a file could not be written: to be called before long work, not after it."""
    folder = path.parent
    if path.is_dir():
        raise FileError(f"{path}: is a folder; give a file name")
    if not folder.is_dir():
        raise FileError(f"{path}: the folder {folder} does not exist; make it first")
    if not os.access(folder, os.W_OK):
        raise FileError(f"{path}: no permission to write in {folder}")


def lock_file(file: IO[bytes], *, wait: bool = True, shared: bool = False) -> bool:
    """Lock an open file for this process until it is closed or the process ends; whether it is ours now.

    shared: beside others that ask for no more, to see whether somebody holds it alone. Without fcntl (Windows) nothing
    is locked, and every lock is ours.
    """
    if not LOCKS:
        return True
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, read once per process for each state of the file. Raises OSError."""
    return _file_sha256(path, file_state(path))


def file_state(path: Path) -> tuple[int, ...]:
    """What changes when a file is written again or replaced: inode, size, times of change. Raises OSError."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


@lru_cache(maxsize=100_000)
def _file_sha256(path: Path, state: tuple[int, ...]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
