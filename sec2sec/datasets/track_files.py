"""Rating tracks from files: any table of times and values, and the forms in which data sets have them."""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.datasets.elan import read_eaf
from sec2sec.datasets.table import (
    DEFAULT_LIMITS,
    MAX_COLUMNS,
    NO_LABEL,
    DataError,
    TableLimits,
    delimited_text,
    number,
    read_bytes,
    read_cells,
    read_text,
    some,
    word_columns,
)
from sec2sec.datasets.tracks import RatingTrack

MAX_SECONDS = 86_400.0  # of a track: a day
MAX_POINTS = 1_000_000  # of a track; nine hours at 30 per second
MAX_VALUES = 20_000_000  # of a track, points times names; 160 MB
MAX_RATING = 1e9  # far above any scale
MAX_RATE = 1_000.0  # values per second
FRAME_COLUMNS = ("frame", "frame_number", "framenumber", "frame_index", "frame_idx")
TIME_COLUMNS = ("time", "times", "t", "second", "seconds", "sec", "timestamp", "time_s", "approx_time", "onset")
STIMULUS = re.compile(r"_stim\.tsv(\.gz)?$")  # by its name a file whose columns another one names
STIMULUS_SUFFIXES = (".tsv", ".tsv.gz")
NOT_A_NUMBER = (*NO_LABEL, "", "n/a", "NaN", "nan")  # "n/a" is how BIDS writes it


def read_track(
    path: Path | str,
    tier: str = "",
    limits: TableLimits = DEFAULT_LIMITS,
    frames_per_second: float | None = None,
    about: Path | None = None,
) -> RatingTrack:
    """A rating track: `.eaf` of ELAN, `.tsv` or `.tsv.gz` with a `.json` beside it, or a table of times and values.

    A table is separated by commas, semicolons or tabs. The time (s) is the column of that name, or the first one; a
    table without a header is read as time, value, value 2 and so on. A table with a column `frame` and no times in
    seconds, as py-feat writes it, takes frames_per_second from the clip. tier: of an `.eaf`. about: the `.json` of a
    `.tsv`, where it does not lie beside it. Raises DataError.
    """
    path = Path(path)
    if path.suffix.lower() == ".eaf":
        return read_eaf(path, tier, limits)
    if tier:
        raise DataError(f"{path}: has no tiers, which only files of ELAN (.eaf) have; leave the tier out")
    if path.name.lower().endswith(STIMULUS_SUFFIXES) and (about or sidecar(path)).is_file():
        return read_stimulus(path, limits, about)
    if STIMULUS.search(path.name):
        raise DataError(f"{path}: names no columns; put {sidecar(path).name} beside it, which does")
    return _read_times(path, limits, frames_per_second)


def _read_times(path: Path, limits: TableLimits, frames_per_second: float | None) -> RatingTrack:
    delimiter, text = delimited_text(path, limits)
    decimal = "," if delimiter == ";" else "."
    first = next((line for line in text.splitlines() if line.strip()), "")
    cells = [cell.strip().strip('"').replace(decimal, ".") for cell in first.split(delimiter)]
    if cells[0] and all(_is_number(cell) or cell in NOT_A_NUMBER for cell in cells):
        names = ["time", "value", *(f"value {at}" for at in range(2, len(cells)))][: len(cells)]
        text = delimiter.join(names) + "\n" + text.lstrip("\r\n")
    columns, lines = read_cells(path, text, delimiter, (), limits)
    if not columns:
        raise DataError(f"{path}: is empty; give a table with a column of times in seconds, and a column of values")
    rows = _at_most(path, list(lines), len(columns))
    time, step = _time_column(path, columns, rows, frames_per_second)
    clocks = [column for column in columns if rows and ":" in rows[0][1][column]]  # 00:01 is no value
    others = [column for column in columns if column != time and column not in clocks]
    wordy = word_columns(others, [cells for _, cells in rows])
    names = [column for column in others if column not in wordy]
    if not names:
        raise DataError(f"{path}: has one column, {time!r}; a track needs a column of times and one of values")
    times, values = [], []
    for where, found in rows:
        times.append(number(where, time, found[time].replace(decimal, "."), 0, MAX_SECONDS / step) * step)
        if len(times) > 1 and times[-1] <= times[-2]:
            now, before = times[-1] / step, times[-2] / step
            raise DataError(
                f"{where}: {time} {now:g} does not come after {before:g}, the line before; sort the lines, "
                "and keep one of each time" + (" (one face)" if step != 1 else "")
            )
        values.append([rating(where, name, found[name].replace(decimal, ".")) for name in names])
    return track_of(path, np.array(times), names, np.array(values, np.float64).reshape(len(values), len(names)))


