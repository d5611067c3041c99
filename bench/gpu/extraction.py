"""Clips of a data set → tokens: how many per second, with how many decoding workers, and what they wait for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.gpu.setting import FLIGHT, Setting
from bench.gpu.trainings import copies
from bench.row import Row
from sec2sec.config import EncoderConfig, MediaLimits
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.extract import MAX_CLIP_SECONDS, as_decoded, decode_all, extract_steps
from sec2sec.datasets.table import Row as Clip
from sec2sec.encoders import build_encoders
from sec2sec.encoding import encode_seconds
from sec2sec.media import open_clip
from tests.helpers import clips

LIMIT = 40.0  # clips per second
FULL = 16  # cores that the limit is stated for
WORKERS = (1, 4, 8, 16)
CLIPS_PER_WORKER, LEAD = 20, 5  # and of these at the start, until all workers have begun and their queues are full
LIRIS = 9800  # clips of the whole data set


def extraction(setting: Setting) -> Iterator[Row]:
    """Ten seconds of real film, 480×270, as many different files: the paper preset at full grids.

    The most workers come first: they have the limit.
    """
    cores = os.cpu_count() or 1
    numbers = setting.size(sorted({min(workers, cores) for workers in WORKERS}, reverse=True), [1])
    per_worker = setting.size(CLIPS_PER_WORKER, 2)
    lead = setting.size(LEAD, 1)
    folder = setting.work / "film"
    folder.mkdir()
    source = short_film(setting) if setting.dry else FLIGHT
    count = per_worker * numbers[0]
    films = [Clip(path.stem, path, {}, "train", path.stem) for path in copies(source, folder, count)]
    encoders = build_encoders(EncoderConfig.paper(), pretrained=False, seed=0)
    rates = {}
    for workers in numbers:
        cache = TokenCache(setting.work / f"extracted-{workers}", encoders)
        some = films[: per_worker * workers]
        steps = extract_steps(some, encoders, cache, device=setting.device, workers=workers)
        rates[workers] = rate((int(step.done) for step in steps), lead * workers)
        limit = LIMIT if workers == FULL or setting.dry else None
        yield Row(f"extraction with {words(workers)}", rates[workers], "clips/s", limit, "at least")
    most = numbers[0]
    yield Row(f"{LIRIS} clips at that rate, with {words(most)}", LIRIS / rates[most] / 60, "min")
    limits = MediaLimits(max_seconds=MAX_CLIP_SECONDS)
    decoded = decode_all(films, encoders.config, as_decoded, workers=most, limits=limits)
    decoding_alone = rate((n for n, _ in enumerate(decoded, start=1)), lead * most)
    yield Row(f"decoding alone with {words(most)}", decoding_alone, "clips/s")
    fast = encoders.for_inference(setting.device)
    seconds = list(open_clip(source, frames_per_second=encoders.config.frames_per_second).seconds())
    encoding_alone = 1000 / setting.milliseconds(lambda: encode_seconds(seconds, fast, setting.device).cpu())
    yield Row("encoding alone", encoding_alone, "clips/s")
    ratio = decoding_alone / encoding_alone
    yield Row("decoding ÷ encoding (below 1 decoding is the limit, above 1 encoding)", ratio, "×")


def words(workers: int) -> str:
    """How many decode."""
    return "1 decoding worker" if workers == 1 else f"{workers} decoding workers"


def rate(done: Iterable[int], lead: int) -> float:
    """Per second, of a count that grows, once `lead` are done: workers take seconds to start."""
    reached: list[tuple[int, float]] = []
    for number in done:
        if number >= lead:
            reached.append((number, time.perf_counter()))
    (first, began), (last, ended) = reached[0], reached[-1]
    assert last > first, (first, last)
    return (last - first) / (ended - began)


def short_film(setting: Setting) -> Path:
    """One second, for a dry run."""
    return clips.make_clip(setting.work / "short.mp4", seconds=1, fps=8)


def decoding(setting: Setting) -> Iterator[Row]:
    """One process decodes a 720p clip at 16 frames per second, as the app does."""
    width, height = setting.size((1280, 720), (320, 180))
    seconds = setting.size(10, 2)
    path = clips.make_clip(
        setting.work / "720p.mp4", seconds=seconds, fps=30, size=(width, height), picture=moving(width, height)
    )
    began = time.perf_counter()
    decoded: Sequence[object] = list(open_clip(path, frames_per_second=16).seconds())
    assert len(decoded) == seconds, len(decoded)
    yield Row(f"decoding {seconds} s of {width}×{height} in one process", time.perf_counter() - began, "s")


def moving(width: int, height: int) -> Callable[[int, float, int, int], np.ndarray]:
    """A drawing of coloured squares that move: pictures that a decoder has work with."""
    squares = np.random.default_rng(0).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    whole = squares.repeat(8, 0).repeat(8, 1)[:height, :width]
    return lambda index, time, wide, high: np.ascontiguousarray(np.roll(whole, (3 * index, 5 * index), (0, 1)))
