"""RAVDESS (Livingstone & Russo 2018): 24 actors who speak and sing two sentences in eight emotions.

All that is known of a file stands in its name: 01-01-06-01-02-01-12.mp4 is modality, channel, emotion, intensity,
statement, repetition and actor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sec2sec.datasets.drawn import UNDRAWN, drawn_table
from sec2sec.datasets.folders import index_files
from sec2sec.datasets.groups import DEFAULT_SHARES
from sec2sec.datasets.table import DEFAULT_LIMITS, DataError, Kind, Row, Table, TableLimits, some

NAME = "RAVDESS"
FILES = re.compile(r"/0[1-3]-0[12]-0[1-8]-0[12]-0[12]-0[12]-[0-9]{2}\.(?:mp4|wav)$", re.I)
CLIP = re.compile(r"^([0-9]{2})-([0-9]{2})-([0-9]{2})-([0-9]{2})-([0-9]{2})-([0-9]{2})-([0-9]{2})\.(?:mp4|wav)$")
MODALITIES = {"01": "picture and sound", "03": "sound alone", "02": "picture alone"}  # in the order of preference
CHANNELS = {"01": "speech", "02": "song"}
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "kids", "02": "dogs"}
REPETITIONS = {"01": "1", "02": "2"}
ACTORS = 24


def read_ravdess(
    directory: Path | str,
    seed: int = 0,
    shares: Sequence[int] = DEFAULT_SHARES,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """Read a copy of RAVDESS: a class for each of eight emotions, which the actor expressed or not. Raises DataError.

    The same performance was published with picture and sound and as either alone: the files with both are taken, else
    those with sound alone, else those with the picture alone. An actor stands in one split.
    """
    directory = Path(directory)
    files = {name: paths[0] for name, paths in index_files(directory, (".mp4", ".wav")).items() if CLIP.match(name)}
    if not files:
        raise DataError(f"{directory}: no file of {NAME}, such as 01-01-06-01-02-01-12.mp4; unpack its zip files there")
    counts = Counter(name[:2] for name in files)
    modality = next((code for code in MODALITIES if counts[code]), "")
    rows = [_row(path, name) for name, path in sorted(files.items()) if name[:2] == modality]
    if not rows:
        raise DataError(f"{directory}: the files of {NAME} begin with {some(sorted(counts))}; expected 01, 02 or 03")
    notes = [
        "Each target says what the actor was told to express: it is no judgement of people who watched.",
        f"Taken: {MODALITIES[modality]}, {len(rows):,} files.",
    ]
    if left := len(files) - len(rows):
        notes.append(f"{left:,} files hold the same performances with sound or picture alone, and are left out.")
    kinds: dict[str, Kind] = dict.fromkeys(EMOTIONS.values(), "binary")
    return drawn_table(directory, directory, rows, kinds, NAME, notes, seed, shares, limits)


def _row(path: Path, name: str) -> Row:
    found = CLIP.match(name)
    assert found is not None, "the name was matched before"
    _, channel, emotion, intensity, statement, repetition, actor = found.groups()
    columns = {}
    for what, code, meaning in (
        ("channel", channel, CHANNELS),
        ("emotion", emotion, EMOTIONS),
        ("intensity", intensity, INTENSITIES),
        ("statement", statement, STATEMENTS),
        ("repetition", repetition, REPETITIONS),
    ):
        if code not in meaning:
            raise DataError(f"{path}: its {what} is {code} in the name; expected one of {', '.join(meaning)}")
        columns[what] = meaning[code]
    if not 1 <= int(actor) <= ACTORS:
        raise DataError(f"{path}: its actor is {actor} in the name; expected 01 to {ACTORS}")
    columns["sex"] = "male" if int(actor) % 2 else "female"
    targets = {target: float(target == columns["emotion"]) for target in EMOTIONS.values()}
    return Row(Path(name).stem, path, targets, UNDRAWN, f"actor {actor}", columns)
