"""Tables of clips, their splits, what stands against training on them, and zips that hold them."""

from __future__ import annotations

import dataclasses
import stat
import struct
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec.datasets.archive import unpack_data
from sec2sec.datasets.folders import find_files, index_files
from sec2sec.datasets.splits import obstacles, random_split, shared_groups
from sec2sec.datasets.table import DataError, Row, Table, TableLimits, read_table

HEADER = "id,path,arousal,split,group\n"


def table_of(tmp_path: Path, text: str, **options) -> Table:
    (tmp_path / "clips.csv").write_text(text)
    return read_table(tmp_path, **options)


def read_or_refuse(read: Callable[..., Table], *arguments: Any) -> Table | str:
    """What a reader returns, or what its DataError says; any other exception fails the test."""
    try:
        return read(*arguments)
    except DataError as error:
        return str(error)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "column id, path, group is missing; found none"),
        ("id,path,arousal,split\n", "column group is missing"),
        ("id,path,split,group,split\na,a,train,g,test\n", "'split' stands twice"),
        ("id,path,,split,group\na,a,1,train,g\n", "has no name"),
        (HEADER, "no clips"),
        (HEADER + "a,a.mp4,1,train,a\na,b.mp4,0,test,b\n", "line 3: id 'a' stands twice"),
        (HEADER + "a,a.mp4,1,train,a\nb,a.mp4,0,test,b\n", "in two splits, train and test"),
        (HEADER + "a,a.mp4,1,train,a\nb,a.mp4,0,train,b\n", "'a.mp4' stands twice"),
        (HEADER + ",a.mp4,1,train,a\n", "id is empty"),
        (HEADER + "a,,1,train,a\n", "path is empty"),
        (HEADER + "a,a.mp4,much,train,a\n", "line 2: arousal is 'much'"),
        (HEADER + "a,a.mp4,1.5,train,a\n", "from 0 to 1"),
        (HEADER + "a,a.mp4,nan,train,a\n", "from 0 to 1"),
        (HEADER + "a,a.mp4,1,learning,a\n", "split is 'learning'"),
        (HEADER + "a,a.mp4,1,train\n", "number of cells"),
        (HEADER + "a,a.mp4,1,train,a,b\n", "number of cells"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(tmp_path, text, said):
    with pytest.raises(DataError, match=said) as caught:
        table_of(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert "clips.csv" in str(caught.value)


def test_a_folder_without_a_table_and_a_table_in_latin_1_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"no clips\.csv"):
        read_table(tmp_path)
    (tmp_path / "clips.csv").write_bytes(HEADER.encode() + "é,a.mp4,1,train,a\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        read_table(tmp_path)


def test_a_table_keeps_order_empty_cells_and_relative_paths(tmp_path):
    table = table_of(
        tmp_path, "\ufeffid,path,arousal,valence,split,group\na,x/a.mp4,1,,train,f\n\nb,b.mp4,,0.25,test,g\n"
    )
    assert table.targets == ("arousal", "valence")
    assert [row.targets for row in table.rows] == [{"arousal": 1.0}, {"valence": 0.25}]
    assert table.rows[0].path == tmp_path / "x/a.mp4"
    assert [row.id for row in table.split("test")] == ["b"]
    assert table.kinds == {"arousal": "binary", "valence": "score"}
    assert table.name == tmp_path.name
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.name = "other"


def test_a_table_from_excel_on_windows_is_read(tmp_path):
    table = table_of(tmp_path, "id;path;openness;split;group\r\na;clips\\a.mp4;0,5;train;\r\n")
    assert table.rows == [Row("a", tmp_path / "clips/a.mp4", {"openness": 0.5}, "train", "a")]


def test_a_delimiter_that_excel_names_in_a_line_of_its_own_is_taken_and_lines_are_counted_with_it(tmp_path):
    header = "sep=;\r\nid;path;arousal;split;group\r\n"
    table = table_of(tmp_path, header + "a;a.mp4;0,5;train;g\r\n")
    assert table.rows == [Row("a", tmp_path / "a.mp4", {"arousal": 0.5}, "train", "g")]
    with pytest.raises(DataError, match="line 3: arousal is '7'"):
        table_of(tmp_path, header + "a;a.mp4;7;train;g\r\n")
    with pytest.raises(DataError, match=r"line 1: sep is '\|'; save the table with commas"):
        table_of(tmp_path, header.replace(";", "|") + "a|a.mp4|1|train|g\r\n")


@pytest.mark.parametrize("absent", ["NA", "N/A", "#N/A"])
def test_a_cell_that_says_that_there_is_no_value_is_no_label(tmp_path, absent):
    table = table_of(tmp_path, HEADER + f"a,a.mp4,1,train,g\nb,b.mp4,{absent},train,h\n")
    assert [row.targets for row in table.rows] == [{"arousal": 1.0}, {}]


def test_a_label_that_is_no_number_is_refused_with_the_remedies(tmp_path):
    with pytest.raises(DataError, match="leave the cell empty where there is no label, or remove a column that is no"):
        table_of(tmp_path, HEADER + "a,a.mp4,1,train,g\nb,b.mp4,high,train,h\n")


def test_a_column_of_words_is_no_target_and_the_table_says_so(tmp_path):
    header = "id,path,title,arousal,split,group\n"
    table = table_of(tmp_path, header + "a,a.mp4,Hello,1,train,g\nb,b.mp4,,0,test,h\n")
    assert table.targets == ("arousal",)
    assert table.notes == ("The column title holds words, and so is no target: a target is a number from 0 to 1.",)
    with pytest.raises(DataError, match="line 2: title is 'nan'; expected a number"):
        table_of(tmp_path, header + "a,a.mp4,nan,1,train,g\nb,b.mp4,nan,0,test,h\n")


def test_a_path_that_differs_from_its_file_in_case_or_accents_alone_is_that_file(tmp_path):
    (tmp_path / "Clips").mkdir()
    for name in ("Clips/e\u0301.mp4", "Clips/b.mp4", "c.mp4"):
        (tmp_path / name).touch()
    rows = "a,clips/\u00e9.mp4,1,train,g\nb,Clips\\b.MP4,0,test,h\nc,c.mp4,0,test,h\nd,d.mp4,0,test,h\n"
    table = table_of(tmp_path, HEADER + rows)
    assert [row.path.relative_to(tmp_path) for row in table.rows] == [
        Path("Clips/e\u0301.mp4"),
        Path("Clips/b.mp4"),
        Path("c.mp4"),
        Path("d.mp4"),
    ]
    assert len(table.notes) == 1
    assert table.notes[0].startswith("2 paths differ from their files in upper and lower case or accents alone")


def test_a_path_that_could_be_several_files_or_that_of_another_clip_is_left_as_it_is(tmp_path):
    for name in ("x.mp4", "X.mp4", "y.mp4", "z.mp4"):
        (tmp_path / name).touch()
    paths = ["x.MP4", "y.mp4", "Y.mp4", "Z.mp4", "z.MP4", "../Z.mp4", "/Z.mp4"]
    rows = "".join(f"{number},{path},1,train,\n" for number, path in enumerate(paths))
    table = table_of(tmp_path, HEADER + rows)
    assert [row.path for row in table.rows] == [tmp_path / path for path in paths]
    assert table.notes == ()


def test_a_table_is_read_no_further_than_the_clips_that_are_allowed(tmp_path):
    rows = "".join(f"{number},{number}.mp4,1,train,\n" for number in range(5))
    assert len(table_of(tmp_path, HEADER + rows, limits=TableLimits(clips=5)).rows) == 5
    damaged_later = rows + "5,5.mp4,1,train,\nthis line is not reached\n"
    with pytest.raises(DataError, match=r"clips\.csv: more than 5 clips, and at most so many are allowed here"):
        table_of(tmp_path, HEADER + damaged_later, limits=TableLimits(clips=5))
    with pytest.raises(DataError, match="larger than 0 MB"):
        table_of(tmp_path, HEADER + rows, limits=TableLimits(file_bytes=50))
    with pytest.raises(DataError, match="1,001 columns; a table of clips has at most 1,000"):
        table_of(tmp_path, "id,path,split,group," + ",".join(f"t{number}" for number in range(997)) + "\n")


def test_a_clip_without_a_group_is_a_group_of_its_own(tmp_path):
    table = table_of(tmp_path, HEADER + "a,a.mp4,1,train,\nb,b.mp4,0,test,\n")
    assert [row.group for row in table.rows] == ["a", "b"]
    assert shared_groups(table) == {}


def test_generated_clips_are_called_so(tmp_path):
    (tmp_path / "generator.json").write_text("{}")
    table = table_of(tmp_path, HEADER + "a,a.mp4,1,train,a\n")
    assert table.name == "Known-truth clips"
    assert "not people's ratings" in table.notes[0]


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: (HEADER + text).encode("utf-8", "surrogatepass")),
        st.lists(
            st.lists(st.sampled_from(["a", "b", "1", "0.5", "train", "test", "", '"', "\n", "nan"]), max_size=7).map(
                ",".join
            ),
            max_size=4,
        ).map(lambda lines: (HEADER + "\n".join(lines)).encode()),
    )
)
def test_whatever_a_table_holds_it_is_read_or_refused_in_one_line(data):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "clips.csv").write_bytes(data)
        found = read_or_refuse(read_table, folder)
    if isinstance(found, str):
        assert "\n" not in found
    else:
        assert found.rows
        assert all(0 <= value <= 1 for row in found.rows for value in row.targets.values())


