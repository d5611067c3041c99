"""The readers of the real data sets, on small folders in their formats on disk, and reports on data."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec.datasets.first_impressions import TRAITS, load_scores, read_first_impressions, speaker
from sec2sec.datasets.liris import parse_rule, read_liris
from sec2sec.datasets.open import open_data
from sec2sec.datasets.report import LISTED, data_report, missing_bytes
from sec2sec.datasets.splits import RANDOM
from sec2sec.datasets.table import DataError, Row, Table
from tests.clips import grey, make_clip, truncate
from tests.test_table import read_or_refuse

# LIRIS-ACCEDE: (film, valence, arousal, set) of each clip
FILMS = ("20_Mississippi", "L_Éternité", "The_Dabbler", "Sintel", "Decay")
LIRIS = [
    (0, 1.4, 1.4, 1),
    (0, 3.0, 2.5, 1),
    (1, 3.2, 2.1, 1),
    (1, 2.5, 4.4, 1),
    (2, 2.0, 3.0, 2),
    (2, 3.5, 2.0, 2),
    (3, 2.8, 2.6, 0),
    (3, 1.5, 3.5, 0),
    (4, 3.1, 1.5, 0),
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Path]:
    """Nine short MP4 files that differ."""
    folder = tmp_path_factory.mktemp("clips")
    return [
        make_clip(folder / f"{i}.mp4", 0.75 + 0.25 * (i % 3), fps=8, size=(32, 32), picture=grey(20 * i), gop=4)
        for i in range(len(LIRIS))
    ]


def make_liris(folder: Path, clips: list[Path] | None = None) -> Path:
    """A folder as LIRIS-ACCEDE-data.zip and LIRIS-ACCEDE-annotations.zip unpack, in Latin-1 with DOS line ends."""
    (folder / "data").mkdir(parents=True)
    notes = folder / "annotations"
    notes.mkdir()
    names = [f"ACCEDE{i:05d}.mp4" for i in range(len(LIRIS))]
    for name, clip in zip(names, clips or [], strict=False):
        shutil.copy(clip, folder / "data" / name)
    media = "".join(
        f"  <media>\r\n    <id>{i}</id>\r\n    <name>{name}</name>\r\n"
        f"    <license>{FILMS[film]} shared under CC BY-NC 3.0 at http://vimeo.com/20043857</license>\r\n"
        f"    <movie>{FILMS[film]}.mp4</movie>\r\n    <start>833</start>\r\n    <end>1094</end>\r\n  </media>\r\n"
        for i, (name, (film, *_)) in enumerate(zip(names, LIRIS, strict=True))
    )
    text = f'<?xml version="1.0" encoding="UTF-8"?>\r\n<library>\r\n{media}</library>\r\n'
    (folder / "ACCEDEdescription.xml").write_bytes(text.encode("latin-1"))
    columns = ("valenceRank", "arousalRank", "valenceValue", "arousalValue", "valenceVariance", "arousalVariance")
    lines = ["\t".join(("id", "name", *columns)) + " "]
    lines += [f"{i}\t{n}\t{i}\t{i}\t{v:.9f}\t{a:.9f}\t0.1\t0.2 " for i, (n, (_, v, a, _)) in zipped(names)]
    (notes / "ACCEDEranking.txt").write_bytes("\r\n".join([*lines, ""]).encode())
    lines = ["id\tname\tset", *(f"{i}\t{name}\t{kind}" for i, (name, (*_, kind)) in zipped(names))]
    (notes / "ACCEDEsets.txt").write_bytes("\r\n".join([*lines, ""]).encode())
    lines = ["id\tname\tvalenceClass\tarousalClass"]
    lines += [f"{i}\t{name}\t{i % 3 - 1}\t{(i + 1) % 3 - 1}" for i, (name, _) in zipped(names)]
    (notes / "ACCEDEaffect.txt").write_bytes("\r\n".join([*lines, ""]).encode())
    return folder


def zipped(names: list[str]) -> enumerate:
    return enumerate(zip(names, LIRIS, strict=True))


def change(file: Path, old: str, new: str) -> None:
    """Replace text in a file that must hold it."""
    data = file.read_bytes()
    assert old.encode("latin-1") in data
    file.write_bytes(data.replace(old.encode("latin-1"), new.encode("latin-1"), 1))


def labels(table: Table, target: str) -> list[float | None]:
    return [row.targets.get(target) for row in table.rows]


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


@pytest.mark.parametrize("rule", ["high", "", "6", "nan", "valence=3,3", "fear=3", "valence=", "1;2"])
def test_an_unknown_rule_is_refused(rule):
    with pytest.raises(DataError, match="rule"):
        parse_rule(rule)


def test_the_random_split_needs_no_sets_and_says_that_films_leak(tmp_path):
    folder = make_liris(tmp_path / "liris")
    (folder / "annotations/ACCEDEsets.txt").unlink()
    table = open_data(folder, split=RANDOM, seed=3)
    assert "films leak" in table.name
    assert "films" not in table.notes[0]
    assert "clips of one film stand on both sides" in table.notes[-1]
    assert [len(table.split(name)) for name in ("train", "validation", "test")] == [6, 1, 2]
    assert open_data(folder, split=RANDOM, seed=3).rows == table.rows


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


def damaged(data: st.DataObject, whole: bytes) -> bytes:
    """A file with a piece replaced by other bytes."""
    first = data.draw(st.integers(0, len(whole)))
    last = data.draw(st.integers(first, min(len(whole), first + 40)))
    return whole[:first] + data.draw(st.binary(max_size=12)) + whole[last:]


# First Impressions
# Written by Python 2.7 with numpy 1.16: pickle.dumps({trait: {clip: numpy.float64}}, 2), and the same with protocol 0
PYTHON_2 = (
    b"\x80\x02}q\x00(U\tinterviewq\x01}q\x02U\x13J4GQm9j0JZ0.003.mp4q\x03cnumpy.core.multiarray\nscalar\nq\x04cnumpy\n"
    b"dtype\nq\x05U\x02f8q\x06K\x00K\x01\x87q\x07Rq\x08(K\x03U\x01<q\tNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\nb"
    b"U\x08\x00\x00\x00\x00\x00\x00\xe0?q\x0b\x86q\x0cRq\rsU\x0cextraversionq\x0e}q\x0f(h\x03h\x04h\x08"
    b"U\x08\xce\xa3\xe5\xe0f\xbf\xe0?q\x10\x86q\x11Rq\x12U\x13-AmMDnVl4s8.003.mp4q\x13h\x04h\x08"
    b"U\x08\x9a\x99\x99\x99\x99\x99\xb9?q\x14\x86q\x15Rq\x16uu."
)
PYTHON_2_TEXT = (
    b"(dp0\nS'interview'\np1\n(dp2\nS'J4GQm9j0JZ0.003.mp4'\np3\ncnumpy.core.multiarray\nscalar\np4\n(cnumpy\ndtype\np5\n"
    b"(S'f8'\np6\nI0\nI1\ntp7\nRp8\n(I3\nS'<'\np9\nNNNI-1\nI-1\nI0\ntp10\nbS'\\x00\\x00\\x00\\x00\\x00\\x00\\xe0?'\np11\n"
    b"tp12\nRp13\nssS'extraversion'\np14\n(dp15\ng3\ng4\n(g8\nS'\\xce\\xa3\\xe5\\xe0f\\xbf\\xe0?'\np16\ntp17\nRp18\n"
    b"sS'-AmMDnVl4s8.003.mp4'\np19\ng4\n(g8\nS'\\x9a\\x99\\x99\\x99\\x99\\x99\\xb9?'\np20\ntp21\nRp22\nss."
)
SCORES = {
    "interview": {"J4GQm9j0JZ0.003.mp4": 0.5},
    "extraversion": {"J4GQm9j0JZ0.003.mp4": 0.523364485981, "-AmMDnVl4s8.003.mp4": 0.1},
}
NAMES = {
    "training": ["J4GQm9j0JZ0.003.mp4", "-AmMDnVl4s8.003.mp4", "a.b-c_1.000.mp4", "a.b-c_1.001.mp4"],
    "validation": ["_uNup91ZYw0.002.mp4", "zEyRyTnIw5I.005.mp4"],
    "test": ["2d6btbaNdfo.000.mp4", "_uNup91ZYw0.004.mp4"],
}


def python_2_pickle(table: dict[str, dict[str, float]]) -> bytes:
    """What Python 2's pickle writes (protocol 2) for numbers of numpy.float64."""
    out, kept = [b"\x80\x02"], {}

    def put(key: object = None) -> None:
        out.append(b"q" + bytes([at]) if (at := len(kept)) < 256 else b"r" + struct.pack("<I", at))
        kept[at if key is None else key] = at

    def once(key: str, code: bytes) -> None:
        if key in kept:
            at = kept[key]
            out.append(b"h" + bytes([at]) if at < 256 else b"j" + struct.pack("<I", at))
        else:
            out.append(code)
            put(key)

    def text(value: str) -> None:
        once(value, b"U" + bytes([len(value)]) + value.encode("latin-1"))

    def items(found: dict, write) -> None:
        out.append(b"}")
        put()
        out.append(b"(" if len(found) > 1 else b"")
        for key, value in found.items():
            text(key)
            write(value)
        out.append(b"u" if len(found) > 1 else b"s")

    def scalar(value: float) -> None:
        once("scalar", b"cnumpy.core.multiarray\nscalar\n")
        if "dtype" in kept:
            once("dtype", b"")
        else:
            out.append(b"cnumpy\ndtype\n")
            put()
            text("f8")
            out.append(b"K\x00K\x01\x87")
            put()
            out.append(b"R")
            put("dtype")
            out.append(b"(K\x03")
            text("<")
            out.append(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t")
            put()
            out.append(b"b")
        out.append(b"U\x08" + struct.pack("<d", value))
        put()
        out.append(b"\x86")
        put()
        out.append(b"R")
        put()

    items(table, lambda scores: items(scores, scalar))
    return b"".join([*out, b"."])


def score(trait: str, name: str) -> float:
    """A made-up score in 0..1."""
    return (len(trait) * 7 + sum(name.encode())) % 97 / 96


def make_v2(folder: Path, clips: list[Path] | None = None) -> Path:
    """A folder as the V2 archives unpack: pickles, and clips nested as train-1/training80_01/."""
    folder.mkdir()
    clips = list(clips or [])
    for (split, names), place in zip(
        NAMES.items(), ("train-1/training80_01", "val-1/validation80_01", "test-1"), strict=True
    ):
        scores = {trait: {name: score(trait, name) for name in names} for trait in (*TRAITS, "interview")}
        (folder / f"annotation_{split}.pkl").write_bytes(python_2_pickle(scores))
        (folder / place).mkdir(parents=True)
        for name in names:
            if clips:
                shutil.copy(clips.pop(), folder / place / name)
    return folder


def make_v1(folder: Path) -> Path:
    """A folder of V1, the misspelt column included."""
    folder.mkdir()
    columns = "VideoName,ValueExtraversion,ValueAgreeableness,ValueConscientiousness,ValueNeurotisicm,ValueOpenness"
    for split, names in NAMES.items():
        lines = [",".join([name, *(f"{score(trait, name):.14f}" for trait in TRAITS)]) for name in names]
        (folder / f"{split}_gt.csv").write_text("\r\n".join([columns, *lines, ""]), newline="")
    return folder


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


def test_clips_that_are_still_packed_are_noted(tmp_path):
    folder = make_v2(tmp_path / "fi")
    (folder / "train-1/training80_02.zip").touch()
    table = open_data(folder)
    assert "1 zip files are still packed (training80_02.zip)" in table.notes[-1]
    assert table.rows[0].path == folder / "train/J4GQm9j0JZ0.003.mp4"


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
    assert any("test is empty" in text for text in data_report(table, probe=False).problems)
    (folder / name.format("validation")).unlink()
    with pytest.raises(DataError, match=r"validation.* not found"):
        open_data(folder)


def test_v1_has_no_interview_score(tmp_path):
    with pytest.raises(DataError, match="no interview score"):
        open_data(make_v1(tmp_path / "fi"), interview=True)


# Which data set a folder is


def test_a_folder_with_no_data_set_says_what_was_looked_for(tmp_path):
    with pytest.raises(
        DataError, match=r"looked for clips\.csv .*ACCEDEranking\.txt.*annotation_training\.pkl.*training_gt\.csv"
    ):
        open_data(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        open_data(tmp_path / "absent")
    (tmp_path / "a.zip").touch()
    with pytest.raises(DataError, match="unpack it first"):
        open_data(tmp_path / "a.zip")


def write_table(folder: Path, *lines: str) -> Path:
    """A clips.csv of one target, arousal."""
    folder.mkdir(exist_ok=True)
    (folder / "clips.csv").write_text("\n".join(["id,path,arousal,split,group", *lines, ""]))
    return folder


def test_any_table_of_clips_is_a_data_set_and_one_level_up_the_way_is_shown(tmp_path):
    write_table(tmp_path / "mine", "a,a.mp4,0.5,train,g")
    assert open_data(tmp_path / "mine").rows[0].id == "a"
    with pytest.raises(DataError, match=r"there is .*mine/clips\.csv"):
        open_data(tmp_path)


@pytest.mark.parametrize("options", [{"liris_rule": "3"}, {"split": RANDOM}, {"interview": True}])
def test_an_option_of_another_data_set_is_refused(tmp_path, options):
    with pytest.raises(DataError, match="it is not"):
        open_data(write_table(tmp_path, "a,a.mp4,0.5,train,g"), **options)


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(DataError, match="split is 'half'; expected one of official, random"):
        open_data(make_liris(tmp_path / "liris"), split="half")


@pytest.mark.parametrize("path", ["../a.mp4", "/etc/passwd", "link/a.mp4", "a\0b"])
def test_an_uploaded_table_names_no_clip_outside_its_folder(tmp_path, path):
    folder = write_table(tmp_path / "mine", f"a,{path},0.5,train,g")
    (folder / "link").symlink_to(tmp_path)
    open_data(folder)
    with pytest.raises(DataError, match="the clip 'a' lies outside the folder"):
        open_data(folder, inside=True)
    write_table(folder, "a,clips/a.mp4,0.5,train,g")
    open_data(folder, inside=True)


# Reports


def test_a_report_counts_clips_films_durations_and_what_is_missing_or_damaged(tmp_path, clips):
    folder = make_liris(tmp_path / "liris", clips)
    (folder / "data/ACCEDE00001.mp4").unlink()
    truncate(folder / "data/ACCEDE00004.mp4", 0.5)
    (folder / "data/ACCEDE00006.mp4").write_bytes(b"no film")
    shutil.copy(clips[0], folder / "data/ACCEDE00008.mp4")
    seen = []
    report = data_report(open_data(folder), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 9) for i in range(1, 10)]
    assert report.missing.listed == [{"id": "ACCEDE00001", "path": str(folder / "data/ACCEDE00001.mp4")}]
    assert [found["id"] for found in report.damaged.listed] == ["ACCEDE00004", "ACCEDE00006"]
    assert "cut short" in report.damaged.listed[0]["problem"]
    train = report.splits["train"]
    assert [train[name] for name in ("clips", "groups", "missing", "damaged")] == [4, 2, 1, 0]
    assert train["seconds"]["min"] == pytest.approx(0.75, abs=0.1)
    assert train["seconds"]["max"] == pytest.approx(1.25, abs=0.1)
    assert report.splits["all"]["clips"] == 9
    assert report.same_content.listed == [["ACCEDE00000", "ACCEDE00008"]]
    assert report.groups_shared.count == 0
    said = " ".join(report.problems)
    assert "Of 9 clips, 1 are missing" in said
    assert "Of 9 clips, 2 cannot be used" in said
    assert "Identical files in two splits: 1" in said
    assert json.loads(json.dumps(report.as_json(), allow_nan=False))["schema"] == "sec2sec.data/1"
    text = report.as_text()
    for part in ("LIRIS-ACCEDE", "training median", "ACCEDE00001.mp4", "cut short", "share of 1 0.500", "Missing: 1"):
        assert part in text


def test_a_quick_report_opens_no_clip(tmp_path):
    report = data_report(open_data(make_liris(tmp_path / "liris")), probe=False)
    assert report.missing.count == 9
    assert report.splits["all"]["seconds"] is None
    assert "were not opened" in report.as_text()


def test_long_lists_are_cut_and_counted():
    rows = [Row(str(i), Path(f"/nowhere/{i}.mp4"), {"a": i % 2}, "train", "g") for i in range(LISTED + 5)]
    report = data_report(Table(Path("/nowhere"), ("a",), rows))
    assert (report.missing.count, len(report.missing.listed)) == (LISTED + 5, LISTED)
    assert "  and 5 more" in report.as_text()


def made_up(kind: str, seed: int) -> Table:
    """90 rows of one target in three splits."""
    rng = np.random.default_rng(seed)
    values = rng.random(90) if kind == "score" else (rng.random(90) < 0.7).astype(float)
    splits = ("train", "validation", "test")
    return Table(
        Path("x"),
        ("t",),
        [Row(str(i), Path(f"{i}"), {"t": float(v)}, splits[i % 3], "g") for i, v in enumerate(values)],
    )


@pytest.mark.parametrize("seed", range(3))
def test_trivial_baselines_of_classes_equal_scikit_learns(seed):
    table = made_up("binary", seed)
    trivial = data_report(table, probe=False).targets["t"]["trivial"]["test"]
    truth = np.array(table.values("t", "test"))
    for name, answer in (("majority", float(np.mean(table.values("t", "train")) >= 0.5)), ("always_positive", 1.0)):
        said = np.full_like(truth, answer)
        assert trivial[name]["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(truth, said))
        assert trivial[name]["balanced_accuracy"] == pytest.approx(sklearn.metrics.balanced_accuracy_score(truth, said))
        assert trivial[name]["f1"] == pytest.approx(sklearn.metrics.f1_score(truth, said))
        assert trivial[name]["macro_f1"] == pytest.approx(sklearn.metrics.f1_score(truth, said, average="macro"))


def test_trivial_baselines_of_scores_come_from_the_training_labels():
    table = made_up("score", 0)
    about = data_report(table, probe=False).targets["t"]
    training, truth = (np.array(table.values("t", split)) for split in ("train", "validation"))
    for name, answer in (("training_mean", training.mean()), ("training_median", np.median(training))):
        found = about["trivial"]["validation"][name]
        assert found["answer"] == pytest.approx(answer)
        assert found["mean_accuracy"] == pytest.approx(1 - np.abs(truth - answer).mean())
    assert about["splits"]["train"]["sd"] == pytest.approx(training.std())


def test_shared_speakers_one_class_and_empty_splits_are_said(tmp_path):
    report = data_report(open_data(make_v2(tmp_path / "fi")), probe=False)
    assert report.groups_shared.listed == [{"group": "_uNup91ZYw0", "splits": ["validation", "test"]}]
    assert "1 in validation and test" in " ".join(report.problems)
    folder = write_table(tmp_path / "mine", "a,a.mp4,1,train,g", "b,b.mp4,1,train,h", "c,c.mp4,0,test,i")
    said = data_report(open_data(folder), probe=False).problems
    assert "The split validation is empty; give it clips." in said
    assert any("Arousal has one class only in the split train, 1" in text for text in said)
    assert any("arousal has one class only in the split test" in text for text in said)


@pytest.mark.parametrize(("share", "lacking"), [(1.0, False), (0.97, True), (0.2, True)])
def test_a_file_that_was_cut_short_is_seen_by_its_boxes(tmp_path, share, lacking):
    whole = make_clip(tmp_path / "a.mp4", 1, fps=8, size=(32, 32), container_options={"movflags": "faststart"})
    assert (missing_bytes(truncate(whole, share)) > 0) == lacking


def test_other_formats_and_bytes_behind_the_boxes_are_not_called_short(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 1, fps=8, size=(32, 32))
    clip.write_bytes(clip.read_bytes() + b"\xff" * 21)
    other = make_clip(tmp_path / "a.mkv", 1, fps=8, size=(32, 32))
    assert missing_bytes(clip) == missing_bytes(other) == 0


def test_data_sets_are_read_without_importing_torch():
    code = "import sys; from sec2sec.datasets import archive, open, report; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
