"""Tuning inside a benchmark: one budget for every system, chosen on validation clips, stated beside the figures."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from sec2sec.benchmark.plan import plan, plan_tuning, requested
from sec2sec.benchmark.run import benchmark_steps
from sec2sec.benchmark.tuning import TRAINING_SEED
from sec2sec.progress import drain
from sec2sec.training.loop import TrainingError
from sec2sec.training.settings import SettingsError
from tests.helpers.commands import run

TWO = "sec2sec-audio,sec2sec-sa-ca"
HOPELESS = 1e-8
SPACE = {"rate": {"low": 3e-3, "high": 3e-2, "scale": "log"}}


def request_of(made: Path, data: Path | None = None, tune: int = 3, **more):
    """The audio system is given a rate with which it cannot learn."""
    settings = {"data": str(data or made / "data"), "init": str(made / "tiny"), "width": 16, "heads": 2, "epochs": 6}
    settings |= {"batch": 4, "systems": {"sec2sec-audio": {"rate": HOPELESS}}}
    return requested(settings | {"space": SPACE} | more, TWO, 2, tune=tune)


@pytest.fixture(scope="module")
def tuned(made, machine) -> Path:
    """The folder of a benchmark that was stopped while it tuned, and went on."""
    out, epochs = made / "tuned", []

    def note(step) -> None:
        epochs.extend([step.epoch] if step.epoch else [])

    stopped = drain(benchmark_steps(request_of(made), out, machine, jobs=0, stop=lambda: len(epochs) >= 8), note)
    assert stopped.stopped
    assert not (out / "trials").exists()
    first = out / "tuning" / "sec2sec-audio-000" / "checkpoint" / "model.safetensors"
    written = first.stat().st_mtime_ns
    assert not drain(benchmark_steps(request_of(made), out, machine, jobs=0)).stopped
    assert first.stat().st_mtime_ns == written
    return out


def chosen_in(out: Path) -> dict:
    return json.loads((out / "benchmark.json").read_text())["tuning"]["chosen"]


def config_in(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())["config"]


def test_a_system_whose_given_rate_is_hopeless_is_trained_with_a_sane_one(tuned):
    best = chosen_in(tuned)["sec2sec-audio"]
    assert 3e-3 <= best["settings"]["rate"] <= 3e-2
    assert config_in(tuned / "tuning" / "sec2sec-audio-000")["rate"] == HOPELESS
    for seed in (0, 1):
        config = config_in(tuned / "trials" / f"sec2sec-audio-{seed}")
        assert config["rate"] == best["settings"]["rate"]
        assert config["seed"] == seed


def test_every_system_has_the_same_number_of_trials_with_the_same_draws_and_a_seed_of_their_own(tuned, made):
    trials = plan_tuning(request_of(made), tuned)
    rates = {
        system: [trial.differs.get("rate") for trial in trials if trial.differs["system"] == system]
        for system in TWO.split(",")
    }
    assert rates["sec2sec-audio"] == rates["sec2sec-sa-ca"]
    assert len(rates["sec2sec-audio"]) == 3
    assert len(list((tuned / "tuning").iterdir())) == 6
    assert {config_in(folder)["seed"] for folder in (tuned / "tuning").iterdir()} == {TRAINING_SEED}


def test_the_best_is_that_of_the_highest_validation_score_and_then_of_the_lowest_loss(tuned):
    for system, best in chosen_in(tuned).items():
        folders = sorted((tuned / "tuning").glob(f"{system}-*"))
        figures = [json.loads((folder / "checkpoint" / "metrics.json").read_text()) for folder in folders]
        order = sorted(range(3), key=lambda i: (-figures[i]["validation_score"], figures[i]["validation_loss"], i))
        assert best["trial"] == folders[order[0]].name
        assert best["as_given"] == figures[0]["validation_score"]


def test_no_test_clip_is_predicted_while_settings_are_chosen(tuned):
    for folder in (tuned / "tuning").iterdir():
        assert not (folder / "predictions.json").exists()
        assert "test" not in json.loads((folder / "checkpoint" / "metrics.json").read_text())
        with (folder / "predictions.csv").open(newline="") as file:
            assert {row["split"] for row in csv.DictReader(file)} == {"validation"}


def test_the_same_settings_are_chosen_when_every_label_of_the_test_is_another(tuned, made, machine, tmp_path):
    data = shutil.copytree(made / "data", tmp_path / "data")
    with (data / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["split"] == "test":
            row |= {"arousal": str(1 - int(row["arousal"])), "calm": str(round(1 - float(row["calm"]), 3))}
    with (data / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    drain(benchmark_steps(request_of(made, data), tmp_path / "out", machine, jobs=0))
    assert chosen_in(tmp_path / "out") == chosen_in(tuned)
    before, after = (json.loads((out / "results.json").read_text()) for out in (tuned, tmp_path / "out"))
    accuracy = [r["systems"][1]["targets"]["calm"]["mean_accuracy"]["value"] for r in (before, after)]
    assert accuracy[0] != accuracy[1], "the test was another"


def test_budget_space_and_choice_stand_in_the_document_the_tables_and_the_manifest(tuned):
    text, latex = (tuned / "RESULTS.md").read_text(), (tuned / "tables.tex").read_text()
    assert "tuned with the same budget for every system: 3 trainings each" in text
    assert "rate 0.003 to 0.03 (log-uniform)" in text
    assert "were not searched" not in text
    rate = str(chosen_in(tuned)["sec2sec-audio"]["settings"]["rate"])
    assert rate in text
    assert rate in latex
    manifest = json.loads((tuned / "manifest.json").read_text())
    assert manifest["tuning"]["trials"] == 3
    assert manifest["tuning"]["space"] == SPACE
    assert manifest["tuning"]["chosen"] == chosen_in(tuned)


def test_a_finished_benchmark_tunes_nothing_again_and_another_budget_is_refused(tuned, made, machine):
    before = chosen_in(tuned)
    assert not list(benchmark_steps(request_of(made), tuned, machine, jobs=0))
    assert chosen_in(tuned) == before
    for other in (request_of(made, tune=4), request_of(made, space={"rate": [1e-3, 2e-3]})):
        with pytest.raises(TrainingError, match="with other tuning; choose another folder"):
            drain(benchmark_steps(other, tuned, machine, jobs=0))


@pytest.mark.parametrize(
    ("tune", "space", "message"),
    [
        (0, SPACE, "add --tune N"),
        (1, SPACE, "at least two trials"),
        (3, {"seed": [1, 2]}, "seed cannot be tuned"),
        (3, {"data": ["a", "b"]}, "data cannot be tuned"),
        (3, {"split_seed": [1, 2, 3]}, "split_seed cannot be tuned"),
        (3, {"speed": [1, 2, 3]}, "speed cannot be tuned"),
        (9, {"heads": [2, 4]}, "has 2 combinations of settings, fewer than the 8 trials"),
        (3, {"heads": 2}, "needs a list of values, or a range"),
        (3, ["heads"], "space takes settings"),
    ],
)
def test_a_tuning_that_would_measure_something_else_is_refused_in_words(tune, space, message):
    with pytest.raises(SettingsError, match=message):
        plan_tuning(requested({"data": "x", "space": space}, TWO, 1, tune=tune), Path("out"))


def test_without_tuning_the_settings_are_those_that_were_given(made):
    request = requested({"data": "x"}, TWO, 1)
    assert plan_tuning(request, Path("out")) == []
    assert {trial.config.rate for trial in plan(request, Path("out"))} == {1e-3}


def test_the_help_says_what_is_tuned():
    text = " ".join(run("benchmark", "--help").stdout.split())
    assert "--tune N" in text
    assert "by validation score alone" in text
