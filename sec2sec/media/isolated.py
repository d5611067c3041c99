"""Decoding in processes of its own, which can be killed, with limits on memory, processor time and waiting.

A decoder is a large program in C that reads what strangers send. In a process of its own a hostile or broken file costs
that process, and nobody else's clip. Only numbers and text come back: JSON and the bytes of arrays, never objects.

The child is sec2sec/media/child.py.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from sec2sec.config import DEFAULT_TRACKS, RESIZE, MediaLimits, TrackChoice
from sec2sec.files import file_sha256
from sec2sec.isolation import MEMORY_EXIT
from sec2sec.media.child import HEAD
from sec2sec.media.clip import Second, open_clip
from sec2sec.media.container import MediaError, check_file
from sec2sec.media.layout import TrackChoices
from sec2sec.media.playback import browser_can_play, convert_for_browser

LARGEST_JSON = 1 << 20
KEEP_AFTER = 50  # clips for which one process is used: what a library leaks goes with it
BETWEEN_LOOKS = 0.2  # s until it is noticed that a visitor has left, or that nothing comes
# Set by whoever runs work for a visitor: an event that says that nobody waits for the result any more.
ABANDONED: ContextVar[threading.Event | None] = ContextVar("ABANDONED", default=None)
CANNOT_START = (OSError, subprocess.SubprocessError)  # too many processes or files, or no memory, on this machine
PLACES = {"decoding": 6, "probing": 2}  # processes at once: who chooses a clip does not wait for those that are read


@dataclass(frozen=True)
class DecodingLimits:
    """What one process may take, and what a clip waits for it.

    memory: bytes of address space. processor: s for one clip. waiting: s between two messages. place: s until one of
    the processes is free.
    """

    memory: int = 3 * 1024**3
    processor: float = 300.0
    waiting: float = 60.0
    place: float = 20.0


@dataclass(frozen=True)
class Message:
    """What a child said: a kind, fields and arrays by name."""

    kind: str
    fields: dict[str, Any]
    arrays: dict[str, np.ndarray]


class ReadableClip(Protocol):
    """A clip whose seconds can be read, in this process or by another."""

    name: str
    start: float
    sha256: str
    duration: float
    has_video: bool
    has_audio: bool
    tracks: TrackChoice
    warnings: list[str]

    def seconds(self) -> Iterator[Second]:
        """Reads the clip second by second. Raises MediaError."""
        ...


@dataclass
class IsolatedClip:
    """A clip that another process reads: what `Clip` says of itself, and its seconds."""

    path: Path
    name: str
    start: float
    sha256: str
    duration: float
    has_video: bool
    has_audio: bool
    width: int
    height: int
    warnings: list[str]
    tracks: TrackChoice
    _messages: Generator[Message, None, None]

    def seconds(self) -> Iterator[Second]:
        """Reads the clip second by second, once. Raises MediaError."""
        with contextlib.closing(self._messages):
            for message in self._messages:
                if message.kind == "end":
                    self.duration, self.warnings = message.fields["duration"], message.fields["warnings"]
                    continue
                still = message.arrays.get("still")
                yield Second(
                    index=message.fields["index"],
                    frames=message.arrays.get("frames"),
                    samples=message.arrays.get("samples"),
                    still=None if still is None else still.tobytes(),
                    partial=message.fields["partial"],
                )

    def close(self) -> None:
        """Read no further."""
        self._messages.close()


class _Watch:
    """Kills a process that is waited for too long, or whose visitor has left; within the block it is waited for."""

    def __init__(self, process: subprocess.Popen[bytes], waiting: float, abandoned: threading.Event | None) -> None:
        self.late = False
        self._process, self._waiting, self._abandoned = process, waiting, abandoned
        self._since: float | None = None
        self._done = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._since = None

    def end(self) -> None:
        """Look no more."""
        self._done.set()

    def _look(self) -> None:
        while not self._done.wait(BETWEEN_LOOKS):
            since = self._since
            if since is None:
                continue
            self.late = time.monotonic() - since > self._waiting
            if self.late or (self._abandoned is not None and self._abandoned.is_set()):
                self._process.kill()
                return


class DecodingProcess:
    """One child. What it is asked next is answered after what it was asked before has ended."""

    def __init__(self, limits: DecodingLimits) -> None:
        self.limits, self.calls = limits, 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sec2sec.media.child", str(limits.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libav complains at length; what matters is a message
            cwd=Path(__file__).parents[2],
            start_new_session=True,  # a Ctrl-C for the server is none for it: the server ends it
        )

    def ask(self, call: str, name: str, **arguments: Any) -> Generator[Message, None, None]:
        """Messages up to one of kind "done". Raises MediaError, whose text says what of `name` went wrong."""
        self.calls += 1
        watch = _Watch(self._process, self.limits.waiting, ABANDONED.get())
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        finished = False
        try:
            request = {"call": call, "processor": self.limits.processor, **arguments}
            with contextlib.suppress(BrokenPipeError):  # it is gone: reading says so
                stdin.write(json.dumps(request).encode() + b"\n")
                stdin.flush()
            while True:
                with watch:
                    message = self._read(stdout, name, watch)
                if message.kind in ("done", "error"):
                    finished = True
                if message.kind == "error":
                    raise MediaError(message.fields["text"])
                if message.kind == "done":
                    return
                yield message
        finally:
            watch.end()
            if not finished:
                self.kill()

    def _read(self, stdout: IO[bytes], name: str, watch: _Watch) -> Message:
        head = stdout.read(HEAD.size)
        if len(head) < HEAD.size:
            raise self._ended(name, watch.late)
        text, size = HEAD.unpack(head)
        if text > LARGEST_JSON:
            raise self._ended(name, late=False)
        content, blob = stdout.read(text), stdout.read(size)
        if len(content) + len(blob) < text + size:
            raise self._ended(name, watch.late)
        fields = json.loads(content)
        arrays, offset = {}, 0
        for key, kind, shape in fields.pop("arrays"):
            array = np.frombuffer(blob, np.dtype(kind), int(np.prod(shape)), offset).reshape(shape)
            arrays[key], offset = array, offset + array.nbytes
        return Message(fields.pop("kind"), fields, arrays)

    def _ended(self, name: str, late: bool) -> MediaError:
        code = self._process.wait()
        if late or code == -24:  # SIGXCPU
            why = "decoding takes too long"
        elif code in (-9, 137, MEMORY_EXIT):
            why = "decoding takes more memory than is allowed here"
        else:
            why = "the decoder broke down on it"
        return MediaError(f"{name}: {why}; convert it to MP4 (H.264 and AAC, 1080p) and try again")

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return self._process.poll() is None and self.calls < KEEP_AFTER

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class Decoders:
    """Processes that decode: at most `most` at once; one is kept ready, for starting one takes a third of a second."""

    def __init__(self, limits: DecodingLimits = DecodingLimits(), most: int = 3) -> None:
        self.limits = limits
        self._ready: queue.SimpleQueue[DecodingProcess] = queue.SimpleQueue()
        self._places = threading.BoundedSemaphore(most)
        self._closed = threading.Event()

    def prepare(self) -> None:
        """Start one that waits for its first clip; none where there is no room, or they were closed meanwhile."""
        with contextlib.suppress(*CANNOT_START):  # the next clip starts its own, and says so where it cannot
            self._ready.put(DecodingProcess(self.limits))
        if self._closed.is_set():
            self.close()

    def open_clip(
        self,
        path: str | os.PathLike[str],
        *,
        start: float = 0.0,
        end: float | None = None,
        frames_per_second: int = 8,
        frame_size: tuple[int, int] = RESIZE,
        limits: MediaLimits = MediaLimits(),  # noqa: B008 (frozen)
        tracks: TrackChoice = DEFAULT_TRACKS,
    ) -> IsolatedClip:
        """As media.open_clip, read by another process."""
        file = check_file(path, limits.max_bytes)
        messages = self._ask(
            "seconds",
            file,
            start=start,
            end=end,
            frames_per_second=frames_per_second,
            frame_size=list(frame_size),
            limits=_plain(limits),
            tracks=asdict(tracks),
        )
        opened = next(messages).fields
        return IsolatedClip(path=file, sha256=file_sha256(file), tracks=tracks, _messages=messages, **opened)

    def probe(self, path: str | os.PathLike[str], limits: MediaLimits) -> ProbedClip:
        """What a page has to know of a file. Raises MediaError."""
        file = check_file(path, limits.max_bytes)
        (message,) = self._ask("probe", file, limits=_plain(limits))
        video, audio = (
            tuple((label, number) for label, number in message.fields.pop(name))
            for name in ("video_tracks", "audio_tracks")
        )
        return ProbedClip(**message.fields, choices=TrackChoices(video, audio))

    def convert(
        self,
        path: str | os.PathLike[str],
        out: Path,
        *,
        start: float,
        end: float | None,
        limits: MediaLimits,
        tracks: TrackChoice = DEFAULT_TRACKS,
    ) -> Generator[float, None, None]:
        """convert_for_browser in another process: yields the second that it has reached. Raises MediaError."""
        file = check_file(path, limits.max_bytes)
        arguments = {"start": start, "end": end, "limits": _plain(limits), "tracks": asdict(tracks)}
        for message in self._ask("convert", file, out=str(out), **arguments):
            yield message.fields["reached"]

    def close(self) -> None:
        """End those that wait, and those that are being started."""
        self._closed.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self._ready.get_nowait().kill()

    def _ask(self, call: str, file: Path, **arguments: Any) -> Generator[Message, None, None]:
        if not self._places.acquire(timeout=self.limits.place):
            raise MediaError(f"{file.name}: the server is reading other clips; try again in a moment")
        try:
            try:
                process = self._take()
            except CANNOT_START as error:
                raise MediaError(
                    f"{file.name}: the server has no room to read it now; try again in a moment"
                ) from error
            try:
                yield from process.ask(call, file.name, path=str(file.resolve()), **arguments)
            finally:
                if process.alive:
                    self._ready.put(process)
                else:
                    process.kill()
                    threading.Thread(target=self.prepare, daemon=True).start()
        finally:
            self._places.release()

    def _take(self) -> DecodingProcess:
        with contextlib.suppress(queue.Empty):
            while True:
                process = self._ready.get_nowait()
                if process.alive:
                    return process
                process.kill()
        return DecodingProcess(self.limits)


@dataclass(frozen=True)
class ProbedClip:
    """What a page has to know of a file. duration: s, NaN where only reading tells."""

    name: str
    duration: float
    width: int
    height: int
    fps: float | None  # None without a picture, or where the file does not say
    playable: bool  # by browsers, as it is
    warnings: list[str]  # sentences for people, of what is known before it is read
    choices: TrackChoices


def read_clip(
    path: str | os.PathLike[str],
    *,
    start: float = 0.0,
    end: float | None = None,
    frames_per_second: int = 8,
    frame_size: tuple[int, int] = RESIZE,
    limits: MediaLimits = MediaLimits(),  # noqa: B008 (frozen)
    tracks: TrackChoice = DEFAULT_TRACKS,
) -> ReadableClip:
    """As open_clip, of which only the seconds are read: here, or in another process where the limits ask for that."""
    opener = _decoders("decoding", os.getpid()).open_clip if limits.isolated else open_clip
    return opener(
        path,
        start=start,
        end=end,
        frames_per_second=frames_per_second,
        frame_size=frame_size,
        limits=limits,
        tracks=tracks,
    )


def probe_clip(path: str | os.PathLike[str], limits: MediaLimits) -> ProbedClip:
    """What a page has to know of a file: found here, or in another process where the limits ask for that."""
    if limits.isolated:
        return _decoders("probing", os.getpid()).probe(path, limits)
    clip = open_clip(path, limits=limits)
    playable, choices = browser_can_play(clip), clip.layout.choices
    return ProbedClip(clip.name, clip.duration, clip.width, clip.height, clip.fps, playable, clip.warnings, choices)


def convert_clip(
    path: str | os.PathLike[str],
    out: Path,
    *,
    start: float,
    end: float | None,
    limits: MediaLimits,
    tracks: TrackChoice = DEFAULT_TRACKS,
    progress: Callable[[float], None],
) -> None:
    """convert_for_browser, here or in another process where the limits ask for that."""
    if not limits.isolated:
        convert_for_browser(path, out, start=start, end=end, limits=limits, tracks=tracks, progress=progress)
        return
    decoders = _decoders("decoding", os.getpid())
    converting = decoders.convert(path, out, start=start, end=end, limits=limits, tracks=tracks)
    with contextlib.closing(converting) as reached:
        for second in reached:
            progress(second)


def prepare_decoders() -> None:
    """Start a process of each kind, so that the first clip need not wait for one."""
    for use in PLACES:
        _decoders(use, os.getpid()).prepare()


@functools.cache
def _decoders(use: str, pid: int) -> Decoders:
    """Those of this process: a fork has its own."""
    return Decoders(most=PLACES[use])


def _plain(limits: MediaLimits) -> dict[str, Any]:
    """JSON has no infinity that every reader takes: strings have."""
    return {name: str(value) for name, value in asdict(limits).items() if name != "isolated"}
