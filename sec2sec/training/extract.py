"""Clips of a table → what training and evaluation read, decoded by worker processes while the model encodes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from sec2sec.config import EncoderConfig, MediaLimits
from sec2sec.datasets.cache import TokenCache, clip_hash
from sec2sec.datasets.table import Row
from sec2sec.device import inference_dtype
from sec2sec.encode import batched, encode_seconds, join_tokens
from sec2sec.encoders import Encoders
from sec2sec.media import MediaError, Second, open_clip

LONGEST = 120.0  # s of a clip of a data set: a worker holds a whole clip, 1 MB a second
WRITING = 8  # clips that may wait for the disk


class Decoded(Dataset):
    """Decodes one clip an item and passes its seconds to `prepare`; a clip that cannot be used is its message."""

    def __init__(
        self, rows: Sequence[Row], config: EncoderConfig, prepare: Callable[[list[Second]], Any], limits: MediaLimits
    ) -> None:
        """config: says how many frames a second, and of what size."""
        self.rows, self.config, self.prepare, self.limits = rows, config, prepare, limits

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        try:
            clip = open_clip(
                self.rows[index].path,
                frames_per_second=self.config.frames_per_second,
                frame_size=self.config.frame_size,
                limits=self.limits,
            )
            return self.prepare(list(clip.seconds()))
        except MediaError as error:
            return str(error)


def decode_all(
    rows: Sequence[Row],
    config: EncoderConfig,
    prepare: Callable[[list[Second]], Any],
    *,
    workers: int,
    limits: MediaLimits | None = None,
) -> Iterator[tuple[Row, Any]]:
    """Every row, in order, with what `prepare` made of its seconds in a worker process, or a message (str).

    prepare must be picklable and return tensors, or containers of tensors.
    """
    data = Decoded(rows, config, prepare, limits or MediaLimits())
    loader = DataLoader(
        data,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="spawn" if workers else None,  # fork after torch has started threads can hang
        worker_init_fn=partial(_end_without, os.getpid()),
    )
    yield from zip(rows, loader, strict=True)


def _end_without(parent: int, _: int) -> None:
    """In a worker: torch's own watch begins here, so who was only starting when its parent was killed would stay."""
    if os.getppid() != parent:
        os._exit(1)


def as_decoded(seconds: list[Second]) -> list[Second]:
    """A clip's seconds as they are, without the stills that only a screen needs."""
    return [Second(s.index, s.frames, s.samples, None, s.partial) for s in seconds]


@dataclass(frozen=True)
class Extraction:
    """How far a cache is filled."""

    done: int  # clips looked at
    total: int
    kept: int  # of these, found in the cache
    clips_per_second: float  # of those encoded now; 0 before the first
    seconds_left: float  # NaN before the first
    sha256: dict[str, str] = field(default_factory=dict)  # row id → hash of its clip, for every usable clip so far
    unusable: dict[str, str] = field(default_factory=dict)  # row id → what is wrong with its clip

    @property
    def line(self) -> str:
        """For a progress line."""
        rate = (
            f", {self.clips_per_second:.1f} clips/s, {clock(self.seconds_left)} left" if self.clips_per_second else ""
        )
        return f"encoding: {self.done} of {self.total} clips{rate}"


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss."""
    if not seconds >= 0:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def extract_steps(
    rows: Sequence[Row],
    encoders: Encoders,
    cache: TokenCache,
    *,
    device: torch.device,
    workers: int | None = None,
    longest: float = LONGEST,
) -> Iterator[Extraction]:
    """Encode every clip that the cache does not hold whole; yields after each, and at least once.

    Worker processes decode, this one encodes, a thread writes. A clip that cannot be used is listed, never fatal; it is
    tried again the next time. Raises OSError where the cache cannot be written: what is in it stays good.
    """
    hashes, unusable, missing = _hash_all(rows, cache)
    kept = done = len(rows) - len(missing)
    yield Extraction(done, len(rows), kept, 0.0, float("nan"), hashes, unusable)
    if not missing:
        return
    folded, precision = encoders.folded().to(device), str(inference_dtype(device))
    workers = min(len(missing), os.cpu_count() or 1 if workers is None else workers)
    limits = MediaLimits(max_seconds=longest)
    decoded = decode_all(missing, encoders.config, as_decoded, workers=workers, limits=limits)
    began = time.monotonic()
    with ThreadPoolExecutor(1) as writer:  # the disk's fsync takes as long as encoding a short clip
        writing: list[Future[None]] = []
        for made, (row, seconds) in enumerate(decoded, start=1):
            if isinstance(seconds, str):
                unusable[row.id] = seconds
                hashes.pop(row.id, None)
            else:
                tokens = folded.whole(join_tokens([encode_seconds(part, folded, device) for part in batched(seconds)]))
                writing.append(writer.submit(cache.write, hashes[row.id], tokens, {"precision": precision}))
            while len(writing) > (WRITING if made < len(missing) else 0):
                writing.pop(0).result()
            rate = made / (time.monotonic() - began)
            yield Extraction(done + made, len(rows), kept, rate, (len(missing) - made) / rate, hashes, unusable)


def _hash_all(rows: Sequence[Row], cache: TokenCache) -> tuple[dict[str, str], dict[str, str], list[Row]]:
    """SHA-256 by row id, what is wrong with files that cannot be read, and the rows that the cache does not hold."""
    hashes: dict[str, str] = {}
    unusable: dict[str, str] = {}
    missing: list[Row] = []
    held: set[str] = set()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # hashing leaves Python's lock alone
        for row, found in zip(rows, pool.map(_hash_or_message, [row.path for row in rows]), strict=True):
            if isinstance(found, OSError):
                unusable[row.id] = f"{row.path}: cannot be read ({found.strerror}); check the table and the file"
                continue
            hashes[row.id] = found
            if found in held or cache.seconds(found) is not None:
                held.add(found)
            else:
                missing.append(row)
    return hashes, unusable, missing


def _hash_or_message(path: Path) -> str | OSError:
    try:
        return clip_hash(path)
    except OSError as error:
        return error