def test_files_are_found_three_folders_deep_and_links_in_a_circle_end(tmp_path):
    deep = tmp_path / "a/b/c"
    deep.mkdir(parents=True)
    (deep / "x.txt").touch()
    (tmp_path / "a/x.txt").touch()
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX/y.txt").touch()
    (deep / "round").symlink_to(tmp_path)
    (deep / "clip.MP4").touch()
    assert find_files(tmp_path, ["x.txt", "y.txt"]) == {"x.txt": tmp_path / "a/x.txt"}
    assert index_files(tmp_path, (".mp4",)) == {"clip.mp4": [deep / "clip.MP4"]}


def rows(*cells: tuple[float | None, str, str]) -> Table:
    """A table of one target from (label, split, group)."""
    return Table(
        Path("somewhere"),
        ("arousal",),
        [
            Row(str(i), Path(f"{i}.mp4"), {} if label is None else {"arousal": label}, split, group)
            for i, (label, split, group) in enumerate(cells)
        ],
    )


def test_the_random_split_is_seven_to_one_to_two_and_follows_its_seed():
    ids = [f"ACCEDE{i:05d}" for i in range(9800)]
    split = random_split(ids, seed=1)
    sizes = {name: list(split.values()).count(name) for name in ("train", "validation", "test")}
    assert sizes == {"train": 6860, "validation": 980, "test": 1960}
    assert random_split(ids[::-1], seed=1) == split
    assert random_split(ids, seed=2) != split


