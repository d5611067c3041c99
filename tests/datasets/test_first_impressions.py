"""The readers of First Impressions V1 and V2, on small folders in their formats on disk."""

from __future__ import annotations

import pickle
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec.datasets.first_impressions import TRAITS, load_scores, read_first_impressions, speaker
from sec2sec.datasets.open import open_data
from sec2sec.datasets.report import report_steps
from sec2sec.datasets.table import DataError, TableLimits
from sec2sec.progress import drain
from tests.datasets.test_table import read_or_refuse
from tests.helpers.formats import (
    NAMES,
    PYTHON_2,
    PYTHON_2_TEXT,
    SCORES,
    change,
    damaged,
    make_v1,
    make_v2,
    python_2_pickle,
    score,
)


def test_the_pickles_of_these_tests_are_what_python_2_writes():
    assert python_2_pickle(SCORES) == PYTHON_2


@pytest.mark.parametrize(
    "data",
    [PYTHON_2, PYTHON_2_TEXT]
    + [
        pickle.dumps({t: {k: np.float64(v) for k, v in s.items()} for t, s in SCORES.items()}, protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ],
)
def test_scores_of_every_protocol_are_read(tmp_path, data):
    (tmp_path / "x.pkl").write_bytes(data)
    assert load_scores(tmp_path / "x.pkl") == SCORES


@pytest.mark.parametrize("made", [make_v2, make_v1])
def test_first_impressions_gives_five_scores_official_splits_and_speakers(tmp_path, made):
    table = open_data(made(tmp_path / "fi"))
    assert table.name == f"First Impressions {'V2' if made is make_v2 else 'V1'}"
    assert table.targets == TRAITS
    assert set(table.kinds.values()) == {"score"}
    assert [row.split for row in table.rows] == ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
    assert [row.group for row in table.rows][:4] == ["J4GQm9j0JZ0", "-AmMDnVl4s8", "a.b-c_1", "a.b-c_1"]
    for row in table.rows:
        assert row.targets == pytest.approx({trait: score(trait, f"{row.id}.mp4") for trait in TRAITS})
    assert "emotional stability" in table.notes[0]


def test_clips_of_first_impressions_are_found_where_the_archives_put_them(tmp_path, clips):
    folder = make_v2(tmp_path / "fi", clips)
    (folder / "test-1/J4GQm9j0JZ0.003.mp4").touch()  # less deep, but not where a training clip lies
    table = open_data(folder, interview=True)
    assert table.targets[-1] == "interview"
    assert table.rows[0].path == folder / "train-1/training80_01/J4GQm9j0JZ0.003.mp4"
    assert all(row.path.stat().st_size for row in table.rows)


def test_suffixes_in_capitals_are_read_but_ids_keep_their_case(tmp_path, clips):
    folder = make_v2(tmp_path / "fi", clips)
    place = folder / "train-1/training80_01"
    (place / "a.b-c_1.000.mp4").rename(place / "a.b-c_1.000.MP4")
    (place / "a.b-c_1.001.mp4").rename(place / "A.b-c_1.001.mp4")  # another clip
    there = {row.id: row.path.is_file() for row in open_data(folder).rows}
    assert there.pop("a.b-c_1.001") is False
    assert all(there.values())
    made = make_v1(tmp_path / "v1")
    table = made / "training_gt.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b".mp4,", b".MP4,").replace(b"\r\n", b" \r\n"))
    assert [row.id for row in open_data(made).rows][:3] == ["J4GQm9j0JZ0.003", "-AmMDnVl4s8.003", "a.b-c_1.000"]


def test_clips_that_are_still_packed_are_noted(tmp_path):
    folder = make_v2(tmp_path / "fi")
    (folder / "train-1/training80_02.zip").touch()
    table = open_data(folder)
    assert "1 zip files are still packed (training80_02.zip)" in table.notes[-1]
    assert table.rows[0].path == folder / "train-1/J4GQm9j0JZ0.003.mp4"


def test_a_speaker_is_the_youtube_id_whatever_it_holds():
    assert [speaker(name) for name in ("-a.b.c.003.mp4", "x.mp4", "x.y.mp4", ".003.mp4")] == [
        "-a.b.c",
        "x",
        "x.y",
        ".003",
    ]


def test_a_pickle_that_asks_for_more_than_numbers_is_refused_by_name_and_runs_nothing(tmp_path):
    folder = make_v2(tmp_path / "fi")
    file = folder / "annotation_training.pkl"
    file.write_bytes(b"cos\nsystem\n(S'touch %s'\ntR." % str(tmp_path / "ran").encode())
    with pytest.raises(DataError, match=r"annotation_training\.pkl: asks to run os\.system"):
        open_data(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pickle.dumps(np.zeros(3)), r"multiarray\._reconstruct"),
        (pickle.dumps({"a": print}), r"builtins\.print"),
        (b"cnumpy\nf2py.compile\n.", r"numpy\.f2py\.compile"),
        (b"cnumpy\ndtype\n(S'O'\nI0\nI1\ntR.", "a number of the type 'O'"),
        (pickle.dumps({("a",): 1}), "a key that is not text"),
        (b"}" + b")" + b"\x85" * 20_000 + b"K\x01s.", "a key that is not text"),  # hashing it overflows the C stack
        (b"}U\x01aK\x01sU\x01aK\x02s.", "'a' stands twice"),
        (b"\x80\x05\x96\x00\x00\x00\x00\x00\x00\x00\x10.", "damaged"),  # asks for 2**60 bytes
        (b"cnumpy\ndtype\n(N}U\x0c__defaults__)stb.", "holds a function"),
        (pickle.dumps([1]), "holds a list"),
        (pickle.dumps({"extraversion": {}}), "no scores of agreeableness"),
        (
            python_2_pickle({trait: {"a.000.mp4": 1.5} for trait in TRAITS}),
            "extraversion of 'a.000.mp4' is 1.5; expected",
        ),
        (python_2_pickle({trait: {"a.000.mp4": np.nan} for trait in TRAITS}), "is nan; expected a number from 0 to 1"),
        (python_2_pickle({trait: {"a.000.mp4": 1, "x/a.000": 1} for trait in TRAITS}), "stands twice under"),
        (
            python_2_pickle({trait: {NAMES["test"][0]: 0.5} for trait in TRAITS}),
            "in two splits, in annotation_training",
        ),
        (pickle.dumps({trait: {} for trait in TRAITS}), "no clips in it"),
        (b"", "damaged"),
        (PYTHON_2[:-9], "damaged"),
    ],
)
def test_scores_that_cannot_be_used_are_refused(tmp_path, data, said):
    folder = make_v2(tmp_path / "fi")
    (folder / "annotation_training.pkl").write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        open_data(folder)
    assert "\n" not in str(caught.value)
    assert "annotation_" in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), whole=st.sampled_from([PYTHON_2, PYTHON_2_TEXT]))
