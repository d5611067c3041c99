"""Clips of pictures: a picture has no seconds, so the camera moves slowly over it, as documentary films do.

The motion is drawn from the picture's bytes and a seed, never from its ratings, so that it teaches nothing about them.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sec2sec.datasets.oasis import PICTURES
from sec2sec.datasets.table import TABLE_FILE, DataError, Row, Table
from sec2sec.errors import SettingsError
from sec2sec.files import file_sha256, safe_name, write_atomically
from sec2sec.progress import Progress, Steps

FOLDER = "clips"
FPS = 12
MAX_PIXELS = 50_000_000  # of a picture; a camera's have 12 to 48 million
LONGEST_SIDE = 320  # pixels of a clip
SMALLEST_VIEW, LARGEST_VIEW = 0.75, 1.0  # share of the picture's sides that is seen
CRF = (18, 28)  # H.264's constant rate factor, drawn: compression is to teach nothing either
MIN_SECONDS, MAX_SECONDS = 1, 60


@dataclass(frozen=True)
class Motion:
    """Where the camera looks at the beginning and at the end, and how the clip is compressed."""

    start: tuple[float, float, float]  # size of the view, and its left and upper edge among what is left, all 0..1
    end: tuple[float, float, float]
    crf: int


def is_picture(path: Path) -> bool:
    """Whether a file is named as a picture."""
    return path.suffix.lower() in PICTURES


def read_picture(path: Path) -> Image.Image:
    """The picture in RGB, upright and at most LONGEST_SIDE / SMALLEST_VIEW long. Raises DataError."""
    side = round(LONGEST_SIDE / SMALLEST_VIEW)
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(f"{path}: {image.width} × {image.height} pixels; make it smaller than 50 megapixels")
            image.draft("RGB", (side, side))
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((side, side), Image.Resampling.LANCZOS)
            return upright
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: cannot be read as a picture ({str(error)[:80]}); copy it again") from error


def draw_motion(path: Path, seed: int = 0) -> Motion:
    """The motion over a picture: the same for the same bytes and seed. Raises OSError."""
    rng = np.random.default_rng([seed, *bytes.fromhex(file_sha256(path))])
    start, end = (
        (float(rng.uniform(SMALLEST_VIEW, LARGEST_VIEW)), float(rng.random()), float(rng.random())) for _ in range(2)
    )
    return Motion(start, end, int(rng.integers(CRF[0], CRF[1] + 1)))


def still_frames(picture: Image.Image, motion: Motion, count: int) -> Iterator[np.ndarray]:
    """The frames (height, width, 3) uint8 of a clip, both sides even, the longer one at most LONGEST_SIDE."""
    scale = min(1.0, LONGEST_SIDE / max(picture.size))
    width, height = (max(2, int(side * scale) // 2 * 2) for side in picture.size)
    for at in range(count):
        share = at / max(count - 1, 1)
        size, left, top = ((1 - share) * a + share * b for a, b in zip(motion.start, motion.end, strict=True))
        wide, high = size * picture.width, size * picture.height
        x, y = (picture.width - wide) * left, (picture.height - high) * top
        # the box is not of whole pixels, which would make the motion jerk
        box = (x, y, min(x + wide, picture.width), min(y + high, picture.height))
        yield np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, box=box))


def write_still_clip(picture: Path, out: Path, seconds: int = 4, seed: int = 0) -> None:
    """Write a clip of a picture without sound, all of it or nothing. Raises DataError, or OSError for a full disk.

    The same picture, seconds and seed give the same bytes.
    """
    motion, pixels = draw_motion(picture, seed), read_picture(picture)
    partial = out.with_suffix(out.suffix + ".part")
    try:
        with av.open(str(partial), "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=FPS)
            stream.codec_context.thread_count = 1  # one thread makes the bytes repeatable
            stream.pix_fmt = "yuv420p"
            stream.options = {"preset": "veryfast", "crf": str(motion.crf), "bf": "0"}
            for at, shown in enumerate(still_frames(pixels, motion, seconds * FPS)):
                if at == 0:
                    stream.height, stream.width = shown.shape[:2]
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
                frame.pts, frame.time_base = at, Fraction(1, FPS)
                container.mux(stream.encode(frame.reformat(format="yuv420p")))
            container.mux(stream.encode(None))
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)


def write_stills(table: Table, directory: Path, seconds: int = 4, seed: int = 0) -> Steps[int]:
    """Write clips of a table's pictures and a clips.csv with its labels, splits and groups; returns how many.

    Pictures that are missing are left out. Raises SettingsError, or DataError where the table has no pictures, one of
    them is damaged, or the folder holds something.
    """
    if not MIN_SECONDS <= seconds <= MAX_SECONDS or seed < 0:
        raise SettingsError(f"seconds are {seconds} and the seed {seed}; give {MIN_SECONDS} to {MAX_SECONDS} seconds")
    rows = [row for row in table.rows if is_picture(row.path)]
    if not rows:
        raise DataError(f"{table.directory}: its clips are no pictures, so there are no still clips to write")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise DataError(f"{directory}: is there already and not an empty folder; give another")
    (directory / FOLDER).mkdir(parents=True, exist_ok=True)
    written: list[Row] = []
    for done, row in enumerate(rows, start=1):
        if row.path.is_file():
            write_still_clip(row.path, directory / _clip(row), seconds, seed)
            written.append(row)
        yield Progress(done, len(rows), f"{done} of {len(rows)} clips")
    write_atomically(directory / TABLE_FILE, _table(table, written).encode())
    return len(written)


def _clip(row: Row) -> str:
    return f"{FOLDER}/{safe_name(row.id)}.mp4"


def _table(table: Table, rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "path", *table.targets, "split", "group"])
    for row in rows:
        labels = [f"{row.targets[name]:.9g}" if name in row.targets else "" for name in table.targets]
        writer.writerow([row.id, _clip(row), *labels, row.split, row.group])
    return text.getvalue()
