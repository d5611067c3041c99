"""`evaluate` reads data as the checkpoint learned to, and says which of the clips it learned from."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, f1_score, r2_score

from sec2sec.datasets.splits import RANDOM_SPLIT
from sec2sec.paths import program_paths
from sec2sec.progress import drain
from sec2sec.training.run_folder import RunFolder
from sec2sec.training.settings import as_json
from sec2sec.training.train import train_steps
from tests.helpers.commands import Done, run
from tests.helpers.formats import make_liris, make_v2
from tests.helpers.trainings import settings

RULES = {
    "class": {"liris_rule": "class", "score_loss": "ccc"},
    "two kinds": {"liris_rule": "valence=rank,arousal=median", "class_weights": "balanced", "label_smoothing": 0.1},
    "a rating": {"liris_rule": "valence=3,arousal=2.5"},
    "random split": {"split": RANDOM_SPLIT, "split_seed": 1, "seed": 2, "liris_rule": "2.5"},
}


@pytest.fixture(scope="module")
def liris(tmp_path_factory, clips) -> Path:
    return make_liris(tmp_path_factory.mktemp("liris"), clips)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, made, machine, liris):
    """A run folder for each way of reading LIRIS-ACCEDE, made when it is asked for."""
    folder, done = tmp_path_factory.mktemp("runs"), {}

    def train(name: str) -> Path:
        if name not in done:
            done[name] = folder / name
            drain(train_steps(done[name], settings(made, data=str(liris), epochs=2, **RULES[name]), machine))
        return done[name]

    return train


def evaluate(made: Path, checkpoint: Path, data: Path, *more: object) -> Done:
    hardware = ("--workers", 0, "--device", "cpu", "--cache", made / "tokens")
    return run("evaluate", "--checkpoint", checkpoint, "--data", data, *hardware, *more)


def predictions(file: Path, split: str = "test") -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Truth and prediction of each target."""
    with file.open(newline="") as text:
        rows = [row for row in csv.DictReader(text) if row["split"] == split and row["truth"]]
    return {
        target: tuple(
            np.array([float(r[key]) for r in rows if r["target"] == target]) for key in ("truth", "prediction")
        )
        for target in {row["target"] for row in rows}
    }


def check_figures(report: Mapping[str, Any], truth: np.ndarray, prediction: np.ndarray) -> None:
    """Figures that were printed against those of scikit-learn and scipy."""
    if report["kind"] == "binary":
        expected = {
            "accuracy": accuracy_score(truth, prediction > 0.5),
            "f1": f1_score(truth, prediction > 0.5, zero_division=0),
        }
    else:
        expected = {"mean_accuracy": 1 - np.abs(truth - prediction).mean(), "r2": r2_score(truth, prediction)}
        expected["pearson"] = pearsonr(truth, prediction).statistic
    assert {name: report[name] for name in expected} == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_figures_are_those_of_the_training_whatever_rule_split_and_seed_it_had(trained, made, liris, tmp_path, rule):
    out = trained(rule)
    done = evaluate(made, out / "checkpoint", liris, "--json", tmp_path / "e.json", "--predictions", tmp_path / "p.csv")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "e.json").read_text())
    recorded = json.loads((out / "checkpoint" / "metrics.json").read_text())["test"]
    assert report["clips"] == recorded["clips"]
    assert not any("otherwise" in sentence or "no labels" in sentence for sentence in report["remarks"])
    for figures, file in ((report, tmp_path / "p.csv"), (recorded, out / "predictions.csv")):
        by_target = predictions(file)
        assert set(by_target) == {"valence", "arousal"}
        for name, (truth, prediction) in by_target.items():
            check_figures(figures["targets"][name], truth, prediction)
            main = {"binary": "accuracy", "score": "mean_accuracy"}[figures["targets"][name]["kind"]]
            assert report["targets"][name][main] == pytest.approx(recorded["targets"][name][main], abs=1e-4)


