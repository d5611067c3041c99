"""--track: what people said over time, laid beside the clip that a command explains."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sec2sec.config import MediaLimits

if TYPE_CHECKING:
    from sec2sec.datasets.track_of_clip import RatingsFile
    from sec2sec.datasets.tracks import RatingTrack


def add_track(parser: argparse._ActionsContainer) -> None:
    """--track."""
    parser.add_argument(
        "--track",
        action="append",
        default=[],
        metavar="FILE[:COLUMN]",
        help="what people said over time (CSV with times in seconds, ELAN .eaf and a tier, a data set's own file): a "
        "lane beside the clip, and how well prediction curve, effect and attention fit it; may be given several times",
    )


def parse_tracks(options: argparse.Namespace) -> list[RatingsFile]:
    """The files of ratings that the options name. Raises DataError."""
    if not options.track:
        return []
    from sec2sec.datasets.track_of_clip import parse_track

    return [parse_track(text) for text in options.track]


def read_ratings(
    options: argparse.Namespace, files: Sequence[RatingsFile], limits: MediaLimits
) -> tuple[RatingTrack, ...]:
    """What people said, read before the clip is, so that a file of another clip costs no work. Raises DataError."""
    from sec2sec.datasets.track_of_clip import read_tracks, timed_clip

    return read_tracks(files, timed_clip(options.clip, options.start, options.end, limits))