def test_damaged_pickles_are_read_or_refused(data, whole):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.pkl"
        file.write_bytes(damaged(data, whole))
        assert isinstance(read_or_refuse(load_scores, file), (dict, str))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ValueOpenness", "Openness", "column ValueOpenness is missing; found VideoName"),
        ("-AmMDnVl4s8", "J4GQm9j0JZ0", "line 3: the clip .* stands twice"),
        ("J4GQm9j0JZ0.003.mp4,", "J4GQm9j0JZ0.003.mp4,1", "line 2: ValueExtraversion is '1"),
    ],
)
def test_tables_of_v1_that_cannot_be_used_are_refused(tmp_path, old, new, said):
    folder = make_v1(tmp_path / "fi")
    change(folder / "training_gt.csv", old, new)
    with pytest.raises(DataError, match=said):
        read_first_impressions(folder)


@pytest.mark.parametrize(("made", "name"), [(make_v2, "annotation_{}.pkl"), (make_v1, "{}_gt.csv")])
def test_a_missing_file_of_scores_is_named_and_the_test_file_may_be_absent(tmp_path, made, name):
    folder = made(tmp_path / "fi")
    (folder / name.format("test")).unlink()
    table = open_data(folder)
    assert name.format("test") in table.notes[-1]
    assert any("test is empty" in text for text in drain(report_steps(table, probe=False)).problems)
    (folder / name.format("validation")).unlink()
    with pytest.raises(DataError, match=r"validation.* not found"):
        open_data(folder)


@pytest.mark.parametrize("opcode", [b"}", b"]", b"("])
def test_a_pickle_of_more_steps_than_any_table_is_refused_while_it_is_read(tmp_path, opcode):
    (tmp_path / "x.pkl").write_bytes(b"\x80\x02" + opcode * 1_000 + b".")
    with pytest.raises(DataError, match=r"x\.pkl: is larger than any table of scores \(more than 500 steps\)"):
        load_scores(tmp_path / "x.pkl", TableLimits(opcodes=500))


def test_a_whole_number_of_thousands_of_digits_is_refused_in_one_line(tmp_path):
    folder = make_v2(tmp_path / "fi")
    scores = {trait: {"a.000.mp4": 10**5000} for trait in TRAITS}
    (folder / "annotation_training.pkl").write_bytes(pickle.dumps(scores, 2))
    with pytest.raises(DataError, match=r"extraversion of 'a\.000\.mp4' is too long a number"):
        read_first_impressions(folder)


@pytest.mark.parametrize("made", [make_v2, make_v1])
def test_clips_of_first_impressions_beyond_the_limit_are_refused(tmp_path, made):
    folder = made(tmp_path / "fi")
    assert len(open_data(folder, limits=TableLimits(clips=8)).rows) == 8
    with pytest.raises(DataError, match="more than 7 clips, and at most so many are allowed here"):
        open_data(folder, limits=TableLimits(clips=7))


def test_v1_has_no_interview_score(tmp_path):
    with pytest.raises(DataError, match="no interview score"):
        open_data(make_v1(tmp_path / "fi"), interview=True)


@pytest.mark.parametrize("place", ["TRAIN/Annotation", "annotation", "annotations", "train-1"])
def test_annotations_are_found_where_people_have_unpacked_them(tmp_path, place):
    folder = make_v2(tmp_path / "fi")
    (folder / place).mkdir(parents=True, exist_ok=True)
    for file in folder.glob("annotation_*.pkl"):
        file.rename(folder / place / file.name)
    assert len(open_data(folder).rows) == sum(map(len, NAMES.values()))


def test_a_missing_clip_is_looked_for_beside_the_others_of_its_split(tmp_path, clips):
    folder = make_v2(tmp_path / "fi", clips)
    gone = folder / "train-1/training80_01" / NAMES["training"][0]
    gone.unlink()
    rows = {row.id: row.path for row in open_data(folder).rows}
    assert rows[NAMES["training"][0].removesuffix(".mp4")] == gone
    shutil.rmtree(folder / "train-1")
    (folder / "TRAIN").mkdir()
    rows = {row.id: row.path for row in open_data(folder).rows}
    assert rows[NAMES["training"][0].removesuffix(".mp4")] == folder / "TRAIN" / NAMES["training"][0]
