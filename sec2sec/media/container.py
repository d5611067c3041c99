"""Opening a file with libav, safely: which files, by which readers, with pictures of at most which size."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import av
import av.container

from sec2sec.errors import UserError

# Only these readers: libav's others follow names found inside the file to other files or to the network (HLS, concat).
# Those of single pictures (image2, png_pipe, …) are left out: they would decode a picture before its size is looked at.
READERS = (
    "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,wav,mp3,aac,flac,gif,apng,ac3,eac3,amr,aiff,caf,w64,au,ivf,mxf,dv,rm,nut,"
    "yuv4mpegpipe"
)


class MediaError(UserError):
    """A clip that cannot be used: names the file, what was found and what to do."""


def check_file(path: str | os.PathLike[str], max_bytes: int) -> Path:
    """The path of a readable file that is not empty and at most max_bytes long; MediaError otherwise."""
    path = Path(path)
    name = path.name or str(path)
    try:
        state = path.stat()
        kind = state.st_mode
        if stat.S_ISREG(kind):
            with path.open("rb"):
                pass
    except FileNotFoundError:
        raise MediaError(f"{name}: there is no such file; check the path ({path})") from None
    except PermissionError:
        raise MediaError(f"{name}: no permission to read it; change its permissions or copy it elsewhere") from None
    except (OSError, ValueError) as error:  # a name that is too long, or holds a zero byte
        raise MediaError(f"{name!r}: cannot be opened ({error}); check the path") from None
    if stat.S_ISDIR(kind):
        raise MediaError(f"{name}: is a folder; give the path of one video or sound file")
    if not stat.S_ISREG(kind):
        raise MediaError(f"{name}: is not a regular file; copy it to a file first")
    if state.st_size == 0:
        raise MediaError(f"{name}: the file is empty; copy or download it again")
    if state.st_size > max_bytes:
        raise MediaError(
            f"{name}: the file has {state.st_size / 1e6:,.1f} MB, more than the {max_bytes / 1e6:,.1f} MB allowed "
            "here; cut it shorter or save it at a lower quality"
        )
    return path


def check_size(name: str, width: int, height: int, max_pixels: int) -> None:
    """MediaError if the pictures of a file are larger than allowed. max_pixels: 0 for any."""
    if max_pixels and width * height > max_pixels:
        raise MediaError(
            f"{name}: its pictures have {width}×{height} pixels, more than the {max_pixels / 1e6:.1f} million allowed "
            "here; save it at a smaller size"
        )


def open_container(path: Path, max_pixels: int = 0, *, undecoded: bool = False) -> av.container.InputContainer:
    """The file opened for reading; MediaError if libav knows no way to read it. Close it after use.

    max_pixels: of a picture that is decoded in order to learn the file's codecs; 0 for any. undecoded: nothing is, so
    that of each stream only what its header states is known.
    """
    # `file:` because libav would take "a:b.mp4" for a protocol named a.
    try:
        return av.open(
            f"file:{path.absolute()}",
            options={"max_pixels": str(max_pixels)} if max_pixels else {},
            # without a pattern: a reader of pictures would take img%d.png for the name of other files
            container_options={"format_whitelist": READERS, "protocol_whitelist": "file", "pattern_type": "none"}
            | ({"codec_whitelist": "none"} if undecoded else {}),
            metadata_errors="replace",
        )
    except (av.FFmpegError, UnicodeError) as error:
        if file_head(path)[4:8] in (b"ftyp", b"mdat", b"wide"):
            raise MediaError(
                f"{path.name}: its index (moov) is missing, so the file was cut off while it was recorded or copied; "
                "copy it again from the original"
            ) from None
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(
            f"{path.name}: not a video or sound file that can be read here ({reason}); "
            "convert it to MP4 (H.264 and AAC) or check that it is the right file"
        ) from None


def file_head(path: Path, size: int = 32) -> bytes:
    """The first bytes of a file; none if it went away in the meantime."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""
