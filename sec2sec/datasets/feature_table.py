"""Features that another program computed, as a data set: DIR/features.csv, and a file or two per clip.

    id,video,audio,video_shape,audio_shape,arousal,split,group,source
    c1,features/c1.npz,features/c1.npz,10x18x512,10x128,1,train,film1,CLIP and VGGish

video and audio name the files, relative to DIR; an empty cell means that the clip has no picture or no sound. A shape
begins with T, the seconds of the clip, and ends with C, the channels of a token. Between them stand nothing (one vector
per second), a number of tokens, or the grid of the tokens: time x height x width of a picture, bands x times of a
sound. Apart from T all clips have one shape. source says what made the features.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sec2sec.config import EncoderConfig
from sec2sec.datasets.feature_files import (
    FORMATS,
    HDF5_SUFFIXES,
    FeatureArray,
    read_features,
    shape_words,
)
from sec2sec.datasets.table import (
    DEFAULT_LIMITS,
    DataError,
    FeatureSource,
    Row,
    Table,
    TableLimits,
    check_paths,
    delimited_text,
    read_cells,
    some,
    table_notes,
    table_row,
    word_columns,
)
from sec2sec.extras import require_extra
from sec2sec.files import file_sha256

if TYPE_CHECKING:
    from sec2sec.encoders.tokens import Tokens

FEATURES_FILE = "features.csv"
MODALITIES = ("video", "audio")
COLUMNS = ("id", "split", "group")
NOT_TARGETS = (*COLUMNS, *MODALITIES, *(f"{name}_shape" for name in MODALITIES), "source")
SUFFIXES = (*(f".{name}" for name in FORMATS), ".hdf5")
SHAPE = re.compile(r"[(\[]?\s*\d+(?:\s*[x×,]\s*\d+)+\s*,?\s*[)\]]?")  # 10x18x512, or as numpy prints it
MAX_VALUES_PER_SECOND = 2**20  # of one modality; the paper's encoders give 50,176
MAX_SECONDS = 3600  # of a clip, before the limits of systems
GRIDS = {
    "video": "T x C, T x tokens x C or T x time x height x width x C",
    "audio": "T x C, T x tokens x C or T x bands x times x C",
}


@dataclass(frozen=True)
class FeatureRow(Row):
    """One clip as features; `path` is the first of its files."""

    arrays: Mapping[str, FeatureArray] = field(default_factory=dict)  # by modality; absent: the clip has none

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the clip."""
        return tuple(array.path for array in self.arrays.values())

    @property
    def seconds(self) -> int:
        """T."""
        return next(iter(self.arrays.values())).shape[0]

    def content_sha256(self) -> str:
        """Of its files and shapes. Raises OSError."""
        lines = [f"{name} {file_sha256(a.path)} {shape_words(a.shape)}\n" for name, a in sorted(self.arrays.items())]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def read(self) -> Tokens:
        """Its tokens, float16. Raises DataError, in one line."""
        import torch  # reading a table is to be quick

        from sec2sec.encoders.tokens import Tokens

        tensors: dict[str, Any] = {}
        for name, array in self.arrays.items():
            values = read_features(array, name)
            tensors[name] = torch.from_numpy(values.reshape(len(values), -1, values.shape[-1]))
        return Tokens(tensors.get("video"), tensors.get("audio"))


def feature_rows(rows: Sequence[Row]) -> list[FeatureRow]:
    """The same rows, of a table of features."""
    features = [row for row in rows if isinstance(row, FeatureRow)]
    assert len(features) == len(rows), "clips and features do not stand in one table"
    return features


def read_all(rows: Sequence[Row], max_seconds: float) -> Iterator[tuple[Row, Tokens | str]]:
    """Every row with its tokens, or with what is wrong with its files."""
    for row in feature_rows(rows):
        if row.seconds > max_seconds:
            yield row, f"{row.path}: {row.seconds} seconds, and at most {max_seconds:g} are taken here; cut the clip"
            continue
        try:
            yield row, row.read()
        except DataError as error:
            yield row, str(error)


