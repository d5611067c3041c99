"""Files of clips under the names that a table gives them, which another system may have written otherwise."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath


def match_paths(directory: Path, paths: Sequence[str]) -> dict[str, str]:
    """The paths that name no file as they are written, and the file of each.

    macOS decomposes accents, and Windows takes A.MP4 for a.mp4: such a path is matched where it can only mean one file,
    which no other path of the table names. paths: as a table has them, relative to the directory; one that leads out of
    it is left alone.
    """
    folders = _Folders(directory)
    inside = [path for path in dict.fromkeys(paths) if not path.startswith("/") and ".." not in path.split("/")]
    missing = [path for path in inside if not folders.has(path)]
    taken = {PurePosixPath(path) for path in inside} - {PurePosixPath(path) for path in missing}
    matches = {path: match for path in missing if (match := folders.match(path)) is not None}
    times = Counter(matches.values())
    return {path: match for path, match in matches.items() if times[match] == 1 and PurePosixPath(match) not in taken}


class _Folders:
    """What lies in the folders of a data set; each is read once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._names: dict[str, Mapping[str, list[str]]] = {}  # by folder: the names as they are compared → as they are

    def has(self, path: str) -> bool:
        """Whether a file has exactly this path, also on a disk that takes other cases for the same."""
        pure = PurePosixPath(path)
        return pure.name in self._in(str(pure.parent)).get(_comparable(pure.name), ())

    def match(self, path: str) -> str | None:
        """The only file whose path differs in nothing but case and the composition of accents; None for none or two."""
        folder = PurePosixPath()
        for name in PurePosixPath(path).parts:
            names = self._in(str(folder)).get(_comparable(name), ())
            if name in names:
                folder /= name
            elif len(names) == 1:
                folder /= names[0]
            else:
                return None
        return str(folder)

    def _in(self, folder: str) -> Mapping[str, list[str]]:
        if folder not in self._names:
            names: dict[str, list[str]] = {}
            try:
                listed = os.listdir(self._directory / folder)
            except (OSError, ValueError):  # no folder, none that may be read, or a name that no disk can hold
                listed = []
            for name in listed:
                names.setdefault(_comparable(name), []).append(name)
            self._names[folder] = names
        return self._names[folder]


def _comparable(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
