"""explain --window, --hop and --curve: the curve in text, JSON and a tidy table, and every refusal in one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from sec2sec.checkpoints import load_checkpoint
from sec2sec.clip import encode
from sec2sec.curve import prediction_curve
from sec2sec.files import write_json
from sec2sec.lengths import KEY, measure_lengths
from tests.helpers.clips import make_clip
from tests.helpers.commands import run
from tests.helpers.models import save_tiny

SECONDS = 7


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """Random weights that learned, as it says, from 3 to 5 s."""
    folder = save_tiny(tmp_path_factory.mktemp("model") / "tiny")
    write_json(folder / "metrics.json", {KEY: measure_lengths([3, 4, 4, 5]).as_json()})
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "film.mp4", SECONDS)


def explain(clip: Path, checkpoint: Path, *options: object):
    return run("explain", clip, "--checkpoint", checkpoint, "--device", "cpu", *options)


def test_a_film_is_predicted_in_windows_without_being_asked(clip, checkpoint, tmp_path):
    done = explain(clip, checkpoint, "--json", tmp_path / "film.json", "--curve", tmp_path / "curve.csv")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Predicted in 4 windows of 4 s, one every 1 s."
    assert lines[1].startswith("Arousal 0.")
    assert "lengths: learned from clips of 3–5 s, half of them up to 4 s" in lines
    assert "7 s is longer than all 4 clips that the model learned from (3–5 s)." in done.stdout
    written = json.loads((tmp_path / "film.json").read_text())
    assert written["length"]["words"].startswith("7 s is longer than all 4 clips")
    curve = prediction_curve(encode(clip, load_checkpoint(checkpoint, "cpu")), window=4)
    for name, values in curve.values.items():
        assert written["curve"]["values"][name] == pytest.approx(values.tolist(), abs=1e-5)
    assert written["curve"]["times"] == [2.0, 3.0, 4.0, 5.0]
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text().splitlines()))
    assert [row["target"] for row in rows] == ["arousal"] * 4 + ["valence"] * 4  # synchrony is a diagnostic
    for row, value, low in zip(rows, curve.values["arousal"], curve.spread["arousal"][0], strict=False):
        assert float(row["prediction"]) == pytest.approx(value, abs=1e-5)
        assert float(row["lowest"]) == pytest.approx(low, abs=1e-5)
    again = explain(clip, checkpoint, "--curve", tmp_path / "curve.csv")  # ours may be replaced
    assert again.returncode == 0, again.stderr


def test_window_and_hop_are_chosen_and_times_are_those_of_the_file(clip, checkpoint, tmp_path):
    options = ("--start", 1, "--window", 2, "--hop", 3, "--json", "-")
    done = explain(clip, checkpoint, *options)
    assert done.returncode == 0, done.stderr
    curve = json.loads(done.stdout)["curve"]
    assert (curve["starts"], curve["ends"], curve["hop"]) == ([1.0, 4.0, 5.0], [3.0, 6.0, 7.0], 3.0)
    assert "The model learned from no windows of 2 s, but from 3–5 s." in done.stderr


def test_a_clip_of_a_learned_length_has_no_curve_unless_it_is_asked_for(clip, checkpoint):
    short = ("--end", 4, "--json", "-")
    assert json.loads(explain(clip, checkpoint, *short).stdout)["curve"] is None
    asked = json.loads(explain(clip, checkpoint, *short, "--window", 3).stdout)["curve"]
    assert asked["starts"] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--window", "2.5"), "a window of 2.5 s: a clip is encoded in whole seconds"),
        (("--window", "0"), "a window of 0 s"),
        (("--hop", "nan"), "a hop of nan s"),
        (("--end", "4", "--curve", "FILE"), "film.mp4: is predicted in one piece, as it has 4 s, and the model learned "
         "from up to 5 s; add --window S for a curve"),
        (("--end", "4", "--hop", "2"), "add --window S for a curve"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_and_no_file(clip, checkpoint, tmp_path, options, words):
    file = tmp_path / "curve.csv"
    done = explain(clip, checkpoint, *(file if option == "FILE" else option for option in options))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not file.exists()


def test_a_checkpoint_without_lengths_says_so(clip, tmp_path):
    silent = save_tiny(tmp_path / "silent")
    done = explain(clip, silent)
    assert "lengths: the checkpoint does not say how long the clips were that it learned from" in done.stdout
    refused = explain(clip, silent, "--hop", 2)
    assert "silent: does not say which lengths it learned from; add --window S" in refused.stderr
    assert explain(clip, silent, "--hop", 2, "--window", 3).stdout.startswith("Predicted in 3 windows of 3 s")


def test_a_file_of_a_person_is_never_replaced_by_a_curve(clip, checkpoint, tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("target,mine\n")
    done = explain(clip, checkpoint, "--curve", own)
    assert done.returncode == 2
    assert own.read_text() == "target,mine\n"
