"""The decision threshold, and the figure that chooses an epoch: recomputed with scikit-learn."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from sec2sec.benchmark.cross_validation import cross_validate_steps
from sec2sec.benchmark.plan import requested
from sec2sec.benchmark.run import benchmark_steps
from sec2sec.checkpoints import CheckpointError, load_checkpoint
from sec2sec.cli import main
from sec2sec.metrics import SHOWN, TrainingLabels, best_threshold, selection_scores
from sec2sec.progress import drain
from sec2sec.training.search import plan
from sec2sec.training.settings import SELECTABLE, SettingsError, train_config
from sec2sec.training.train import train_steps
from tests.helpers.trainings import arguments, settings

LABELLED = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=40)


def brute_threshold(prediction: np.ndarray, label: np.ndarray) -> float:
    """The rule in a slow loop, with scikit-learn."""
    values = sorted(set(prediction.tolist()))
    tried = sorted({0.5, *((low + high) / 2 for low, high in itertools.pairwise(values))})
    scores = {t: round(balanced_accuracy_score(label, prediction > t), 9) for t in tried}
    return max(tried, key=lambda t: (scores[t], -abs(t - 0.5), -t))


@given(LABELLED)
@hypothesis_settings(deadline=None)
def test_the_threshold_is_the_best_of_a_slow_search_and_the_nearest_to_one_half_among_equals(clips):
    prediction = np.array([value / 20 for value, _ in clips])
    label = np.array([float(positive) for _, positive in clips])
    if len(set(label)) == 1:
        assert best_threshold(prediction, label) == 0.5
    else:
        assert best_threshold(prediction, label) == pytest.approx(brute_threshold(prediction, label))


def test_a_model_that_is_always_too_low_finds_its_threshold():
    assert best_threshold(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 0.0, 1.0, 1.0])) == pytest.approx(0.25)
    assert best_threshold(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 0.0, 1.0, 1.0])) == 0.5


def rows_of(file: Path, split: str) -> list[dict[str, str]]:
    """The labelled lines of the class."""
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text))
    return [row for row in rows if row["target"] == "arousal" and row["truth"] and row.get("split") == split]


def figures_of(rows: Sequence[dict[str, str]]) -> tuple[np.ndarray, np.ndarray, float]:
    """Truth, prediction and threshold."""
    (threshold,) = {float(row["threshold"]) for row in rows}
    return (*(np.array([float(row[key]) for row in rows]) for key in ("truth", "prediction")), threshold)


@pytest.fixture(scope="module")
def trained(made, machine, tmp_path_factory) -> Path:
    """A run whose threshold validation chose, of a model that has not learned where 0.5 is."""
    out = tmp_path_factory.mktemp("runs") / "run"
    drain(train_steps(out, settings(made, epochs=1, threshold="validation", seed=3), machine))
    return out


def test_a_threshold_from_validation_is_in_the_checkpoint_and_in_every_figure(trained):
    truth, prediction, threshold = figures_of(rows_of(trained / "predictions.csv", "validation"))
    assert threshold == brute_threshold(prediction, truth)
    assert threshold != 0.5
    metrics = json.loads((trained / "checkpoint" / "metrics.json").read_text())
    assert load_checkpoint(trained / "checkpoint", "cpu").thresholds == {"arousal": threshold}
    for split in ("validation", "test"):
        truth, prediction, same = figures_of(rows_of(trained / "predictions.csv", split))
        report = metrics[split]["targets"]["arousal"]
        assert same == report["threshold"] == threshold
        assert report["accuracy"] == pytest.approx(accuracy_score(truth, prediction > threshold))
        assert report["f1"] == pytest.approx(f1_score(truth, prediction > threshold, zero_division=0))
    words = f"class 1 is predicted above {threshold:.4g} (arousal), as validation clips chose"
    assert f"In these figures {words}." in (trained / "checkpoint" / "card.md").read_text()


def test_evaluate_uses_the_threshold_of_the_checkpoint_and_says_so(trained, made, tmp_path, capsys):
    asked = ["--data", str(made / "data"), "--checkpoint", str(trained / "checkpoint"), "--split", "all"]
    hardware = ["--include-seen", "--workers", "0", "--device", "cpu", "--cache", str(made / "tokens")]
    files = ["--json", str(tmp_path / "e.json"), "--predictions", str(tmp_path / "p.csv"), "--report"]
    assert main(["evaluate", *asked, *hardware, *files, str(tmp_path / "e.html")]) == 0
    rows = [row for split in ("train", "validation", "test") for row in rows_of(tmp_path / "p.csv", split)]
    truth, prediction, threshold = figures_of(rows)
    report = json.loads((tmp_path / "e.json").read_text())["targets"]["arousal"]
    assert threshold == report["threshold"] == load_checkpoint(trained / "checkpoint", "cpu").thresholds["arousal"]
    assert report["accuracy"] == pytest.approx(accuracy_score(truth, prediction > threshold))
    assert report["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, prediction > threshold))
    assert report["auroc"] == pytest.approx(roc_auc_score(truth, prediction))
    words = f"class 1 is predicted above {threshold:.4g} (arousal), as validation clips chose"
    assert f"In these figures {words}." in capsys.readouterr().out
    assert words in (tmp_path / "e.html").read_text()


def test_compare_counts_each_side_at_its_own_threshold(trained, made, machine, tmp_path, capsys):
    other = tmp_path / "other"
    drain(train_steps(other, settings(made, epochs=1, seed=3), machine))  # the same weights, read at 0.5
    assert main(["compare", str(trained), str(other), "--split", "all", "--json", str(tmp_path / "c.json")]) == 0
    measured = json.loads((tmp_path / "c.json").read_text())["targets"]["arousal"]
    for side, run in (("a", trained), ("b", other)):
        rows = [row for split in ("validation", "test") for row in rows_of(run / "predictions.csv", split)]
        truth, prediction, threshold = figures_of(rows)
        assert measured[side] == pytest.approx(accuracy_score(truth, prediction > threshold), abs=1e-6)
        assert measured["thresholds"][side] == [threshold]
    assert "B predicts class 1 above 0.5" in capsys.readouterr().out


def test_a_benchmark_and_a_cross_validation_use_the_threshold_of_each_training(made, machine, tmp_path):
    base = {"data": str(made / "data"), "init": str(made / "tiny"), "width": 16, "heads": 2, "epochs": 1, "batch": 4}
    request = requested({**base, "threshold": "validation"}, "sec2sec-sa-ca", 2)
    drain(benchmark_steps(request, tmp_path / "table", machine, jobs=0))
    results = json.loads((tmp_path / "table" / "results.json").read_text())
    expected = []
    for seed in (0, 1):
        run = tmp_path / "table" / "trials" / f"sec2sec-sa-ca-{seed}"
        truth, prediction, threshold = figures_of(rows_of(run / "predictions.csv", "test"))
        expected.append(accuracy_score(truth, prediction > threshold))
        assert results["systems"][0]["thresholds"]["arousal"][seed] == threshold
    assert results["systems"][0]["targets"]["arousal"]["accuracy"]["seeds"] == pytest.approx(expected, abs=1e-6)
    assert "what validation clips chose for each training (Sec2Sec SA-CA" in (tmp_path / "table/RESULTS.md").read_text()

    config = settings(made, epochs=1, threshold="validation", seed=3)
    drain(cross_validate_steps(config, "3", tmp_path / "folds", machine))
    rows = rows_of(tmp_path / "folds" / "predictions.csv", "test")
    truth, prediction, threshold = (
        np.array([float(row[key]) for row in rows]) for key in ("truth", "prediction", "threshold")
    )
    assert len(set(threshold)) > 1
    pooled = json.loads((tmp_path / "folds" / "results.json").read_text())["targets"]["arousal"]["pooled"]
    assert pooled["accuracy"]["value"] == pytest.approx(accuracy_score(truth, prediction > threshold), abs=1e-6)
    assert "the threshold that the validation clips of each fold chose" in (tmp_path / "folds/RESULTS.md").read_text()


def test_one_half_stays_the_default_and_is_said(made, machine, tmp_path, capsys):
    assert main(arguments(made, tmp_path / "run", epochs=1)) == 0
    assert "; class 1 is predicted above 0.5" in capsys.readouterr().out
    assert train_config({"threshold": 0.5}).threshold == "0.5"  # as YAML reads it
    with pytest.raises(SettingsError, match=r"threshold must be 0\.5 or validation"):
        train_config({"threshold": 0.4})


def test_a_checkpoint_whose_threshold_is_no_share_is_refused(trained):
    bundle = load_checkpoint(trained / "checkpoint", "cpu")
    for wrong in ({"arousal": "high"}, {"arousal": float("nan")}, ["high"]):
        bundle.config["provenance"]["thresholds"] = wrong
        with pytest.raises(CheckpointError, match="as a threshold; expected a number from 0 to 1"):
            _ = bundle.thresholds


# The figure that chooses the epoch


def test_what_can_choose_an_epoch_are_the_figures_of_the_tables():
    assert SELECTABLE == SHOWN


@given(LABELLED)
@hypothesis_settings(deadline=None)
def test_figures_that_choose_are_those_of_scikit_learn(clips):
    probability = np.array([[value / 20] for value, _ in clips])
    label = np.array([[float(positive)] for _, positive in clips])
    training = {"a": TrainingLabels("binary", 2, 0.5, 0.5)}
    scores = {name: selection_scores(training, probability, label, [name])["a"] for name in SELECTABLE["binary"]}
    answer = probability > 0.5
    assert scores["f1"] == pytest.approx(f1_score(label, answer, zero_division=0))
    assert selection_scores(training, probability, label, ["ccc"])["a"] == pytest.approx(accuracy_score(label, answer))
    if len(set(label.flat)) == 2:
        assert scores["auroc"] == pytest.approx(roc_auc_score(label, probability))
    else:
        assert scores["auroc"] is None


def test_a_correlation_of_equal_predictions_counts_as_none_at_all():
    training = {"b": TrainingLabels("score", 3, 0.5, 0.5)}
    label = np.array([[0.1], [0.5], [0.9]])
    assert selection_scores(training, np.full((3, 1), 0.4), label, ["ccc"]) == {"b": 0.0}
    assert selection_scores(training, np.full((3, 1), 0.4), np.full((3, 1), 0.4), ["ccc"]) == {"b": None}


@pytest.mark.parametrize("by", [("loss",), ("auroc", "ccc"), ("pearson",)])
def test_the_epoch_is_the_best_by_the_figure_then_by_loss_then_the_first(made, machine, tmp_path, by):
    config = settings(made, epochs=6, rate=0.05, select_by=by)
    end = drain(train_steps(tmp_path / "run", config, machine))
    history = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    best = max(history, key=lambda report: (report["selected"], -report["validation_loss"], -report["epoch"]))
    assert end.metrics["best_epoch"] == best["epoch"]
    assert end.metrics["validation_score"] == pytest.approx(best["selected"], abs=1e-5)
    rows = rows_of(tmp_path / "run" / "predictions.csv", "validation")
    if by == ("loss",):
        assert best["validation_loss"] == min(report["validation_loss"] for report in history)
        assert best["selected"] == pytest.approx(-best["validation_loss"], abs=1e-5)
    elif by == ("auroc", "ccc"):
        report = end.metrics["validation"]["targets"]
        assert best["selected"] == pytest.approx((report["arousal"]["auroc"] + report["calm"]["ccc"]) / 2, abs=1e-4)
        truth, prediction, _ = figures_of(rows)
        assert report["arousal"]["auroc"] == pytest.approx(roc_auc_score(truth, prediction))
    else:
        report = end.metrics["validation"]["targets"]
        assert best["selected"] == pytest.approx(
            (report["arousal"]["accuracy"] + report["calm"]["pearson"]) / 2, abs=1e-4
        )
    words = " and ".join(by)
    assert f"the best by validation {words}." in (tmp_path / "run" / "checkpoint" / "card.md").read_text()


def test_the_loss_that_chooses_is_that_of_the_predictions_on_disk(made, machine, tmp_path):
    config = settings(made, epochs=3, select_by=("loss",), targets=("arousal",))
    end = drain(train_steps(tmp_path / "run", config, machine))
    truth, prediction, _ = figures_of(rows_of(tmp_path / "run" / "predictions.csv", "validation"))
    assert -end.metrics["validation_score"] == pytest.approx(log_loss(truth, prediction), abs=1e-4)


def test_the_default_chooses_as_it_always_did(made, machine, tmp_path):
    end = drain(train_steps(tmp_path / "run", settings(made, epochs=3), machine))
    history = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(report["selected"] == report["score"] for report in history)
    assert end.metrics["selected_by"] == "validation score"


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (("speed",), "select_by has speed; there are loss, accuracy"),
        (("f1", "auroc"), "at most one metric of classes and one of scores"),
        (("loss", "f1"), "give loss, or at most one metric"),
    ],
)
def test_figures_that_cannot_choose_are_refused(by, message):
    with pytest.raises(SettingsError, match=message):
        train_config({"select_by": by})


def test_a_figure_that_no_target_has_or_that_is_undefined_is_refused_before_any_folder(made, machine, tmp_path):
    with pytest.raises(SettingsError, match="a figure of scores, and no target is a score"):
        drain(train_steps(tmp_path / "run", settings(made, targets=("arousal",), select_by=("ccc",)), machine))
    data, table = tmp_path / "data", (made / "data" / "clips.csv").read_text()
    data.mkdir()
    (data / "clips").symlink_to(made / "data" / "clips")
    (data / "clips.csv").write_text(table.replace("c6,clips/6.mp4,0,", "c6,clips/6.mp4,1,"))
    with pytest.raises(SettingsError, match="arousal is the same for every validation clip"):
        drain(train_steps(tmp_path / "run", settings(made, data=str(data), select_by=("auroc",)), machine))
    assert not (tmp_path / "run").exists()


def test_a_search_compares_its_trials_by_one_figure(made, tmp_path):
    file = tmp_path / "search.json"
    file.write_text(json.dumps({"base": {"data": str(made / "data")}, "grid": {"select_by": [["loss"], ["f1"]]}}))
    with pytest.raises(SettingsError, match="give it in base"):
        plan(file, tmp_path / "out")
