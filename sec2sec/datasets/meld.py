"""MELD (Poria et al. 2019): 13,708 utterances of the series Friends, each with an emotion and a sentiment.

The archive of clips and the tables disagree: dia110_utt7 of dev has no clip, and there are clips of no line (4 of dev
and 137 of test). Clips of one name lie in each split, so that the folder tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sec2sec.datasets.folders import find_files, index_files
from sec2sec.datasets.groups import DEFAULT_SHARES
from sec2sec.datasets.table import (
    DEFAULT_LIMITS,
    SPLITS,
    DataError,
    Kind,
    Row,
    Table,
    TableLimits,
    read_cells,
    read_text,
    some,
    too_many_clips,
)

NAME = "MELD"
TABLES = dict(zip(SPLITS, ("train_sent_emo.csv", "dev_sent_emo.csv", "test_sent_emo.csv"), strict=True))
FOLDERS = dict(zip(SPLITS, ("train_splits", "dev_splits_complete", "output_repeated_splits_test"), strict=True))
FILES = re.compile(r"/(?:train|dev|test)_sent_emo\.csv$")
NEEDED = ("Emotion", "Sentiment", "Speaker", "Dialogue_ID", "Utterance_ID", "Season", "Episode")
CLIP = re.compile(r"dia[0-9]+_utt[0-9]+\.mp4$")  # some that are too many have a further name before it
EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
SENTIMENTS = {"negative": 0.0, "neutral": 0.5, "positive": 1.0}


def read_meld(
    directory: Path | str,
    seed: int = 0,
    shares: Sequence[int] = DEFAULT_SHARES,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """Read a copy of MELD in its official split: a class for each of seven emotions, and the sentiment as a score.

    An episode is a group. seed, shares: are those of a drawn split, and not used. Raises DataError.
    """
    del seed, shares
    directory = Path(directory)
    files = find_files(directory, list(TABLES.values()))
    if absent := [name for name in TABLES.values() if name not in files]:
        raise DataError(f"{directory}: {' and '.join(absent)} of {NAME} not found; copy it there, beside the others")
    clips = index_files(directory, (".mp4",))
    rows: list[Row] = []
    known: set[Path] = set()
    for split, table in TABLES.items():
        home = _home(directory, split, clips)
        for where, cells in _lines(files[table], limits):
            row = _row(where, split, cells, home, clips)
            rows.append(row)
            known.add(row.path)
            if len(rows) > limits.clips:
                raise too_many_clips(files[table], limits)
    ids = {row.id for row in rows}
    if len(ids) < len(rows):
        raise DataError(f"{directory}: an utterance of {NAME} stands twice in a table; copy the tables again")
    surplus = sorted(p.name for name, paths in clips.items() if CLIP.search(name) for p in paths if p not in known)
    notes = [
        "sentiment is 0 for negative, 0.5 for neutral, 1 for positive; the other targets are seven emotions, 1 or 0.",
        "The split is the official one. The same six actors speak in every split, so no figure is about new faces.",
        "dia110_utt7 of dev was published without its clip.",
    ]
    if surplus:
        notes.append(f"{len(surplus)} clips belong to no line of the tables ({some(surplus, 3)}), and are left out.")
    kinds: dict[str, Kind] = {**dict.fromkeys(EMOTIONS, "binary"), "sentiment": "score"}
    return Table(directory, tuple(kinds), rows, kinds, NAME, tuple(notes))


def _lines(file: Path, limits: TableLimits) -> list[tuple[str, dict[str, str]]]:
    _, lines = read_cells(file, read_text(file, limits), ",", NEEDED, limits)
    return list(lines)


def _row(where: str, split: str, cells: Mapping[str, str], home: Path, clips: Mapping[str, Sequence[Path]]) -> Row:
    for column in ("Dialogue_ID", "Utterance_ID", "Season", "Episode"):
        if not cells[column].isdecimal():
            raise DataError(f"{where}: {column} is {cells[column][:40]!r}; expected a whole number")
    emotion, sentiment = cells["Emotion"].lower(), cells["Sentiment"].lower()
    if emotion not in EMOTIONS:
        raise DataError(f"{where}: Emotion is {cells['Emotion'][:40]!r}; expected one of {', '.join(EMOTIONS)}")
    if sentiment not in SENTIMENTS:
        raise DataError(f"{where}: Sentiment is {cells['Sentiment'][:40]!r}; expected one of {', '.join(SENTIMENTS)}")
    stem = f"dia{int(cells['Dialogue_ID'])}_utt{int(cells['Utterance_ID'])}"
    path = next((path for path in clips.get(f"{stem}.mp4", ()) if _split_of(path) == split), home / f"{stem}.mp4")
    targets = {**{name: float(name == emotion) for name in EMOTIONS}, "sentiment": SENTIMENTS[sentiment]}
    columns = {"emotion": emotion, "sentiment": sentiment, "speaker": cells["Speaker"][:60]}
    episode = f"season {int(cells['Season'])}, episode {int(cells['Episode'])}"
    return Row(f"{split}-{stem}", path, targets, split, episode, columns)


def _split_of(path: Path) -> str:
    """The split of the nearest folder above a clip that is called as one: train_splits, dev_splits_complete, test."""
    for folder in reversed(path.parent.parts):
        for split, word in zip(SPLITS, ("train", "dev", "test"), strict=True):
            if folder == FOLDERS[split] or folder.lower().startswith(word) or folder.lower().endswith(f"_{word}"):
                return split
    return ""


def _home(directory: Path, split: str, clips: Mapping[str, Sequence[Path]]) -> Path:
    """Where the clips of a split lie that have no clip of their own."""
    of_split = (path for name, paths in clips.items() if CLIP.search(name) for path in paths)
    return next((path.parent for path in of_split if _split_of(path) == split), directory / FOLDERS[split])
