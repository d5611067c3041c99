"""Clips that name other files or addresses: nothing that they name is opened, and nobody is called."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from sec2sec.config import MediaLimits
from sec2sec.media import MediaError
from sec2sec.media.isolated import Decoders
from tests.helpers.clips import make_clip

ANY = MediaLimits(max_seconds=float("inf"))
IN_OPEN = 0x20  # of Linux's inotify
URL = "http://127.0.0.1:{port}/a.mp4"
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n"
SESSION = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)
MANIFEST = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
    'mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>"
)
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="{target}" width="9" height="9"/></svg>'
)
TEXTS = {
    "a playlist of a file.m3u8": HLS,
    "a playlist by another name.mp4": HLS,
    "a playlist of an address of a file.m3u8": HLS.replace("{target}", "file://{target}"),
    "a playlist of an address.m3u8": HLS.replace("{target}", URL),
    "a playlist with a key.m3u8": HLS.replace("#EXTINF", '#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF'),
    "a playlist of playlists.m3u8": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n",
    "a list to be joined.ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "a list to be joined by another name.mp4": "ffconcat version 1.0\nfile '{target}'\n",
    "a list to be joined over the network.txt": f"ffconcat version 1.0\nfile '{URL}'\n",
    "a description of a session.sdp": SESSION,
    "a manifest.mpd": MANIFEST,
    "a slide show.smil": '<smil><body><video src="{target}"/></body></smil>',
    "a station.pls": "[playlist]\nFile1={target}\nNumberOfEntries=1\n",
    "a station of Windows.asx": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
    "a stream.rtsp": "rtsptextRTSP://127.0.0.1:{port}/a\n",
    "a drawing.svg": DRAWING,
    "subtitles of a film.idx": "# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 0\n",
    "a script of frames.avs": 'AviSource("{target}")\n',
    "img%d.png": "x",
}  # fmt: skip


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of an MP4 file."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes that follow each other: kind and content of each."""
    while content:
        size, kind = struct.unpack(">I4s", content[:8])
        yield kind, content[8:size]
        content = content[size:]


def with_reference(content: bytes, entry: bytes) -> bytes:
    """An MP4 whose tracks say that their pictures and samples lie elsewhere. entry: of the table of references."""
    inside = {b"moov", b"trak", b"mdia", b"minf", b"dinf"}
    written = []
    for kind, held in boxes(content):
        if kind == b"dref":
            held = held[:4] + struct.pack(">I", 1) + entry
        written.append(box(kind, with_reference(held, entry) if kind in inside else held))
    return b"".join(written)


def reference_movie(content: bytes, target: str, port: int) -> bytes:
    """A movie of QuickTime that is nothing but the name of another."""
    del content, port
    name = f"file://{target}".encode() + b"\0"
    reference = box(b"rdrf", bytes(4), b"url ", struct.pack(">I", len(name)), name)
    return box(b"ftyp", b"qt  ", bytes(4), b"qt  ") + box(b"moov", box(b"rmra", box(b"rmda", reference)))


def pictures_elsewhere(content: bytes, target: str, port: int) -> bytes:
    """An address of a file in the table of references."""
    del port
    return with_reference(content, box(b"url ", bytes(4), f"file://{target}".encode(), b"\0"))


def pictures_on_the_network(content: bytes, target: str, port: int) -> bytes:
    """An address of a server in the table of references."""
    del target
    return with_reference(content, box(b"url ", bytes(4), URL.format(port=port).encode(), b"\0"))


def alias(content: bytes, target: str, port: int) -> bytes:
    """An alias of the Macintosh, with the whole path as its second kind of name."""
    del port
    path = target.encode()
    fixed = bytes(4) + struct.pack(">HH", 150 + 4 + len(path), 2) + bytes(142)
    record = fixed + struct.pack(">HH", 18, len(path)) + path + struct.pack(">HH", 0xFFFF, 0)
    return with_reference(content, box(b"alis", bytes(4), record))


MOVIES: dict[str, Callable[[bytes, str, int], bytes]] = {
    "a reference movie.mov": reference_movie,
    "pictures in another file.mp4": pictures_elsewhere,
    "pictures on the network.mp4": pictures_on_the_network,
    "an alias.mov": alias,
}


@contextmanager
def watched(path: Path) -> Iterator[Callable[[], bool]]:
    """Says whether anybody has opened a file since."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert watch >= 0
    assert libc.inotify_add_watch(watch, os.fsencode(path), IN_OPEN) >= 0

    def opened() -> bool:
        try:
            return bool(os.read(watch, 4096))
        except BlockingIOError:
            return False

    try:
        yield opened
    finally:
        os.close(watch)


@contextmanager
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port, and what is sent to it."""
    calls: list[bytes] = []

    def listen(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            calls.append(b"called")
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=listen, args=(server,))
        thread.start()
        try:
            yield server.getsockname()[1], calls
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_the_watch_sees_that_a_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with watched(tmp_path / "a") as opened:
        assert not opened()
        (tmp_path / "a").read_bytes()
        assert opened()


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with closing(Decoders()) as decoders:
        yield decoders


@pytest.mark.parametrize("name", [*TEXTS, *MOVIES])
def test_what_a_clip_names_is_neither_opened_nor_called(tmp_path: Path, decoders: Decoders, name: str) -> None:
    secret = make_clip(tmp_path / "secret.mp4", 1.5, size=(64, 48))
    (tmp_path / "own").mkdir()
    clip, picture = tmp_path / "own" / name, tmp_path / "own" / "img1.png"
    picture.write_bytes(b"no picture")
    own = make_clip(tmp_path / "own.mp4", 1.5, size=(64, 48)).read_bytes()
    with listener() as (port, calls), watched(secret) as opened, watched(picture) as picture_opened:
        if name in TEXTS:
            clip.write_text(TEXTS[name].replace("{target}", str(secret)).replace("{port}", str(port)))
        else:
            clip.write_bytes(MOVIES[name](own, str(secret), port))
        for read in (
            lambda: decoders.probe(clip, ANY),
            lambda: list(decoders.open_clip(clip, limits=ANY).seconds()),
            lambda: list(decoders.convert(clip, tmp_path / "out.mp4", start=0.0, end=None, limits=ANY)),
        ):
            with suppress(MediaError):
                read()
        if name in TEXTS or name == "a reference movie.mov":
            with pytest.raises(MediaError):
                decoders.probe(clip, ANY)
        assert not opened()
        assert not picture_opened()
    assert calls == []
