"""Groups dealt to splits and folds as wholes, and tables that name no split."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold

from sec2sec.cli import main
from sec2sec.datasets.groups import deal_groups, fold_groups
from sec2sec.datasets.isolated import open_uploaded
from sec2sec.datasets.open import open_data
from sec2sec.datasets.splits import shared_groups
from sec2sec.datasets.table import SPLITS, DataError, Table, TableLimits, read_table
from tests.helpers.trainings import arguments

SIZES = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(1, 30), min_size=3, max_size=40)


def write(folder: Path, clips_of: dict[str, int], shuffled: int | None = None) -> Path:
    """A table without a column split; clips_of: how many clips each group has."""
    folder.mkdir(exist_ok=True)
    lines = [f"{group}-{n},{group}-{n}.mp4,{n % 2},{group}" for group, count in clips_of.items() for n in range(count)]
    if shuffled is not None:
        random.Random(shuffled).shuffle(lines)
    (folder / "clips.csv").write_text("\n".join(["id,path,arousal,group", *lines]))
    return folder


def splits(table: Table) -> dict[str, str]:
    return {row.id: row.split for row in table.rows}


@given(SIZES, st.tuples(*[st.integers(1, 9)] * 3), st.integers(0, 99))
@settings(deadline=None)
def test_shares_of_clips_differ_from_those_asked_for_by_twice_the_largest_group_at_most(sizes, shares, seed):
    place_of = deal_groups(sizes, shares, seed)
    assert set(place_of) == set(sizes)
    clips = Counter()
    for group, place in place_of.items():
        clips[place] += sizes[group]
    assert set(clips) == {0, 1, 2}
    smallest = sum(sizes.values()) * min(shares) / sum(shares)
    if smallest >= max(sizes.values()):  # else the place that would be empty takes a group of its own
        for place, share in enumerate(shares):
            wanted = sum(sizes.values()) * share / sum(shares)
            assert abs(clips[place] - wanted) <= 2 * max(sizes.values())


@given(SIZES, st.integers(2, 6), st.integers(0, 99))
@settings(deadline=None)
def test_folds_are_as_large_as_those_of_scikit_learn(sizes, folds, seed):
    if len(sizes) < folds:
        with pytest.raises(ValueError, match="groups for"):
            fold_groups(sizes, folds, seed)
        return
    groups = [group for group, count in sizes.items() for _ in range(count)]
    expected = sorted(len(test) for _, test in GroupKFold(folds).split(groups, groups=groups))
    clips = Counter()
    for group, fold in fold_groups(sizes, folds, seed).items():
        clips[fold] += sizes[group]
    assert sorted(clips.values()) == expected


def test_folds_of_groups_of_different_sizes_are_those_of_scikit_learn():
    sizes = {f"film{count}": count for count in (1, 2, 3, 5, 8, 13, 21, 34)}
    groups = np.array([group for group, count in sizes.items() for _ in range(count)])
    expected = {frozenset(groups[test]) for _, test in GroupKFold(3).split(groups, groups=groups)}
    for seed in range(5):
        fold_of = fold_groups(sizes, 3, seed)
        assert {frozenset(name for name in sizes if fold_of[name] == fold) for fold in range(3)} == expected


def test_a_table_without_a_split_has_one_by_group_near_seven_to_one_to_two(tmp_path):
    table = read_table(write(tmp_path, {f"film{n}": 5 for n in range(20)}))
    assert shared_groups(table) == {}
    assert {split: len(table.split(split)) for split in SPLITS} == {"train": 70, "validation": 10, "test": 20}
    note = "The table names no split, so one was drawn at random, 7:1:2 with split seed 0, and no group stands in two "
    assert any(sentence.startswith(note) for sentence in table.notes)


def test_the_split_depends_on_the_seed_and_not_on_the_order_of_lines(tmp_path):
    sizes = {f"film{n}": 1 + n % 4 for n in range(20)}
    first = splits(read_table(write(tmp_path / "a", sizes), split_seed=3))
    assert splits(read_table(write(tmp_path / "b", sizes, shuffled=1), split_seed=3)) == first
    assert splits(read_table(tmp_path / "a", split_seed=4)) != first


def test_an_uploaded_table_has_the_same_split(tmp_path):
    folder = write(tmp_path / "a", {f"film{n}": 2 for n in range(10)})
    for n in range(10):
        for clip in range(2):
            (folder / f"film{n}-{clip}.mp4").touch()
    here = read_table(folder, split_seed=3, split_shares=(2, 2, 1))
    uploaded = open_uploaded(folder, TableLimits(), split_seed=3, split_shares=(2, 2, 1))
    assert uploaded.drawn
    assert here.drawn
    assert splits(uploaded) == splits(here)
    assert uploaded.notes == here.notes


def test_shares_can_be_chosen(tmp_path):
    table = read_table(write(tmp_path, {f"film{n}": 2 for n in range(10)}), split_shares=(2, 2, 1))
    assert {split: len(table.split(split)) for split in SPLITS} == {"train": 8, "validation": 8, "test": 4}


def test_too_few_groups_for_a_split_are_said_in_one_line(tmp_path):
    expected = r"no column split, and a split by group needs at least 3 groups \(films, speakers\), found a, b; add"
    with pytest.raises(DataError, match=expected):
        read_table(write(tmp_path, {"a": 5, "b": 9}))


def test_shares_are_refused_where_nothing_is_drawn(tmp_path, capsys):
    (tmp_path / "clips.csv").write_text("id,path,arousal,split,group\na,a.mp4,1,train,f\n")
    with pytest.raises(DataError, match="has a column split, so that no split is drawn"):
        open_data(tmp_path, split_shares=(6, 2, 2))
    assert main(["data", str(tmp_path), "--split-shares", "6,2"]) == 2
    assert "--split-shares must be a list of 3 whole numbers from 1 to 1000" in capsys.readouterr().err


@pytest.fixture(scope="module")
def without_split(made) -> Path:
    """The clips of `made` in a table that names no split."""
    with (made / "data" / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    folder = made / "unsplit"
    folder.mkdir()
    (folder / "clips").symlink_to(made / "data" / "clips")
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name != "split"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_the_split_is_said_by_data_train_the_checkpoint_and_its_card(made, without_split, tmp_path, capsys):
    shares = ("--split-seed", "2", "--split-shares", "2,1,1")
    assert main(["data", str(without_split), *shares]) == 0
    note = next(line.strip() for line in capsys.readouterr().out.splitlines() if "names no split" in line)
    assert "2:1:1 with split seed 2" in note
    run = tmp_path / "run"
    assert main([*arguments(made, run, data=without_split, epochs=1), *shares]) == 0
    assert note in capsys.readouterr().out.splitlines()
    assert f"- {note}" in (run / "checkpoint" / "card.md").read_text().splitlines()
    config = json.loads((run / "checkpoint" / "config.json").read_text())["provenance"]
    assert note in config["notes"]
    assert (config["config"]["split_seed"], config["config"]["split_shares"]) == (2, [2, 1, 1])


def test_evaluate_draws_the_split_that_the_checkpoint_learned_with(made, without_split, tmp_path, capsys):
    run, shares = tmp_path / "run", ("--split-seed", "2", "--split-shares", "2,1,1")
    assert main([*arguments(made, run, data=without_split, epochs=1), *shares]) == 0
    hardware = ("--workers", "0", "--device", "cpu", "--cache", str(made / "tokens"))
    asked = ["evaluate", "--data", str(without_split), "--checkpoint", str(run / "checkpoint"), *hardware]
    assert main([*asked, "--json", str(tmp_path / "e.json")]) == 0
    report = json.loads((tmp_path / "e.json").read_text())
    assert report["reading"] == {"split_seed": 2, "split_shares": [2, 1, 1]}
    assert report["learned_from"]["clips"] == 0
    assert report["clips"] == json.loads((run / "checkpoint" / "metrics.json").read_text())["test"]["clips"]
    capsys.readouterr()
    assert main([*asked, "--split-seed", "5", "--include-seen"]) == 0
    assert "Read otherwise than the checkpoint learned: split_seed 5, not 2." in capsys.readouterr().out
