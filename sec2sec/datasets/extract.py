"""Clips of a table → what training and evaluation read, decoded by worker processes while the model encodes."""

from __future__ import annotations

import math
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from sec2sec.config import EncoderConfig, MediaLimits
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.feature_table import read_all
from sec2sec.datasets.table import Row
from sec2sec.device import pass_size
from sec2sec.encoders import GPU_CHUNKS, Encoders
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import BATCH_SECONDS, encode_clip
from sec2sec.media import MediaError, Second, open_clip
from sec2sec.media.isolated import read_clip
from sec2sec.progress import Progress, Steps, clock
from sec2sec.workers import check_shared_memory, end_if_started_by_import, why_they_ended

MAX_CLIP_SECONDS = 120.0  # of a clip of a data set: a worker holds a whole clip, 1 MB per second
MAX_CLIPS_IN_WRITING = 8  # that wait for the disk
PROGRESS_INTERVAL = 0.5  # s between two reports while files are looked for


class Decoded(Dataset[Any]):
    """Decodes one clip per item and passes its seconds to `prepare`; a clip that cannot be used is its message."""

    def __init__(
        self, rows: Sequence[Row], config: EncoderConfig, prepare: Callable[[list[Second]], Any], limits: MediaLimits
    ) -> None:
        """config: says how many frames per second, and of what size."""
        self.rows, self.config, self.prepare, self.limits = rows, config, prepare, limits

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        try:
            # several processes decode: threads of each would only wait for one another
            here = partial(open_clip, threads=1 if get_worker_info() else None, stills=False)
            opener = read_clip if self.limits.isolated else here
            clip = opener(
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
    for_gpu: bool = False,
) -> Iterator[tuple[Row, Any]]:
    """Every row, in order, with what `prepare` made of its seconds in a worker process, or a message (str).

    prepare must be picklable and return tensors, or containers of tensors. for_gpu: a thread of this process reads what
    the workers send, so that a GPU need not wait for it.
    """
    if workers:
        end_if_started_by_import()
        check_shared_memory(workers)
    data = Decoded(rows, config, prepare, limits or MediaLimits())
    loader = DataLoader(
        data,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=for_gpu and workers > 0,  # of tensors; torch reads all else in the same thread
        worker_init_fn=end_with_parent,
        multiprocessing_context="spawn" if workers else None,  # fork after torch has started threads can hang
    )
    with worker_deaths_in_words():
        yield from zip(rows, loader, strict=True)


def end_with_parent(_worker: int) -> None:
    """In a worker: end when the process that asked for it does, also if it was gone before this began.

    torch's own watch does not know of one that was gone, and lets a worker that still holds clips wait for ever.
    """
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def worker_deaths_in_words() -> Iterator[None]:
    """FileError where a worker ended: torch raises RuntimeError, from a signal handler, wherever Python stands."""
    try:
        yield
    except RuntimeError as error:
        if not any(words in str(error) for words in ("DataLoader worker (pid", "shared memory")):
            raise
        raise why_they_ended(str(error)) from None


def as_decoded(seconds: list[Second]) -> list[Second]:
    """A clip's seconds as they are, without the stills that only a screen needs."""
    return [Second(s.index, s.frames, s.samples, None, s.partial) for s in seconds]


@dataclass(frozen=True)
class Extraction:
    """What the cache holds of some clips once all that can be used are encoded."""

    total: int  # clips
    reused: int = 0  # not encoded now: found in the cache, or the same file under another name
    sha256: dict[str, str] = field(default_factory=dict)  # row id → hash of its clip, for every usable clip
    unusable: dict[str, str] = field(default_factory=dict)  # row id → what is wrong with its clip

    @property
    def encoded(self) -> int:
        """Clips that were encoded now."""
        return self.total - self.reused - len(self.unusable)


def encoding_progress(done: int, total: int, clips_per_second: float = 0.0, seconds_left: float = math.nan) -> Progress:
    """How far a cache is filled. done: clips that it holds or that cannot be used; a rate of 0: none is encoded yet."""
    rate = f", {pace(clips_per_second)}, {clock(seconds_left)} left" if clips_per_second else ""
    return Progress(done, total, f"encoding: {done} of {total} clips{rate}", "tokens", seconds_left)


def pace(clips_per_second: float) -> str:
    """A rate that is no 0.0: the paper's encoders take seconds per clip on a CPU."""
    return f"{clips_per_second:.1f} clips/s" if clips_per_second >= 1 else f"{1 / clips_per_second:.1f} s a clip"


