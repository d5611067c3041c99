"""The table of many clips as a file that grows: whole clips alone are added, and it is read a row at a time."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from sec2sec.export.as_table import Block, csv_rows, csv_text
from sec2sec.files import append, replacing


class RowsFile:
    """A CSV file. Its head grows where a clip has a figure that none before it had."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heads = self._read_heads()

    def add(self, blocks: Sequence[Block]) -> int:
        """The rows of one clip, all or none, on the disk when this returns; how many they are. Raises OSError."""
        new = [head for head in dict.fromkeys(head for block in blocks for head in block) if head not in self.heads]
        rows = list(csv_rows(blocks, [*self.heads, *new]))
        if new and self.heads:
            self._rewrite(None, [*self.heads, *new])
            append(self.path, csv_text(rows).encode())
        else:
            append(self.path, csv_text([new, *rows] if new else rows).encode())
        self.heads += new
        return len(rows)

    def clips(self) -> Counter[str]:
        """How many rows each clip has, by the cell that names it."""
        return Counter(row[0] for row in self._rows())

    def keep(self, clips: Collection[str]) -> None:
        """Drop the rows of all other clips, and the half of a row that a machine may have left when it went off."""
        self._rewrite(clips, self.heads)

    def _rewrite(self, clips: Collection[str] | None, heads: Sequence[str]) -> None:
        """The same rows, or those of some clips, under heads that begin with the old ones; a row at a time."""
        wider = len(heads) - len(self.heads)
        with replacing(self.path) as file:
            file.write(csv_text([heads]).encode())
            for row in self._rows():
                if clips is None or row[0] in clips:
                    file.write(csv_text([[*row, *[""] * wider]]).encode())

    def _read_heads(self) -> list[str]:
        return next(self._lines(), [])

    def _rows(self) -> Iterator[list[str]]:
        lines = self._lines()
        next(lines, None)
        yield from lines

    def _lines(self) -> Iterator[list[str]]:
        if self.path.exists():
            with self.path.open(encoding="utf-8", errors="replace", newline="") as file:
                yield from (row for row in csv.reader(file) if row)
