"""Decisive seconds as clips of their own: what they show, and what stays as it was."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from sec2sec.datasets.known_truth import make_clips, make_excerpts, read_planted
from sec2sec.datasets.table import DataError, read_table
from sec2sec.media import open_clip


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Five clips, one of them not for training, and their excerpts."""
    source = tmp_path_factory.mktemp("known") / "whole"
    list(make_clips(source, 5, 5, "cluttered", workers=1))
    excerpts = source.parent / "seconds"
    *_, last = make_excerpts(source, excerpts, workers=1)
    return source, excerpts, last


def test_every_decisive_second_of_a_training_clip_is_a_clip_of_one_second(folders):
    source, excerpts, last = folders
    planted, table = read_planted(source), read_table(excerpts)
    training = read_table(source).split("train")
    assert last.done == last.total == sum(int(planted[row.id].decisive.sum()) for row in training)
    extra = [row for row in table.rows if row.id not in planted]
    assert len(extra) == last.total
    whole = {row.id: row for row in training}
    for row in extra[:4]:
        clip = open_clip(row.path, frames_per_second=8)
        assert len(list(clip.seconds())) == 1
        parent = whole[row.id.rpartition("-")[0]]
        assert (row.targets, row.group, row.split) == (parent.targets, parent.group, "train")
    assert {row.split for row in extra} == {"train"}


def test_whole_clips_and_their_splits_stay_where_they_are(folders):
    source, excerpts, _ = folders
    before, after = read_table(source), {row.id: row for row in read_table(excerpts).rows}
    for row in before.rows:
        same = after[row.id]
        assert (same.split, same.targets, same.group) == (row.split, row.targets, row.group)
        assert same.path.resolve() == row.path.resolve()
    assert read_table(excerpts).name == "Known-truth clips"


def test_an_excerpt_shows_and_sounds_as_its_second_does(folders):
    source, excerpts, _ = folders
    planted = read_planted(source)
    both = read_planted(excerpts)
    rows = {row.id: row for row in read_table(excerpts).rows}
    own, others = [], []
    for name in (name for name in both if name not in planted):
        parent, second = name.rpartition("-")[0], int(name.rpartition("-")[2])
        assert both[name].decisive.tolist() == [True]
        for state, values in both[name].states.items():
            assert values[0] == planted[parent].states[state][second]
        assert (both[name].flash_slots[0] == planted[parent].flash_slots[second]).all()
        (one,) = open_clip(rows[name].path, frames_per_second=8).seconds()
        for t, each in enumerate(open_clip(rows[parent].path, frames_per_second=8).seconds()):
            alike = np.abs(one.frames.mean() - each.frames.mean()) + np.abs(level(one.samples) - level(each.samples))
            (own if t == second else others).append(alike)
    assert np.mean(own) < 0.3 * np.mean(others)  # a picture as bright and a sound as loud


def level(samples: np.ndarray) -> float:
    """RMS in dB."""
    return float(20 * np.log10(np.sqrt(np.mean(samples**2)) + 1e-6))


def test_excerpts_made_before_are_kept_and_tables_are_the_same(folders):
    source, excerpts, last = folders
    before = (excerpts / "clips.csv").read_bytes()
    first, *_ = make_excerpts(source, excerpts, workers=1)
    assert first.done == first.total == last.total
    assert (excerpts / "clips.csv").read_bytes() == before


def test_clips_of_somebody_else_and_a_taken_folder_are_refused(folders, tmp_path):
    source, excerpts, _ = folders
    with pytest.raises(DataError, match="excerpts themselves"):
        next(make_excerpts(excerpts, tmp_path / "out", workers=1))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "note.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        next(make_excerpts(source, tmp_path / "taken", workers=1))
    with (source / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    other = tmp_path / "renamed"
    other.mkdir()
    (other / "generator.json").write_text((source / "generator.json").read_text())
    rows[0]["id"] = "mine"
    with (other / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(DataError, match="'mine' is no clip of its generator"):
        next(make_excerpts(other, tmp_path / "out", workers=1))
    (other / "generator.json").write_text(json.dumps({"version": 1}))
    with pytest.raises(DataError, match="another version"):
        next(make_excerpts(other, tmp_path / "out", workers=1))
    assert not (tmp_path / "out").exists()
