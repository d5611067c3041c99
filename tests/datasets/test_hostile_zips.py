"""Zips that somebody made to break out, to fill the disk or to confuse: refused in one line, and nothing stays."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sec2sec.datasets.archive import unpack_data
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError

TABLE = b"id,path,arousal,split,group\n"
CLIP = TABLE + b"a,clips/a.mp4,1,train,g\n"
Maker = Callable[[zipfile.ZipFile], None]


def named(files: dict[str, bytes]) -> Maker:
    """A zip with a table and files of these names."""

    def make(archive: zipfile.ZipFile) -> None:
        archive.writestr("clips.csv", CLIP)
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)

    return make


def of_kind(kind: int, content: str = "/etc") -> Maker:
    """A zip with a table and something that is no file."""

    def make(archive: zipfile.ZipFile) -> None:
        archive.writestr("clips.csv", CLIP)
        info = zipfile.ZipInfo("clips")
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, content)
        archive.writestr("clips/a.mp4", b"x")

    return make


def twice(archive: zipfile.ZipFile) -> None:
    """The same name in two spellings."""
    archive.writestr("clips.csv", CLIP)
    archive.writestr("./clips.csv", TABLE)


def bomb(archive: zipfile.ZipFile) -> None:
    """Zeros, packed to a thousandth."""
    archive.writestr("clips.csv", CLIP)
    archive.writestr("clips/a.mp4", bytes(3_000_000), zipfile.ZIP_DEFLATED)


def packed_as(method: int) -> Maker:
    """A zip that is packed by another method."""

    def make(archive: zipfile.ZipFile) -> None:
        archive.writestr("clips.csv", CLIP, method)

    return make


MADE: dict[str, Maker] = {
    "up": named({"../x": b"x"}),
    "down and up": named({"clips/../../x": b"x"}),
    "absolute": named({"/tmp/x": b"x"}),
    "absolute, twice a slash": named({"//host/share/x": b"x"}),
    "up with backslashes": named({"..\\x": b"x"}),
    "absolute with a backslash": named({"\\x": b"x"}),
    "a drive": named({"C:\\x": b"x"}),
    "a drive without a slash": named({"c:x": b"x"}),
    "ends with up": named({"clips/..": b"x"}),
    "a symbolic link": of_kind(stat.S_IFLNK),
    "a pipe": of_kind(stat.S_IFIFO),
    "a device": of_kind(stat.S_IFCHR),
    "a socket": of_kind(stat.S_IFSOCK),
    "twice": twice,
    "a file that is a folder too": named({"clips": b"x", "clips/a.mp4": b"x"}),
    "a bomb": bomb,
    "many files": named({f"{number}": b"" for number in range(200)}),
    "2,000 folders deep": named({"a/" * 2000 + "x": b"x"}),
    "a name of 300 letters": named({"a" * 300: b"x"}),
    "by LZMA": packed_as(zipfile.ZIP_LZMA),
    "by BZIP2": packed_as(zipfile.ZIP_BZIP2),
}


def edited(content: bytes, signature: bytes, offset: int, kind: str, value: int) -> bytes:
    """A zip with another number at an offset from the last head of a kind."""
    at = content.rindex(signature) + offset
    return content[:at] + struct.pack(kind, value) + content[at + struct.calcsize(kind) :]


DIRECTORY, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"
BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "a liar about its size, too small": lambda content: edited(content, DIRECTORY, 24, "<I", 10),
    "a liar about its size, too large": lambda content: edited(content, DIRECTORY, 24, "<I", 2**31 - 1),
    "two names for one content": lambda content: edited(content, DIRECTORY, 42, "<I", 0),
    "a content beyond the end": lambda content: edited(content, DIRECTORY, 42, "<I", 2**31 - 1),
    "a directory beyond the end": lambda content: edited(content, END, 16, "<I", 2**31 - 1),
    "encrypted": lambda content: edited(content, DIRECTORY, 8, "<H", 1),
    "half of it": lambda content: content[: len(content) // 2],
    "without its end": lambda content: content[:-30],
    "another content than its checksum": lambda content: content.replace(b"film", b"FILM"),
    "nothing": lambda content: b"",
    "text": lambda content: b"no zip" * 100,
}


@pytest.mark.parametrize("kind", [*MADE, *BROKEN])
def test_a_hostile_zip_is_refused_in_one_line_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    upload = tmp_path / "upload.zip"
    with zipfile.ZipFile(upload, "w") as archive:
        MADE.get(kind, named({"clips/a.mp4": b"film" * 100}))(archive)
    if kind in BROKEN:
        upload.write_bytes(BROKEN[kind](upload.read_bytes()))
    with pytest.raises(DataError) as caught:
        unpack_data(upload, tmp_path / "sets" / "own", max_bytes=10**7, max_files=100)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("upload.zip: ")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [upload]
    assert not (tmp_path / "sets" / "own").exists()


OUTSIDE = ["../upload.zip", "/etc/hostname", "clips/../../upload.zip", "\\\\host\\x", "/proc/self/environ", "/dev/zero"]


def unpacked(tmp_path: Path, path: str) -> Path:
    """The folder of a zip whose table names one clip by a path."""
    with zipfile.ZipFile(tmp_path / "upload.zip", "w") as archive:
        archive.writestr("clips.csv", TABLE + f"a,{path},1,train,g\n".encode())
        archive.writestr("clips/a.mp4", b"x")
    return unpack_data(tmp_path / "upload.zip", tmp_path / "sets" / "own", max_bytes=10**7, max_files=100)


@pytest.mark.parametrize("path", [*OUTSIDE, "clips\\..\\..\\upload.zip"])
def test_a_table_in_a_zip_names_no_file_outside(tmp_path: Path, path: str) -> None:
    folder = unpacked(tmp_path, path)
    with pytest.raises(DataError, match="lies outside the folder"):
        open_data(folder, inside=True)


@pytest.mark.parametrize("path", ["~/x.mp4", "file:///etc/hostname", "$HOME/x.mp4", "`id`.mp4"])
def test_an_odd_path_in_a_table_is_a_path_inside(tmp_path: Path, path: str) -> None:
    folder = unpacked(tmp_path, path)
    (row,) = open_data(folder, inside=True).rows
    assert Path(os.path.normpath(row.path)).is_relative_to(folder)
