"""Files of a data set, wherever in its folder people have put them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

MAX_FOLDER_DEPTH = 3  # folders deep: LIRIS-ACCEDE/LIRIS-ACCEDE-annotations/annotations is as people unpack it


def find_files(directory: Path, names: Collection[str]) -> dict[str, Path]:
    """Where files of these names lie in a folder or at most MAX_FOLDER_DEPTH folders deeper; the least deep of each."""
    paths: dict[str, Path] = {}
    for path in _near_files(directory):
        if path.name in names:
            paths.setdefault(path.name, path)
    return paths


def find_matching(directory: Path, pattern: re.Pattern[str]) -> list[Path]:
    """The files, as near as find_files looks, whose path relative to the folder ends as the pattern says.

    pattern: is searched for in the path, written with slashes; the folder's own name is a part of the path, so that it
    is no matter whether the folder or one above is given.
    """
    root = directory.absolute()
    return [path for path in _near_files(directory) if pattern.search(_with_root(root, path, directory))]


def _with_root(root: Path, path: Path, directory: Path) -> str:
    return f"/{root.name}/{path.relative_to(directory).as_posix()}"


def _near_files(directory: Path) -> Iterator[Path]:
    """The files of a folder and at most MAX_FOLDER_DEPTH folders deeper, the least deep first."""
    level = [directory]
    for _ in range(MAX_FOLDER_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            for entry in _entries(folder):
                if entry.is_dir():
                    below.append(folder / entry.name)
                elif entry.is_file():
                    yield folder / entry.name
        level = below


def usual_folder(files: Mapping[str, Sequence[Path]], names: Collection[str], default: Path) -> Path:
    """The folder in which most of some files lie; the default where none of them is there.

    It is where those that are missing are looked for. files: as index_files returns them.
    """
    folders = Counter(files[name][0].parent for name in names if name in files)
    return folders.most_common(1)[0][0] if folders else default


def index_files(directory: Path, suffixes: Collection[str]) -> dict[str, list[Path]]:
    """All files with these (lower-case) suffixes anywhere in a folder, by name, the least deep first.

    The name has its suffix in lower case, as cameras and Windows write .MP4: see `lower_suffix`.
    """
    paths: dict[str, list[Path]] = {}
    level, visited = [directory], {os.path.realpath(directory)}
    while level:
        below: list[Path] = []
        for folder in level:
            for entry in _entries(folder):
                if os.path.splitext(entry.name)[1].lower() in suffixes and entry.is_file():
                    paths.setdefault(lower_suffix(entry.name), []).append(folder / entry.name)
                elif entry.is_dir():
                    real = os.path.realpath(entry.path)
                    if real not in visited:  # links may lead round in a circle
                        visited.add(real)
                        below.append(folder / entry.name)
        level = below
    return paths


def lower_suffix(name: str) -> str:
    """A file's name with its suffix in lower case. The rest stays: case tells one YouTube id from another."""
    stem, suffix = os.path.splitext(name)
    return stem + suffix.lower()


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name; nothing of what macOS adds, nor of a folder that may not be read."""
    try:
        with os.scandir(folder) as entries:
            seen = [entry for entry in entries if not entry.name.startswith((".", "__MACOSX"))]
    except OSError:
        return []
    return sorted(seen, key=lambda entry: entry.name)
