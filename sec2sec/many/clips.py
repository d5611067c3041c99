"""Which clips are to be explained: those of a folder, or of a table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sec2sec.datasets.clip_files import match_paths
from sec2sec.datasets.folders import index_files
from sec2sec.datasets.table import DEFAULT_LIMITS, TABLE_FILE, DataError, delimited_text, read_cells, some
from sec2sec.media.suffixes import MEDIA_SUFFIXES

TABLE_SUFFIX = ".csv"


@dataclass(frozen=True)
class ClipFile:
    """A clip and the name by which every result knows it: the id of a table, or the path within the folder."""

    name: str
    path: Path


def is_many(source: Path) -> bool:
    """Whether a path means several clips: a folder, or a table of clips."""
    return source.is_dir() or source.suffix.lower() == TABLE_SUFFIX


def table_of(source: Path) -> Path | None:
    """The table that names the clips; None for a folder without one."""
    table = source / TABLE_FILE if source.is_dir() else source
    return None if source.is_dir() and not table.is_file() else table


def find_clips(source: Path) -> list[ClipFile]:
    """The clips of a folder, by path, or of a table, in its order. Raises DataError.

    A folder that holds clips.csv is its table. A table needs a column `path`, relative to the table; ids are in the
    column `id`, else the paths are the names. No file is opened.
    """
    table = table_of(source)
    clips = _of_folder(source) if table is None else _of_table(table)
    if not clips:
        raise DataError(f"{source}: has no clips; give a folder with video or sound files, or a table with their paths")
    twice = [name for name, times in Counter(clip.name for clip in clips).items() if times > 1]
    if twice:
        raise DataError(f"{source}: {some(twice)} stands twice; each clip needs a name of its own")
    return clips


def name_clips(paths: Iterable[Path | str]) -> list[ClipFile]:
    """Single files, each by its path."""
    return [ClipFile(_text(str(path)), Path(path)) for path in paths]


def _of_folder(folder: Path) -> list[ClipFile]:
    found = [path for paths in index_files(folder, MEDIA_SUFFIXES).values() for path in paths]
    return sorted(
        (ClipFile(_text(path.relative_to(folder).as_posix()), path) for path in found), key=lambda clip: clip.name
    )


def _of_table(table: Path) -> list[ClipFile]:
    delimiter, text = delimited_text(table, DEFAULT_LIMITS)
    columns, lines = read_cells(table, text, delimiter, ["path"])
    rows = list(lines)
    for where, cells in rows:
        for name in {"id", "path"}.intersection(columns):
            if not cells[name]:
                raise DataError(f"{where}: {name} is empty; each clip needs one")
    paths = [cells["path"].replace("\\", "/") for _, cells in rows]  # tables written on Windows
    file_of = match_paths(table.parent, paths)
    return [
        ClipFile(cells.get("id", path), table.parent / file_of.get(path, path))
        for (_, cells), path in zip(rows, paths, strict=True)
    ]


def _text(name: str) -> str:
    """A name that any file can hold: Linux takes bytes for names that are no text."""
    return os.fsencode(name).decode(errors="replace")
