"""OASIS (Kurdi, Lozano & Banaji 2017) and tables like it: pictures with mean ratings from 1 to 7.

Pictures have no seconds: sec2sec/datasets/stills.py writes clips of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sec2sec.datasets.drawn import UNDRAWN, drawn_table
from sec2sec.datasets.folders import find_files, index_files, usual_folder
from sec2sec.datasets.groups import DEFAULT_SHARES
from sec2sec.datasets.table import (
    DEFAULT_LIMITS,
    DataError,
    Kind,
    Row,
    Table,
    TableLimits,
    name_first_column,
    number,
    read_cells,
    read_text,
)

NAME = "OASIS"
OFFICIAL, OTHER = "OASIS.csv", "ratings.csv"
FILES = re.compile(rf"/(?:{OFFICIAL}|{OTHER})$")
PICTURES = (".jpg", ".jpeg", ".png")
TARGETS = ("valence", "arousal")
LOWEST, HIGHEST = 1.0, 7.0
KEPT = ("category", "valence_sd", "valence_n", "arousal_sd", "arousal_n")


def read_oasis(
    directory: Path | str,
    seed: int = 0,
    shares: Sequence[int] = DEFAULT_SHARES,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """Read a table of pictures: valence and arousal as scores. Pictures of one theme stand in one split.

    The table has Theme, Valence_mean and Arousal_mean, and perhaps file (relative to the table) and id. Without file, a
    picture has the name of its theme, as `Acorns 1.jpg` in OASIS; the theme is then the name without its number.
    Raises DataError.
    """
    directory = Path(directory)
    files = find_files(directory, [OFFICIAL, OTHER])
    file = files.get(OFFICIAL) or files.get(OTHER)
    if file is None:
        raise DataError(f"{directory}: neither {OFFICIAL} nor {OTHER} found; copy the table of ratings there")
    text = name_first_column(read_text(file, limits))
    header, _, rest = text.lstrip("\r\n").partition("\n")
    needed = ["theme", *(f"{target}_mean" for target in TARGETS)]
    _, lines = read_cells(file, header.lower() + "\n" + rest, ",", needed, limits)
    pictures = index_files(directory, PICTURES)
    home = usual_folder(pictures, list(pictures), file.parent / "images")
    rows: dict[str, Row] = {}
    for where, cells in lines:
        row = _row(where, cells, _picture(file, cells, pictures, home))
        if row.id in rows:
            raise DataError(f"{where}: the picture {row.id[:60]!r} stands twice; keep one of the lines")
        rows[row.id] = row
    if not rows:
        raise DataError(f"{file}: no picture in it; copy the file again")
    notes = [f"valence and arousal are mean ratings, {LOWEST:g} to {HIGHEST:g}, scaled to 0..1."]
    kinds: dict[str, Kind] = dict.fromkeys(TARGETS, "score")
    name = NAME if file.name == OFFICIAL else f"{NAME}-like table of pictures"
    return drawn_table(directory, file, list(rows.values()), kinds, name, notes, seed, shares, limits)


def _picture(file: Path, cells: Mapping[str, str], pictures: Mapping[str, Sequence[Path]], home: Path) -> Path:
    if "file" in cells:
        return file.parent / cells["file"].replace("\\", "/")
    names = [cells["theme"] + suffix for suffix in PICTURES]
    return next((pictures[name][0] for name in names if name in pictures), home / names[0])


def _row(where: str, cells: Mapping[str, str], picture: Path) -> Row:
    if not cells["theme"] or not cells.get("file", "picture"):
        raise DataError(f"{where}: the picture has no theme or no file; fill the cell, or remove the line")
    targets = {}
    for target in TARGETS:
        mean = number(where, f"{target}_mean", cells[f"{target}_mean"], LOWEST, HIGHEST)
        targets[target] = (mean - LOWEST) / (HIGHEST - LOWEST)
    theme = cells["theme"] if "file" in cells else re.sub(r"\s*[0-9]+$", "", cells["theme"])
    kept = {name: cells[name] for name in KEPT if cells.get(name)}
    return Row(cells.get("id") or picture.stem, picture, targets, UNDRAWN, theme, kept)
