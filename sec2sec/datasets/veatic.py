"""VEATIC (Ren et al. 2024): 124 videos whose valence and arousal people rated at every frame, from −1 to 1.

Some ids show the same frames as another with another person to judge (98 to 123, as they were published).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from sec2sec.datasets.drawn import UNDRAWN, drawn_table
from sec2sec.datasets.folders import find_matching, index_files, usual_folder
from sec2sec.datasets.groups import DEFAULT_SHARES
from sec2sec.datasets.table import DEFAULT_LIMITS, DataError, Kind, Row, Table, TableLimits, number, read_text
from sec2sec.datasets.tracks import RatingTrack
from sec2sec.media import MediaError, open_clip

NAME = "VEATIC"
FOLDER = "rating_averaged"
FILES = re.compile(rf"/{FOLDER}/[0-9]+(?:_valence|_arousal)?\.csv$")
TARGETS = ("valence", "arousal")
VIDEOS = (".mp4",)


def read_veatic(
    directory: Path | str,
    seed: int = 0,
    shares: Sequence[int] = DEFAULT_SHARES,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """Read a copy of VEATIC: the mean rating of each video as a score, and its track of frames. Raises DataError.

    Videos with the same number of rated frames stand in one split, as they may show the same frames.
    """
    directory = Path(directory)
    files: defaultdict[str, dict[str, Path]] = defaultdict(dict)
    for path in find_matching(directory, FILES):
        video, _, target = path.stem.partition("_")
        files[str(int(video))].setdefault(target, path)
    if not files:
        raise DataError(f"{directory}: no {FOLDER}/0.csv of {NAME} found; copy the folder {FOLDER} there")
    videos = index_files(directory, VIDEOS)
    folder = next(path for parts in files.values() for path in parts.values()).parent
    home = usual_folder(videos, [f"{video}.mp4" for video in files], folder.parent / "video")
    rows, tracks, frames = [], {}, {}
    for video, parts in sorted(files.items(), key=lambda item: int(item[0])):
        ratings = read_frames(folder, video, parts, limits)
        frames[video] = len(ratings)
        path = videos.get(f"{video}.mp4", [home / f"{video}.mp4"])[0]
        means = np.nanmean(ratings, axis=0)
        targets = {name: (float(mean) + 1) / 2 for name, mean in zip(TARGETS, means, strict=True)}
        rows.append(Row(video, path, targets, UNDRAWN, f"{len(ratings)} frames", {"frames": str(len(ratings))}))
        tracks[video] = partial(read_veatic_track, path, folder, video, parts, limits)
    notes = [
        "valence and arousal are the means over all frames of a video, −1 to 1, scaled to 0..1.",
        "Videos with the same number of rated frames are one group, since some ids show the frames of another with "
        "another person to judge. The authors' split cuts each video in two, so it is not used.",
    ]
    kinds: dict[str, Kind] = dict.fromkeys(TARGETS, "score")
    return drawn_table(directory, folder, rows, kinds, NAME, notes, seed, shares, limits, tracks)


def read_veatic_track(
    path: Path, folder: Path, video: str, parts: dict[str, Path], limits: TableLimits = DEFAULT_LIMITS
) -> RatingTrack:
    """The ratings of a video over time; its file says how long a frame lasts. Raises DataError."""
    ratings = read_frames(folder, video, parts, limits)
    times = frame_times(path, len(ratings))
    return RatingTrack(times, dict(zip(TARGETS, ratings.T.copy(), strict=True)), f"{folder.name}/{video}")


def frame_times(path: Path, frames: int) -> np.ndarray:
    """When each of so many rated frames of a video begins (s): they divide its length. Raises DataError."""
    try:
        seconds = open_clip(path).duration
    except (MediaError, OSError) as error:
        raise DataError(f"{path}: how long a frame lasts cannot be read from the video ({error})") from error
    if not (math.isfinite(seconds) and seconds > 0):
        raise DataError(f"{path}: does not say how long it is; save the video again with any converter")
    times: np.ndarray = np.arange(frames) * (seconds / frames)
    return times


def veatic_track_at(video: Path, file: Path, limits: TableLimits = DEFAULT_LIMITS) -> RatingTrack:
    """The ratings in one file of rating_averaged, of a video anywhere. Raises DataError."""
    number, _, target = file.stem.partition("_")
    track = read_veatic_track(video, file.parent, number, {"": file}, limits) if not target else None
    if track is not None:
        return replace(track, name=file.name)
    ratings = _read_numbers(file, 1, limits)
    return RatingTrack(frame_times(video, len(ratings)), {target: ratings[:, 0].copy()}, file.name)


def read_frames(folder: Path, video: str, parts: dict[str, Path], limits: TableLimits = DEFAULT_LIMITS) -> np.ndarray:
    """Valence and arousal at each frame, (frames, 2), −1 to 1. Raises DataError.

    parts: `ID.csv` under the name "", or `ID_valence.csv` and `ID_arousal.csv` under theirs.
    """
    if "" in parts:
        return _read_numbers(parts[""], len(TARGETS), limits)
    if absent := [target for target in TARGETS if target not in parts]:
        raise DataError(f"{folder}: {video}_{absent[0]}.csv of {NAME} not found; copy it there")
    columns = [_read_numbers(parts[target], 1, limits)[:, 0] for target in TARGETS]
    if len(columns[0]) != len(columns[1]):
        raise DataError(
            f"{parts['arousal']}: {len(columns[1])} frames, and {parts['valence'].name} has {len(columns[0])}; "
            "use the files of one release"
        )
    return np.stack(columns, 1)


def _read_numbers(file: Path, wanted: int, limits: TableLimits) -> np.ndarray:
    """The last `wanted` numbers of each line; one more may stand before them, the number of the frame."""
    rows: list[list[float]] = []
    for at, line in enumerate(read_text(file, limits).splitlines(), start=1):
        cells = [cell.strip() for cell in line.split(",")]
        if not any(cells) or (not rows and any(cell.lower() in TARGETS for cell in cells)):
            continue  # a header, in some copies
        if len(cells) not in (wanted, wanted + 1):
            raise DataError(f"{file}, line {at}: {len(cells)} cells; expected {wanted}, or the frame and {wanted}")
        where = f"{file}, line {at}"
        rows.append([number(where, "the rating", cell, -1, 1) for cell in cells[-wanted:]])
    if not rows:
        raise DataError(f"{file}: no frame in it; copy the file again")
    return np.array(rows)
