"""What every tab that explains clips shares: the chosen clip, its turn on the device, and what is played of it."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.config import MediaLimits
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations import Explanation, Preview
from sec2sec.media import open_clip
from sec2sec.media.playback import browser_can_play, convert_for_browser
from sec2sec.progress import Progress
from sec2sec.ui.devices import Devices
from sec2sec.ui.gpu import gpu_seconds
from sec2sec.ui.settings import Settings
from sec2sec.ui.work import Job

UPLOADS = ["video", "audio", ".mkv", ".ts", ".m2ts", ".mts", ".gif", ".ogv", ".flac", ".opus"]
WAITING = "Waiting for a free place"
FULL = "The server did not take the clip, because too many are waiting. Try again in a minute."
CONVERTING = "Converting the clip for playback, because browsers cannot play its format"
UPLOADED = "file => { document.dispatchEvent(new CustomEvent('s2s-upload')); return file; }"  # no example is chosen now
Part = tuple[float, float | None]  # start and end in the file, s
Answer = tuple[Explanation, Preview]


@dataclass(frozen=True)
class ExplainedClip:
    """The last step of an explanation, as it crosses from the process of a lent GPU. tokens on the CPU."""

    explanation: Explanation
    preview: Preview
    tokens: Tokens


@dataclass(frozen=True)
class ClipPart:
    """What is analysed of a file."""

    path: str
    part: Part
    limits: MediaLimits
    seconds: float  # at most, as far as the file says
    pixels: int  # of a picture; 0 without one

    def gpu_seconds(self, encodings: int = 1) -> int:
        """How long a GPU is asked for to encode it so many times, s."""
        return gpu_seconds(self.seconds, self.pixels, encodings)


@dataclass(frozen=True)
class Source:
    """The clip that one visitor chose."""

    path: str
    playable: bool  # by a browser, as it is
    known_truth: bool = False  # the generator planted its truth, so diagnostics mean something
    copy: str | None = None  # what is played, where the clip itself lies in a folder that is not served
    duration: float = math.nan  # s, as the file says; NaN where it does not
    pixels: int = 0  # of a picture; 0 without one

    @property
    def played(self) -> str | None:
        """What the player shows before anything is converted."""
        return (self.copy or self.path) if self.playable else None

    def analysed(self, part: Part, limits: MediaLimits) -> ClipPart:
        """A part of it, to be analysed within limits."""
        start, end = part
        rest = (self.duration if end is None else min(end, self.duration)) - start
        # what is longer than the limit is refused before it is encoded, and so is what is not there
        seconds = limits.max_seconds if math.isnan(rest) else min(max(rest, 0.0), limits.max_seconds)
        return ClipPart(self.path, part, limits, seconds, self.pixels)

    def shown_as(self, copy: str) -> Source:
        """The same clip, played from a copy of it."""
        return replace(self, copy=copy)


def known_truth(path: Path) -> bool:
    """A clip of `make-clips` has planted.csv beside it or in the folder above."""
    return any((folder / "planted.csv").is_file() for folder in list(path.parents)[:2])


def probe_upload(path: str, settings: Settings) -> tuple[Source, str]:
    """A chosen file, and what to say of it. Raises MediaError for one that cannot be used."""
    clip = open_clip(path, limits=any_length(settings))  # a part of a long clip may still be analysed
    picked = Source(
        path,
        browser_can_play(clip),
        known_truth(Path(path)),
        duration=clip.duration,
        pixels=clip.width * clip.height,
    )
    return picked, clip.name + (f", {clip.duration:.1f} s" if clip.duration == clip.duration else "")


def with_device_lock(devices: Devices, steps: Callable[[str], Iterator[Any]]) -> Callable[[Job], None]:
    """Tells the steps of one clip on, and a str while it waits, on the least busy device.

    steps: of the device's name. From the first encoding on it holds the lock of the device, if that has one: two clips
    at once only make each other slow, or fill its memory.
    """

    def work(job: Job) -> None:
        with devices.least_busy() as device, ExitStack() as held:
            lock = device.lock
            for step in steps(device.name):
                job.tell(step)
                if isinstance(step, Progress) and step.stage == "encoding" and lock is not None:
                    while not lock.acquire(timeout=0.5):
                        job.tell("Waiting: another clip is being encoded")
                    held.callback(lock.release)
                    lock = None

    return work


def conversion(path: str, to: Path, part: Part, limits: MediaLimits) -> Callable[[Job], None]:
    """Converts for playback; tells the second that it reached."""
    start, end = part
    return lambda job: convert_for_browser(path, to, start=start, end=end, limits=limits, progress=job.tell)


def any_length(settings: Settings) -> MediaLimits:
    """The limits without the one of length, which is checked against the part that is analysed."""
    return replace(settings.limits, max_seconds=float("inf"))


def cached(component: Any, name: str) -> Path:
    """A path in a folder whose name nobody can guess, for a file that gradio serves, and deletes when it is old."""
    path = Path(component.GRADIO_CACHE) / secrets.token_hex(16) / name
    path.parent.mkdir(parents=True)
    component.temp_files.add(str(path))
    return path


def hidden(component: Any) -> Any:
    """Taken off the screen, without what it held."""
    emptied = {"value": None} if isinstance(component, gr.DownloadButton) else {}
    return gr.update(visible=False, **emptied)


def limits_words(settings: Settings) -> str:
    """What may be uploaded, before anybody starts to."""
    return (
        f"<p>Up to {settings.max_seconds / 60:g} minutes and {settings.max_megabytes} MB; seen by you alone; "
        f"deleted after {span(settings.delete_after)}.</p>"
    )


def span(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:.0f} minutes"
