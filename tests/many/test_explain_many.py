"""Many clips into one table: nothing is lost, nothing stands there by half, and a damaged clip costs that clip."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import sec2sec
from sec2sec.cli import main
from sec2sec.files import file_sha256
from sec2sec.many import each
from sec2sec.progress import Progress
from tests.helpers.clips import grey, make_clip
from tests.helpers.commands import full_disk, run
from tests.helpers.models import save_tiny

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["a.mp4", "b.mp4", "c.mp4", "deep/d.mov", "e.wav"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Five clips, one in a folder below, one without a picture; a text that is no clip."""
    folder = tmp_path_factory.mktemp("made") / "clips"
    (folder / "deep").mkdir(parents=True)
    for index, name in enumerate(NAMES[:4]):
        make_clip(folder / name, 1 + index % 2, fps=8, size=(32, 32), picture=grey(40 * index))
    make_clip(folder / "e.wav", 2, picture=None, audio_codec="pcm_s16le")
    (folder / "notes.txt").write_text("not a clip")
    return folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "clips"))


@pytest.fixture(scope="module")
def whole(made, checkpoint, tmp_path_factory) -> bytes:
    """The table of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "out.csv"
    assert explain(made, checkpoint, out).returncode == 0
    return out.read_bytes()


@pytest.fixture(scope="module")
def memory() -> dict[object, object]:
    return {}


@pytest.fixture
def remembered(memory, monkeypatch) -> None:
    """Each clip is explained once in this file: what is tested is where explanations go."""
    real = each.by_model

    def by_model(model, **options):
        explain_one = real(model, **options)

        def once(path: Path):
            key = path.name, file_sha256(path), model.summary.sha256, str(options)
            if key not in memory:
                memory[key] = yield from explain_one(path)
            yield Progress(1, 1, "remembered")
            return memory[key]

        return once

    monkeypatch.setattr(each, "by_model", by_model)


def explain(clips: Path, checkpoint: Path, out: Path, *options: object):
    return run("explain", clips, "--csv", out, "--checkpoint", checkpoint, "--device", "cpu", *options)


def clips_of(table: Path) -> list[str]:
    return list(dict.fromkeys(pd.read_csv(table)["clip"]))


def test_rows_of_a_folder_are_those_of_each_clip_alone(made, checkpoint, whole, tmp_path):
    (tmp_path / "all.csv").write_bytes(whole)
    table = pd.read_csv(tmp_path / "all.csv")
    assert list(dict.fromkeys(table["clip"])) == NAMES
    for name in NAMES:
        assert (
            run(
                "explain", made / name, "--csv", tmp_path / "one.csv", "--checkpoint", checkpoint, "--device", "cpu"
            ).returncode
            == 0
        )
        alone = pd.read_csv(tmp_path / "one.csv")
        own = table[table["clip"] == name].reset_index(drop=True)[list(alone.columns)]
        pd.testing.assert_frame_equal(own, alone, check_dtype=False)
        explanation = sec2sec.explain(made / name, checkpoint)
        for target in ("arousal", "valence"):
            figures = table[(table["clip"] == name) & (table["target"] == target)]
            assert figures["prediction"].tolist() == pytest.approx(
                [explanation.targets[target].prediction] * len(figures), abs=1e-6
            )


def test_a_table_names_its_clips_by_id_and_needs_no_labels(folder, checkpoint, tmp_path, remembered):
    (folder / "clips.csv").write_text("id;path\nsecond;DEEP/D.mov\nfirst;a.mp4\n")
    for source in (folder, folder / "clips.csv"):
        out = tmp_path / f"{source.suffix or 'folder'}.csv"
        done = explain(source, checkpoint, out)
        assert done.returncode == 0, done.stderr
        assert clips_of(out) == ["second", "first"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path\na.mp4\na.mp4\n", "a.mp4 stands twice"),
        ("id,path\nx,\n", "line 2: path is empty"),
        ("name\na.mp4\n", "column path is missing"),
        ("path\n", "has no clips"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(folder, checkpoint, tmp_path, text, words):
    (folder / "clips.csv").write_text(text)
    done = explain(folder, checkpoint, tmp_path / "out.csv")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
    assert not list(tmp_path.glob("out*"))


def test_damaged_clips_are_listed_with_reasons_and_cost_no_other_clip(folder, checkpoint, whole, tmp_path):
    (folder / "bad.mp4").write_bytes((folder / "a.mp4").read_bytes()[:300])
    (folder / "empty.mp4").write_bytes(b"")
    out = tmp_path / "out.csv"
    done = explain(folder, checkpoint, out)
    assert done.returncode == 3
    assert "7 clips: 5 explained, 2 could not be used" in done.stdout
    assert "not usable: empty.mp4: the file is empty" in done.stderr
    assert out.read_bytes() == whole
    with (tmp_path / "out.failed.csv").open() as file:
        failed = list(csv.DictReader(file))
    assert [row["clip"] for row in failed] == ["bad.mp4", "empty.mp4"]
    assert all(row["reason"] and Path(row["path"]).name == row["clip"] for row in failed)
    shutil.copy(folder / "a.mp4", folder / "empty.mp4")  # mended, and tried again
    (folder / "bad.mp4").unlink()
    done = explain(folder, checkpoint, out)
    assert "6 clips: 1 explained, 5 explained before" in done.stdout
    assert done.returncode == 0
    assert not (tmp_path / "out.failed.csv").exists()
    assert clips_of(out) == [*NAMES, "empty.mp4"]


def test_a_run_killed_by_the_system_goes_on_to_the_same_table(made, checkpoint, whole, tmp_path):
    out = tmp_path / "out.csv"
    command = [sys.executable, "-m", "sec2sec", "explain", made, "--csv", out, "--checkpoint", checkpoint]
    process = subprocess.Popen([*map(str, command), "--device", "cpu"], cwd=ROOT, stdout=subprocess.DEVNULL)
    record, end = tmp_path / "out.clips.jsonl", time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if record.exists() and record.read_bytes().count(b"\n") >= 2:
            break
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was killed in the middle"
    assert whole.startswith(out.read_bytes()), "whole clips, as they come"
    done = explain(made, checkpoint, out)
    assert done.returncode == 0
    assert "explained before" in done.stdout
    assert out.read_bytes() == whole
    assert not list(tmp_path.glob(".*"))


def test_whatever_is_on_the_disk_when_a_machine_goes_off_a_run_goes_on_to_the_same_table(
    made, checkpoint, whole, tmp_path, remembered
):
    """The state of the disk at each moment at which a file is made lasting, also with half of what follows."""
    out, states = tmp_path / "run" / "out.csv", tmp_path / "states"
    out.parent.mkdir()
    real = os.fsync

    def snapshot(handle: int) -> None:
        shutil.copytree(out.parent, states / str(len(list(states.glob("*")))), ignore=shutil.ignore_patterns(".*"))
        real(handle)

    states.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", snapshot)
        assert explain(made, checkpoint, out).returncode == 0
    moments = sorted(states.iterdir(), key=lambda path: int(path.name))
    assert len(moments) > 2 * len(NAMES)
    for moment in moments:
        for torn in (0, 40):
            state = Path(shutil.copytree(moment, tmp_path / "now"))
            table, record = state / "out.csv", state / "out.clips.jsonl"
            lines = record.read_bytes().count(b"\n") if record.exists() else 0
            if torn and table.exists() and lines - 1 < len(clips_of(table)):  # rows whose record is not there yet
                table.write_bytes(table.read_bytes()[:-torn])
            elif torn and lines > 1:
                record.write_bytes(record.read_bytes() + b'{"clip": "c.mp')
            elif torn:
                shutil.rmtree(state)
                continue
            done = explain(made, checkpoint, table)
            assert done.returncode == 0, done.stderr
            assert table.read_bytes() == whole, (moment.name, torn)
            shutil.rmtree(state)


def test_a_changed_clip_is_done_anew_and_no_other(folder, checkpoint, tmp_path, remembered):
    out = tmp_path / "out.csv"
    assert explain(folder, checkpoint, out).returncode == 0
    before = pd.read_csv(out)
    make_clip(folder / "b.mp4", 3, fps=8, size=(32, 32), picture=grey(200))
    done = explain(folder, checkpoint, out)
    assert "5 clips: 1 explained, 4 explained before" in done.stdout
    after = pd.read_csv(out)
    assert (after["clip"] == "b.mp4").sum() == 2 * 3
    others = after[after["clip"] != "b.mp4"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, before[before["clip"] != "b.mp4"].reset_index(drop=True))


def test_another_model_other_options_and_other_clips_are_refused_unless_overwritten(
    folder, checkpoint, tmp_path, remembered
):
    out = tmp_path / "out.csv"
    assert explain(folder, checkpoint, out).returncode == 0
    before = out.read_bytes()
    other = save_tiny(tmp_path / "other", seed=1)
    for arguments, words in (
        ((folder, other, out), "was begun with the model tiny, and not other"),
        ((folder, checkpoint, out, "--end", "1"), "was begun with other options: end None"),
        ((folder / "deep", checkpoint, out), "holds clips that are not given now, a.mp4 and 4 more"),
    ):
        done = explain(*arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert words in done.stderr
        assert out.read_bytes() == before
    done = explain(folder, checkpoint, out, "--end", "1", "--overwrite")
    assert "5 clips: 5 explained" in done.stdout
    assert pd.read_csv(out)["second"].max() == 0


def test_rows_that_somebody_changed_are_made_again(made, checkpoint, whole, tmp_path, remembered):
    out = tmp_path / "out.csv"
    explain(made, checkpoint, out)
    lines = whole.splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:-1]))
    done = explain(made, checkpoint, out)
    assert "5 clips: 1 explained, 4 explained before" in done.stdout
    assert out.read_bytes() == whole


def test_a_table_of_somebody_elses_or_without_its_record_is_left_alone(made, checkpoint, tmp_path, remembered):
    out = tmp_path / "out.csv"
    out.write_text("clip,rating\na,1\n")
    assert "was not written by sec2sec" in explain(made, checkpoint, out).stderr
    assert out.read_text() == "clip,rating\na,1\n"
    explain(made, checkpoint, out, "--overwrite")
    (tmp_path / "out.clips.jsonl").unlink()
    before = out.read_bytes()
    done = explain(made, checkpoint, out)
    assert (done.returncode, out.read_bytes()) == (2, before)
    assert "its record out.clips.jsonl is missing" in done.stderr


def test_ctrl_c_leaves_a_valid_part_and_says_how_to_go_on(made, checkpoint, whole, tmp_path, remembered, monkeypatch):
    out, real, seen = tmp_path / "out.csv", each.by_model, []

    def by_model(*arguments, **options):
        explain_one = real(*arguments, **options)

        def stopped(path: Path):
            seen.append(path)
            if len(seen) == 3:
                yield Progress(1, 2, "half of the third")
                raise KeyboardInterrupt
            return (yield from explain_one(path))

        return stopped

    with monkeypatch.context() as patch:
        patch.setattr(each, "by_model", by_model)
        done = explain(made, checkpoint, out, "--report", tmp_path / "pages")
    assert done.returncode == 130
    assert "2 of 5 clips are in" in done.stderr
    assert "the same command goes on" in done.stderr
    assert clips_of(out) == NAMES[:2]
    assert "2 of 5 clips explained" in (tmp_path / "pages" / "index.html").read_text()
    assert explain(made, checkpoint, out, "--report", tmp_path / "pages").returncode == 0
    assert out.read_bytes() == whole


def test_a_full_disk_ends_the_run_in_one_line_and_leaves_whole_clips(made, checkpoint, whole, tmp_path, remembered):
    out = tmp_path / "out.csv"
    with full_disk(len(whole) - 500):
        done = explain(made, checkpoint, out)
    assert done.returncode == 2
    assert "out.csv: File too large" in done.stderr
    assert whole.startswith(out.read_bytes())
    assert clips_of(out) == NAMES[:4]
    assert explain(made, checkpoint, out).returncode == 0
    assert out.read_bytes() == whole


def test_a_mistake_of_the_program_on_one_clip_costs_that_clip_and_goes_to_the_log(
    made, checkpoint, tmp_path, remembered, monkeypatch, caplog
):
    real = each.by_model

    def by_model(*arguments, **options):
        explain_one = real(*arguments, **options)

        def failing(path: Path):
            if path.name == "b.mp4":
                raise ZeroDivisionError("of ours")
            return (yield from explain_one(path))

        return failing

    monkeypatch.setattr(each, "by_model", by_model)
    done = explain(made, checkpoint, tmp_path / "out.csv")
    assert done.returncode == 3
    assert "b.mp4: the program failed on it (ZeroDivisionError)" in done.stderr
    assert "of ours" in caplog.text
    assert clips_of(tmp_path / "out.csv") == [name for name in NAMES if name != "b.mp4"]


def test_a_figure_that_only_later_clips_have_widens_the_table(tmp_path):
    from sec2sec.many.rows import RowsFile

    rows = RowsFile(tmp_path / "out.csv")
    rows.add([{"clip": ["a", "a"], "target": ["x", "x"], "second": [0, 1]}])
    rows.add([{"clip": ["b"], "target": ["x"], "second": [0], "speech": [0.5]}])
    assert (tmp_path / "out.csv").read_text() == "clip,target,second,speech\na,x,0,\na,x,1,\nb,x,0,0.5\n"
    assert RowsFile(tmp_path / "out.csv").clips() == {"a": 2, "b": 1}


def test_two_runs_into_one_table_are_kept_apart(made, checkpoint, tmp_path, remembered, monkeypatch):
    real, inner = each.by_model, []

    def by_model(*arguments, **options):
        explain_one = real(*arguments, **options)

        def beside(path: Path):
            if not inner:
                inner.append(None)
                inner[0] = explain(made, checkpoint, tmp_path / "out.csv")
            return (yield from explain_one(path))

        return beside

    monkeypatch.setattr(each, "by_model", by_model)
    assert explain(made, checkpoint, tmp_path / "out.csv").returncode == 0
    assert inner[0].returncode == 2
    assert "another run is writing it" in inner[0].stderr


@pytest.mark.parametrize("option", [["--json", "x.json"], ["--stability"], ["--gif", "x.gif"], ["--window", "3"]])
def test_what_one_clip_alone_can_be_asked_for_is_refused(made, checkpoint, tmp_path, option):
    done = explain(made, checkpoint, tmp_path / "out.csv", *option)
    words = f"sec2sec: {made}: is a folder, and {option[0]} is for one clip; name its file\n"
    assert (done.returncode, done.stderr) == (2, words)


def test_many_clips_need_a_table_to_grow(made, checkpoint):
    assert "many clips need --csv FILE" in run("explain", made, "--checkpoint", checkpoint).stderr


def test_each_clip_gets_a_page_and_the_index_leads_to_it(folder, checkpoint, tmp_path, remembered):
    (folder / "bad<b>.mp4").write_bytes(b"\0" * 50)
    shutil.copy(folder / "a.mp4", folder / "<i>x&y.mp4")
    done = explain(folder, checkpoint, tmp_path / "out.csv", "--report", tmp_path / "pages")
    assert done.returncode == 3
    index = (tmp_path / "pages" / "index.html").read_text()
    records = [json.loads(line) for line in (tmp_path / "out.clips.jsonl").read_text().splitlines()[1:]]
    reports = [record["report"] for record in records if not record["reason"]]
    assert len(reports) == len(set(reports)) == 6
    for report in reports:
        page = tmp_path / "pages" / report
        assert page.is_file()
        assert "The clip itself is not in this page." in page.read_text()
    assert "Random weights, for tests." in index
    assert "&lt;i&gt;x&amp;y.mp4" in index
    assert "<i>" not in index
    assert "<b>.mp4" not in index
    (tmp_path / "pages" / reports[0]).unlink()
    done = explain(folder, checkpoint, tmp_path / "out.csv", "--report", tmp_path / "pages")
    assert "1 explained, 5 explained before" in done.stdout


def test_python_goes_through_clips_and_hands_over_errors(made, checkpoint, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"\0" * 50)
    paths = [made / "a.mp4", tmp_path / "bad.mp4", str(made / "b.mp4")]
    first, bad, last = sec2sec.explain_all(paths, checkpoint)
    assert (first[0], last[0]) == (made / "a.mp4", made / "b.mp4")
    alone = sec2sec.explain(made / "a.mp4", checkpoint)
    assert first[1].targets["arousal"].prediction == pytest.approx(alone.targets["arousal"].prediction, abs=1e-6)
    assert isinstance(bad[1], sec2sec.errors.UserError)
    assert [path.name for path, _ in sec2sec.explain_all(made, checkpoint)] == [Path(name).name for name in NAMES]


@pytest.mark.parametrize("named", ["clips.csv", "folder"])
def test_the_table_that_names_the_clips_is_never_the_one_that_is_written(folder, checkpoint, named, capsys):
    table = folder / "clips.csv"
    table.write_text("id,path\na,a.mp4\n")
    source = table if named == "clips.csv" else folder
    for out in (table, checkpoint / "config.json"):
        before = out.read_bytes()
        options = ["--checkpoint", str(checkpoint), "--csv", str(out), "--overwrite"]
        assert main(["explain", str(source), *options]) == 2
        assert out.read_bytes() == before
        assert str(out) in capsys.readouterr().err