def test_a_training_that_was_begun_before_split_seed_was_a_setting_goes_on_with_its_split(made, liris, tmp_path):
    config = as_json(settings(made, data=str(liris), split=RANDOM_SPLIT, seed=4))
    del config["split_seed"]
    (tmp_path / "config.json").write_text(json.dumps({"schema": "sec2sec.run/1", "config": config}))
    assert RunFolder(tmp_path).config().split_seed == 4


def test_a_way_of_reading_that_differs_is_named_first_and_in_the_file(trained, made, liris, tmp_path):
    checkpoint = trained("a rating") / "checkpoint"
    done = evaluate(made, checkpoint, liris, "--liris-rule", "median", "--json", tmp_path / "e.json")
    assert done.returncode == 0, done.stderr
    sentence = "Read otherwise than the checkpoint learned: liris_rule 'median', not 'valence=3,arousal=2.5'."
    assert done.stdout.splitlines()[0] == f"WARNING: {sentence}"
    assert json.loads((tmp_path / "e.json").read_text())["remarks"][0] == sentence


def test_two_classes_are_not_measured_against_scores(trained, made, liris):
    done = evaluate(made, trained("a rating") / "checkpoint", liris, "--liris-rule", "class")
    assert done.returncode == 2
    assert "valence is a score here, and the checkpoint learned two classes of it" in done.stderr


def test_a_profile_is_taken_of_the_split_that_the_checkpoint_learned_with(trained, made, liris):
    checkpoint = trained("random split") / "checkpoint"
    hardware = ("--workers", 0, "--device", "cpu", "--cache", made / "tokens")
    asked = ("profile", "--checkpoint", checkpoint, "--data", liris, "--split", "test", *hardware)
    as_learned, official = run(*asked), run(*asked, "--liris-split", "official")
    assert "over 2 clips" in as_learned.stdout
    assert "over 3 clips" in official.stdout
    assert official.stdout.startswith("WARNING: Read otherwise than the checkpoint learned: split 'official'")


def test_an_interview_score_that_was_learned_is_measured(made, machine, clips, tmp_path):
    data = make_v2(tmp_path / "fi", clips)
    drain(train_steps(tmp_path / "run", settings(made, data=str(data), epochs=1, interview=True), machine))
    done = evaluate(made, tmp_path / "run" / "checkpoint", data, "--json", tmp_path / "e.json")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "e.json").read_text())
    assert "interview" in report["targets"]
    assert not any("interview" in sentence and "no labels" in sentence for sentence in report["remarks"])


def test_targets_that_the_data_lacks_are_named(trained, made, tmp_path):
    done = evaluate(made, trained("a rating") / "checkpoint", made / "data")
    assert done.returncode == 0, done.stderr
    first = "WARNING: The data set has no labels of valence, which the checkpoint predicts as well."
    assert done.stdout.splitlines()[0] == first


def test_clips_that_it_learned_from_are_counted_and_refused_unless_asked_for(trained, made, liris, tmp_path):
    checkpoint = trained("a rating") / "checkpoint"
    refused = evaluate(made, checkpoint, liris, "--split", "all")
    assert refused.returncode == 2
    assert "learned from 6 of these 9 clips (4 for train and 2 for validation)" in refused.stderr
    assert "--include-seen" in refused.stderr
    asked = evaluate(made, checkpoint, liris, "--split", "all", "--include-seen", "--json", tmp_path / "e.json")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.splitlines()[0].startswith("WARNING: The checkpoint learned from 6 of these clips (4 for train")
    report = json.loads((tmp_path / "e.json").read_text())
    assert report["learned_from"] == {"clips": 6, "splits": {"train": 4, "validation": 2}, "known": True}


