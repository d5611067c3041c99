"""The reader of LIRIS-ACCEDE, on small folders in its format on disk."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec.datasets.liris import parse_rule, read_liris
from sec2sec.datasets.open import open_data
from sec2sec.datasets.splits import RANDOM_SPLIT
from sec2sec.datasets.table import DataError, Table, TableLimits
from tests.datasets.test_table import read_or_refuse
from tests.helpers.formats import (
    FILMS,
    LIRIS,
    change,
    damaged,
    labels,
    make_liris,
)


def test_liris_gives_official_sets_films_and_labels_above_the_training_median(tmp_path, clips):
    table = open_data(make_liris(tmp_path / "liris", clips))
    assert table.name == "LIRIS-ACCEDE"
    assert table.targets == ("valence", "arousal")
    assert table.kinds == {"valence": "binary", "arousal": "binary"}
    assert [row.split for row in table.rows] == ["train"] * 4 + ["validation"] * 2 + ["test"] * 3
    assert [row.group for row in table.rows] == [FILMS[film] for film, *_ in LIRIS]
    assert table.rows[1].id == "ACCEDE00001"
    assert table.rows[1].path == tmp_path / "liris/data/ACCEDE00001.mp4"
    assert labels(table, "valence") == [0, 1, 1, 0, 0, 1, 1, 0, 1]  # training median 2.75
    assert labels(table, "arousal") == [0, 1, 0, 1, 1, 0, 1, 1, 0]  # 2.3
    assert "above the training median, 2.750" in table.notes[0]


@pytest.mark.parametrize(
    ("rule", "valence", "arousal", "said"),
    [
        ("3", [0, 1, 1, 0, 0, 1, 0, 0, 1], [0, 0, 0, 1, 1, 0, 0, 1, 0], "at least 3."),
        ("2.5", [0, 1, 1, 1, 0, 1, 1, 0, 1], [0, 1, 0, 1, 1, 0, 1, 1, 0], "at least 2.5."),
        ("mean", [0, 1, 1, 0, 0, 1, 1, 0, 1], [0, 0, 0, 1, 1, 0, 1, 1, 0], "training mean, 2.525"),
        ("valence=3, arousal=2.5", [0, 1, 1, 0, 0, 1, 0, 0, 1], [0, 1, 0, 1, 1, 0, 1, 1, 0], "valence is 1"),
        ("valence=3", [0, 1, 1, 0, 0, 1, 0, 0, 1], [0, 1, 0, 1, 1, 0, 1, 1, 0], "arousal is 1 where"),
        ("class", [0, 0.5, 1] * 3, [0.5, 1, 0] * 3, "MediaEval"),
    ],
)
def test_the_binary_rule_is_an_option(tmp_path, rule, valence, arousal, said):
    table = open_data(make_liris(tmp_path / "liris"), liris_rule=rule)
    assert labels(table, "valence") == valence
    assert labels(table, "arousal") == arousal
    assert set(table.kinds.values()) == {"score" if rule == "class" else "binary"}
    assert said in " ".join(table.notes)


def test_ratings_and_ranks_are_scores_beside_classes_of_another_target(tmp_path):
    table = open_data(make_liris(tmp_path / "liris"), liris_rule="valence=rating,arousal=median")
    assert table.kinds == {"valence": "score", "arousal": "binary"}
    assert labels(table, "valence") == pytest.approx([(valence - 1) / 4 for _, valence, *_ in LIRIS])
    assert "valence is its rating, 1 to 5, scaled to 0..1." in table.notes
    ranked = open_data(tmp_path / "liris", liris_rule="rank")
    assert labels(ranked, "arousal") == pytest.approx([number / 8 for number in range(9)])
    assert ranked.kinds == {"valence": "score", "arousal": "score"}


@pytest.mark.parametrize("rule", ["high", "", "6", "nan", "valence=3,3", "fear=3", "valence=", "1;2"])
def test_an_unknown_rule_is_refused(rule):
    with pytest.raises(DataError, match="rule"):
        parse_rule(rule)


def test_the_random_split_needs_no_sets_and_says_that_films_leak(tmp_path):
    folder = make_liris(tmp_path / "liris")
    (folder / "annotations/ACCEDEsets.txt").unlink()
    table = open_data(folder, split=RANDOM_SPLIT, split_seed=3)
    assert "films leak" in table.name
    assert "films" not in table.notes[0]
    assert "clips of one film stand on both sides" in table.notes[-1]
    assert [len(table.split(name)) for name in ("train", "validation", "test")] == [6, 1, 2]
    assert open_data(folder, split=RANDOM_SPLIT, split_seed=3).rows == table.rows


def test_other_copies_of_liris_read_alike(tmp_path):
    plain = make_liris(tmp_path / "plain")
    other = tmp_path / "other/LIRIS-ACCEDE-annotations"
    shutil.copytree(plain, other)
    shutil.move(other / "ACCEDEdescription.xml", tmp_path / "other")
    ranking = other / "annotations/ACCEDEranking.txt"
    change(ranking, "\t".join(("id", "name")), "\t".join(("name", "id")))
    text = ranking.read_text().splitlines()
    swapped = ["\t".join((f"data\\{cells[1]}", cells[0], *cells[2:])) for cells in (s.split("\t") for s in text[1:])]
    ranking.write_text("\ufeff" + "\n".join([text[0], *swapped]))
    change(other / "annotations/ACCEDEsets.txt", "ACCEDE00000.mp4", "./data/ACCEDE00000.mp4")
    xml = tmp_path / "other/ACCEDEdescription.xml"
    text = xml.read_text("latin-1").replace("<library>", '<library xmlns="http://liris-accede.ec-lyon.fr/">')
    text = text.replace("<movie>The_Dabbler.mp4", "<movie>The_Dabbler_1_6.mp4", 1)
    xml.write_text(text.replace("<id>1</id>", "<start>3</start><id>1</id>").replace("UTF-8", "ISO-8859-1"), "latin-1")
    found, expected = open_data(tmp_path / "other"), open_data(plain)
    facts = [[(row.id, row.targets, row.split, row.group) for row in table.rows] for table in (found, expected)]
    assert facts[0] == facts[1]


def test_clips_with_their_suffix_in_capitals_are_found_and_films_in_windows_1252_read(tmp_path, clips):
    folder = make_liris(tmp_path / "liris", clips)
    for at in (1, 2):
        (folder / f"data/ACCEDE{at:05d}.mp4").rename(folder / f"data/ACCEDE{at:05d}.MP4")
    change(folder / "annotations/ACCEDEranking.txt", "ACCEDE00002.mp4", "ACCEDE00002.MP4")
    description = folder / "ACCEDEdescription.xml"
    text = description.read_bytes()
    description.write_bytes(text.replace(FILMS[1].encode("latin-1"), "L’œuvre".encode("windows-1252")))
    table = open_data(folder)
    assert all(row.path.is_file() for row in table.rows)
    assert [row.id for row in table.rows[:3]] == ["ACCEDE00000", "ACCEDE00001", "ACCEDE00002"]
    assert {row.group for row in table.rows[2:4]} == {"L’œuvre"}


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("annotations/ACCEDEranking.txt", "valenceValue", "valence", "column valenceValue is missing; found id, name"),
        ("annotations/ACCEDEranking.txt", "1.400000000", "5.400000000", "line 2: valenceValue is '5.4"),
        ("annotations/ACCEDEranking.txt", "1.400000000", "nan", "line 2: valenceValue is 'nan'; expected a number"),
        ("annotations/ACCEDEranking.txt", "1.400000000", "", "line 2: valenceValue is ''"),
        ("annotations/ACCEDEranking.txt", "1.400000000\t", "", "line 2: the number of cells differs"),
        (
            "annotations/ACCEDEranking.txt",
            "ACCEDE00001",
            "ACCEDE00000",
            "line 3: the clip 'ACCEDE00000.mp4' stands twice",
        ),
        ("annotations/ACCEDEsets.txt", "ACCEDE00004", "ACCEDE00003", "line 6: the clip .* in two sets, 1 and 2"),
        ("annotations/ACCEDEsets.txt", "ACCEDE00003", "ACCEDE00002", "line 5: the clip .* stands twice"),
        ("annotations/ACCEDEsets.txt", "ACCEDE00003", "ACCEDE00303", "no set for 1 of the 9 clips"),
        ("annotations/ACCEDEsets.txt", ".mp4\t0", ".mp4\t3", "line 8: set is '3'; expected one of 1, 2, 0"),
        ("ACCEDEdescription.xml", "ACCEDE00003", "ACCEDE00303", "no film for 1 of the 9 clips"),
        ("ACCEDEdescription.xml", "<movie>Sintel.mp4</movie>", "", "media 6: it has no <movie>"),
        ("ACCEDEdescription.xml", "</library>", "", "not well-formed XML"),
        ("ACCEDEdescription.xml", "<library>", '<!DOCTYPE a [<!ENTITY b "c">]><library>', "declares entities"),
        ("ACCEDEdescription.xml", "ACCEDE00004", "ACCEDE00003", "comes from two films"),
    ],
)
def test_annotations_of_liris_that_cannot_be_used_are_refused(tmp_path, file, old, new, said):
    folder = make_liris(tmp_path / "liris")
    change(folder / file, old, new)
    with pytest.raises(DataError, match=said) as caught:
        open_data(folder)
    assert "\n" not in str(caught.value)
    assert Path(file).name in str(caught.value)


@pytest.mark.parametrize(
    "file", ["ACCEDEdescription.xml", "annotations/ACCEDEranking.txt", "annotations/ACCEDEsets.txt"]
)
def test_a_missing_annotation_file_of_liris_is_named(tmp_path, file):
    folder = make_liris(tmp_path / "liris")
    (folder / file).unlink()
    with pytest.raises(DataError, match=f"{Path(file).name} of LIRIS-ACCEDE not found"):
        open_data(folder)


@pytest.mark.parametrize(
    "file", ["ACCEDEdescription.xml", "annotations/ACCEDEranking.txt", "annotations/ACCEDEsets.txt"]
)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_damaged_annotations_of_liris_are_read_or_refused(file, data):
    with tempfile.TemporaryDirectory() as folder:
        broken = make_liris(Path(folder) / "liris") / file
        broken.write_bytes(damaged(data, broken.read_bytes()))
        found = read_or_refuse(read_liris, broken.parents[len(Path(file).parts) - 1])
    assert isinstance(found, Table) or "\n" not in found


def test_clips_of_liris_beyond_the_limit_are_refused(tmp_path):
    folder = make_liris(tmp_path / "liris")
    assert len(open_data(folder, limits=TableLimits(clips=9)).rows) == 9
    with pytest.raises(DataError, match="more than 8 clips, and at most so many are allowed here"):
        open_data(folder, limits=TableLimits(clips=8))


def test_a_missing_clip_is_looked_for_beside_the_others(tmp_path, clips):
    folder = make_liris(tmp_path / "liris", clips)
    (folder / "LIRIS-ACCEDE-data").mkdir()
    (folder / "data").rename(folder / "LIRIS-ACCEDE-data/data")
    gone = folder / "LIRIS-ACCEDE-data/data/ACCEDE00003.mp4"
    gone.unlink()
    assert open_data(folder).rows[3].path == gone