def extract_steps(
    rows: Sequence[Row],
    encoders: Encoders,
    cache: TokenCache,
    *,
    device: torch.device,
    workers: int | None = None,
    max_seconds: float = MAX_CLIP_SECONDS,
    hashed: FileHashes | None = None,
) -> Steps[Extraction]:
    """Encode every clip that the cache does not hold whole; yields after each, and at least once.

    hashed: of these rows, if the caller has them. Worker processes decode, this one encodes, a thread writes. A clip
    that cannot be used is listed, never fatal; it is tried again the next time. Raises OSError where the cache cannot
    be written, or a worker was ended from outside: what is in the cache stays good.
    """
    if hashed is None:
        hashed = yield from hash_files(rows)
    hashes, unusable = dict(hashed.sha256), dict(hashed.unreadable)
    missing = _missing(rows, hashes, cache)
    done = len(rows) - sum(map(len, missing))
    reused = done - len(unusable)
    yield encoding_progress(done, len(rows))
    if not missing:
        return Extraction(len(rows), reused, hashes, unusable)
    clips = [same[0] for same in missing]
    if encoders.config.preset == "features":
        precision, encoded = str(torch.float16), read_all(clips, max_seconds)
    else:
        fast = encoders.for_inference(device)
        precision, encoded = str(fast.precision), _encode_all(clips, fast, device, workers, max_seconds)
    began: float | None = None
    # a thread writes: the disk's fsync takes as long as encoding a short clip
    with worker_deaths_in_words(), ThreadPoolExecutor(1) as writer:
        writing: list[Future[None]] = []
        for made, (same, (_, tokens)) in enumerate(zip(missing, encoded, strict=True), start=1):
            began = began or time.monotonic()  # workers take seconds to start, which no later clip will
            if isinstance(tokens, str):
                unusable |= {row.id: tokens for row in same}
                for row in same:
                    hashes.pop(row.id, None)
            else:
                writing.append(writer.submit(cache.write, hashes[same[0].id], tokens, {"precision": precision}))
                reused += len(same) - 1
            while len(writing) > (MAX_CLIPS_IN_WRITING if made < len(missing) else 0):
                writing.pop(0).result()
            done += len(same)
            rate = made / max(time.monotonic() - began, 1e-6)
            yield encoding_progress(done, len(rows), rate, (len(missing) - made) / rate)
    return Extraction(len(rows), reused, hashes, unusable)


def _encode_all(
    clips: Sequence[Row], encoders: Encoders, device: torch.device, workers: int | None, max_seconds: float
) -> Iterator[tuple[Row, Tokens | str]]:
    """Every clip with its tokens, or with what is wrong with its file. encoders: folded, on the device."""
    size = pass_size(BATCH_SECONDS, device, GPU_CHUNKS)
    workers = min(len(clips), os.cpu_count() or 1 if workers is None else workers)
    limits, for_gpu = MediaLimits(max_seconds=max_seconds), device.type == "cuda"
    decoded = decode_all(clips, encoders.config, as_decoded, workers=workers, limits=limits, for_gpu=for_gpu)
    for row, seconds in decoded:
        broken = isinstance(seconds, str)
        yield row, seconds if broken else encoders.summarise(encode_clip(seconds, encoders, device, size))


@dataclass(frozen=True)
class FileHashes:
    """Which clips some files are."""

    sha256: dict[str, str] = field(default_factory=dict)  # row id → SHA-256 of its file
    unreadable: dict[str, str] = field(default_factory=dict)  # row id → why its file cannot be read


def hash_files(rows: Sequence[Row]) -> Steps[FileHashes]:
    """Read every file once to know which clips they are; yields now and then how many."""
    hashes, reported = FileHashes(), time.monotonic()
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))  # hashing leaves Python's lock alone
    try:
        reading = zip(rows, pool.map(_hash_or_error, rows), strict=True)
        for count, (row, sha256) in enumerate(reading, start=1):
            if isinstance(sha256, Exception):
                why = getattr(sha256, "strerror", None) or sha256
                path = getattr(sha256, "filename", None) or row.path
                hashes.unreadable[row.id] = f"{path}: cannot be read ({why}); check the table and the file"
            else:
                hashes.sha256[row.id] = sha256
            if time.monotonic() - reported > PROGRESS_INTERVAL:
                reported = time.monotonic()
                yield Progress(0, len(rows), f"reading files: {count} of {len(rows)}", "tokens")
    finally:
        pool.shutdown(cancel_futures=True)  # an end in the middle reads no further
    return hashes


def _missing(rows: Sequence[Row], hashes: Mapping[str, str], cache: TokenCache) -> list[list[Row]]:
    """The rows of each clip that the cache does not hold; several where files are the same."""
    cached, missing = set[str](), dict[str, list[Row]]()
    for row in rows:
        if (sha256 := hashes.get(row.id)) is None:
            continue
        if sha256 in cached or (sha256 not in missing and cache.seconds(sha256) is not None):
            cached.add(sha256)
        else:
            missing.setdefault(sha256, []).append(row)
    return list(missing.values())


def _hash_or_error(row: Row) -> str | Exception:
    try:
        return row.content_sha256()
    except (OSError, ValueError) as error:  # ValueError: a name that no disk can hold
        return error
