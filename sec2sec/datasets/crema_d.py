"""CREMA-D (Cao et al. 2014): 7,442 clips of 91 actors, each judged from the voice alone, the face alone and both.

The tables are R's: their first column has no name. Ties are written `A:D`, with a level for each, `64.75:61.50`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
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

NAME = "CREMA-D"
SUMMARY, VOTES = "summaryTable.csv", "tabulatedVotes.csv"
RESULTS = "processedResults"  # their folder, beside those of the clips
FILES = re.compile(rf"/{SUMMARY}$")
CLIP = re.compile(r"^(?P<actor>[0-9]{4})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<intensity>[A-Z]{1,2})$")
EMOTIONS = {"A": "anger", "D": "disgust", "F": "fear", "H": "happiness", "N": "neutral", "S": "sadness"}
INTENDED = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness"}
# by what was judged: how columns of one table begin, and the numbers of the rows of the other
MODALITIES = {"voice": ("Voice", "1"), "face": ("Face", "2"), "both": ("MultiModal", "3")}
PICTURES, SOUNDS = (".flv", ".mp4"), (".wav", ".mp3")
MAX_LEVEL = 100.0
MAX_VOTES = 10_000.0  # far above the ten or so of a clip


def read_crema_d(
    directory: Path | str,
    seed: int = 0,
    shares: Sequence[int] = DEFAULT_SHARES,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """Read a copy of CREMA-D: a score for each of six emotions, the share of raters who chose it. Raises DataError.

    The raters saw and heard the clip; where the folder has sounds alone, those who heard it. What was said of voice,
    face and both stays in the columns. An actor stands in one split.
    """
    directory = Path(directory)
    files = find_files(directory, [SUMMARY, VOTES])
    if absent := [name for name in (SUMMARY, VOTES) if name not in files]:
        raise DataError(
            f"{directory}: {' and '.join(absent)} of {NAME} not found; copy the folder {RESULTS} there as well"
        )
    columns = _read_summary(files[SUMMARY], limits)
    clips = index_files(directory, (*PICTURES, *SOUNDS))
    names = {Path(name).suffix for name in clips if CLIP.match(Path(name).stem)}
    heard_alone = bool(names) and names.isdisjoint(PICTURES)
    suffixes, modality, folder = (SOUNDS, "voice", "AudioWAV") if heard_alone else (PICTURES, "both", "VideoFlash")
    targets = _read_votes(files[VOTES], MODALITIES[modality][1], limits)
    root = files[SUMMARY].parent.parent if files[SUMMARY].parent.name == RESULTS else files[SUMMARY].parent
    home = usual_folder(clips, [clip + suffix for clip in columns for suffix in suffixes], root / folder)
    rows = []
    for clip, kept in columns.items():
        path = next((clips[clip + suffix][0] for suffix in suffixes if clip + suffix in clips), None)
        path = path or home / f"{clip}{suffixes[0]}"
        rows.append(Row(clip, path, targets.get(clip, {}), UNDRAWN, clip[:4], kept))
    how = "heard the clip, without its picture" if heard_alone else "saw and heard the clip"
    notes = [f"Each target is the share of the raters who chose this emotion, among those who {how}."]
    if unlabelled := sum(not row.targets for row in rows):
        notes.append(f"{VOTES} has no votes for {unlabelled:,} of the {len(rows):,} clips: they have no label.")
    kinds: dict[str, Kind] = dict.fromkeys(EMOTIONS.values(), "score")
    return drawn_table(directory, files[SUMMARY], rows, kinds, NAME, notes, seed, shares, limits)


def _read_summary(file: Path, limits: TableLimits) -> dict[str, dict[str, str]]:
    """What is kept of each clip: the winning emotion and its level for voice, face and both, and what was acted."""
    needed = [f"{column}{what}" for column, _ in MODALITIES.values() for what in ("Vote", "Level")]
    _, lines = read_cells(file, name_first_column(read_text(file, limits)), ",", ["FileName", *needed], limits)
    kept: dict[str, dict[str, str]] = {}
    for where, cells in lines:
        clip = cells["FileName"]
        about = CLIP.match(clip)
        if about is None or about["emotion"] not in INTENDED:
            raise DataError(f"{where}: the clip is named {clip[:40]!r}; expected a name such as 1001_DFA_ANG_XX")
        if clip in kept:
            raise DataError(f"{where}: the clip {clip!r} stands twice; keep one of the lines")
        kept[clip] = {"acted": INTENDED[about["emotion"]], "intensity": about["intensity"]}
        for modality, (column, _) in MODALITIES.items():
            kept[clip] |= _vote(where, modality, cells[f"{column}Vote"], cells[f"{column}Level"])
    if not kept:
        raise DataError(f"{file}: no clips in it; copy the file again")
    return kept


def _vote(where: str, modality: str, vote: str, level: str) -> dict[str, str]:
    letters, levels = vote.split(":"), level.split(":")
    if not set(letters) <= set(EMOTIONS) or len(set(letters)) < len(letters):
        raise DataError(
            f"{where}: the vote for {modality} is {vote[:40]!r}; expected letters of {', '.join(EMOTIONS)}, ties as A:D"
        )
    if len(levels) != len(letters):
        raise DataError(f"{where}: the vote for {modality} is {vote} and its level {level[:40]!r}; one level for each")
    for one in levels:
        number(where, f"the level for {modality}", one, 0, MAX_LEVEL)
    return {f"{modality}_vote": ":".join(EMOTIONS[letter] for letter in letters), f"{modality}_level": level}


def _read_votes(file: Path, first_digit: str, limits: TableLimits) -> dict[str, Mapping[str, float]]:
    """The share of raters who chose each emotion, by clip; first_digit: of the rows of one modality."""
    text = name_first_column(read_text(file, limits))
    longer = replace(limits, clips=limits.clips * len(MODALITIES))  # a clip has three lines
    _, lines = read_cells(file, text, ",", ["row", *EMOTIONS, "fileName"], longer)
    shares: dict[str, Mapping[str, float]] = {}
    for where, cells in lines:
        row, clip = cells["row"], cells["fileName"]
        if not (row.isdecimal() and row[0] in "123" and len(row) == 6):
            raise DataError(f"{where}: the row is numbered {row[:20]!r}; expected 1xxxxx, 2xxxxx or 3xxxxx")
        counts = {letter: number(where, letter, cells[letter], 0, MAX_VOTES) for letter in EMOTIONS}
        if row[0] != first_digit:
            continue
        if clip in shares:
            raise DataError(f"{where}: the clip {clip[:40]!r} has two lines of votes of one kind; keep one of them")
        if total := sum(counts.values()):
            shares[clip] = {EMOTIONS[letter]: count / total for letter, count in counts.items()}
    return shares
