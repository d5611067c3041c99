"""The command line: results, exit codes, one line on stderr, nothing half-written."""

from __future__ import annotations

import argparse
import csv
import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import sec2sec
from sec2sec import errors
from sec2sec.cli import COMMANDS, command_parser
from sec2sec.fields import fields_of
from sec2sec.training.settings import TrainConfig
from tests.helpers import clips
from tests.helpers.commands import run
from tests.helpers.models import save_tiny

ROOT = Path(__file__).resolve().parents[2]
FLIGHT = ROOT / "assets" / "clips" / "sintel-flight.mp4"


def process(*arguments) -> subprocess.CompletedProcess[str]:
    """The command as a process, with all that libraries write to its stderr."""
    command = [sys.executable, "-m", "sec2sec", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny")


def test_explain_prints_the_seconds_and_writes_the_json(tmp_path, checkpoint):
    clip, out = clips.make_clip(tmp_path / "clip.mp4", seconds=3), tmp_path / "out.json"
    done = process("explain", clip, "--json", out, "--checkpoint", checkpoint, "--device", "cpu")
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


def test_explain_begins_with_the_answers_and_writes_the_table(tmp_path, checkpoint):
    clip, out = clips.make_clip(tmp_path / "clip.mp4", seconds=3), tmp_path / "out.csv"
    first, again = (
        run("explain", clip, "--csv", to, "--checkpoint", checkpoint, "--device", "cpu") for to in (out, "-")
    )
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    assert re.match(r"Arousal 0\.\d\d, (very low|low|medium|high|very high)\. ", lines[0])
    assert lines[1].startswith("  Nothing to judge. The clip is too short")
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["second"] for row in rows if row["target"] == "arousal"] == ["0", "1", "2"]
    assert again.stdout == out.read_text()  # and what is for people goes elsewhere
    assert lines[0] in again.stderr


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


HELP = """
import sys
from sec2sec.cli import COMMANDS, main
for name in ([], *([name] for name in COMMANDS)):
    try:
        main([*name, "--help"])
    except SystemExit as end:
        assert end.code == 0
print([name for name in ("torch", "numpy", "lightning_fabric", "gradio", "plotly", "pydantic") if name in sys.modules])
"""


def test_help_of_every_command_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout[-300:] + done.stderr
    for name in COMMANDS:
        assert f"usage: sec2sec {name} " in done.stdout


