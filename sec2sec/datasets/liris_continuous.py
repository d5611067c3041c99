"""The continuous part of LIRIS-ACCEDE (Baveye et al. 2015): 30 whole films, rated once per second, −1 to 1.

Two files per film, `NAME_Arousal.txt` and `NAME_Valence.txt`: a header, and time, mean and deviation of the raters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from sec2sec.datasets.drawn import UNDRAWN, drawn_table
from sec2sec.datasets.folders import find_matching, index_files, usual_folder
from sec2sec.datasets.groups import DEFAULT_SHARES
from sec2sec.datasets.table import DEFAULT_LIMITS, DataError, Kind, Row, Table, TableLimits, number, read_text
from sec2sec.datasets.track_files import MAX_SECONDS
from sec2sec.datasets.tracks import RatingTrack

NAME = "Continuous LIRIS-ACCEDE"
FILES = re.compile(r"/(?!raw/)[^/]+/[^/]+_(?:Arousal|Valence)\.txt$")
TARGETS = ("valence", "arousal")
MAX_DEVIATION = 10.0


def read_liris_continuous(
    directory: Path | str,
    seed: int = 0,
    shares: Sequence[int] = DEFAULT_SHARES,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """Read the annotations of whole films: the mean of each as a score, and its track. A film is a group.

    Raises DataError.
    """
    directory = Path(directory)
    files = {path.name: path for path in reversed(find_matching(directory, FILES))}
    films = sorted({name.rpartition("_")[0] for name in files})
    if not films:
        raise DataError(
            f"{directory}: no NAME_Arousal.txt of {NAME} found; copy the folder continuous-annotations there"
        )
    if absent := [
        f"{film}_{t.capitalize()}.txt" for film in films for t in TARGETS if f"{film}_{t.capitalize()}.txt" not in files
    ]:
        raise DataError(f"{directory}: {absent[0]} not found; copy it there, beside the other file of the film")
    videos = index_files(directory, (".mp4",))
    home = usual_folder(videos, [f"{film}.mp4" for film in films], directory / "continuous-movies")
    rows, tracks = [], {}
    for film in films:
        parts = {target: files[f"{film}_{target.capitalize()}.txt"] for target in TARGETS}
        track = read_film_track(parts, limits)
        targets = {target: (float(np.mean(track.values[target])) + 1) / 2 for target in TARGETS}
        path = videos.get(f"{film}.mp4", [home / f"{film}.mp4"])[0]
        rows.append(Row(film, path, targets, UNDRAWN, film, {"rated seconds": str(len(track.times))}))
        tracks[film] = partial(read_film_track, parts, limits)
    notes = [
        "valence and arousal are the means over all seconds of a film, −1 to 1, scaled to 0..1: what was rated is "
        "each second, which is a track of the film.",
    ]
    kinds: dict[str, Kind] = dict.fromkeys(TARGETS, "score")
    return drawn_table(directory, directory, rows, kinds, NAME, notes, seed, shares, limits, tracks)


def read_film_track(parts: dict[str, Path], limits: TableLimits = DEFAULT_LIMITS) -> RatingTrack:
    """Valence and arousal of a film over time, and the deviation of its raters where it stands. Raises DataError."""
    read = {target: _read_file(parts[target], limits) for target in TARGETS}
    times = read["valence"][:, 0]
    if not np.array_equal(times, read["arousal"][:, 0]):
        raise DataError(
            f"{parts['arousal']}: its times differ from those of {parts['valence'].name}; use the files of one release"
        )
    values = {target: read[target][:, 1].copy() for target in TARGETS}
    for target in TARGETS:
        if read[target].shape[1] > 2:
            values[f"{target} deviation"] = read[target][:, 2].copy()
    return RatingTrack(times, values, parts["arousal"].name.rpartition("_")[0])


def read_liris_file(file: Path, limits: TableLimits = DEFAULT_LIMITS) -> RatingTrack:
    """One of the two files of a film, NAME_Arousal.txt, as a track of its mean. Raises DataError."""
    target = file.stem.rpartition("_")[2].lower()
    read = _read_file(file, limits)
    return RatingTrack(read[:, 0].copy(), {target: read[:, 1].copy()}, file.name)


def _read_file(file: Path, limits: TableLimits) -> np.ndarray:
    """Times, means and perhaps deviations, (seconds, 2 or 3)."""
    rows: list[list[float]] = []
    for at, line in enumerate(read_text(file, limits).splitlines(), start=1):
        cells = line.replace(",", " ").split()
        if not cells or (not rows and cells[0].lower().startswith("time")):
            continue
        where = f"{file}, line {at}"
        if len(cells) not in (2, 3) or (rows and len(cells) != len(rows[0])):
            raise DataError(f"{where}: {len(cells)} cells; expected time, mean and deviation")
        row = [number(where, "the time", cells[0], 0, MAX_SECONDS), number(where, "the mean", cells[1], -1, 1)]
        row += [number(where, "the deviation", cell, 0, MAX_DEVIATION) for cell in cells[2:]]
        if rows and row[0] <= rows[-1][0]:
            raise DataError(f"{where}: the time {row[0]:g} does not come after {rows[-1][0]:g}; sort the lines")
        rows.append(row)
    if not rows:
        raise DataError(f"{file}: no second in it; copy the file again")
    return np.array(rows)