def read_feature_table(directory: Path | str, limits: TableLimits = DEFAULT_LIMITS) -> Table:
    """Read DIR/features.csv; the files that it names are not opened. Raises DataError, or MissingExtraError for .h5."""
    directory = Path(directory)
    file = directory / FEATURES_FILE
    delimiter, text = delimited_text(file, limits)
    columns, lines = read_cells(file, text, delimiter, COLUMNS, limits)
    _check_columns(file, columns)
    cells_at = dict(lines)
    wordy = word_columns([name for name in columns if name not in NOT_TARGETS], cells_at.values())
    targets = tuple(name for name in columns if name not in (*NOT_TARGETS, *wordy))
    decimal = "," if delimiter == ";" else "."
    rows: list[FeatureRow] = []
    places: dict[str, str] = {}
    sources: dict[str, None] = {}
    for where, cells in cells_at.items():
        arrays = {name: _array(where, directory, cells, name) for name in MODALITIES if cells.get(name)}
        _check_lengths(where, arrays)
        path = next(iter(arrays.values())).path
        row = table_row(where, {**cells, "path": str(path)}, path, targets, decimal)
        if row.id in places:
            raise DataError(f"{where}: id {row.id!r} stands twice; each clip needs an id of its own")
        places[row.id] = where
        rows.append(FeatureRow(row.id, path, row.targets, row.split, row.group, arrays=arrays))
        sources[cells.get("source", "")] = None
    if not rows:
        raise DataError(f"{file}: the table has no clips")
    check_paths(rows, places)
    if len(sources) > 1:
        raise DataError(f"{file}: source differs between lines ({some(sources)}); a table has features of one source")
    if any(path.suffix.lower() in HDF5_SUFFIXES for row in rows for path in row.files):
        require_extra("h5", f"{file}: reading .h5 files")
    source = FeatureSource(next(iter(sources)) or directory.absolute().name, _encoder(rows, places), file_sha256(file))
    notes = [f"Its clips are features, computed elsewhere: {source.name}.", *table_notes(wordy, {})]
    return Table(directory, targets, rows, notes=tuple(notes), features=source)


def _check_columns(file: Path, columns: Sequence[str]) -> None:
    if not any(name in columns for name in MODALITIES):
        raise DataError(f"{file}: has no column video and no column audio, which name the files; found {some(columns)}")
    missing = [f"{name}_shape" for name in MODALITIES if name in columns and f"{name}_shape" not in columns]
    if missing:
        raise DataError(f"{file}: column {', '.join(missing)} is missing; it gives the shape of the array as 10x18x512")


def _array(where: str, directory: Path, cells: Mapping[str, str], name: str) -> FeatureArray:
    path = directory / cells[name].replace("\\", "/")  # tables written on Windows
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{where}: {name} is {cells[name][:80]!r}; features are files that end in {', '.join(SUFFIXES)}"
        )
    text = cells[f"{name}_shape"]
    if not SHAPE.fullmatch(text):
        raise DataError(f"{where}: {name}_shape is {text[:60]!r}; expected {GRIDS[name]}, such as 10x18x512")
    shape = tuple(int(number[:9]) for number in re.findall(r"\d+", text))
    if grid_of(name, shape) is None:
        raise DataError(f"{where}: {name}_shape {shape_words(shape)} has {len(shape)} numbers; expected {GRIDS[name]}")
    if not 1 <= shape[0] <= MAX_SECONDS or not 1 <= math.prod(shape[1:]) <= MAX_VALUES_PER_SECOND:
        raise DataError(
            f"{where}: {name}_shape is {shape_words(shape)}; expected from 1 to {MAX_SECONDS:,} seconds, and from 1 to "
            f"{MAX_VALUES_PER_SECOND:,} values in each"
        )
    return FeatureArray(path, shape)


def grid_of(name: str, shape: Sequence[int]) -> tuple[int, ...] | None:
    """The grid of the tokens of a second: (time, height, width) or (bands, times). None where the shape has none.

    Tokens without a grid are places of one moment, or bands of one moment.
    """
    whole = 3 if name == "video" else 2
    between = tuple(shape[1:-1])
    if not between:
        return (1,) * whole
    if len(between) == 1:
        return (1, 1, between[0]) if name == "video" else (between[0], 1)
    return between if len(between) == whole else None


def _check_lengths(where: str, arrays: Mapping[str, FeatureArray]) -> None:
    if not arrays:
        raise DataError(f"{where}: names neither a file of video nor one of audio; a clip needs one")
    if len({array.shape[0] for array in arrays.values()}) > 1:
        lengths = " and ".join(f"{name} {array.shape[0]}" for name, array in arrays.items())
        raise DataError(f"{where}: {lengths} seconds; both must have one vector or grid for each second of the clip")


def _encoder(rows: Sequence[FeatureRow], places: Mapping[str, str]) -> EncoderConfig:
    """The shapes that all clips share. A modality that no clip has is one token as wide as the other's."""
    shapes: dict[str, tuple[int, ...]] = {}
    for row in rows:
        for name, array in row.arrays.items():
            shape = shapes.setdefault(name, array.shape)
            if shape[1:] != array.shape[1:]:
                raise DataError(
                    f"{places[row.id]}: {name}_shape is {shape_words(array.shape)}, and {shape_words(shape)} above; "
                    "apart from the seconds all clips have one shape"
                )
    channels = {name: shape[-1] for name, shape in shapes.items()}
    any_width = next(iter(channels.values()))
    grids: dict[str, Any] = {f"{name}_grid": grid_of(name, shapes.get(name, (1, any_width))) for name in MODALITIES}
    width, audio_width = (channels.get(name, any_width) for name in MODALITIES)
    config = EncoderConfig("features", frames_per_second=1, width=width, **grids)
    return config if audio_width == width else replace(config, audio_width=audio_width)


def modalities_of(table: Table) -> set[str]:
    """The modalities that some clip of a table of features has."""
    return {name for row in feature_rows(table.rows) for name in row.arrays}
