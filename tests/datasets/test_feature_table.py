"""Features of other programs: every form is read, nothing of a file is run, and what is wrong is one line."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from sec2sec.datasets.feature_table import read_all, read_feature_table
from sec2sec.datasets.open import open_data
from sec2sec.datasets.report import report_steps
from sec2sec.datasets.table import DataError
from sec2sec.errors import MissingExtraError
from sec2sec.progress import drain
from tests.helpers.features import HEADER, feature_folder, table_rows, write_arrays, write_table


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5"])
def test_every_form_gives_the_numbers_of_its_files_in_float16(tmp_path, suffix):
    table = open_data(feature_folder(tmp_path / "data", suffix))
    assert (table.targets, table.kinds) == (("arousal", "calm"), {"arousal": "binary", "calm": "score"})
    assert table.features.name == "CLIP and VGGish"
    assert table.features.encoder.shapes == {"video": (4, 6), "audio": (1, 5)}
    generator = np.random.default_rng(0)
    for (row, tokens), number in zip(read_all(table.rows, 60), range(10), strict=True):
        for name, shape in (("video", (4, 6)), ("audio", (1, 5))):
            stored = (tokens.seconds, *shape) if name == "video" else (tokens.seconds, 5)
            expected = generator.normal(size=stored).astype(np.float32)
            expected[0, ..., 0] += 6 * (number % 2)
            own = getattr(tokens, name)
            assert own.shape == (row.seconds, *shape)
            assert np.array_equal(own.numpy(), expected.reshape(own.shape).astype(np.float16))


@pytest.mark.parametrize(
    ("video", "audio", "grids"),
    [
        ((8,), (3,), ((1, 1, 1), (1, 1))),
        ((7, 8), (4, 3), ((1, 1, 7), (4, 1))),
        ((2, 3, 3, 8), (4, 2, 3), ((2, 3, 3), (4, 2))),
        ((8,), (), ((1, 1, 1), (1, 1))),
    ],
)
def test_the_shape_says_the_grid_and_each_modality_has_channels_of_its_own(tmp_path, video, audio, grids):
    encoder = open_data(feature_folder(tmp_path / "data", video=video, audio=audio)).features.encoder
    assert (encoder.video_grid, encoder.audio_grid) == grids
    assert encoder.channels == (8, 3 if audio else 8)


def test_a_shape_may_be_written_as_numpy_prints_it(tmp_path):
    folder = feature_folder(tmp_path / "data")
    rows = table_rows(folder)
    for row in rows:
        row[3], row[4] = f"({row[3].replace('x', ', ')})", row[4].replace("x", "×")
    write_table(folder, rows)
    assert open_data(folder).features.encoder.shapes == {"video": (4, 6), "audio": (1, 5)}


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("video", "clip.mp4", r"line 2: video is 'clip.mp4'; features are files that end in .npz, .npy, .h5, .hdf5"),
        (
            "video_shape",
            "wide",
            r"line 2: video_shape is 'wide'; expected T x C, T x tokens x C or T x time x height x",
        ),
        ("video_shape", "2", r"line 2: video_shape is '2'; expected T x C"),
        ("video_shape", "2x1x2x6", r"line 2: video_shape 2x1x2x6 has 4 numbers; expected T x C, T x tokens x C or T x"),
        ("video_shape", "0x4x6", r"line 2: video_shape is 0x4x6; expected from 1 to 3,600 seconds"),
        ("video_shape", "2x99999999999999x6", r"line 2: video_shape is .*; expected from 1 to 3,600 seconds"),
        ("audio_shape", "3x5", r"line 2: video 2 and audio 3 seconds; both must have one vector or grid for each sec"),
        ("audio_shape", "2x6", r"line 3: audio_shape is 3x5, and 2x6 above; apart from the seconds all clips have one"),
        ("source", "ours", r"features.csv: source differs between lines \(ours, CLIP and VGGish\); a table has"),
        ("id", "c1", r"line 3: id 'c1' stands twice"),
        ("split", "dev", r"line 2: split is 'dev'; expected one of train, validation, test"),
        ("arousal", "7", r"line 2: arousal is '7'; expected a number from 0 to 1"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_line_with_its_place(tmp_path, column, cell, message):
    folder = feature_folder(tmp_path / "data")
    rows = table_rows(folder)
    rows[0][HEADER.index(column)] = cell
    write_table(folder, rows)
    with pytest.raises(DataError, match=message) as raised:
        open_data(folder)
    assert "\n" not in str(raised.value)


def test_a_table_without_files_without_shapes_or_beside_clips_is_refused(tmp_path):
    folder = feature_folder(tmp_path / "data")
    rows = table_rows(folder)
    write_table(folder, [row[:1] + row[5:] for row in rows], HEADER[:1] + HEADER[5:])
    with pytest.raises(DataError, match="has no column video and no column audio, which name the files"):
        open_data(folder)
    write_table(folder, [row[:3] + row[4:] for row in rows], HEADER[:3] + HEADER[4:])
    with pytest.raises(DataError, match="column video_shape is missing; it gives the shape of the array as 10x18x512"):
        open_data(folder)
    write_table(folder, [[row[0], "", "", *row[3:]] for row in rows])
    with pytest.raises(DataError, match="line 2: names neither a file of video nor one of audio"):
        open_data(folder)
    write_table(folder, rows)
    (folder / "clips.csv").write_text("id,path,split,group\n")
    with pytest.raises(DataError, match=r"holds clips\.csv and features\.csv; give clips and features a folder each"):
        open_data(folder)


def changed(folder, **arrays) -> str:
    """What is said of the first clip once its file holds these arrays."""
    own = {"video": np.zeros((2, 4, 6), np.float32), "audio": np.zeros((2, 5), np.float32)} | arrays
    write_arrays(folder / "0.npz", {name: values for name, values in own.items() if values is not None})
    return message_of(folder)


def message_of(folder) -> str:
    table = read_feature_table(folder)
    _, message = next(read_all(table.rows, 60))
    assert isinstance(message, str), message
    assert "\n" not in message
    return message


def test_what_is_wrong_with_a_file_is_one_line_that_says_what_to_do(tmp_path):
    folder = feature_folder(tmp_path / "data")
    nan = np.zeros((2, 4, 6), np.float32)
    nan[1, 2, 3] = np.nan
    large = np.full((2, 5), 70000.0)
    assert "video has the shape 2x4x7, and the table says 2x4x6" in changed(folder, video=np.zeros((2, 4, 7)))
    assert "video has the shape 3x4x6, and the table says" in changed(folder, video=np.zeros((3, 4, 6)))
    assert "audio has the shape of a single number, and" in changed(folder, audio=np.float32(1))
    assert "video holds nan in second 1 (at [2, 3]); replace it" in changed(folder, video=nan)
    assert "video holds inf in second 1" in changed(folder, video=np.where(np.isnan(nan), np.inf, nan))
    assert "audio holds 70000, and tokens are stored in float16" in changed(folder, audio=large)
    assert "audio holds int64; save it as float16, float32 or float64" in changed(folder, audio=np.zeros((2, 5), int))
    assert "holds no array called audio (there: video); name it so" in changed(folder, audio=None)
    (folder / "0.npz").write_bytes(b"not a zip")
    assert "0.npz: video cannot be read (File is not a zip file); save the file again" in message_of(folder)
    table = read_feature_table(folder)
    assert (
        "3 seconds, and at most 2 are taken here; cut the clip"
        in {row.id: text for row, text in read_all(table.rows, 2) if isinstance(text, str)}["c1"]
    )


class Harmful:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('a file was run')",)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_no_object_of_a_file_is_unpickled(tmp_path, suffix):
    folder = feature_folder(tmp_path / "data", suffix, audio=())
    objects = np.full((2, 4, 6), Harmful(), dtype=object)
    if suffix == ".npy":
        np.save(folder / "0.video.npy", objects, allow_pickle=True)
    else:
        np.savez(folder / "0.npz", video=objects, allow_pickle=True)
    assert "video holds Python objects, which are never loaded; save an array of numbers" in message_of(folder)


def test_a_small_file_cannot_ask_for_much_memory(tmp_path):
    folder = feature_folder(tmp_path / "data", audio=())
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 4, 6)})
    with zipfile.ZipFile(folder / "0.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("video.npy", header.getvalue() + bytes(50_000_000))
    assert "has the shape 1099511627776x4x6, and the table says 2x4x6" in message_of(folder)
    whole = io.BytesIO()
    np.save(whole, np.zeros((2, 4, 6), np.float32))
    with zipfile.ZipFile(folder / "0.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("video.npy", whole.getvalue() + bytes(50_000_000))
    assert "0.npz: video cannot be read (it is longer than its shape)" in message_of(folder)


def test_hdf5_leads_to_no_other_file(tmp_path):
    import h5py

    folder = feature_folder(tmp_path / "data", ".h5", audio=())
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["video"] = np.zeros((2, 4, 6))
    (tmp_path / "raw").write_bytes(bytes(2 * 4 * 6 * 8))
    file = folder / "0.h5"
    with h5py.File(file, "w") as own:
        own["video"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "video")
    assert "video is a link to another place; store the data set itself" in message_of(folder)
    with h5py.File(file, "w") as own:
        own.create_dataset("video", (2, 4, 6), "f8", external=[(str(tmp_path / "raw"), 0, 2 * 4 * 6 * 8)])
    assert "the values of video lie in other files; store them in this one" in message_of(folder)
    with h5py.File(file, "w") as own:
        layout = h5py.VirtualLayout((2, 4, 6), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "video", (2, 4, 6))
        own.create_virtual_dataset("video", layout)
    assert "the values of video lie in other files" in message_of(folder)
    with h5py.File(file, "w") as own:
        own.create_group("video")
    assert "video is a group; store one data set of that name" in message_of(folder)
    with h5py.File(file, "w") as own:
        own.create_dataset("video", (2, 4, 6), h5py.string_dtype())
    assert "video holds Python objects, which are never loaded" in message_of(folder)
    file.write_bytes(b"not HDF5")
    assert "0.h5: video cannot be read" in message_of(folder)


def test_h5_without_its_package_is_one_sentence(tmp_path, monkeypatch):
    folder = feature_folder(tmp_path / "data", ".h5")
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"reading .h5 files needs .*\[h5\].* \(not installed: h5py\)"):
        open_data(folder)


def test_an_upload_holds_no_features(tmp_path):
    with pytest.raises(DataError, match="holds features, which are not taken here; train on them in the terminal"):
        open_data(feature_folder(tmp_path / "data"), inside=True)


def test_data_reports_features_as_it_reports_clips(tmp_path):
    folder = feature_folder(tmp_path / "data")
    (folder / "0.npz").unlink()
    (folder / "1.npz").write_bytes(b"damaged")
    report = drain(report_steps(open_data(folder)))
    assert report.notes == ["Its clips are features, computed elsewhere: CLIP and VGGish."]
    assert (report.missing.listed[0]["id"], report.damaged.listed[0]["id"]) == ("c0", "c1")
    assert report.splits["all"]["seconds"]["max"] == 4
