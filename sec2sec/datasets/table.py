"""A data set is a table of clips: id, path, one column a target, split, group (film or speaker)."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = "clips.csv"
SPLITS = ("train", "validation", "test")
NOT_TARGETS = ("id", "path", "split", "group", "level")


class DataError(ValueError):
    """A data set that cannot be used: names the file, the line, what was found and what to do."""


@dataclass(frozen=True)
class Row:
    """One clip. A target without a value (an empty cell) is absent from targets."""

    id: str
    path: Path
    targets: Mapping[str, float]  # 0..1
    split: str
    group: str


@dataclass(frozen=True)
class Table:
    """The clips of a data set and the names of its targets, in the order of its columns."""

    directory: Path
    targets: tuple[str, ...]
    rows: Sequence[Row]

    def split(self, name: str) -> list[Row]:
        """The rows of one split, or of all for "all"."""
        return [row for row in self.rows if name in ("all", row.split)]


def read_table(directory: Path | str) -> Table:
    """Read DIR/clips.csv. Paths in it are relative to DIR. Raises DataError, in one line."""
    directory = Path(directory)
    file = directory / FILE
    if not file.is_file():
        raise DataError(f"{directory}: no {FILE} in it; a data set is a folder with a table of clips of that name")
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            columns = reader.fieldnames or []
            missing = [name for name in ("id", "path", "split", "group") if name not in columns]
            if missing:
                raise DataError(f"{file}: column {', '.join(missing)} is missing; found {', '.join(columns) or 'none'}")
            targets = tuple(name for name in columns if name not in NOT_TARGETS)
            rows = [_row(file, number, cells, targets) for number, cells in enumerate(reader, start=2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as a CSV table in UTF-8 ({error})") from error
    if not rows:
        raise DataError(f"{file}: the table has no clips")
    seen: set[str] = set()
    for number, row in enumerate(rows, start=2):
        if row.id in seen:
            raise DataError(f"{file}, line {number}: id {row.id!r} stands twice; each clip needs an id of its own")
        seen.add(row.id)
    return Table(directory, targets, rows)


def _row(file: Path, number: int, cells: Mapping[str, str | None], targets: Sequence[str]) -> Row:
    where = f"{file}, line {number}"
    if None in cells or any(value is None for value in cells.values()):
        raise DataError(f"{where}: the number of cells differs from the header's")
    values: dict[str, float] = {}
    for name in targets:
        text = (cells[name] or "").strip()
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            raise DataError(f"{where}: {name} is {text!r}; expected a number from 0 to 1") from None
        if not math.isfinite(value) or not 0 <= value <= 1:
            raise DataError(f"{where}: {name} is {text}; expected a number from 0 to 1")
        values[name] = value
    split = cells["split"] or ""
    if split not in SPLITS:
        raise DataError(f"{where}: split is {split!r}; expected one of {', '.join(SPLITS)}")
    return Row(cells["id"] or "", file.parent / (cells["path"] or ""), values, split, cells["group"] or "")
