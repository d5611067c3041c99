"""Dataclasses of figures in one file, and back: text and numbers as JSON, arrays as safetensors. Reading runs no code.

For the program's own use, to hold what it can make again; what other programs rely on is in `as_json.py`.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, Union

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from sec2sec.errors import UserError
from sec2sec.files import write_atomically

T = TypeVar("T")
RECORD = "record"  # key of the JSON among the file's metadata


class StoredError(UserError):
    """A stored record that cannot be read: which, and why."""


ARRAYS: Mapping[Any, Callable[[np.ndarray], Any]] = {
    np.ndarray: lambda array: array,
    torch.Tensor: torch.from_numpy,
    bytes: np.ndarray.tobytes,
}


def write_record(path: Path, value: Any) -> None:
    """Write a dataclass of figures, dataclasses, mappings, lists, arrays, tensors, bytes, text and None."""
    arrays: dict[str, np.ndarray] = {}
    record = _plain(value, arrays)
    write_atomically(path, save(arrays, {RECORD: json.dumps(record)}))


def read_record(path: Path, kind: type[T]) -> T:
    """The dataclass that was written. Raises StoredError for a file that is damaged or holds another kind."""
    try:
        with safe_open(path, framework="numpy") as file:
            record = json.loads((file.metadata() or {})[RECORD])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        value: T = _typed(kind, record, arrays)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoredError(f"{path.name}: cannot be read ({error}); delete it, and it will be made again") from error
    return value


def _plain(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """JSON, in which the name of an array stands for the array."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, bytes):
        value = np.frombuffer(value, np.uint8)
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = np.ascontiguousarray(value)
        return name
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, arrays) for item in value]
    return value


def _typed(hint: Any, value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """What was written, by its type."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        (one,) = (kind for kind in inner if kind is not types.NoneType)  # nothing here is of one kind or another
        return None if value is None else _typed(one, value, arrays)
    if hint in ARRAYS:
        return ARRAYS[hint](arrays[value])
    if isinstance(hint, type) and is_dataclass(hint):
        return hint(**{name: _typed(kind, value[name], arrays) for name, kind in _hints(hint).items()})
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _typed(inner[1], item, arrays) for key, item in value.items()}
    if origin is tuple and inner[-1] is not Ellipsis:
        return tuple(_typed(kind, item, arrays) for kind, item in zip(inner, value, strict=True))
    if origin in (tuple, list):
        return origin(_typed(inner[0], item, arrays) for item in value)
    return value


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    """The types of a dataclass's fields."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
