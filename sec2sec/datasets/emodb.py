"""EmoDB (Burkhardt et al. 2005): 535 German utterances of ten actors, each recognised by twenty listeners.

erkennung.txt is in Latin-1, has decimal commas, pads its cells with non-breaking spaces, and lists more utterances
(816) than were published.
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
    Row,
    Table,
    TableLimits,
    number,
    read_bytes,
    read_cells,
    some,
)

NAME = "EmoDB"
VOTES = "erkennung.txt"
FILES = re.compile(rf"/{VOTES}$")
CLIP = re.compile(r"^(?P<speaker>[0-9]{2})(?P<text>[ab][0-9]{2})(?P<emotion>[WLEAFTN])(?P<version>[a-z])$")
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "joy",
    "T": "sadness",
    "N": "neutral",
}  # the letters are of the German words
AROUSAL = {"anger": 1.0, "fear": 1.0, "joy": 1.0, "boredom": 0.0, "sadness": 0.0, "neutral": 0.0}
LISTED_PER_CLIP = 4  # lines of the table for a file that may be read; 1.7 in the published one
SOUNDS = (".wav", ".flac")  # as it is distributed first


def read_emodb(
    directory: Path | str,
    seed: int = 0,
    shares: Sequence[int] = DEFAULT_SHARES,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """Read a copy of EmoDB: arousal, 1 for anger, fear and joy, 0 for boredom, sadness and neutral. Raises DataError.

    This grouping is ours; disgust, which is neither, is left out. A speaker stands in one split.
    """
    directory = Path(directory)
    votes_file = find_files(directory, [VOTES]).get(VOTES)
    if votes_file is None:
        raise DataError(f"{directory}: {VOTES} of {NAME} not found; copy it there, beside the folder wav")
    votes = _read_votes(votes_file, limits)
    sounds = {name: paths for name, paths in index_files(directory, SOUNDS).items() if CLIP.match(Path(name).stem)}
    stems = sorted({Path(name).stem for name in sounds}) or sorted(votes)
    home = usual_folder(sounds, list(sounds), votes_file.parent / "wav")
    rows = []
    for stem in stems:
        about = _clip(votes_file, stem)
        if (emotion := EMOTIONS[about["emotion"]]) not in AROUSAL:
            continue
        path = next((sounds[stem + suffix][0] for suffix in SOUNDS if stem + suffix in sounds), home / f"{stem}.wav")
        columns = {"emotion": emotion, "text": about["text"], **votes.get(stem, {})}
        rows.append(Row(stem, path, {"arousal": AROUSAL[emotion]}, UNDRAWN, about["speaker"], columns))
    notes = [
        "arousal is 1 for anger, fear and joy, 0 for boredom, sadness and neutral: this grouping is ours, the emotion "
        "is what the actor was asked to express.",
        f"Disgust is neither, so its {len([s for s in stems if _clip(votes_file, s)['emotion'] == 'E'])} utterances "
        "are left out.",
        "The column recognised has the share of 20 listeners who did so; --weight-by recognised weighs clips by it.",
    ]
    if unpublished := sorted(set(votes) - set(stems)):
        notes.append(f"{VOTES} lists {len(unpublished)} more utterances than there are files, {some(unpublished, 3)}.")
    if silent := sorted(set(stems) - set(votes)):
        notes.append(f"{VOTES} says nothing about {len(silent)} of the files, {some(silent, 3)}.")
    return drawn_table(directory, votes_file, rows, {"arousal": "binary"}, NAME, notes, seed, shares, limits)


def _clip(file: Path, stem: str) -> Mapping[str, str]:
    about = CLIP.match(stem)
    if about is None:
        raise DataError(f"{file}: the utterance {stem[:40]!r} is named otherwise than 03a01Fa.wav; copy the file again")
    return about.groupdict()


def _read_votes(file: Path, limits: TableLimits) -> dict[str, dict[str, str]]:
    """For each utterance the shares of listeners, 0 to 1, who recognised its emotion and who found it natural."""
    text = read_bytes(file, limits).decode("latin-1").replace("\xa0", " ")
    longer = replace(limits, clips=limits.clips * LISTED_PER_CLIP)
    _, lines = read_cells(file, text, "\t", ["Satz", "erkannt", "natuerlich"], longer)
    votes: dict[str, dict[str, str]] = {}
    for where, cells in lines:
        stem = Path(cells["Satz"]).stem
        _clip(file, stem)
        if stem in votes:
            raise DataError(f"{where}: the utterance {stem!r} stands twice; keep one of the lines")
        votes[stem] = {
            name: f"{number(where, column, cells[column].replace(',', '.'), 0, 100) / 100:g}"
            for name, column in (("recognised", "erkannt"), ("natural", "natuerlich"))
        }
    return votes
