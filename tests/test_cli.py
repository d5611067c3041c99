"""The command line as a process: results, exit codes, one line on stderr, nothing half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import clips
from tests.models import save_tiny

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sec2sec", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny")


def test_explain_prints_the_seconds_and_writes_the_json(tmp_path, checkpoint):
    clip, out = clips.make_clip(tmp_path / "clip.mp4", seconds=3), tmp_path / "out.json"
    done = run("explain", clip, "--json", out, "--checkpoint", checkpoint, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    written = json.loads(out.read_text())
    assert written["schema"] == "sec2sec.explanation/1"
    assert written["clip"]["name"] == "clip.mp4"
    assert written["clip"]["seconds"] == 3
    assert len(written["co_attention"]["video_from_audio"]) == 3
    assert "arousal" in done.stdout
    assert "Random weights, for tests." in done.stdout
    assert "Traceback" not in done.stdout


def test_explain_measures_on_demand_what_costs_more(tmp_path, checkpoint):
    clip, out = clips.make_clip(tmp_path / "clip.mp4", seconds=3), tmp_path / "out.json"
    other = save_tiny(tmp_path / "other", seed=1)
    more = ["--stability", "--seeds", other, "--token-gradients"]
    done = run("explain", clip, "--json", out, "--checkpoint", checkpoint, "--device", "cpu", *more)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())["targets"]["arousal"]
    cuts, seeds = found["evidence"]["stability"]
    assert "±0.25" in cuts["over"]
    assert seeds["over"] == "2 seeds"
    assert seeds["prediction_low"] < seeds["prediction_high"]
    gradients = found["token_gradients"]
    assert [len(gradients["video"]), len(gradients["video"][0])] == [3, 72]
    assert [len(gradients["audio"]), len(gradients["audio"][0])] == [3, 32]
    assert "Over 2 seeds: prediction" in done.stdout


@pytest.mark.parametrize(
    "case", ["missing", "folder", "empty", "text", "short", "half", "no checkpoint", "no folder for the json"]
)
def test_what_cannot_be_used_ends_with_2_one_line_and_no_file(tmp_path, checkpoint, case):
    out, clip = tmp_path / "out.json", tmp_path / "clip.mp4"
    if case == "folder":
        clip.mkdir()
    elif case in ("empty", "text"):
        clip.write_bytes(b"" if case == "empty" else b"not a clip\n" * 100)
    elif case != "missing":
        clips.make_clip(clip, seconds=0.3 if case == "short" else 2)
    if case == "half":
        clips.truncate(clip, 0.5)
    if case == "no checkpoint":
        checkpoint = tmp_path / "nowhere"
    if case == "no folder for the json":
        out = tmp_path / "nowhere" / "out.json"
    done = run("explain", clip, "--json", out, "--checkpoint", checkpoint)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert ("nowhere" if case.startswith("no ") else "clip.mp4") in done.stderr
    assert not out.exists()
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


def test_an_older_json_survives_a_clip_that_cannot_be_used(tmp_path, checkpoint):
    out = tmp_path / "out.json"
    out.write_text("kept")
    assert run("explain", tmp_path / "none.mp4", "--json", out, "--checkpoint", checkpoint).returncode == 2
    assert out.read_text() == "kept"


def test_help_of_every_command_imports_no_torch():
    code = (
        "import sys; from sec2sec.cli import main\n"
        "try: main({!r})\nexcept SystemExit: pass\nprint('torch' in sys.modules)"
    )
    for arguments in (["--help"], ["explain", "--help"], ["evaluate", "--help"], ["make-clips", "--help"]):
        done = subprocess.run([sys.executable, "-c", code.format(arguments)], capture_output=True, text=True, cwd=ROOT)
        assert done.stdout.splitlines()[-1] == "False", arguments
        assert "usage: sec2sec" in done.stdout


def test_made_clips_can_be_evaluated_beside_trivial_baselines(tmp_path, checkpoint):
    data, out = tmp_path / "data", tmp_path / "metrics.json"
    made = run("make-clips", data, "--clips", 4, "--seed", 7, "--level", "cluttered", "--workers", 1)
    assert made.returncode == 0, made.stderr
    assert (data / "clips.csv").is_file()
    assert (data / "planted.csv").is_file()
    done = run("evaluate", "--checkpoint", checkpoint, "--data", data, "--json", out, "--workers", 1)
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    assert report["clips"] == 4
    for target in ("arousal", "valence", "synchrony"):
        assert {"accuracy", "f1", "balanced_accuracy", "trivial"} <= set(report["targets"][target])
    assert set(report["pointing"]) == {"occlusion", "attention", "chance"}
    assert "majority (trivial)" in done.stdout


def test_a_folder_without_a_table_is_refused(tmp_path, checkpoint):
    done = run("evaluate", "--checkpoint", checkpoint, "--data", tmp_path)
    assert done.returncode == 2
    assert "clips.csv" in done.stderr
    assert len(done.stderr.splitlines()) == 1
