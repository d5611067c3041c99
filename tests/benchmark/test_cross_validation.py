"""Cross-validation by group: folds are those of scikit-learn, and figures are recomputed from predictions on disk."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, r2_score, roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut

from sec2sec.benchmark.cross_validation import cross_validate_steps, plan
from sec2sec.cli import main
from sec2sec.datasets.folds import take_fold
from sec2sec.datasets.open import open_data
from sec2sec.datasets.splits import RANDOM_SPLIT, shared_groups
from sec2sec.datasets.table import DataError, read_table
from sec2sec.predictions import read_predictions
from sec2sec.progress import Progress, drain
from sec2sec.training.loop import TrainingError
from sec2sec.training.settings import SettingsError
from tests.helpers.commands import run
from tests.helpers.formats import make_liris, make_v2
from tests.helpers.trainings import arguments, settings

FOLDS = 3


@pytest.fixture(scope="module")
def validated(made, machine, tmp_path_factory) -> Path:
    """The folder of a cross-validation of a class and a score."""
    out = tmp_path_factory.mktemp("folds") / "out"
    drain(cross_validate_steps(settings(made, epochs=2, seed=4), str(FOLDS), out, machine))
    return out


def predictions(out: Path) -> list[dict[str, str]]:
    with (out / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def of_target(out: Path, target: str) -> list[dict[str, str]]:
    return [row for row in predictions(out) if row["target"] == target and row["truth"]]


def columns(rows: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(row["truth"]) for row in rows]), np.array([float(row["prediction"]) for row in rows])


def results(out: Path) -> dict:
    return json.loads((out / "results.json").read_text())


def test_every_clip_is_predicted_once_by_a_training_that_did_not_see_its_group(validated, made):
    table = read_table(made / "data")
    rows = predictions(validated)
    assert Counter((row["id"], row["target"]) for row in rows) == Counter(
        (row.id, target) for row in table.rows for target in table.targets
    )
    assert {row["seed"] for row in rows} == {"4"}
    for number in range(1, FOLDS + 1):
        data = json.loads((validated / f"folds/fold-{number:03}/data.json").read_text())
        learned = (validated / f"folds/fold-{number:03}/checkpoint/learned-from.txt").read_text()
        tested = {row["id"] for row in rows if row["fold"] == str(number)}
        groups = {row["group"] for row in rows if row["fold"] == str(number)}
        assert not any(data["clips"][name] in learned for name in tested)
        assert tested == {row.id for row in table.rows if row.group in groups}


def test_figures_of_folds_and_of_all_clips_are_those_of_scikit_learn(validated):
    report = results(validated)["targets"]
    truth, prediction = columns(of_target(validated, "arousal"))
    pooled = {name: measured["value"] for name, measured in report["arousal"]["pooled"].items()}
    assert pooled["accuracy"] == pytest.approx(accuracy_score(truth, prediction > 0.5), abs=1e-6)
    assert pooled["f1"] == pytest.approx(f1_score(truth, prediction > 0.5, zero_division=0), abs=1e-6)
    assert pooled["auroc"] == pytest.approx(roc_auc_score(truth, prediction), abs=1e-6)
    truth, prediction = columns(of_target(validated, "calm"))
    assert report["calm"]["pooled"]["r2"]["value"] == pytest.approx(r2_score(truth, prediction), abs=1e-6)
    accuracies = []
    for fold in report["arousal"]["folds"]:
        rows = [row for row in of_target(validated, "arousal") if row["fold"] == str(fold["fold"])]
        truth, prediction = columns(rows)
        accuracies.append(accuracy_score(truth, prediction > 0.5))
        assert fold["clips"] == len(rows)
        assert fold["figures"]["accuracy"] == pytest.approx(accuracies[-1], abs=1e-6)
    mean = report["arousal"]["mean"]["accuracy"]
    assert mean == {
        "value": pytest.approx(np.mean(accuracies)),
        "sd": pytest.approx(np.std(accuracies, ddof=1)),
        "folds": 3,
    }


def test_intervals_are_a_bootstrap_over_groups(validated):
    rows = of_target(validated, "calm")
    truth, prediction = columns(rows)
    groups = np.array([row["group"] for row in rows])
    names, rng = sorted(set(groups)), np.random.default_rng(1)
    spread = []
    for _ in range(4000):
        chosen = np.concatenate([np.flatnonzero(groups == name) for name in rng.choice(names, len(names))])
        spread.append(1 - np.abs(truth[chosen] - prediction[chosen]).mean())
    measured = results(validated)["targets"]["calm"]["pooled"]["mean_accuracy"]["interval"]
    assert measured == pytest.approx(np.percentile(spread, (2.5, 97.5)), abs=0.02)


def test_trivial_rows_know_the_training_labels_of_each_fold_and_stand_on_the_same_clips(validated):
    report = results(validated)["targets"]
    rows = {target: of_target(validated, target) for target in report}
    hits, errors = [], []
    for number in range(1, FOLDS + 1):
        metrics = json.loads((validated / f"folds/fold-{number:03}/checkpoint/metrics.json").read_text())["training"]
        truth, _ = columns([row for row in rows["arousal"] if row["fold"] == str(number)])
        hits += list(truth == float(metrics["arousal"]["positive"] >= 0.5))
        truth, _ = columns([row for row in rows["calm"] if row["fold"] == str(number)])
        errors += list(np.abs(truth - metrics["calm"]["median"]))
    assert report["arousal"]["trivial"]["majority"]["accuracy"]["value"] == pytest.approx(np.mean(hits), abs=1e-6)
    assert report["calm"]["trivial"]["median"]["mean_accuracy"]["value"] == pytest.approx(1 - np.mean(errors), abs=1e-6)


def test_tables_are_written_as_markdown_csv_json_and_latex(validated):
    names = {"RESULTS.md", "table.csv", "results.json", "tables.tex", "references.bib", "manifest.json"}
    assert names <= {path.name for path in validated.iterdir()}
    tex = (validated / "tables.tex").read_text()
    accuracy = results(validated)["targets"]["arousal"]["pooled"]["accuracy"]
    low, high = accuracy["interval"]
    assert f"all clips & {accuracy['value']:.3f} [{low:.3f}, {high:.3f}]" in tex
    with (validated / "table.csv").open(newline="") as file:
        lines = {(row["target"], row["rows"], row["metric"]): row for row in csv.DictReader(file)}
    assert float(lines["arousal", "pooled", "accuracy"]["value"]) == accuracy["value"]
    assert {f"fold {number}" for number in (1, 2, 3)} <= {rows for _, rows, _ in lines}
    assert json.loads((validated / "manifest.json").read_text())["seeds"] == [4]
    document = (validated / "RESULTS.md").read_text()
    assert "3 folds by group" in document
    assert "trivial rows stand on the same clips" in document
    assert "sun2024sec2sec" in (validated / "references.bib").read_text()


def test_a_fold_that_is_done_is_not_done_again_and_a_stop_loses_nothing(validated, made, machine, tmp_path):
    out, epochs = tmp_path / "out", []

    def note(progress: Progress) -> None:
        if progress.epoch:
            epochs.append(progress)

    config = settings(made, epochs=2, seed=4)
    steps = cross_validate_steps(config, str(FOLDS), out, machine, stop=lambda: len(epochs) >= 3)
    assert drain(steps, note).stopped
    assert not (out / "predictions.csv").exists()
    drain(cross_validate_steps(config, str(FOLDS), out, machine), note)
    assert [progress.epoch["epoch"] for progress in epochs] == [1, 2, 1, 2, 1, 2]
    assert all(progress.seconds_left >= progress.epoch["seconds_left"] for progress in epochs)
    assert (out / "predictions.csv").read_text() == (validated / "predictions.csv").read_text()
    drain(cross_validate_steps(config, str(FOLDS), out, machine), note)
    assert len(epochs) == 6


def test_another_setting_fold_data_or_code_is_not_mixed_in(validated, made, machine, monkeypatch):
    config = settings(made, epochs=2, seed=4)
    with pytest.raises(TrainingError, match=r"another cross-validation \(folds was 3, is 4\)"):
        drain(cross_validate_steps(config, "4", validated, machine))
    with pytest.raises(TrainingError, match=r"another cross-validation \(epochs was 2, is 3\)"):
        drain(cross_validate_steps(settings(made, epochs=3, seed=4), str(FOLDS), validated, machine))
    monkeypatch.setattr("sec2sec.training.trial.code_version", lambda: "9.9+0")
    with pytest.raises(TrainingError, match="another version of the code"):
        drain(cross_validate_steps(config, str(FOLDS), validated, machine))


def test_a_folder_that_holds_something_else_is_refused(made, machine, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(TrainingError, match="holds no cross-validation"):
        drain(cross_validate_steps(settings(made), "3", tmp_path, machine))


def test_a_fold_that_diverges_is_named_and_no_table_is_made(made, machine, tmp_path):
    config, out = settings(made, rate=1e30, warmup=0, clip_norm=1e30), tmp_path / "out"
    for _ in range(2):
        with pytest.raises(TrainingError, match=r"the fold ./3 failed \(the loss is no number any more"):
            drain(cross_validate_steps(config, "3", out, machine))
    assert not (out / "results.json").exists()


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ("1", "folds is '1'; expected a number from 2"),
        ("many", "or groups for a fold of each group"),
        ("6", "6 folds need at least 6 groups .* and there are 5"),
    ],
)
def test_folds_that_cannot_be_made_are_refused_before_any_folder(made, machine, tmp_path, folds, message):
    with pytest.raises(DataError, match=message):
        drain(cross_validate_steps(settings(made), folds, tmp_path / "out", machine))
    assert not (tmp_path / "out").exists()


def test_a_fold_that_cannot_be_learned_is_refused_before_any_training(made, machine, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    lines = [f"{group}{n},{group}{n}.mp4,{int(group == 'a')},{group}" for group in "abcd" for n in range(2)]
    (folder / "clips.csv").write_text("\n".join(["id,path,arousal,group", *lines]))
    with pytest.raises(DataError, match="arousal is 0 for every training clip"):
        drain(cross_validate_steps(settings(made, data=str(folder)), "groups", tmp_path / "out", machine))
    assert not (tmp_path / "out").exists()


def test_split_and_fold_are_made_by_the_folds(made, tmp_path):
    for other in ({"fold": "1/2"}, {"split": RANDOM_SPLIT}):
        with pytest.raises(SettingsError, match="leave fold and split out"):
            plan(settings(made, **other), "2", tmp_path)


def test_leaving_one_group_out_is_that_of_scikit_learn(made, tmp_path):
    table, trials, tables = plan(settings(made), "groups", tmp_path)
    groups = [row.group for row in table.rows]
    expected = [[table.rows[at].id for at in test] for _, test in LeaveOneGroupOut().split(groups, groups=groups)]
    assert [[row.id for row in split.split("test")] for split in tables] == expected
    assert [trial.config.fold for trial in trials] == [f"{number}/groups" for number in range(1, 6)]
    for split in tables:
        assert shared_groups(split) == {}
        assert split.split("validation")


def test_folds_of_liris_and_first_impressions_keep_the_labels_and_part_the_groups(clips, tmp_path):
    for folder in (make_liris(tmp_path / "liris", clips), make_v2(tmp_path / "fi", clips)):
        table = open_data(folder)
        tested = []
        for number in (1, 2, 3):
            split = open_data(folder, fold=f"{number}/3", split_seed=1)
            assert shared_groups(split) == {}
            assert {row.id: row.targets for row in split.rows} == {row.id: row.targets for row in table.rows}
            assert any(note.startswith(f"Fold {number} of 3, by group") for note in split.notes)
            tested += [row.id for row in split.split("test")]
        assert sorted(tested) == sorted(row.id for row in table.rows)
    with pytest.raises(DataError, match="a fold makes splits of its own"):
        open_data(tmp_path / "liris", fold="1/3", split=RANDOM_SPLIT)
    for fold in ("0/3", "4/3", "1", "1/x"):
        with pytest.raises(DataError, match="fold is"):
            take_fold(table, fold, 0, (7, 1, 2))


def test_one_fold_can_be_trained_alone_and_evaluate_reads_it_as_it_was_learned(made, tmp_path, capsys):
    out = tmp_path / "run"
    assert main([*arguments(made, out, epochs=1), "--fold", "2/3", "--split-seed", "1"]) == 0
    assert "Fold 2 of 3, by group: the test is " in capsys.readouterr().out
    done = run(
        "evaluate", "--data", made / "data", "--checkpoint", out / "checkpoint", "--json", tmp_path / "e.json",
        "--workers", 0, "--device", "cpu", "--cache", made / "tokens",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "e.json").read_text())
    assert report["reading"] == {"split_seed": 1, "split_shares": [7, 1, 2], "fold": "2/3"}
    assert report["learned_from"]["clips"] == 0
    recorded = json.loads((out / "checkpoint" / "metrics.json").read_text())["test"]
    assert report["clips"] == recorded["clips"]
    assert report["targets"]["calm"]["mean_accuracy"] == pytest.approx(
        recorded["targets"]["calm"]["mean_accuracy"], abs=1e-4
    )


def test_two_cross_validations_are_compared_on_the_same_clips(validated, capsys):
    assert set(read_predictions(validated / "predictions.csv", "test")) == {"arousal", "calm"}
    assert main(["compare", str(validated), str(validated)]) == 0
    told = capsys.readouterr().out
    assert "0.000" in told
    assert "+0.000" not in told  # nothing has no sign
