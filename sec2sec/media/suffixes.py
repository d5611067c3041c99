"""Names of media files: what the reader reads, told from a file's ending."""

from __future__ import annotations

# By name, not by kind: which files count as "video" or "audio" is for the host's table of MIME types to say.
_FILMS = (
    "mp4 m4v mov qt mkv webm avi wmv asf flv f4v mpg mpeg m2v vob ts m2ts mts tod mxf 3gp 3g2 ogv ogg dv rm rmvb gif"
)
_SOUNDS = "wav w64 mp3 m4a m4b aac flac opus oga wma amr ac3 aif aiff caf mka weba"
MEDIA_SUFFIXES = tuple(f".{suffix}" for suffix in f"{_FILMS} {_SOUNDS}".split())
