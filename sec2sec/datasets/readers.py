"""The public data sets that anybody can download, each recognised by the names of its files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sec2sec.datasets import crema_d, emo_film, emodb, liris_continuous, meld, oasis, ravdess, veatic
from sec2sec.datasets.folders import find_matching
from sec2sec.datasets.table import DataError, Table, TableLimits


class Read(Protocol):
    """Reads a folder; seed and shares are those of a split that is drawn. Raises DataError."""

    def __call__(self, directory: Path, seed: int, shares: Sequence[int], limits: TableLimits) -> Table:
        """The table of the data set."""


@dataclass(frozen=True)
class Reader:
    """One data set and how it is read."""

    name: str
    files: re.Pattern[str]  # whose path says that a folder is this data set
    example: str  # of such a file, for people
    read: Read
    draws: bool = True  # whether its split is drawn by group; else the data set has one


READERS = (
    Reader(crema_d.NAME, crema_d.FILES, crema_d.SUMMARY, crema_d.read_crema_d),
    Reader(ravdess.NAME, ravdess.FILES, "01-01-06-01-02-01-12.mp4", ravdess.read_ravdess),
    Reader(veatic.NAME, veatic.FILES, f"{veatic.FOLDER}/0.csv", veatic.read_veatic),
    Reader(meld.NAME, meld.FILES, meld.TABLES["train"], meld.read_meld, draws=False),
    Reader(emodb.NAME, emodb.FILES, emodb.VOTES, emodb.read_emodb),
    Reader(emo_film.NAME, emo_film.FILES, "Annot_NAME_stim.tsv", emo_film.read_emo_film, draws=False),
    Reader(liris_continuous.NAME, liris_continuous.FILES, "NAME_Arousal.txt", liris_continuous.read_liris_continuous),
    Reader(oasis.NAME, oasis.FILES, f"{oasis.OFFICIAL} or {oasis.OTHER}", oasis.read_oasis),
)


def find_reader(directory: Path) -> Reader | None:
    """The reader of the data set that a folder is; None for none. DataError for a folder of several."""
    anything = re.compile("|".join(reader.files.pattern for reader in READERS), re.I)
    names = [f"/{path.parent.name}/{path.name}" for path in find_matching(directory, anything)]
    readers = [reader for reader in READERS if any(reader.files.search(name) for name in names)]
    if len(readers) > 1:
        several = ", ".join(reader.name for reader in readers)
        raise DataError(f"{directory}: holds several data sets ({several}); give the folder of one of them")
    return readers[0] if readers else None