def test_groups_in_two_splits_are_found():
    table = rows((1, "test", "f"), (0, "train", "f"), (1, "train", "g"), (0, "train", "g"))
    assert shared_groups(table) == {"f": ("train", "test")}


def test_a_table_that_can_be_trained_on_passes():
    table = rows((1, "train", "a"), (0, "train", "b"), (1, "validation", "c"))
    assert obstacles(table) == []


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([(1, "train", "a"), (1, "train", "b"), (0, "validation", "c")], "one class only in the split train, 1"),
        ([(0.5, "train", "a"), (0.5, "train", "b"), (0, "validation", "c")], "one value only"),
        ([(1, "train", "a"), (0, "train", "b"), (0, "test", "c")], "split validation is empty"),
        ([(1, "test", "a"), (0, "validation", "c")], "split train is empty"),
        ([(None, "train", "a"), (0, "validation", "c")], "no label in the split train"),
    ],
)
def test_what_stands_against_training_is_said(cells, said):
    assert any(said in sentence for sentence in obstacles(rows(*cells)))


# Zips


def pack(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip of these files, whatever their names."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return path


def unpack(path: Path, max_bytes: int = 10**8, max_files: int = 100) -> Path:
    return unpack_data(path, path.parent / "data/set", max_bytes=max_bytes, max_files=max_files)


def nothing_left(folder: Path, *allowed: str) -> bool:
    """Whether a folder holds these names and, but for empty folders, nothing else."""
    return {path.name for path in folder.rglob("*") if not path.is_dir() or any(path.iterdir())} == set(allowed)


def test_a_zip_is_unpacked_and_its_only_folder_is_the_data_set(tmp_path):
    line = b"a,clips/a.mp4,1,train,g\n"
    files = {"mine/clips.csv": HEADER.encode() + line, "mine\\clips\\a.mp4": b"film", "__MACOSX/mine/._a": b"x"}
    folder = unpack(pack(tmp_path / "a.zip", {"mine/": b"", **files}))
    assert folder == tmp_path / "data/set/mine"
    assert read_table(folder).rows[0].path.read_bytes() == b"film"
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob("__MACOSX"))
    assert stat.S_IMODE((tmp_path / "data/set").stat().st_mode) == stat.S_IMODE(
        tmp_path.joinpath("data").stat().st_mode
    )


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "..\\x", "\\x", "C:\\x", "c:x", "a/..", "//host/x"])
def test_a_zip_with_paths_outside_is_refused_and_writes_nothing(tmp_path, name):
    path = pack(tmp_path / "a.zip", {"clips.csv": b"", name: b"x"})
    with pytest.raises(DataError, match=r"a\.zip: .* leads outside the folder"):
        unpack(path)
    assert nothing_left(tmp_path, "a.zip")