def options_of(command: str) -> list[argparse.Action]:
    """Every option of a subcommand."""
    subparsers = next(a for a in command_parser([command])._actions if isinstance(a, argparse._SubParsersAction))
    return [action for action in subparsers.choices[command]._actions if action.dest != "help"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_help_that_stands_alone(command):
    for option in options_of(command):
        name = option.option_strings or option.dest
        assert option.help, name
        first = option.help.split()[0].strip(":")
        assert first not in ("of", "at", "also", "there", "likewise", "default", "as", "the"), (name, option.help)


def test_options_of_a_training_are_grouped_and_each_setting_is_in_one_group():
    shown = run("train", "--help").stdout
    titles = [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    groups = ("options", "data", "model", "encoders", "optimisation", "stopping", "output", "hardware")
    assert titles == [f"{title}:" for title in groups]
    for field in fields_of(TrainConfig).values():
        assert field.group in groups
        assert len(re.findall(rf"^  {field.flag} ", shown, re.MULTILINE)) == 1


@pytest.mark.parametrize("how", [("--version",), ("train", "--nodes", "x"), ("nonsense",), ()])
def test_version_and_what_is_no_command(how):
    done = run(*how)
    if how == ("--version",):
        assert (done.returncode, done.stdout) == (0, f"sec2sec {sec2sec.__version__}\n")
    else:
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith("sec2sec")


def test_a_mistake_of_the_program_shows_its_traceback_and_ends_with_1():
    """A numpy error inside a command is no message for people, although it is a ValueError."""
    code = """
import sys
import numpy as np
import sec2sec.datasets.open as module
from sec2sec.cli import main
module.open_data = lambda *a, **k: np.zeros(3) + np.zeros(4)
sys.exit(main(["data", "anything"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last)")
    assert "could not be broadcast together" in done.stderr.splitlines()[-1]


def test_an_app_whose_port_is_taken_is_refused_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("app", "--port", taken.getsockname()[1])
    assert done.returncode == 2
    assert "cannot be served (Address already in use); choose others" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["explain", "none.mp4", "--max-seconds", -1], "max_seconds must be a number above 0, not -1.0"),
        (["explain", FLIGHT, "--device", "cuda"], "no usable CUDA GPU; use --device auto or cpu"),
        (["explain", FLIGHT, "--start", 5, "--end", 4], "sintel-flight.mp4"),
        (["make-clips", "OUT", "--clips", 0], "clips (0)"),
        (["make-clips", "OUT", "--clips", 3, "--splits", "0:1:1"], "the first at least 1, not (0, 1, 1)"),
        (["extract", "--data", "none", "--part", "3/2"], "--part takes I/N"),
        (["train", "--out", "OUT", "--data", "x", "--heads", 5], "width (96) must be a multiple of heads (5)"),
        (
            ["train", "--out", "OUT", "--data", "x", "--preset", "paper", "--video-grid", "9,3,3"],
            "finer than the encoders' maps",
        ),
        (
            ["train", "--out", "OUT", "--data", "x", "--dropout", 1],
            "--dropout must be a number of at least 0 and below 1, not '1'",
        ),
        (["benchmark", "--explanations", "--out", "OUT"], "--data is missing"),
        (["app", "--max-seconds", 0], "--max-seconds must be a number above 0, not '0'"),
    ],
)
def test_what_an_option_cannot_be_is_one_line(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    done = run(*(tmp_path / "out" if argument == "OUT" else argument for argument in arguments))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_packages_own_oserror_is_a_mistake_and_a_full_disk_is_not(monkeypatch):
    import sec2sec.datasets.open as module

    def fails(error: Exception):
        def open_data(*_, **__):
            raise error

        return open_data

    monkeypatch.setattr(module, "open_data", fails(OSError("cannot load library")))
    with pytest.raises(OSError, match="cannot load library"):
        run("data", "anything")
    monkeypatch.setattr(module, "open_data", fails(OSError(28, "No space left on device", "/x/clips.csv")))
    done = run("data", "anything")
    assert (done.returncode, done.stderr) == (2, "sec2sec: /x/clips.csv: No space left on device\n")


def test_every_error_for_people_is_in_the_tree_of_errors():
    """Each class derives from UserError and stands in the docstring, below the class that it derives from."""
    source = "\n".join(path.read_text() for path in (ROOT / "sec2sec").rglob("*.py"))
    defined = dict(re.findall(r"^class (\w+Error)\((\w+)", source, re.M))
    control = {
        "CancelledError",
        "StoppedError",
        "LeftQueueError",
        "FailedOnGpuError",
        "UploadBrokenOffError",
    }  # the end of a wait or an upload, and a mistake of the program
    assert {
        name for name, base in defined.items() if base in ("Exception", "RuntimeError", "MultiPartException")
    } == control
    drawn, above = {}, []
    for line in errors.__doc__.splitlines():
        if entry := re.match(r"( {4}[ │├└─]*)(\w+Error)\b", line):
            depth = (len(entry[1]) - 4) // 4
            above[depth:] = [entry[2]]
            drawn[entry[2]] = above[depth - 1] if depth else "Exception"
    assert drawn.pop("ValueError") == "Exception"
    assert drawn == {name: base for name, base in defined.items() if name not in control}


def test_made_clips_can_be_evaluated_beside_trivial_baselines(tmp_path, checkpoint):
    data, out = tmp_path / "data", tmp_path / "metrics.json"
    made = run("make-clips", data, "--clips", 4, "--seed", 7, "--level", "cluttered", "--workers", 1)
    assert made.returncode == 0, made.stderr
    assert (data / "clips.csv").is_file()
    assert (data / "planted.csv").is_file()
    cache = ("--workers", 0, "--cache", tmp_path / "tokens")
    done = run("evaluate", "--checkpoint", checkpoint, "--data", data, "--split", "all", "--json", out, *cache)
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    assert report["clips"] == 4
    for target in ("arousal", "valence", "synchrony"):
        assert {"accuracy", "f1", "balanced_accuracy", "trivial"} <= set(report["targets"][target])
    yardsticks = {"chance", "last second", "middle second", "loudness + motion", "odd one out"}
    assert set(report["pointing"]) == {"occlusion", "attention", *yardsticks}
    assert [gain["over"] for gain in report["pointing_gains"]] == ["loudness + motion", "odd one out"]
    assert "majority of the training set (trivial)" in done.stdout


def test_a_folder_without_a_table_is_refused(tmp_path, checkpoint):
    done = run("evaluate", "--checkpoint", checkpoint, "--data", tmp_path)
    assert done.returncode == 2
    assert "clips.csv" in done.stderr
    assert len(done.stderr.splitlines()) == 1
