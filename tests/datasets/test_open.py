"""Which data set a folder is, and reports on data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics

from sec2sec.datasets.open import open_data
from sec2sec.datasets.report import MAX_LISTED, missing_bytes, report_steps
from sec2sec.datasets.splits import RANDOM_SPLIT
from sec2sec.datasets.table import DataError, Row, Table
from sec2sec.progress import drain
from tests.helpers.clips import make_clip, truncate
from tests.helpers.formats import (
    make_liris,
    make_v2,
    write_table,
)

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


def test_any_table_of_clips_is_a_data_set_and_one_level_up_the_way_is_shown(tmp_path):
    write_table(tmp_path / "mine", "a,a.mp4,0.5,train,g")
    assert open_data(tmp_path / "mine").rows[0].id == "a"
    with pytest.raises(DataError, match=r"there is .*mine/clips\.csv"):
        open_data(tmp_path)


@pytest.mark.parametrize("options", [{"liris_rule": "3"}, {"split": RANDOM_SPLIT}, {"interview": True}])
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
    report = drain(report_steps(open_data(folder)), lambda step: seen.append((step.done, step.total)))
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
    assert "Missing: 1 of 9 clips" in said
    assert "Damaged: 2 of 9 clips" in said
    assert "Identical files in two splits: 1" in said
    assert json.loads(json.dumps(report.as_json(), allow_nan=False))["schema"] == "sec2sec.data/1"
    text = report.as_text()
    for part in ("LIRIS-ACCEDE", "training median", "ACCEDE00001.mp4", "cut short", "share of 1 0.500", "Missing: 1"):
        assert part in text


def test_a_quick_report_opens_no_clip(tmp_path):
    report = drain(report_steps(open_data(make_liris(tmp_path / "liris")), probe=False))
    assert report.missing.count == 9
    assert report.splits["all"]["seconds"] is None
    assert "were not opened" in report.as_text()


def test_long_lists_are_cut_and_counted():
    rows = [Row(str(i), Path(f"/nowhere/{i}.mp4"), {"a": i % 2}, "train", "g") for i in range(MAX_LISTED + 5)]
    report = drain(report_steps(Table(Path("/nowhere"), ("a",), rows)))
    assert (report.missing.count, len(report.missing.listed)) == (MAX_LISTED + 5, MAX_LISTED)
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
    trivial = drain(report_steps(table, probe=False)).targets["t"]["trivial"]["test"]
    truth = np.array(table.values("t", "test"))
    for name, answer in (("majority", float(np.mean(table.values("t", "train")) >= 0.5)), ("always_positive", 1.0)):
        said = np.full_like(truth, answer)
        assert trivial[name]["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(truth, said))
        assert trivial[name]["balanced_accuracy"] == pytest.approx(sklearn.metrics.balanced_accuracy_score(truth, said))
        assert trivial[name]["f1"] == pytest.approx(sklearn.metrics.f1_score(truth, said))
        assert trivial[name]["macro_f1"] == pytest.approx(sklearn.metrics.f1_score(truth, said, average="macro"))


def test_trivial_baselines_of_scores_come_from_the_training_labels():
    table = made_up("score", 0)
    about = drain(report_steps(table, probe=False)).targets["t"]
    training, truth = (np.array(table.values("t", split)) for split in ("train", "validation"))
    for name, answer in (("training_mean", training.mean()), ("training_median", np.median(training))):
        found = about["trivial"]["validation"][name]
        assert found["answer"] == pytest.approx(answer)
        assert found["mean_accuracy"] == pytest.approx(1 - np.abs(truth - answer).mean())
    assert about["splits"]["train"]["sd"] == pytest.approx(training.std())


def test_shared_speakers_one_class_and_empty_splits_are_said(tmp_path):
    report = drain(report_steps(open_data(make_v2(tmp_path / "fi")), probe=False))
    assert report.groups_shared.listed == [{"group": "_uNup91ZYw0", "splits": ["validation", "test"]}]
    assert "1 in validation and test" in " ".join(report.problems)
    folder = write_table(tmp_path / "mine", "a,a.mp4,1,train,g", "b,b.mp4,1,train,h", "c,c.mp4,0,test,i")
    said = drain(report_steps(open_data(folder), probe=False)).problems
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
