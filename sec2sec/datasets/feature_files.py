"""Features of a clip in .npy, .npz and .h5 files: read without running code from them, and written.

A file is believed in nothing: type and shape are compared with the table before any value is read, object arrays are
never loaded, and HDF5's ways into other files are refused.

T seconds, C channels of a token.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, get_args

import numpy as np

from sec2sec.datasets.table import DataError

FeatureFormat = Literal["npz", "npy", "h5"]
FORMATS: tuple[str, ...] = get_args(FeatureFormat)
HDF5_SUFFIXES = (".h5", ".hdf5")
LARGEST_FLOAT16 = float(np.finfo(np.float16).max)
MAX_HEADER_BYTES = 10_000  # of a .npy file, numpy's own limit
MAX_CHUNK_BYTES = 2**28  # of an HDF5 data set: a chunk is read as a whole
# Filters that HDF5 and h5py bring along: deflate, shuffle, fletcher32, szip, nbit, scaleoffset, lzf. Any other would be
# a library that HDF5 looks for on this machine.
OWN_FILTERS = (1, 2, 3, 4, 5, 6, 32000)
DAMAGES = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,  # an encrypted member of a zip; errors of HDF5
    OverflowError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # a compression that zipfile does not know
)


@dataclass(frozen=True)
class FeatureArray:
    """Where the features of one modality of a clip lie, and their shape: T first, channels last."""

    path: Path
    shape: tuple[int, ...]


def shape_words(shape: tuple[int, ...]) -> str:
    """A shape as the table writes it: 10x18x512."""
    return "x".join(map(str, shape))


def read_features(array: FeatureArray, name: str) -> np.ndarray:
    """The features of one modality, float16, of the shape that the table gives. name: video or audio.

    .npy holds one array; in .npz and .h5 the array is called as the modality. Raises DataError, in one line, for a
    file that is damaged, holds something else, or has values that are no numbers or too large for float16.
    """
    path = array.path
    readers = {".npy": _read_npy, ".npz": _read_npz, **dict.fromkeys(HDF5_SUFFIXES, _read_hdf5)}
    try:
        values = readers[path.suffix.lower()](array, name)
    except DataError:
        raise
    except DAMAGES as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(f"{path}: {name} cannot be read ({why}); save the file again") from error
    return _as_float16(values, path, name)


def _as_float16(values: np.ndarray, path: Path, name: str) -> np.ndarray:
    finite = np.isfinite(values)
    if not finite.all():
        second, *place = np.argwhere(~finite)[0].tolist()
        value = values[(second, *place)]
        raise DataError(f"{path}: {name} holds {value} in second {second} (at {place}); replace it by a number")
    largest = float(np.abs(values).max())
    if largest > LARGEST_FLOAT16:
        raise DataError(
            f"{path}: {name} holds {largest:g}, and tokens are stored in float16, which ends at {LARGEST_FLOAT16:g}; "
            "scale the features of all clips"
        )
    return values.astype(np.float16)


def _check(path: Path, name: str, array: FeatureArray, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """DataError where a file holds another type or shape than the table says."""
    if dtype.hasobject:
        raise DataError(f"{path}: {name} holds Python objects, which are never loaded; save an array of numbers")
    if dtype.kind != "f" or dtype.itemsize > 8:
        raise DataError(f"{path}: {name} holds {dtype}; save it as float16, float32 or float64")
    if shape != array.shape:
        raise DataError(
            f"{path}: {name} has the shape {shape_words(shape) or 'of a single number'}, and the table says "
            f"{shape_words(array.shape)}; correct the one or the other"
        )


def _read_stream(stream: IO[bytes], array: FeatureArray, name: str) -> np.ndarray:
    """An array in numpy's format, whose header is checked first."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream, MAX_HEADER_BYTES)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream, MAX_HEADER_BYTES)
    else:
        raise ValueError(f"version {version[0]}.{version[1]} of the format is for arrays with named columns")
    _check(array.path, name, array, dtype, shape)
    stream.seek(0)
    values: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    return values


def _read_npy(array: FeatureArray, name: str) -> np.ndarray:
    with array.path.open("rb") as file:
        return _read_stream(file, array, name)


def _read_npz(array: FeatureArray, name: str) -> np.ndarray:
    with zipfile.ZipFile(array.path) as archive:
        names = [member.removesuffix(".npy") for member in archive.namelist()]
        if name not in names:
            raise DataError(f"{array.path}: holds no array called {name} (there: {_some(names)}); name it so")
        member = archive.getinfo(f"{name}.npy" if f"{name}.npy" in archive.namelist() else name)
        with archive.open(member) as packed:  # the header first: what is packed may be far larger than the file
            start = packed.read(MAX_HEADER_BYTES + 20)
        rest = 8 * math.prod(array.shape) + len(start)
        if member.file_size > rest:
            _read_stream(io.BytesIO(start), array, name)  # which says what is wrong, from the header alone
            raise ValueError("it is longer than its shape")
        with archive.open(member) as packed:
            return _read_stream(io.BytesIO(packed.read(rest)), array, name)


def _read_hdf5(array: FeatureArray, name: str) -> np.ndarray:
    import h5py

    with h5py.File(array.path, "r") as file:
        if name not in file:
            raise DataError(f"{array.path}: holds no data set called {name} (there: {_some(list(file))}); name it so")
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise DataError(f"{array.path}: {name} is a link to another place; store the data set itself")
        dataset = file[name]
        if not isinstance(dataset, h5py.Dataset):
            raise DataError(f"{array.path}: {name} is a group; store one data set of that name")
        if dataset.external or dataset.is_virtual:
            raise DataError(f"{array.path}: the values of {name} lie in other files; store them in this one")
        plist = dataset.id.get_create_plist()
        if any(plist.get_filter(i)[0] not in OWN_FILTERS for i in range(plist.get_nfilters())):
            raise DataError(f"{array.path}: {name} is compressed by a plug-in; store it with gzip, lzf or as it is")
        _check(array.path, name, array, dataset.dtype, dataset.shape or ())
        if dataset.chunks and math.prod(dataset.chunks) * dataset.dtype.itemsize > MAX_CHUNK_BYTES:
            raise DataError(
                f"{array.path}: {name} has chunks of more than {MAX_CHUNK_BYTES >> 20} MB; use smaller ones"
            )
        values: np.ndarray = dataset[()]
        return values


def _some(names: list[str]) -> str:
    return ", ".join(name[:40] for name in names[:6]) or "nothing"


def write_features(
    folder: Path, stem: str, arrays: Mapping[str, np.ndarray], file_format: FeatureFormat
) -> dict[str, str]:
    """Write the features of one clip; returns the name of the file of each modality. arrays: by modality."""
    if file_format == "npy":
        names = {name: f"{stem}.{name}.npy" for name in arrays}
        for name, values in arrays.items():
            np.save(folder / names[name], values, allow_pickle=False)
        return names
    file = f"{stem}.{file_format}"
    if file_format == "npz":
        np.savez(folder / file, allow_pickle=False, **arrays)
    else:
        import h5py

        with h5py.File(folder / file, "w") as opened:
            for name, values in arrays.items():
                opened.create_dataset(name, data=values)
    return dict.fromkeys(arrays, file)
