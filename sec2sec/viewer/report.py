"""Explained clip → OUT.html, with OUT.json and OUT.csv beside it."""

from __future__ import annotations

import mimetypes
import tempfile
from pathlib import Path

from sec2sec.config import DEFAULT_TRACKS, MediaLimits, TrackChoice
from sec2sec.explanations import Explanation, Preview
from sec2sec.export.as_json import to_json
from sec2sec.export.as_table import to_csv
from sec2sec.files import write_atomically, write_json
from sec2sec.media import MediaError, open_clip
from sec2sec.media.playback import browser_can_play, convert_for_browser
from sec2sec.viewer.payload import encode, shown_targets
from sec2sec.viewer.report_page import report_page

MEGABYTE = 1024 * 1024
MAX_EMBEDDED_MEGABYTES = 16.0  # MB; base64 makes a third more of it, and mail servers take some 25


def write_report(
    to: Path,
    explanation: Explanation,
    preview: Preview,
    clip: Path,
    *,
    card: str = "",
    part: tuple[float, float | None] = (0.0, None),
    max_megabytes: float = MAX_EMBEDDED_MEGABYTES,
    limits: MediaLimits | None = None,
) -> None:
    """Write the page, the JSON and the CSV. card: of the checkpoint, Markdown. part in s, as it was analysed.

    A clip of more than max_megabytes, as it is played, is left out, and the stills stand for it. Raises OSError; each
    file is written whole or not at all.
    """
    shown = shown_targets(explanation, diagnostics=False)
    embedded, offset = playable(clip, part, max_megabytes, limits or MediaLimits(), explanation.clip.tracks)
    mime = mimetypes.guess_type(clip.name)[0] if offset is None else "video/mp4"
    payload = encode(explanation, preview, offset=offset)
    page = report_page(explanation, payload, shown, card, embedded, mime or "video/mp4")
    write_json(to.with_suffix(".json"), to_json(explanation))
    write_atomically(to.with_suffix(".csv"), to_csv(explanation, shown).encode())
    write_atomically(to, page.encode())


def playable(
    clip: Path,
    part: tuple[float, float | None],
    max_megabytes: float,
    limits: MediaLimits,
    tracks: TrackChoice = DEFAULT_TRACKS,
) -> tuple[bytes | None, float | None]:
    """The clip as a browser plays it, None where it is too large; and where the analysed part begins in it, None for
    as in the file. What browsers cannot play is converted, the analysed part alone.
    """
    most = max_megabytes * MEGABYTE
    if most <= 0:
        return None, None
    if browser_can_play(open_clip(clip, limits=MediaLimits(max_seconds=float("inf")), tracks=tracks)):
        return (clip.read_bytes() if clip.stat().st_size <= most else None), None
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder) / "playback.mp4"
        try:
            convert_for_browser(str(clip), converted, start=part[0], end=part[1], limits=limits, tracks=tracks)
        except MediaError:  # the explanation stands without a player
            return None, None
        return (converted.read_bytes() if converted.stat().st_size <= most else None), 0.0
