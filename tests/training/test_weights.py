"""Clips that weigh in a training by a column of their data set."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sec2sec.datasets.table import DataError, Row
from sec2sec.training.batches import cached_clips, clip_weight


def row(name: str, **columns: str) -> Row:
    return Row(name, Path(f"{name}.wav"), {"arousal": 1.0}, "train", "g", columns)


def test_weights_are_the_columns_numbers_brought_to_mean_one():
    rows = [row("a", recognised="0.9"), row("b", recognised="0.3")]
    files, seconds = {name: Path(name) for name in "ab"}, {"a": 2, "b": 2}
    weighed = cached_clips(rows, ("arousal",), files, seconds, "recognised")
    assert torch.allclose(weighed.weights, torch.tensor([1.5, 0.5]))
    assert torch.equal(cached_clips(rows, ("arousal",), files, seconds).weights, torch.ones(2))


def test_a_target_may_be_the_weight():
    assert clip_weight(row("a"), "arousal") == 1.0


@pytest.mark.parametrize("cell", ["", "often", "-1", "nan", "inf"])
def test_a_clip_without_a_number_from_0_is_refused_with_what_stands_there(cell):
    with pytest.raises(DataError, match=r"a\.wav: weight_by is recognised.*columns: recognised"):
        clip_weight(row("a", recognised=cell), "recognised")


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(DataError, match="weight_by is heard, where this clip has 'nothing'"):
        clip_weight(row("a", recognised="1"), "heard")
