"""Figures that are stored come back as they were, and a file that was changed is refused in one line."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from sec2sec.explanations.results import Explanation
from sec2sec.export.as_json import to_json
from sec2sec.export.stored import StoredError, read_record, write_record
from tests.helpers import synthetic


@dataclass(frozen=True)
class Everything:
    """A field of each kind."""

    array: np.ndarray
    half: np.ndarray
    tensor: torch.Tensor
    pictures: list[bytes | None]
    absent: np.ndarray | None
    pair: tuple[int, float]
    words: tuple[str, ...]
    by_name: dict[str, tuple[bool, ...]]
    nan: float = float("nan")
    inner: list[tuple[int, ...]] = field(default_factory=list)


def test_each_kind_of_field_comes_back(tmp_path: Path) -> None:
    value = Everything(
        np.arange(6.0)[::-1].reshape(2, 3).T,  # not contiguous
        np.ones(2, np.float16),
        torch.tensor([[1.5]]),
        [b"jpeg", None],
        None,
        (1, 2.5),
        ("a", "b"),
        {"x": (True, False)},
        inner=[(1,), ()],
    )
    write_record(tmp_path / "x", value)
    back = read_record(tmp_path / "x", Everything)
    assert np.array_equal(back.array, value.array)
    assert back.half.dtype == np.float16
    assert torch.equal(back.tensor, value.tensor)
    assert (back.pictures, back.absent, back.pair, back.words) == ([b"jpeg", None], None, (1, 2.5), ("a", "b"))
    assert (back.by_name, back.inner, np.isnan(back.nan)) == ({"x": (True, False)}, [(1,), ()], True)


def test_an_explanation_with_everything_says_the_same_afterwards(tmp_path: Path) -> None:
    made = synthetic.explanation(stable=True)
    write_record(tmp_path / "x", made)
    back = read_record(tmp_path / "x", Explanation)
    assert json.dumps(to_json(back, "heads")) == json.dumps(to_json(made, "heads"))


@pytest.mark.parametrize("damage", [b"", b"no safetensors", None])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "x"
    write_record(path, synthetic.explanation())
    path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
    with pytest.raises(StoredError, match="x: cannot be read"):
        read_record(path, Explanation)


def test_a_record_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_record(tmp_path / "x", synthetic.explanation())
    with pytest.raises(StoredError):
        read_record(tmp_path / "x", Everything)
