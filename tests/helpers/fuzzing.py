"""Files that a number breaks, the same each time, and what reading many of them in processes of their own comes to."""

from __future__ import annotations

import os
import random
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sec2sec.config import MediaLimits
from sec2sec.media import MediaError, isolated
from sec2sec.media.child import MEMORY_EXIT
from sec2sec.media.isolated import Decoders, DecodingLimits, DecodingProcess

SEEDS = sorted((Path(__file__).parents[1] / "media" / "seeds").iterdir())  # whole files of six containers
EXTREMES = (
    0,
    1,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)  # what lengths and counts stumble over
LIMITS = DecodingLimits(memory=2 * 1024**3, processor=20.0, waiting=30.0, place=600.0)
CLIP_LIMITS = MediaLimits(max_seconds=20)
KEEP_AFTER = 1_000  # files that one process reads: a third of a second goes into starting one
PROBED, CONVERTED = 10, 50  # of so many files, one is probed, and one converted, instead of read


def mutate(number: int, files: list[bytes]) -> bytes:
    """One of some files with one to six things done to it; a number always gives the same bytes."""
    chance = random.Random(number)
    content = bytearray(files[number % len(files)])
    for _ in range(chance.randint(1, 6)):
        change(content, chance, files)
    return bytes(content) or b"\0"


def change(content: bytearray, chance: random.Random, files: list[bytes]) -> None:
    """Do one thing to some bytes, near the head as often as anywhere."""
    at = int(len(content) * chance.random() ** chance.choice((1, 4)))
    length = min(chance.choice((1, 2, 4, 16, 200)), len(content) - at)
    kind = chance.randrange(8)
    if kind == 0:  # bits
        for place in range(at, at + length):
            content[place] ^= 1 << chance.randrange(8)
    elif kind == 1:  # noise
        content[at : at + length] = chance.randbytes(length)
    elif kind == 2:  # a length or a count
        packed = struct.pack(chance.choice("<>") + "I", chance.choice(EXTREMES))
        content[at : at + 4] = packed
    elif kind == 3:  # cut off
        del content[max(1, at) :]
    elif kind == 4:  # left out
        del content[at : at + length]
    elif kind == 5:  # said twice
        content[at:at] = content[at : at + length]
    elif kind == 6:  # silence
        content[at : at + length] = bytes(length)
    else:  # a piece of another file
        other = chance.choice(files)
        first = chance.randrange(len(other))
        content[at : at + length] = other[first : first + chance.choice((4, 64, 2000))]


@dataclass
class Outcome:
    """What became of the files. kinds: how many were read, refused, or cost their process; slowest: s of one file."""

    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)  # that should not have happened, by the number of the file
    slowest: float = 0.0
    seconds: float = 0.0


def read_mutated(numbers: Iterable[int], folder: Path, workers: int = 2) -> Outcome:
    """Read files that numbers break, through the reader of the app, each worker with a process of its own."""
    files, outcome, waiting, guard = [path.read_bytes() for path in SEEDS], Outcome(), iter(numbers), threading.Lock()
    codes: dict[str, int] = {}  # with which a process ended, by the name of the file

    class Process(DecodingProcess):
        def _ended(self, name: str, late: bool) -> MediaError:
            error = super()._ended(name, late)
            codes[name] = self._process.returncode
            return error

    def work(decoders: Decoders) -> None:
        while True:
            with guard:
                number = next(waiting, None)
            if number is None:
                return
            suffix = SEEDS[number % len(SEEDS)].suffix
            path = folder / f"{number}{suffix}"
            path.write_bytes(mutate(number, files))
            began = time.monotonic()
            kind, fault = read_one(decoders, path, number)
            taken = time.monotonic() - began
            path.unlink()
            ended = codes.pop(path.name, None)
            if ended is not None:
                kind = f"ended its process with {ended}"
                if ended >= 0 and ended != MEMORY_EXIT:
                    fault = "a mistake of the program in the process that reads"
            with guard:
                outcome.kinds[f"{suffix[1:]}: {kind}"] += 1
                outcome.slowest = max(outcome.slowest, taken)
                if fault:
                    outcome.faults.append(f"{number}{suffix}: {fault}")

    began = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(isolated, "KEEP_AFTER", KEEP_AFTER)
        patch.setattr(isolated, "DecodingProcess", Process)
        patch.setenv("TMPDIR", str(folder))
        with closing(Decoders(LIMITS, most=workers)) as decoders:
            threads = [threading.Thread(target=work, args=(decoders,)) for _ in range(workers)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    outcome.seconds = time.monotonic() - began
    return outcome


def read_one(decoders: Decoders, path: Path, number: int) -> tuple[str, str]:
    """Read, probe or convert a file: what became of it, and what is wrong with that."""
    out = path.with_name(f"{path.name}.out.mp4")
    try:
        turn = number // len(SEEDS)  # so that every container has its turn
        if turn % CONVERTED == 0:
            for _ in decoders.convert(path, out, start=0.0, end=None, limits=CLIP_LIMITS):
                pass
            out.unlink()
            return "converted", ""
        if turn % PROBED == 0:
            decoders.probe(path, CLIP_LIMITS)
            return "probed", ""
        clip = decoders.open_clip(path, limits=CLIP_LIMITS)
        seconds = 0
        for second in clip.seconds():
            seconds += 1
            if (second.frames is not None) != clip.has_video or (second.samples is not None) != clip.has_audio:
                return "read", "a second lacks what the clip has"
        return "read", "" if seconds else "no second was read"
    except MediaError as error:
        message = str(error)
        if out.exists():
            return "refused", "a half-written film is left"
        if "\n" in message or "Traceback" in message or not message.startswith(path.name):
            return "refused", f"an odd message: {message[:200]}"
        return "refused", "it took too long" if "takes too long" in message else ""


def open_files() -> int:
    """How many files this process holds open."""
    return len(os.listdir("/proc/self/fd"))
