"""Emo-FilM (Morgenroth et al. 2025, OpenNeuro ds004872): 14 short films, 50 items rated once per second.

The ratings are deviations from each rater's mean over all films: they have no ends, and so no film has a score from 0
to 1. What they are good for is a track beside a film.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from sec2sec.datasets.folders import find_matching, index_files
from sec2sec.datasets.groups import DEFAULT_SHARES
from sec2sec.datasets.table import DEFAULT_LIMITS, DataError, Row, Table, TableLimits, too_many_clips
from sec2sec.datasets.track_files import read_stimulus, sidecar

NAME = "Emo-FilM"
FILES = re.compile(r"/Annot_[^/]+_stim\.tsv(?:\.gz)?$")
FILM = re.compile(r"^Annot_(.+)_stim\.tsv(?:\.gz)?$")
FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm")


def read_emo_film(
    directory: Path | str,
    seed: int = 0,
    shares: Sequence[int] = DEFAULT_SHARES,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """Read the consensus annotations of films, each of them a test clip with a track and no target. Raises DataError.

    The films are published elsewhere: one whose name begins with the film's lies anywhere in the folder, as
    big_buck_bunny_448x252.mp4 for BigBuckBunny. seed, shares: are those of a drawn split, and not used.
    """
    del seed, shares
    directory = Path(directory)
    annotations = {path.name.removesuffix(".gz"): path for path in reversed(find_matching(directory, FILES))}
    if not annotations:
        raise DataError(f"{directory}: no Annot_NAME_stim.tsv of {NAME} found; copy the annotations there")
    if len(annotations) > limits.clips:
        raise too_many_clips(directory, limits)
    videos = index_files(directory, FILMS)
    rows, tracks = [], {}
    for _, path in sorted(annotations.items()):
        found = FILM.match(path.name)
        assert found is not None, "the name was matched before"
        film = found[1]
        if not sidecar(path).is_file():
            raise DataError(f"{path}: {sidecar(path).name} not found, which names its columns; copy it beside the file")
        rows.append(Row(film, _film(film, videos) or directory / f"{film}.mp4", {}, "test", film))
        tracks[film] = partial(read_stimulus, path, limits)
    notes = [
        "Each rater's values are deviations from the rater's own mean over all films: no target can be a score from 0 "
        "to 1, so nothing is learned from them; they are tracks beside a film.",
    ]
    return Table(directory, (), rows, {}, NAME, tuple(notes), tracks=tracks)


def _film(name: str, videos: Mapping[str, Sequence[Path]]) -> Path | None:
    plain = _letters(name)
    return next((paths[0] for video, paths in sorted(videos.items()) if _letters(video).startswith(plain)), None)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
