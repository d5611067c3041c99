"""Make a folder of known-truth clips: many processes, resumable, with tables of what was planted."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sec2sec.datasets.known_truth.plan import bundled_films, plan_clip
from sec2sec.datasets.known_truth.render import render_clip
from sec2sec.datasets.known_truth.states import (
    LENGTHS,
    LEVELS,
    MIN_CLIP_SECONDS,
    RULES,
    SLOTS,
    STATES,
    TARGETS,
    Level,
    Plan,
)
from sec2sec.datasets.table import DataError
from sec2sec.errors import SettingsError
from sec2sec.progress import Progress, Steps
from sec2sec.workers import end_if_started_by_import, why_they_ended

GENERATOR_VERSION = 3  # raise it when the clips of a seed change
MANIFEST_FILE, CLIPS_FILE, PLANTED_FILE, CLIPS_FOLDER = "generator.json", "clips.csv", "planted.csv", "clips"
CLIPS_COLUMNS = ("id", "path", *TARGETS, "split", "group", "level")
PLANTED_COLUMNS = (
    "id",
    "second",
    "decisive",
    *STATES,
    "flash_slots",
    "beat_slots",
    "synchrony",
    "decoy",
    *(f"{target}_evidence" for target in TARGETS),
)
WHOLE = (0.0, 1.0)  # of each film
SPLIT_SHARES = (8, 1, 1)  # of training, validation and test clips
# Libraries that would each start as many threads as there are cores, in every worker
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def make_clips(
    directory: Path,
    clips: int,
    seed: int,
    level: Level = "plain",
    neutral: float = 0.0,
    workers: int | None = None,
    shares: tuple[int, int, int] = SPLIT_SHARES,
    lengths: tuple[int, int] = LENGTHS,
    footage: tuple[float, float] = WHOLE,
) -> Steps[int]:
    """Write clips/*.mp4, clips.csv and planted.csv into directory; returns the number of clips that it holds.

    neutral: share of clips without a decisive second. workers: processes, one a core if None; 1 stays in this process.
    shares: training, validation and test clips among each sum of them, in the order of the seed.
    lengths: of the shortest and of the longest clip, in s.
    footage: where a level has real film, which part of each bundled film, as shares of its length.
    Clips made before with the same settings stay, whatever the shares; DataError for a folder of other settings.
    SettingsError for numbers that make no clips.
    """
    directory = Path(directory)
    if clips < 1 or seed < 0 or not 0 <= neutral <= 1 or level not in LEVELS or (workers is not None and workers < 1):
        raise SettingsError(
            f"clips ({clips}) and workers ({workers}) must be at least 1, seed ({seed}) at least 0, "
            f"neutral ({neutral}) in [0, 1] and level ({level!r}) one of {', '.join(LEVELS)}"
        )
    if len(shares) != 3 or min(shares) < 0 or shares[0] < 1:
        raise SettingsError(f"shares are three whole numbers, the first at least 1, not {shares}")
    if not MIN_CLIP_SECONDS <= lengths[0] <= lengths[1]:
        raise SettingsError(
            f"a clip lasts {MIN_CLIP_SECONDS} s or more, and the longest no less than the shortest, not {lengths}"
        )
    if not 0 <= footage[0] < footage[1] <= 1:
        raise SettingsError(f"footage is a part of a film, from a share to a larger one in [0, 1], not {footage}")
    settings: dict[str, Any] = {"version": GENERATOR_VERSION, "seed": seed, "level": level, "neutral": float(neutral)}
    if lengths != LENGTHS:  # sets that were made before there was a choice stay valid
        settings["lengths"] = list(lengths)
    films = bundled_films(footage) if RULES[level].film else ()
    if films:
        settings["films"] = [[film.path.name, round(film.start, 3), round(film.end, 3)] for film in films]
    _claim(directory, settings, shares)
    plans = [plan_clip(seed, index, level, neutral, lengths, films) for index in range(clips)]
    missing = [plan for plan in plans if not clip_path(directory, plan).exists()]
    yield from render_steps(directory, missing, clips, "clips", workers)
    _write_tables(directory, plans, shares)
    return clips


def render_steps(directory: Path, missing: list[Plan], total: int, what: str, workers: int | None) -> Steps[None]:
    """Render the clips that are missing among `total`; yields before the first and after each."""
    present, began = total - len(missing), time.monotonic()
    yield Progress(present, total, f"{present} of {total} {what}", "clips")
    for made, _ in enumerate(_render_all(directory, missing, workers), start=1):
        left = (time.monotonic() - began) / made * (len(missing) - made)
        yield Progress(present + made, total, f"{present + made} of {total} {what}", "clips", left)


def _render_all(directory: Path, plans: list[Plan], workers: int | None) -> Iterator[None]:
    """Render the plans, yielding once for each that is finished."""
    # a container may lend fewer cores than the machine has; only Linux can tell
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = min(len(plans), workers or cores)
    if processes <= 1:
        for plan in plans:
            render_clip(plan, clip_path(directory, plan))
            yield
        return
    end_if_started_by_import()
    with _one_thread_each(), ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as executor:
        try:
            waiting: set[Future[None]] = set()
            for plan in plans:
                waiting.add(executor.submit(render_clip, plan, clip_path(directory, plan)))
                if len(waiting) >= 3 * processes:  # enough that no worker waits, few enough to stop soon
                    finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in finished:
                        yield future.result()
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        except BrokenProcessPool as error:
            raise why_they_ended(str(error)) from None
        finally:
            executor.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that are started meanwhile compute with one thread each."""
    before = {name: os.environ.get(name) for name in THREAD_LIMITS}
    os.environ |= dict.fromkeys(THREAD_LIMITS, "1")
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def clip_path(directory: Path, plan: Plan) -> Path:
    """Where a clip is, or will be."""
    return directory / CLIPS_FOLDER / f"{plan.id}.mp4"


def _claim(directory: Path, settings: dict[str, Any], shares: tuple[int, int, int]) -> None:
    """Make the folder ours, or refuse it if it holds clips of other settings or of somebody else."""
    manifest = directory / MANIFEST_FILE
    if manifest.exists():
        try:
            content = dict(json.loads(manifest.read_text()))
        except (ValueError, TypeError):
            raise DataError(f"{manifest}: not written by this generator; choose another folder") from None
        content.pop("splits", None)  # clips are the same in any split
        if content != settings:
            raise DataError(
                f"{directory}: holds known-truth clips made with {_words(content)}, not {_words(settings)}; "
                "choose another folder, or delete this one yourself"
            )
    else:
        taken = [name for name in (CLIPS_FILE, PLANTED_FILE, CLIPS_FOLDER) if (directory / name).exists()]
        if taken:
            raise DataError(
                f"{directory}: already has {', '.join(taken)} that this generator did not make; choose another folder"
            )
    (directory / CLIPS_FOLDER).mkdir(parents=True, exist_ok=True)
    write_whole(manifest, json.dumps(settings | {"splits": ":".join(map(str, shares))}, indent=1) + "\n")


def _words(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def split_of(index: int, shares: tuple[int, int, int] = SPLIT_SHARES) -> str:
    """Which split the clip of this index belongs to."""
    place = index % sum(shares)
    return "train" if place < shares[0] else "validation" if place < shares[0] + shares[1] else "test"


def _write_tables(directory: Path, plans: list[Plan], shares: tuple[int, int, int]) -> None:
    rows = [
        {
            "id": plan.id,
            "path": f"{CLIPS_FOLDER}/{plan.id}.mp4",
            **{target: _cell(plan.classes[target]) for target in TARGETS},
            "split": split_of(plan.index, shares),
            "group": plan.id,
            "level": plan.level,
        }
        for plan in plans
    ]
    planted = []
    for plan in plans:
        for t, second in enumerate(plan.seconds):
            row: dict[str, Any] = {"id": plan.id, "second": t, "decisive": int(second.decisive)}
            row |= {name: f"{getattr(second, name):.4f}" for name in STATES}
            row["flash_slots"] = "".join(str(int(slot in second.flashes)) for slot in range(SLOTS))
            row["beat_slots"] = "".join(str(int(slot in second.beats)) for slot in range(SLOTS))
            row |= {"synchrony": _cell(second.synchrony), "decoy": int(second.decoy)}
            row |= {f"{t}_evidence": f"{e:.4f}" for t, e in zip(TARGETS, second.evidence, strict=True)}
            planted.append(row)
    write_whole(directory / PLANTED_FILE, as_csv(PLANTED_COLUMNS, planted))
    write_whole(directory / CLIPS_FILE, as_csv(CLIPS_COLUMNS, rows))


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def as_csv(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> str:
    """A table as text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_whole(path: Path, text: str) -> None:
    """Write all of the file or nothing."""
    partial = path.with_suffix(path.suffix + ".part")
    partial.write_text(text)
    os.replace(partial, path)
