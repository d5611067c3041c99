"""What readers share whose data set names no split: one is drawn by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sec2sec.datasets.table import Kind, ReadTrack, Row, Table, TableLimits, draw_split, drawn_note, too_many_clips

UNDRAWN = "train"  # stands in a row until its split is drawn


def drawn_table(
    directory: Path,
    source: Path,
    rows: Sequence[Row],
    kinds: Mapping[str, Kind],
    name: str,
    notes: Sequence[str],
    seed: int,
    shares: Sequence[int],
    limits: TableLimits,
    tracks: Mapping[str, ReadTrack] | None = None,
) -> Table:
    """The table of a data set, each group of its rows drawn as a whole into one split.

    source: the file or folder that the rows were read from. kinds: of each target, in order. notes: sentences; how the
    split came out is added. Raises DataError for too few groups, or more clips than are allowed.
    """
    if len(rows) > limits.clips:
        raise too_many_clips(source, limits)
    split = draw_split(source, rows, seed, shares)
    drawn = drawn_note(split, seed, shares)
    return Table(
        directory,
        tuple(kinds),
        split,
        kinds,
        name,
        (*notes, drawn),
        drawn=drawn,
        tracks=tracks or {},
    )
