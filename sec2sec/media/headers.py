"""What the first bytes of a file, or of a recording that follows within it, say before anything is decoded."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from av import VideoCodecContext

from sec2sec.media.container import MediaError, check_size, file_head, open_container

STILLS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"\xff\x0a", b"\0\0\0\x0cJXL ")
STILL_BRANDS = (b"avif", b"mif1", b"heic", b"heix")  # of pictures that are kept in an MP4 container
APNG_BYTES = 1 << 16  # of a PNG that are searched for the mark of an animation, which stands before its first picture
WEBP_ANIMATED = 0x02  # bit of the flags of a WebP's VP8X chunk
# How a recording begins, by libav's name of the container: such bytes further on in a file are a second recording.
BEGINNINGS = {
    "matroska": b"\x1a\x45\xdf\xa3",
    "flac": b"fLaC\0\0\0\x22",
    "flv": b"\0\0\0\x09\0\0\0\0",  # after "FLV", the version and a flag
}


def check_header(path: Path) -> None:
    """MediaError for a single picture, and for an animation that no reader here takes."""
    head = file_head(path)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        if head[12:16] == b"VP8X" and len(head) > 20 and head[20] & WEBP_ANIMATED:
            raise MediaError(
                f"{path.name}: an animated WebP, which no decoder here can read; convert it to GIF or MP4 and try again"
            )
        raise still_image(path.name)
    if head[4:8] == b"ftyp" and head[8:12] in STILL_BRANDS:
        raise still_image(path.name)
    if head.startswith(STILLS[0]) and b"acTL" in file_head(path, APNG_BYTES):
        return
    if head.startswith(STILLS):
        raise still_image(path.name)


def check_stated_size(path: Path, stream: int, max_pixels: int) -> None:
    """MediaError if a stream's header states larger pictures than allowed; nothing is decoded for that."""
    with open_container(path, undecoded=True) as container:
        context = container.streams[stream].codec_context
        assert isinstance(context, VideoCodecContext)
        check_size(path.name, context.width, context.height, max_pixels)


def still_image(name: str) -> MediaError:
    """What is said of a file that holds one picture."""
    return MediaError(f"{name}: a still image has no seconds; give a video, an animation or a sound file")


def holds_second_recording(path: Path, container: str) -> bool:
    """Whether another file was joined to the end of this one, as far as its bytes say.

    container: libav's name. In a MOV, MP4 or WAV the boxes are walked; in the others a beginning is searched for, so
    that the answer may be yes by chance, once in gigabytes.
    """
    if "mov" in container:
        return _boxes_begin_twice(path)
    if container == "wav":
        return _riff_begins_twice(path)
    beginning = next((mark for name, mark in BEGINNINGS.items() if name in container), None)
    if beginning is None:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if container != "flv":
            return content.find(beginning, 4) > 0
        at = content.find(beginning, 16)
        while at > 0:
            if content[at - 5 : at - 1] == b"FLV\1":
                return True
            at = content.find(beginning, at + 1)
    return False


def _boxes_begin_twice(path: Path) -> bool:
    """Whether an MP4 or MOV states its brand twice at the top level (ISO 14496-12, 4.2)."""
    size, at, beginnings = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(16)
            if len(head) < 8:
                return False
            length = int(struct.unpack(">I", head[:4])[0])
            if length == 1 and len(head) == 16:
                length = int(struct.unpack(">Q", head[8:])[0])
            beginnings += head[4:8] == b"ftyp"
            if beginnings > 1:
                return True
            if length < 8:
                return False
            at += length
    return False


def _riff_begins_twice(path: Path) -> bool:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8)[4:], "little")
        file.seek(8 + length + length % 2)
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WAVE"
