"""The grid search and the mean attention profile."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from sec2sec.checkpoints import load_checkpoint
from sec2sec.datasets.table import DataError
from sec2sec.progress import drain
from sec2sec.training.loop import TrainingError
from sec2sec.training.mean_attention import PAPER, as_text, profile, profile_steps
from sec2sec.training.search import plan, search_steps
from sec2sec.training.settings import SettingsError
from tests.helpers.models import save_tiny


def asked(made, folder, grid, **base):
    file = folder / "search.json"
    settings = {"data": str(made / "data"), "init": str(made / "tiny"), "width": 16, "heads": 2, "epochs": 1}
    settings["batch"] = 4
    file.write_text(json.dumps({"base": settings | base, "grid": grid}))
    return file


def table_of(out) -> list[dict[str, str]]:
    with (out / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_combination_is_tried_once_and_only_the_best_meets_the_test_clips(tmp_path, made, machine):
    file, out = asked(made, tmp_path, {"rate": [1e-3, 1e-2], "heads": [2, 4]}), tmp_path / "out"
    end = drain(search_steps(file, out, machine))
    assert not end.stopped
    rows = table_of(out)
    assert [(float(row["rate"]), int(row["heads"])) for row in rows] == [(1e-3, 2), (1e-3, 4), (1e-2, 2), (1e-2, 4)]
    best = max(rows, key=lambda row: float(row["validation_score"]))["trial"]
    assert json.loads((out / "best.json").read_text())["trial"] == best
    metrics = {row["trial"]: load_checkpoint(out / row["trial"] / "checkpoint", "cpu").metrics for row in rows}
    tested = [trial for trial, found in metrics.items() if "test" in found]
    assert tested == [best] == [end.checkpoint.parent.name]


def test_a_search_that_was_stopped_goes_on_with_the_trial_it_was_at(tmp_path, made, machine):
    file, out = asked(made, tmp_path, {"rate": [1e-3, 1e-2]}, epochs=2), tmp_path / "out"
    epochs: list[int] = []
    steps = search_steps(file, out, machine, stop=lambda: len(epochs) >= 3)
    end = drain(steps, lambda step: epochs.append(step.epoch["epoch"]) if step.epoch else None)
    assert end.stopped
    first = (out / "trial-000" / "checkpoint" / "model.safetensors").stat().st_mtime_ns
    again = [step.epoch["epoch"] for step in search_steps(file, out, machine) if step.epoch]
    assert epochs == [1, 2, 1]
    assert again == [2]
    assert (out / "trial-000" / "checkpoint" / "model.safetensors").stat().st_mtime_ns >= first


def test_a_trial_that_diverges_is_noted_and_the_others_go_on(tmp_path, made, machine):
    file, out = asked(made, tmp_path, {"rate": [1e30, 1e-3]}, epochs=3, warmup=0, clip_norm=1e30), tmp_path / "out"
    end = drain(search_steps(file, out, machine))
    assert not end.stopped
    assert "no number" in table_of(out)[0]["failed"]
    assert end.checkpoint.parent.name == "trial-001"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("grid: {speed: [1]}", "there is no setting speed"),
        ("grid: {rate: 1}", "needs a list"),
        ("grid: {rate: []}", "needs a list"),
        ("base: {rate: 1e-3}", "expected base"),
        ("grid: {rate: [-1]}", "above 0"),
        ("grids: {}", "not grids"),
    ],
)
def test_a_search_that_cannot_be_planned_is_refused_before_any_folder(tmp_path, machine, text, said):
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(SettingsError, match=said):
        list(search_steps(tmp_path / "s.yaml", tmp_path / "out", machine))
    assert not (tmp_path / "out").exists()


def test_a_folder_of_another_search_is_refused(tmp_path, made, machine):
    next(search_steps(asked(made, tmp_path, {"rate": [1e-3]}), tmp_path / "out", machine))
    with pytest.raises(TrainingError, match="another search"):
        list(search_steps(asked(made, tmp_path, {"rate": [1e-2]}), tmp_path / "out", machine))


def test_a_folder_that_holds_something_else_is_refused_and_left_as_it_is(tmp_path, made, machine):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "trials.csv").write_text("mine")
    with pytest.raises(TrainingError, match="out: is not empty and holds no search; choose another folder"):
        list(search_steps(asked(made, tmp_path, {"rate": [1e-3]}), tmp_path / "out", machine))
    assert [(path.name, path.read_text()) for path in (tmp_path / "out").iterdir()] == [("trials.csv", "mine")]


def test_trials_of_other_base_settings_data_or_code_are_not_taken_for_these(tmp_path, made, machine, monkeypatch):
    grid, out = {"rate": [1e-3]}, tmp_path / "out"
    file = asked(made, tmp_path, grid)
    drain(search_steps(file, out, machine))
    with pytest.raises(TrainingError, match=r"holds another search \(epochs was 1, is 2\)"):
        drain(search_steps(asked(made, tmp_path, grid, epochs=2), out, machine))
    file = asked(made, tmp_path, grid)
    table = made / "data" / "clips.csv"
    before = table.read_text()
    table.write_text(before.replace("film0", "film1", 1))
    try:
        with pytest.raises(TrainingError, match="other clips, labels or splits"):
            drain(search_steps(file, out, machine))
    finally:
        table.write_text(before)
    monkeypatch.setattr("sec2sec.training.trial.code_version", lambda: "9.9+0")
    with pytest.raises(TrainingError, match="another version of the code"):
        drain(search_steps(file, out, machine))


def test_a_trial_on_a_second_data_set_is_not_taken_for_one_on_other_labels(tmp_path, made, machine):
    second, out = shutil.copytree(made / "data", tmp_path / "second"), tmp_path / "out"
    file = asked(made, tmp_path, {"data": [str(made / "data"), str(second)]})
    drain(search_steps(file, out, machine))
    table = second / "clips.csv"
    table.write_text(table.read_text().replace("film0", "film1", 1))
    with pytest.raises(TrainingError, match="other clips, labels or splits"):
        drain(search_steps(file, out, machine))


def test_what_was_chosen_is_written_although_it_was_killed_before(tmp_path, made, machine):
    file, out = asked(made, tmp_path, {"rate": [1e-3, 1e-2]}), tmp_path / "out"
    drain(search_steps(file, out, machine))
    before = (out / "best.json").read_text()
    (out / "best.json").unlink()
    drain(search_steps(file, out, machine))
    assert (out / "best.json").read_text() == before


def test_test_clips_are_predicted_once_however_often_it_is_called(tmp_path, made, machine):
    file, out = asked(made, tmp_path, {"rate": [1e-3]}), tmp_path / "out"
    first = drain(search_steps(file, out, machine))
    written = (out / "trial-000" / "predictions.json").stat().st_mtime_ns
    again = drain(search_steps(file, out, machine))
    assert (out / "trial-000" / "predictions.json").stat().st_mtime_ns == written
    assert again.metrics == first.metrics


def test_of_trials_with_equal_scores_the_first_is_the_best(tmp_path, made, machine):
    file, out = asked(made, tmp_path, {"examples": [1, 2]}), tmp_path / "out"  # which changes no weight
    assert drain(search_steps(file, out, machine)).checkpoint.parent.name == "trial-000"


def test_a_plan_keeps_lists_of_lists(tmp_path, made):
    trials = plan(asked(made, tmp_path, {"video_grid": [[8, 3, 3], [4, 3, 3]]}), tmp_path / "out")
    assert [trial.config.video_grid for trial in trials] == [(8, 3, 3), (4, 3, 3)]


def test_the_profile_counts_real_seconds_alone_from_both_ends():
    found = profile([np.array([[0.2, 0.8]]), np.array([[0.5, 0.25, 0.25]]), np.array([[0.1, 0.2, 0.7]])], ["a"])["a"]
    assert found["from_start"] == pytest.approx([0.8 / 3, 1.25 / 3, 0.475], abs=1e-5)
    assert found["from_end"] == pytest.approx([0.3, 0.65 / 3, 1.75 / 3], abs=1e-5)
    assert found["from_start_clips"] == [3, 3, 2]
    assert found["from_end_clips"] == [2, 3, 3]
    assert found["from_start_low"][0] == pytest.approx(0.15)
    assert found["from_start_high"][0] == pytest.approx(0.35)


def test_the_papers_figures_stand_beside_the_profile_from_both_ends():
    text = as_text(profile([np.full((3, 10), 1 / 10)] * 3, ["arousal", "valence", "calm"]), 3)
    arousal, valence, calm = (part.splitlines() for part in text.split("\n\n")[1:4])
    assert arousal[0].split()[0] == "arousal"
    assert [len(part) for part in (arousal, valence, calm)] == [11] * 3
    ends = [(row.split()[5], row.split()[-1]) for row in valence[1:]]  # of clips of 10 s: segments 0–9, and 5–14
    assert [float(first) for first, _ in ends] == [0.061] * 9 + [0.063]
    assert [float(last) for _, last in ends] == [0.061] * 4 + [0.063] + [0.061] * 3 + [0.077, 0.126]
    assert arousal[-1].endswith("0.137")
    assert "0.061" not in " ".join(calm)
    for curve in PAPER.values():
        assert len(curve) == 15
        assert sum(curve) == pytest.approx(1, abs=0.005)


def test_a_profile_is_kept_in_the_checkpoint_beside_what_was_there(tmp_path, made):
    folder = save_tiny(tmp_path / "tiny")
    end = drain(profile_steps(folder, made / "data", made / "tokens", save=True, device="cpu", workers=0))
    assert end.clips == 10
    bundle = load_checkpoint(folder, "cpu")
    assert bundle.metrics["training_positive"] == {"arousal": 0.5}
    assert bundle.metrics["mean_attention"] == end.curves
    assert bundle.metrics["mean_attention_of"]["clips"] == 10
    assert len(end.curves["arousal"]["from_start"]) == 3


def test_an_lstm_without_attention_has_no_profile(tmp_path, made):
    folder = save_tiny(tmp_path / "tiny", temporal="lstm")
    with pytest.raises(DataError, match="no attention over seconds"):
        list(profile_steps(folder, made / "data", made / "tokens", device="cpu", workers=0))
