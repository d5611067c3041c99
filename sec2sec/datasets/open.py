"""Which data set a folder is, and its table."""

from __future__ import annotations

from pathlib import Path

from sec2sec.datasets import first_impressions, liris
from sec2sec.datasets.splits import OFFICIAL_SPLIT
from sec2sec.datasets.table import DEFAULT_LIMITS, TABLE_FILE, DataError, Table, TableLimits, find_files, read_table

MEDIAN_RULE = "median"


def open_data(
    directory: Path | str,
    *,
    liris_rule: str = MEDIAN_RULE,
    split: str = OFFICIAL_SPLIT,
    seed: int = 0,
    interview: bool = False,
    inside: bool = False,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """The table of a folder: clips.csv, LIRIS-ACCEDE or First Impressions (V2, V1). Raises DataError.

    liris_rule, split, seed: see read_liris; interview: see read_first_impressions; each for its data set alone. inside:
    refuse clips that lie outside the folder, as an upload could name them. limits: hold while a file is read.
    """
    table = _read(Path(directory), liris_rule, split, seed, interview, limits)
    if inside:
        check_inside(table)
    return table


def _read(directory: Path, rule: str, split: str, seed: int, interview: bool, limits: TableLimits) -> Table:
    if not directory.is_dir():
        what = "is a file, not a folder; unpack it first" if directory.is_file() else "there is no such folder"
        raise DataError(f"{directory}: {what}")
    pickles, tables = tuple(first_impressions.V2.values()), tuple(first_impressions.V1.values())
    paths = find_files(directory, {TABLE_FILE, *liris.REQUIRED_FILES, *pickles, *tables})
    own = (directory / TABLE_FILE).is_file()
    is_liris = not own and any(name in paths for name in liris.REQUIRED_FILES)
    is_impressions = not own and not is_liris and any(name in paths for name in (*pickles, *tables))
    if not is_liris and (rule != MEDIAN_RULE or split != OFFICIAL_SPLIT):
        raise DataError(f"{directory}: it is not LIRIS-ACCEDE, and the rule and the split can be chosen for that alone")
    if interview and not is_impressions:
        raise DataError(f"{directory}: it is not First Impressions, which alone has an interview score; leave it out")
    if own:
        return read_table(directory, limits)
    if is_liris:
        return liris.read_liris(directory, rule, split, seed, limits)
    if is_impressions:
        return first_impressions.read_first_impressions(directory, interview, limits)
    if TABLE_FILE in paths:
        raise DataError(
            f"{directory}: no {TABLE_FILE} in it, but there is {paths[TABLE_FILE]}; give the folder of that file"
        )
    raise DataError(
        f"{directory}: no data set known here; looked for {TABLE_FILE} (any table of clips), "
        f"{', '.join(liris.REQUIRED_FILES)} ({liris.NAME}), {', '.join(pickles)} (First Impressions V2) and "
        f"{', '.join(tables)} (V1)"
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
