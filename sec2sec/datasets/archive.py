"""Unpacking a zip that somebody uploaded, so that it can neither write elsewhere nor fill the disk."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from sec2sec.datasets.table import DataError
from sec2sec.files import current_umask

MAX_COMPRESSION = 200  # a file that unpacks to more times its size is a bomb: tables reach 50, video 1, zeros 1000
BOMB_BYTES = 1024**2  # below this nothing is a bomb
COPY_BYTES = 1024**2  # at a time
COMPRESSIONS = {
    zipfile.ZIP_STORED: "stored",
    zipfile.ZIP_DEFLATED: "deflate",
}  # others: memory without bound
ENCRYPTED_FLAG = 0x1  # bit of the general purpose flags
LISTED = b"PK\x01\x02"  # how each entry of the list at the end of a zip begins
LISTED_BYTES = 2_000  # of an entry, with its path
SYSTEM_FILES = ("__MACOSX", ".DS_Store", "Thumbs.db")


class _ListedFiles(io.BufferedReader):
    """A zip that is read no further than a list of too many files: zipfile makes objects of all before it gives any."""

    def __init__(self, path: Path, max_files: int) -> None:
        super().__init__(io.FileIO(path))
        self._name, self._max_files = path.name, max_files

    def read(self, size: int | None = -1) -> bytes:
        """As of any file. Raises DataError where what is read lists more files than are allowed."""
        if size is not None and size > max(COPY_BYTES, self._max_files * LISTED_BYTES):
            raise self._too_many()
        data = super().read(size)
        if data.count(LISTED) > self._max_files:
            raise self._too_many()
        return data

    def _too_many(self) -> DataError:
        return DataError(
            f"{self._name}: holds more than the {self._max_files:,} files that are allowed here; use fewer clips"
        )


def unpack_data(zip_path: Path | str, into: Path | str, *, max_bytes: int, max_files: int) -> Path:
    """Unpack a zip into a new folder and return the folder of its data: `into`, or the only folder in it.

    Everything is checked before anything is written, and the folder appears when it is whole. Raises DataError for a
    zip that is damaged, encrypted, larger than allowed, or that names paths outside; nothing is left behind then.
    """
    zip_path, into = Path(zip_path), Path(into)
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise DataError(f"{into}: is already there; choose another folder, or delete this one yourself")
    temporary = None
    try:
        with _ListedFiles(zip_path, max_files) as file, zipfile.ZipFile(file) as archive:
            members = _check(zip_path, archive, max_bytes, max_files)
            into.parent.mkdir(parents=True, exist_ok=True)
            total = sum(info.file_size for info, _ in members)
            free = shutil.disk_usage(into.parent).free
            if total > free:
                raise DataError(f"{zip_path.name}: needs {_mb(total)} and {_mb(free)} are free; make room on the disk")
            temporary = Path(tempfile.mkdtemp(dir=into.parent, prefix=f".{into.name}.", suffix=".part"))
            _extract(archive, members, temporary)
        os.chmod(temporary, 0o777 & ~current_umask())  # mkdtemp makes folders for their owner alone
        os.replace(temporary, into)
    except DataError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise DataError(f"{zip_path.name}: is no zip, or damaged ({error}); make it again") from error
    except OSError as error:
        raise DataError(f"{zip_path.name}: unpacking failed ({error}); check the disk and its permissions") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return _only_folder(into)


def _check(
    zip_path: Path, archive: zipfile.ZipFile, max_bytes: int, max_files: int
) -> list[tuple[zipfile.ZipInfo, tuple[str, ...]]]:
    """The files of a zip and the parts of their paths; DataError for what must not be unpacked."""
    infos = archive.infolist()
    total = sum(info.file_size for info in infos)
    if total > max_bytes:
        raise DataError(
            f"{zip_path.name}: unpacks to {_mb(total)}, and {_mb(max_bytes)} are allowed here; use fewer clips"
        )
    members, seen = [], set()
    for info in infos:
        where = f"{zip_path.name}: {info.orig_filename[:80]!r}"
        parts = _parts(where, info)
        _check_file(where, info)
        if info.orig_filename.endswith(("/", "\\")) or not parts or set(parts) & set(SYSTEM_FILES):
            continue
        if parts in seen:
            raise DataError(f"{where} is in it twice; pack it once")
        seen.add(parts)
        members.append((info, parts))
    if not members:
        raise DataError(f"{zip_path.name}: holds no files; pack the folder of the data set")
    return members


def _check_file(where: str, info: zipfile.ZipInfo) -> None:
    """DataError for a link, and for what is encrypted, packed by an unknown method, or a bomb."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError(f"{where} is a link or a device, not a file; pack the files themselves")
    if info.flag_bits & ENCRYPTED_FLAG:
        raise DataError(f"{where} is encrypted; unpack it with its password, and pack it again without one")
    if info.compress_type not in COMPRESSIONS:
        raise DataError(f"{where} is packed by a method not known here; pack it as an ordinary zip (deflate)")
    if info.file_size > BOMB_BYTES and info.file_size > MAX_COMPRESSION * info.compress_size:
        raise DataError(
            f"{where} unpacks to {_mb(info.file_size)}, {MAX_COMPRESSION} times its size: a zip bomb; not unpacked"
        )


def _parts(where: str, info: zipfile.ZipInfo) -> tuple[str, ...]:
    """The folders and the name of a file inside a zip; DataError for a path that leads outside."""
    name = info.orig_filename.replace("\\", "/")  # as Windows programs write it
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\0" in name or re.match("[A-Za-z]:", name):
        raise DataError(f"{where} leads outside the folder; pack the data set with paths relative to its folder")
    return tuple(part for part in parts if part not in ("", "."))


def _extract(archive: zipfile.ZipFile, members: list[tuple[zipfile.ZipInfo, tuple[str, ...]]], folder: Path) -> None:
    for info, parts in members:
        target = folder.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as source, target.open("xb") as file:
            _copy(source, file, info)


def _copy(source: IO[bytes], file: IO[bytes], info: zipfile.ZipInfo) -> None:
    """Copy at most what was declared: a zip may declare less than it unpacks to."""
    left = info.file_size
    while chunk := source.read(COPY_BYTES):
        left -= len(chunk)
        if left < 0:
            raise zipfile.BadZipFile(f"{info.filename[:80]!r} unpacks to more than it declares")
        file.write(chunk)


def _only_folder(folder: Path) -> Path:
    """A folder, or the one it holds if it holds nothing else: programs pack the folder around the files too."""
    inside = list(folder.iterdir())
    while len(inside) == 1 and inside[0].is_dir():
        folder = inside[0]
        inside = list(folder.iterdir())
    return folder


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
