"""A row of a table of features, to be asked as a clip is: predictions, effects, verdicts."""

from __future__ import annotations

from sec2sec.checkpoints import Bundle
from sec2sec.clip import EncodedClip
from sec2sec.datasets.feature_table import FeatureRow
from sec2sec.datasets.table import DataError, Table, some
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.results import ClipSummary


def encode_row(bundle: Bundle, table: Table, clip: str) -> EncodedClip:
    """The features of one clip by its id, on the model's device.

    There is no file behind them, so that nothing is said of pictures, and no audio-visual features are measured.
    Raises DataError where the table has no such clip, or its files cannot be used.
    """
    row = next((row for row in table.rows if row.id == clip), None)
    if not isinstance(row, FeatureRow):
        raise DataError(f"{table.directory}: has no features with the id {clip!r}; there are {some(_ids(table))}")
    tokens = row.read()
    moved = Tokens(*(None if x is None else x.float().to(bundle.device) for x in (tokens.video, tokens.audio)))
    summary = ClipSummary(
        name=row.id,
        sha256=row.content_sha256(),
        start=0.0,
        duration=float(row.seconds),
        seconds=row.seconds,
        has_audio=tokens.audio is not None,
        has_video=tokens.video is not None,
    )
    return EncodedClip(bundle, moved, summary)


def _ids(table: Table) -> list[str]:
    return [row.id for row in table.rows]
