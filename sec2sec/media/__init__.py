"""A file → a `Clip` → its `Second`s. The only place that decodes for analysis (playback.py converts for browsers).

Second i is [start + i, start + i + 1) of presentation time; picture and sound are placed by their time stamps, so that
they stay in step whatever the container does.
"""

from sec2sec.media.clip import Clip, Second, open_clip
from sec2sec.media.container import MediaError

__all__ = ["Clip", "MediaError", "Second", "open_clip"]
