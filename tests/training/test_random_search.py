"""Random search over lists and ranges, and several trials at a time."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import time

import numpy as np
import pytest
from scipy.stats import kstest

from sec2sec.progress import drain
from sec2sec.training.loop import TrainingError
from sec2sec.training.search import plan, search_steps
from sec2sec.training.settings import SettingsError
from sec2sec.training.spaces import Draws, draw_settings, read_space
from tests.helpers.trainings import command

SPACE = {"rate": {"low": 1e-4, "high": 1e-2, "scale": "log"}, "heads": [2, 4]}
TIMES = ("minutes",)  # columns of trials.csv that a clock fills in


def search_file(made, folder, values, name="space", **base):
    file = folder / "search.json"
    settings = {"data": str(made / "data"), "init": str(made / "tiny"), "width": 16, "heads": 2, "epochs": 1}
    file.write_text(json.dumps({"base": settings | {"batch": 4} | base, name: values}))
    return file


def table_of(out) -> list[dict[str, str]]:
    with (out / "trials.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]


def drawn(space, count, seed=0):
    return draw_settings(read_space(space, "x"), Draws(count, seed), "x")


def test_a_larger_number_of_draws_continues_a_smaller_one_and_another_seed_draws_others():
    assert drawn(SPACE, 20)[:7] == drawn(SPACE, 7)
    assert drawn(SPACE, 7, seed=1) != drawn(SPACE, 7)


def test_ranges_are_uniform_and_those_of_scale_log_in_their_logarithm():
    space = {
        "rate": {"low": 1e-5, "high": 1e-1, "scale": "log"},
        "dropout": {"low": 0.1, "high": 0.5},
        "layers": {"low": 1, "high": 4},
        "epochs": {"low": 1, "high": 100, "scale": "log"},
    }
    settings = drawn(space, 2000)
    logarithm = [(math.log10(s["rate"]) + 5) / 4 for s in settings]
    assert kstest(logarithm, "uniform").pvalue > 0.01
    assert kstest([(s["dropout"] - 0.1) / 0.4 for s in settings], "uniform").pvalue > 0.01
    assert np.bincount([s["layers"] for s in settings]).tolist()[0] == 0
    assert min(np.bincount([s["layers"] for s in settings])[1:]) > 400
    assert {type(s["epochs"]) for s in settings} == {int}
    assert sum(s["epochs"] <= 10 for s in settings) == pytest.approx(1000, abs=150)


def test_no_combination_is_drawn_twice_and_a_small_space_says_how_many_it_has():
    settings = drawn({"heads": [2, 4], "layers": [1, 2, 3]}, 6)
    assert len({(s["heads"], s["layers"]) for s in settings}) == 6
    with pytest.raises(SettingsError, match="x: has 6 combinations of settings, fewer than the 7 trials"):
        drawn({"heads": [2, 4], "layers": [1, 2, 3]}, 7)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": {"low": 1}}, "needs two numbers, low and high"),
        ({"rate": {"low": 2, "high": 1}}, "low must be below high"),
        ({"rate": {"low": 0, "high": 1, "scale": "log"}}, "low must be below high and above 0"),
        ({"rate": {"low": 1, "high": 2, "scale": "cubic"}}, "scale is linear or log"),
        ({"rate": {"low": 1, "high": 2, "step": 1}}, "not step"),
        ({"heads": {"low": 1.5, "high": 2}}, "takes whole numbers"),
        ({"system": {"low": 1, "high": 2}}, "is no number"),
        ({"speed": {"low": 1, "high": 2}}, "there is no setting speed"),
        ({"rate": 3}, "needs a list of values, or a range"),
    ],
)
def test_a_space_that_cannot_be_read_is_refused_in_words(values, message):
    with pytest.raises(SettingsError, match=message):
        read_space(values, "x")


def test_a_range_needs_random_and_a_grid_can_be_drawn_from(made, tmp_path):
    with pytest.raises(SettingsError, match="rate is a range, of which values are drawn: add --random N"):
        plan(search_file(made, tmp_path, SPACE), tmp_path / "out")
    trials = plan(search_file(made, tmp_path, {"heads": [2, 4], "rate": [1e-3]}, "grid"), tmp_path / "out", Draws(1))
    assert len(trials) == 1
    assert trials[0].config.rate == 1e-3


def test_ranges_of_yaml_may_be_written_as_1e_4(tmp_path):
    (tmp_path / "s.yaml").write_text("base: {data: x}\nspace: {rate: {low: 1e-4, high: 1e-2, scale: log}}\n")
    rates = [trial.config.rate for trial in plan(tmp_path / "s.yaml", tmp_path / "out", Draws(5))]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)


@pytest.fixture(scope="module")
def one_by_one(made, machine, tmp_path_factory):
    """The folder of a random search of three trials in this process, and its file."""
    folder = tmp_path_factory.mktemp("random")
    file = search_file(made, folder, SPACE, epochs=2)
    drain(search_steps(file, folder / "out", machine, draws=Draws(3, seed=4)))
    return folder / "out", file


def test_the_same_command_gives_the_same_trials_and_more_of_them_continue(one_by_one, machine):
    out, file = one_by_one
    first = table_of(out)
    written = (out / "trial-000" / "checkpoint" / "model.safetensors").stat().st_mtime_ns
    epochs = [step for step in search_steps(file, out, machine, draws=Draws(4, seed=4)) if step.epoch]
    assert len(epochs) <= 2, "only the fourth is trained"
    assert table_of(out)[:3] == first
    assert len(table_of(out)) == 4
    assert (out / "trial-000" / "checkpoint" / "model.safetensors").stat().st_mtime_ns == written or (
        json.loads((out / "best.json").read_text())["trial"] == "trial-000"
    )
    drain(search_steps(file, out, machine, draws=Draws(2, seed=4)))
    assert len(table_of(out)) == 4, "fewer are those that are there"
    with pytest.raises(TrainingError, match="holds another search"):
        drain(search_steps(file, out, machine, draws=Draws(4, seed=5)))


def test_the_table_of_trials_is_the_same_however_many_run_at_a_time(made, one_by_one, machine, tmp_path):
    out, file = one_by_one
    drain(search_steps(file, tmp_path / "out", machine, draws=Draws(3, seed=4), parallel=2))
    assert table_of(tmp_path / "out") == table_of(out)[:3]
    tested = [row["trial"] for row in table_of(tmp_path / "out")]
    tested = [name for name in tested if (tmp_path / "out" / name / "predictions.json").exists()]
    assert tested == [json.loads((tmp_path / "out" / "best.json").read_text())["trial"]]


def process_of(trial) -> int | None:
    """The process that trains there, once it does."""
    try:
        return json.loads((trial / "progress.json").read_text())["process"]
    except (OSError, ValueError):
        return None


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_trial_that_is_killed_is_one_line_and_is_tried_again(made, machine, tmp_path):
    file = search_file(made, tmp_path, {"rate": [1e-3, 2e-3]}, "grid", epochs=30, patience=30)
    out, lines, killed = tmp_path / "out", [], []

    def watch(step):
        lines.append(step.message)
        if not killed and (process := process_of(out / "trial-000")) is not None:
            killed.append(process)
            os.kill(process, signal.SIGKILL)

    with pytest.raises(TrainingError, match=r"trial-000 died: killed by signal 9.*run the same command again"):
        drain(search_steps(file, out, machine, parallel=2), watch)
    assert [line for line in lines if "died" in line] == ["trial-000 died: killed by signal 9 (out of memory?)"]
    assert [bool(row["validation_score"]) for row in table_of(out)] == [False, True]
    assert not (out / "best.json").exists(), "the best of some trials is not the best"
    drain(search_steps(file, out, machine, parallel=2))
    assert all(row["validation_score"] for row in table_of(out))


def test_a_single_trial_that_somebody_stops_leaves_the_choice_to_the_next_time(made, machine, tmp_path):
    file = search_file(made, tmp_path, {"rate": [1e-3]}, "grid", epochs=100_000, patience=100_000)
    trial = tmp_path / "out" / "trial-000"

    def stop_it(step) -> None:
        if (trial / "metrics.jsonl").exists():
            (trial / "stop").touch()

    assert drain(search_steps(file, tmp_path / "out", machine, parallel=2), stop_it).stopped
    assert (trial / "state.pt").exists()
    assert not (tmp_path / "out" / "best.json").exists()


def test_ctrl_c_ends_every_process_and_the_same_command_resumes(made, tmp_path):
    file = search_file(made, tmp_path, {"rate": [1e-3, 2e-3]}, "grid", epochs=100_000, patience=100_000)
    hardware = ("--cache", made / "tokens", "--workers", 0, "--device", "cpu")
    line = command("search", file, "--out", tmp_path / "out", "--parallel", 2, *hardware)
    search = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    trials = [tmp_path / "out" / f"trial-00{number}" for number in (0, 1)]
    until = time.monotonic() + 120
    while not all((trial / "metrics.jsonl").exists() for trial in trials) and time.monotonic() < until:
        time.sleep(0.1)
    processes = [process_of(trial) for trial in trials]
    os.killpg(search.pid, signal.SIGINT)  # as a terminal sends it: to all
    output, _ = search.communicate(timeout=60)
    assert search.returncode == 0, output
    assert "stopped; the same command resumes" in output
    assert "Traceback" not in output
    assert len(set(processes)) == 2
    assert not any(alive(process) for process in processes)
    assert all((trial / "state.pt").exists() for trial in trials)
