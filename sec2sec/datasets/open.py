"""Which data set a folder is, and its table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sec2sec.datasets import first_impressions, liris
from sec2sec.datasets.feature_table import FEATURES_FILE, read_feature_table
from sec2sec.datasets.folders import find_files
from sec2sec.datasets.folds import take_fold
from sec2sec.datasets.groups import DEFAULT_SHARES
from sec2sec.datasets.readers import READERS, Reader, find_reader
from sec2sec.datasets.splits import OFFICIAL_SPLIT
from sec2sec.datasets.table import DEFAULT_LIMITS, TABLE_FILE, DataError, Table, TableLimits, read_table

MEDIAN_RULE = "median"


@dataclass(frozen=True)
class Reading:
    """How a data set is read where there is a choice, each for its data set alone."""

    liris_rule: str = MEDIAN_RULE  # see read_liris, as split and split_seed
    split: str = OFFICIAL_SPLIT
    split_seed: int = 0  # of a random split
    split_shares: tuple[int, ...] = DEFAULT_SHARES  # see read_table
    fold: str = ""  # see take_fold; empty: no cross-validation
    interview: bool = False  # see read_first_impressions


def open_data(
    directory: Path | str,
    *,
    liris_rule: str = MEDIAN_RULE,
    split: str = OFFICIAL_SPLIT,
    split_seed: int = 0,
    split_shares: tuple[int, ...] = DEFAULT_SHARES,
    fold: str = "",
    interview: bool = False,
    inside: bool = False,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """The table of a folder: clips.csv, features.csv, or a data set that is known here. Raises DataError.

    LIRIS-ACCEDE, First Impressions (V2, V1), and those of READERS in sec2sec/datasets/readers.py.

    liris_rule, split, split_seed, split_shares, fold, interview: see Reading. inside: refuse clips that lie outside
    the folder, as an upload could name them. limits: hold while a file is read.
    """
    reading = Reading(liris_rule, split, split_seed, tuple(split_shares), fold, interview)
    if fold and split != OFFICIAL_SPLIT:
        raise DataError(f"{directory}: a fold makes splits of its own, by group; leave the split {split!r} out")
    if fold:
        table = take_fold(
            _read(Path(directory), replace(reading, split_shares=DEFAULT_SHARES), limits),
            fold,
            split_seed,
            split_shares,
        )
    else:
        table = _read(Path(directory), reading, limits)
    if inside:
        if table.features is not None:
            raise DataError(f"{directory}: holds features, which are not taken here; train on them in the terminal")
        check_inside(table)
    return table


def is_liris(directory: Path | str) -> bool:
    """Whether a folder is read as LIRIS-ACCEDE. Raises DataError."""
    return _find(Path(directory)).kind == liris.NAME


def has_interview(directory: Path | str) -> bool:
    """Whether a folder is read as First Impressions V2, which has an interview score. Raises DataError."""
    return _find(Path(directory)).has_interview


@dataclass(frozen=True)
class _Folder:
    kind: str  # a data set's name, TABLE_FILE, FEATURES_FILE, or empty
    files: dict[str, Path]  # that say so
    reader: Reader | None = None  # of one of READERS

    @property
    def may_draw(self) -> bool:
        """Whether a split may have to be drawn."""
        return self.reader.draws if self.reader else self.kind in (TABLE_FILE, "")

    @property
    def has_interview(self) -> bool:
        return self.kind == first_impressions.NAME and any(n in self.files for n in first_impressions.V2.values())


def _find(directory: Path) -> _Folder:
    if not directory.is_dir():
        what = "is a file, not a folder; unpack it first" if directory.is_file() else "there is no such folder"
        raise DataError(f"{directory}: {what}")
    impressions = (*first_impressions.V2.values(), *first_impressions.V1.values())
    paths = find_files(directory, {TABLE_FILE, *liris.REQUIRED_FILES, *impressions})
    tables = [name for name in (TABLE_FILE, FEATURES_FILE) if (directory / name).is_file()]
    if len(tables) > 1:
        raise DataError(f"{directory}: holds {' and '.join(tables)}; give clips and features a folder each")
    if tables:
        return _Folder(tables[0], paths)
    if any(name in paths for name in liris.REQUIRED_FILES):
        return _Folder(liris.NAME, paths)
    if any(name in paths for name in impressions):
        return _Folder(first_impressions.NAME, paths)
    if (reader := find_reader(directory)) is not None:
        return _Folder(reader.name, paths, reader)
    return _Folder("", paths)


def _read(directory: Path, reading: Reading, limits: TableLimits) -> Table:
    folder = _find(directory)
    if folder.kind != liris.NAME and (reading.liris_rule != MEDIAN_RULE or reading.split != OFFICIAL_SPLIT):
        raise DataError(f"{directory}: it is not LIRIS-ACCEDE, and the rule and the split can be chosen for that alone")
    if not folder.may_draw and reading.split_shares != DEFAULT_SHARES:
        raise DataError(f"{directory}: split_shares are for data that names no split, and this does; leave them out")
    if reading.interview and folder.kind != first_impressions.NAME:
        raise DataError(f"{directory}: it is not First Impressions, which alone has an interview score; leave it out")
    if folder.kind == TABLE_FILE:
        return read_table(directory, limits, reading.split_seed, reading.split_shares)
    if folder.kind == FEATURES_FILE:
        return read_feature_table(directory, limits)
    if folder.kind == liris.NAME:
        return liris.read_liris(directory, reading.liris_rule, reading.split, reading.split_seed, limits)
    if folder.kind == first_impressions.NAME:
        return first_impressions.read_first_impressions(directory, reading.interview, limits)
    if folder.reader is not None:
        return folder.reader.read(directory, reading.split_seed, reading.split_shares, limits)
    if TABLE_FILE in folder.files:
        raise DataError(
            f"{directory}: no {TABLE_FILE} in it, but there is {folder.files[TABLE_FILE]}; give the folder of that file"
        )
    others = ", ".join(f"{reader.example} ({reader.name})" for reader in READERS)
    v2, v1 = (", ".join(files.values()) for files in (first_impressions.V2, first_impressions.V1))
    raise DataError(
        f"{directory}: no data set known here; looked for {TABLE_FILE} (any table of clips), {FEATURES_FILE} "
        f"(features), {', '.join(liris.REQUIRED_FILES)} ({liris.NAME}), {v2} (First Impressions V2), {v1} (V1), "
        f"{others}"
    )


def check_inside(table: Table) -> None:
    """DataError where a clip lies outside the folder of its table, links followed."""
    folder = table.directory.resolve()
    for row in table.rows:
        try:
            inside = row.path.resolve().is_relative_to(folder)
        except (OSError, ValueError, RuntimeError):  # a name that no disk can hold; a link that leads to itself
            inside = False
        if not inside:
            raise DataError(
                f"{table.directory}: the clip {row.id!r} lies outside the folder ({row.path}); put it inside, and its "
                f"path relative to the folder into {TABLE_FILE}"
            )