def test_links_in_a_zip_are_refused(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc")
        archive.writestr("link/x", "x")
    with pytest.raises(DataError, match="'link' is a link"):
        unpack(tmp_path / "a.zip")
    assert nothing_left(tmp_path, "a.zip")


def test_a_zip_bomb_is_refused_by_its_ratio_its_size_and_its_count(tmp_path):
    bomb = pack(tmp_path / "a.zip", {"x": bytes(3_000_000)})
    with pytest.raises(DataError, match="'x' unpacks to 3 MB, 200 times its size: a zip bomb"):
        unpack(bomb)
    with pytest.raises(DataError, match="unpacks to 3 MB, and 2 MB are allowed here"):
        unpack(bomb, max_bytes=2_000_000)
    with pytest.raises(DataError, match=r"needs .* and .* are free"):
        unpack(claim_size(pack(tmp_path / "b.zip", {"x": b"x"}), 2**41, 2**42), max_bytes=2**50)
    with pytest.raises(DataError, match="holds more than the 2 files that are allowed"):
        unpack(pack(tmp_path / "c.zip", dict.fromkeys("xyz", b"")), max_files=2)
    assert nothing_left(tmp_path, "a.zip", "b.zip", "c.zip")


def test_a_long_list_of_files_is_refused_before_there_is_an_object_for_each(tmp_path):
    entry = pack(tmp_path / "x.zip", {"x": b""}).read_bytes()
    at, end = entry.index(b"PK\x01\x02"), entry.index(b"PK\x05\x06")
    listed, count = entry[at:end], 200_000
    sizes = struct.pack("<HHLL", 0xFFFF, 0xFFFF, len(listed) * count, at)
    (tmp_path / "a.zip").write_bytes(entry[:at] + listed * count + entry[end : end + 8] + sizes + b"\0\0")
    tracemalloc.start()
    with pytest.raises(DataError, match=r"a\.zip: holds more than the 100,000 files that are allowed here"):
        unpack(tmp_path / "a.zip", max_files=100_000)
    with pytest.raises(DataError, match=r"a\.zip: holds more than the 100 files that are allowed here"):
        unpack(tmp_path / "a.zip", max_files=100)
    assert tracemalloc.get_traced_memory()[1] < 3 * len(listed) * count
    tracemalloc.stop()
    assert nothing_left(tmp_path, "a.zip", "x.zip")


def claim_size(path: Path, packed: int, size: int) -> Path:
    """Rewrite what the directory of a zip with one file says of its size."""
    with zipfile.ZipFile(path, "a") as archive:
        info = archive.infolist()[0]
        info.compress_size, info.file_size = packed, size
        archive.comment = b"rewrite the directory"
    return path


def test_a_zip_that_declares_less_than_it_holds_is_refused(tmp_path):
    path = claim_size(pack(tmp_path / "a.zip", {"x": bytes(range(256)) * 100}), 2**12, 100)
    with pytest.raises(DataError, match="is no zip, or damaged"):
        unpack(path)
    assert nothing_left(tmp_path, "a.zip")


def test_encrypted_twice_named_oddly_packed_and_empty_zips_are_refused(tmp_path):
    path = pack(tmp_path / "a.zip", {"x": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="'x' is encrypted; unpack it with its password"):
        unpack(path)
    with pytest.raises(DataError, match=r"'\./x' is in it twice"):
        unpack(pack(tmp_path / "b.zip", {"x": b"1", "./x": b"2"}))
    with pytest.raises(DataError, match="packed by a method not known"):
        unpack(pack(tmp_path / "c.zip", {"x": b"x"}, zipfile.ZIP_BZIP2))
    with pytest.raises(DataError, match="holds no files"):
        unpack(pack(tmp_path / "d.zip", {}))
    with pytest.raises(DataError, match="unpacking failed"):
        unpack(pack(tmp_path / "e.zip", {"x": b"", "x/y": b""}))
    with pytest.raises(DataError, match="unpacking failed"):
        unpack(tmp_path / "absent.zip")
    assert nothing_left(tmp_path, *(f"{name}.zip" for name in "abcde"))


def test_a_folder_that_is_there_stays_as_it_is(tmp_path):
    path = pack(tmp_path / "a.zip", {"x": b"new"})
    (tmp_path / "data/set").mkdir(parents=True)
    (tmp_path / "data/set/x").write_bytes(b"old")
    with pytest.raises(DataError, match="already there"):
        unpack(path)
    assert (tmp_path / "data/set/x").read_bytes() == b"old"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_a_zip_holds_nothing_is_written_outside(data):
    with tempfile.TemporaryDirectory() as folder:
        names = data.draw(
            st.lists(st.text(st.sampled_from("ab./\\:\0é"), min_size=1, max_size=6), max_size=3, unique=True)
        )
        whole = pack(Path(folder, "a.zip"), dict.fromkeys(names, b"content")).read_bytes()
        at = data.draw(st.integers(0, len(whole)))
        piece = data.draw(st.binary(max_size=6)) if data.draw(st.booleans()) else b""
        Path(folder, "a.zip").write_bytes(whole[:at] + piece + whole[at + len(piece) :])
        found = read_or_refuse(unpack, Path(folder, "a.zip"))
        assert isinstance(found, Path) or "\n" not in found
        assert {path.name for path in Path(folder).iterdir()} <= {"a.zip", "data"}
        assert {path.name for path in Path(folder).glob("data/*")} <= {"set"}