def _time_column(
    path: Path, columns: Sequence[str], rows: Sequence[tuple[str, dict[str, str]]], frames_per_second: float | None
) -> tuple[str, float]:
    """The column that says when, and how many seconds its 1 stands for."""
    lower = [column.lower() for column in columns]
    first = rows[0][1] if rows else {}
    named = [columns[lower.index(name)] for name in TIME_COLUMNS if name in lower]
    # py-feat's approx_time is a text, 00:01, the same for all frames of a second: its frames say it better
    timed = next((name for name in named if ":" not in first.get(name, "")), None)
    if timed is not None:
        return timed, 1.0
    frame = next((columns[lower.index(name)] for name in FRAME_COLUMNS if name in lower), None)
    if frame is None:
        return (named or columns)[0], 1.0
    if not frames_per_second:
        raise DataError(
            f"{path}: counts frames in the column {frame!r} and has no times, and the clip does not say how long a "
            "frame lasts; add a column time in seconds"
        )
    return frame, 1 / frames_per_second


def _at_most(path: Path, rows: list[Any], columns: int) -> list[Any]:
    if len(rows) > MAX_POINTS or len(rows) * columns > MAX_VALUES:
        raise DataError(f"{path}: {len(rows):,} lines of {columns} columns; a track has at most {MAX_POINTS:,} lines")
    return rows


def rating(where: str, name: str, cell: str) -> float:
    """The value in a cell; NaN for an empty one, NA and n/a. Raises DataError."""
    return math.nan if cell in NOT_A_NUMBER else number(where, name, cell, -MAX_RATING, MAX_RATING)


def track_of(path: Path, times: np.ndarray, names: Sequence[str], values: np.ndarray) -> RatingTrack:
    """A track of values (N, names). DataError where there is none at all."""
    if not len(times) or not np.isfinite(values).any():
        raise DataError(f"{path}: has no value at any time; copy the file again")
    return RatingTrack(times, dict(zip(names, values.T.copy(), strict=True)), path.name)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def sidecar(path: Path) -> Path:
    """The file that says what a `.tsv` or `.tsv.gz` holds, as BIDS has it: the same name with `.json`."""
    name = path.name.removesuffix(".gz")
    return path.with_name(name[: -len(".tsv")] + ".json")


def read_stimulus(path: Path, limits: TableLimits = DEFAULT_LIMITS, about: Path | None = None) -> RatingTrack:
    """A `*_stim.tsv` or `.tsv.gz` of BIDS: no header; its `.json` has Columns, SamplingFrequency, StartTime.

    about: that file; None for the one beside it. Raises DataError.
    """
    columns, rate, start = _read_sidecar(about or sidecar(path), limits)
    lines = [line for line in _stimulus_text(path, limits).splitlines() if line.strip()]
    _at_most(path, lines, len(columns))
    values = np.empty((len(lines), len(columns)))
    for at, line in enumerate(lines):
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != len(columns):
            raise DataError(
                f"{path}, line {at + 1}: {len(cells)} values, and {sidecar(path).name} names {len(columns)} columns; "
                "use the two files of one release"
            )
        values[at] = [rating(f"{path}, line {at + 1}", name, cell) for name, cell in zip(columns, cells, strict=True)]
    times = start + np.arange(len(lines)) / rate
    keep = times >= -1e-9  # what was rated before the film begins is about no second of it
    return track_of(path, np.maximum(times[keep], 0.0), columns, values[keep])


def _stimulus_text(path: Path, limits: TableLimits) -> str:
    if path.suffix.lower() != ".gz":
        return read_text(path, limits)
    try:
        with gzip.open(io.BytesIO(read_bytes(path, limits))) as opened:
            data = opened.read(limits.file_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: cannot be unpacked ({error}); copy it again") from error
    if len(data) > limits.file_bytes:
        raise DataError(f"{path}: unpacks to more than {limits.file_bytes >> 20} MB; this is no file of ratings")
    return data.decode("utf-8", "replace")


def _read_sidecar(path: Path, limits: TableLimits) -> tuple[list[str], float, float]:
    try:
        about = json.loads(read_text(path, limits))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON ({str(error)[:80]}); copy it again") from error
    about = about if isinstance(about, dict) else {}
    columns = about.get("Columns")
    if not isinstance(columns, list) or not columns or not all(isinstance(name, str) and name for name in columns):
        raise DataError(f"{path}: Columns is {str(columns)[:60]}; expected a list of the columns' names")
    if len(set(columns)) < len(columns) or len(columns) > MAX_COLUMNS:
        raise DataError(f"{path}: Columns has {len(columns)} names, some twice or too many: {some(columns)}")
    rate = number(str(path), "SamplingFrequency", about.get("SamplingFrequency"), 1e-3, MAX_RATE)
    start = number(str(path), "StartTime", about.get("StartTime", 0), -MAX_SECONDS, MAX_SECONDS)
    return columns, rate, start
