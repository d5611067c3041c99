"""Pictures of clips that a list shows."""

from __future__ import annotations

import base64
from pathlib import Path

from sec2sec.config import MediaLimits
from sec2sec.media import MediaError
from sec2sec.media.isolated import read_clip


def still_of(path: Path, *, isolated: bool = True) -> str | None:
    """The middle of the second second as a data URL; None for a clip without a picture, or one that is gone.

    isolated: read in another process, because a visitor may have brought it.
    """
    try:
        limits = MediaLimits(isolated=isolated)
        seconds = list(read_clip(path, end=2.0, frames_per_second=1, limits=limits).seconds())
    except MediaError:
        return None
    still = seconds[-1].still if seconds else None
    return f"data:image/jpeg;base64,{base64.b64encode(still).decode()}" if still else None