def test_a_checkpoint_that_does_not_say_what_it_learned_from_is_named_first(trained, made, liris, tmp_path):
    older = shutil.copytree(trained("a rating") / "checkpoint", tmp_path / "older")
    (older / "learned-from.txt").unlink()
    for checkpoint in (older, program_paths().demo):
        done = evaluate(made, checkpoint, liris, "--json", tmp_path / "e.json", "--report", tmp_path / "e.html")
        assert done.returncode == 0, done.stderr
        first = done.stdout.splitlines()[0]
        sentence = (
            "The checkpoint does not say which clips it learned from, so that nobody can tell whether it has seen"
        )
        assert first.startswith(f"WARNING: {sentence}")
        assert sentence in (tmp_path / "e.html").read_text()
        report = json.loads((tmp_path / "e.json").read_text())
        assert report["learned_from"] == {"clips": 0, "splits": {}, "known": False}
    told = evaluate(made, trained("a rating") / "checkpoint", liris)
    assert "does not say which clips" not in told.stdout


def test_a_training_clip_is_found_under_another_name_in_another_data_set(trained, made, liris, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    for number, name in enumerate(("ACCEDE00000", "ACCEDE00007")):  # of training and of the test
        shutil.copy(liris / "data" / f"{name}.mp4", folder / f"renamed-{number}.mp4")
    rows = [f"r{number},renamed-{number}.mp4,{number},test,film" for number in (0, 1)]
    (folder / "clips.csv").write_text("\n".join(["id,path,arousal,split,group", *rows]))
    done = evaluate(made, trained("a rating") / "checkpoint", folder)
    assert done.returncode == 2
    assert "learned from 1 of these 2 clips (1 for train)" in done.stderr


def test_what_was_encoded_once_is_not_decoded_again(trained, made, liris, tmp_path):
    checkpoint = trained("a rating") / "checkpoint"
    first = evaluate(made, checkpoint, liris, "--json", tmp_path / "first.json")
    moved = shutil.copytree(liris, tmp_path / "same")
    tokens = {file: file.stat().st_mtime_ns for file in (made / "tokens").rglob("*.safetensors")}
    again = evaluate(made, checkpoint, moved, "--json", tmp_path / "again.json")
    assert {file: file.stat().st_mtime_ns for file in (made / "tokens").rglob("*.safetensors")} == tokens
    figures = [json.loads((tmp_path / f"{name}.json").read_text())["targets"] for name in ("first", "again")]
    for target in figures[0]:
        assert figures[0][target]["accuracy"] == figures[1][target]["accuracy"]
    assert f"written: {tmp_path / 'again.json'}" in again.stderr
    assert first.returncode == again.returncode == 0


def test_intervals_of_few_films_are_said_to_say_little_by_train_evaluate_and_the_card(trained, made, liris):
    out = trained("a rating")
    sentence = "valence: its 3 clips are of 2 groups alone; an interval over so few groups says little."
    assert f"WARNING: {sentence}" in evaluate(made, out / "checkpoint", liris).stdout
    assert f"- {sentence}" in (out / "checkpoint" / "card.md").read_text()
    assert sentence in json.loads((out / "checkpoint" / "metrics.json").read_text())["warnings"]


def test_films_that_stand_in_training_and_test_are_said_by_train_evaluate_and_the_card(trained, made, liris):
    out = trained("random split")
    pattern = r"\d of the \d groups \(films, speakers\) of the split test have clips in training or validation as well"
    assert re.search(f"WARNING: {pattern}", evaluate(made, out / "checkpoint", liris).stdout)
    assert re.search(pattern, (out / "checkpoint" / "card.md").read_text())


def test_a_persons_table_of_predictions_is_not_replaced_though_it_looks_like_ours(trained, made, liris, tmp_path):
    file, checkpoint = tmp_path / "mine.csv", trained("a rating") / "checkpoint"
    before = "id,split,group,target,truth,prediction,seed\nx,test,g,arousal,1,0.5,\n"
    file.write_text(before)
    done = evaluate(made, checkpoint, liris, "--predictions", file)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert file.read_text() == before
    assert evaluate(made, checkpoint, liris, "--predictions", file, "--overwrite").returncode == 0
