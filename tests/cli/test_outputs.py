"""What a person has is never lost: commands do not write over what they read, nor over what is not ours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.clips import make_clip
from tests.helpers.commands import full_disk, run
from tests.helpers.datasets import clip_folder
from tests.helpers.models import save_tiny

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture
def clip(tmp_path) -> Path:
    return make_clip(tmp_path / "own.mp4", seconds=2)


def explain(clip: Path, checkpoint: Path, *options: object):
    return run("explain", clip, "--checkpoint", checkpoint, "--device", "cpu", *options)


@pytest.mark.parametrize("option", ["--json", "--csv", "--annotate", "--gif"])
def test_a_clip_is_never_replaced_by_what_is_said_of_it(clip, checkpoint, option):
    before = clip.read_bytes()
    for overwrite in ([], ["--overwrite"]):
        done = explain(clip, checkpoint, option, clip, *overwrite)
        assert done.returncode == 2
        assert "is read here and would be lost; give another name" in done.stderr
        assert done.stdout == ""
    assert clip.read_bytes() == before


def test_files_beside_a_report_are_decided_on_with_it(clip, checkpoint, tmp_path):
    (tmp_path / "clips.csv").write_text("id,path,valence\na,a.mp4,1\n")
    done = explain(clip, checkpoint, "--report", tmp_path / "clips.html")
    assert done.returncode == 2
    assert "clips.csv: exists and was not written by sec2sec" in done.stderr
    assert (tmp_path / "clips.csv").read_text() == "id,path,valence\na,a.mp4,1\n"
    assert not (tmp_path / "clips.html").exists()


def test_a_data_sets_table_is_never_replaced_by_a_report_on_it(tmp_path):
    folder = clip_folder(tmp_path / "set")
    before = (folder / "clips.csv").read_bytes()
    for overwrite in ([], ["--overwrite"]):
        done = run("data", folder, "--json", folder / "clips.csv", *overwrite)
        assert done.returncode == 2
        assert "clips.csv: belongs to" in done.stderr
    assert (folder / "clips.csv").read_bytes() == before


def test_a_checkpoint_is_never_replaced_by_what_is_said_of_a_clip(clip, tmp_path):
    folder = save_tiny(tmp_path / "tiny")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for path in before:
        for options in ([], ["--checkpoint", folder]):
            done = run("explain", clip, "--device", "cpu", *options, "--json", path)
            assert done.returncode == 2
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_what_was_written_before_is_replaced_without_a_word(clip, checkpoint, tmp_path):
    outputs = ["--json", tmp_path / "o.json", "--report", tmp_path / "r.html", "--annotate", tmp_path / "a.mp4"]
    outputs += ["--gif", tmp_path / "g.gif", "--figure", tmp_path / "f.png"]
    for _ in range(2):
        done = explain(clip, checkpoint, *outputs)
        assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "o.json").read_text())["schema"] == "sec2sec.explanation/1"


@pytest.mark.parametrize(("option", "name"), [("--gif", "own.gif"), ("--figure", "own.svg"), ("--figure", "own.png")])
def test_a_picture_of_somebody_elses_is_not_replaced(clip, checkpoint, tmp_path, option, name):
    Image.new("RGB", (8, 8)).save(tmp_path / "own.gif")
    Image.new("RGB", (8, 8)).save(tmp_path / "own.png")
    (tmp_path / "own.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    before = (tmp_path / name).read_bytes()
    done = explain(clip, checkpoint, option, tmp_path / name)
    assert done.returncode == 2
    assert f"{name}: exists and was not written by sec2sec" in done.stderr
    assert (tmp_path / name).read_bytes() == before


def test_every_command_may_write_its_json_again_and_says_first_what_it_is(checkpoint, tmp_path):
    folder, out = clip_folder(tmp_path / "set"), tmp_path / "o.json"
    own = ("--checkpoint", checkpoint, "--device", "cpu", "--workers", "0")
    for command in (
        ("data", folder),
        ("evaluate", "--data", folder, *own),
        ("profile", "--data", folder, "--cache", tmp_path / "tokens", *own),
    ):
        for _ in range(2):
            done = run(*command, "--json", out)
            assert done.returncode == 0, done.stderr
        assert next(iter(json.loads(out.read_text()))) == "schema"
        out.unlink()


def test_json_to_standard_output_is_json_alone(clip, checkpoint):
    done = explain(clip, checkpoint, "--json", "-")
    assert json.loads(done.stdout)["schema"] == "sec2sec.explanation/1"
    assert "arousal" in done.stderr


def test_json_goes_through_a_pipe(clip, checkpoint, tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(json.loads(pipe.read_bytes())))
    reader.start()
    done = explain(clip, checkpoint, "--json", pipe)
    reader.join(30)
    assert done.returncode == 0
    assert read[0]["clip"]["name"] == "own.mp4"
    assert pipe.is_fifo()


def test_files_are_written_also_where_nobody_reads_what_is_printed(clip, checkpoint, tmp_path):
    command = (
        f'"{sys.executable}" -m sec2sec explain "{clip}" --checkpoint "{checkpoint}" --json "{tmp_path}/o.json" | true'
    )
    subprocess.run(["bash", "-c", command], check=True, cwd=ROOT, timeout=120)
    assert json.loads((tmp_path / "o.json").read_text())["clip"]["name"] == "own.mp4"


def test_a_name_that_the_terminal_cannot_show_is_escaped_and_no_reason_to_fail(clip, checkpoint, tmp_path):
    named = clip.rename(tmp_path / "caf\u00e9 \U0001f3ac.mp4")
    command = [
        sys.executable,
        "-m",
        "sec2sec",
        "explain",
        named,
        "--checkpoint",
        checkpoint,
        "--json",
        tmp_path / "o.json",
    ]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert b"caf\\xe9" in done.stdout
    assert (tmp_path / "o.json").is_file()


@pytest.mark.parametrize(("option", "name"), [("--json", "o.json"), ("--report", "o.html")])
def test_a_file_that_grows_too_large_is_named_with_the_reason(clip, checkpoint, tmp_path, option, name):
    with full_disk(3_000):
        done = explain(clip, checkpoint, option, tmp_path / name)
    assert done.returncode == 2
    assert re.match(r"sec2sec: .*o\.\w+: File too large: ulimit -f\n", done.stderr)
    assert not list(tmp_path.glob("o.*"))
    assert not list(tmp_path.glob(".*"))


def test_a_film_that_the_disk_has_no_room_for_is_refused_and_leaves_nothing(clip, checkpoint, tmp_path):
    with full_disk(3_000):
        done = explain(clip, checkpoint, "--annotate", tmp_path / "film.mp4")
    assert done.returncode == 2
    assert "film.mp4: the film could not be written" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.mp4"]
