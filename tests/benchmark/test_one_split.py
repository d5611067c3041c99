"""One split per table, whatever the seeds; figures recomputed from the predictions on disk with other libraries."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, r2_score

from sec2sec.benchmark.collect import collect
from sec2sec.benchmark.plan import Request, requested
from sec2sec.benchmark.run import benchmark_steps
from sec2sec.datasets.splits import RANDOM_SPLIT
from sec2sec.progress import drain
from sec2sec.training.loop import TrainingError
from tests.helpers.formats import make_liris


@pytest.fixture(scope="module")
def liris(tmp_path_factory, clips) -> Path:
    return make_liris(tmp_path_factory.mktemp("liris"), clips)


def asked(made: Path, liris: Path, rule: str) -> Request:
    settings = {"data": str(liris), "init": str(made / "tiny"), "width": 16, "heads": 2, "epochs": 1, "batch": 4}
    settings |= {"liris_rule": rule, "split": RANDOM_SPLIT, "split_seed": 5}
    return requested(settings, "sec2sec-audio,sec2sec-sa-ca", 3)


@pytest.fixture(scope="module", params=["valence=3,arousal=2.5", "class"])
def benchmark(request, made, machine, liris, tmp_path_factory) -> Path:
    """The folder of one with each rule: of classes and of scores."""
    out = tmp_path_factory.mktemp("benchmark") / "out"
    drain(benchmark_steps(asked(made, liris, request.param), out, machine, jobs=0))
    return out


def answers(out: Path) -> dict[str, list[dict]]:
    """What each system's trials predicted, in the order of seeds."""
    return {
        name: [json.loads((out / "trials" / f"{name}-{seed}" / "predictions.json").read_text()) for seed in range(3)]
        for name in ("sec2sec-audio", "sec2sec-sa-ca")
    }


def test_seeds_are_trainings_and_all_have_the_same_test_clips(benchmark):
    trials = [trial for each in answers(benchmark).values() for trial in each]
    assert len({tuple(trial["id"]) for trial in trials}) == 1
    assert len({json.dumps(trial["probability"]) for trial in trials}) == len(trials)
    results = json.loads((benchmark / "results.json").read_text())
    assert any("seed 5" in note for note in results["data"]["notes"])


def test_every_printed_figure_of_a_system_is_that_of_scikit_learn(benchmark):
    results = json.loads((benchmark / "results.json").read_text())
    rows = {row["name"]: row["targets"] for row in results["systems"]}
    for name, trials in answers(benchmark).items():
        for k, target in enumerate(trials[0]["targets"]):
            label = np.array(trials[0]["label"])[:, k]
            predictions = [np.array(trial["probability"])[:, k] for trial in trials]
            if results["targets"][target] == "binary":
                expected = {
                    "accuracy": [accuracy_score(label, p > 0.5) for p in predictions],
                    "f1": [f1_score(label, p > 0.5, zero_division=0) for p in predictions],
                    "macro_f1": [
                        f1_score(label, p > 0.5, average="macro", labels=[0, 1], zero_division=0) for p in predictions
                    ],
                }
                if len(set(label)) == 2:
                    expected["balanced_accuracy"] = [balanced_accuracy_score(label, p > 0.5) for p in predictions]
            else:
                expected = {"mean_accuracy": [1 - np.abs(label - p).mean() for p in predictions]}
                if len(set(label)) > 1:
                    expected["r2"] = [r2_score(label, p) for p in predictions]
            for metric, values in expected.items():
                assert rows[name][target][metric]["seeds"] == pytest.approx(values, abs=2e-6), (name, target, metric)
                assert rows[name][target][metric]["value"] == pytest.approx(np.mean(values), abs=2e-6)


def test_trivial_rows_are_of_exactly_those_clips(benchmark):
    results = json.loads((benchmark / "results.json").read_text())
    trial = answers(benchmark)["sec2sec-audio"][0]
    trained = json.loads((benchmark / "trials" / "sec2sec-audio-0" / "checkpoint" / "metrics.json").read_text())
    for k, target in enumerate(trial["targets"]):
        label, training = np.array(trial["label"])[:, k], trained["training"][target]
        if results["targets"][target] == "binary":
            guess = float(training["positive"] >= 0.5)
            expected = {"majority": (label == guess).mean(), "always_positive": label.mean()}
            metric = "accuracy"
        else:
            constants = {"mean": training["positive"], "median": training["median"]}
            expected = {name: 1 - np.abs(label - constant).mean() for name, constant in constants.items()}
            metric = "mean_accuracy"
        measured = {name: row[metric]["value"] for name, row in results["trivial"][target].items()}
        assert measured == pytest.approx(expected, abs=2e-6)


def test_systems_that_could_use_other_clips_have_trivial_rows_of_their_own(benchmark, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(benchmark, out)
    for seed in range(3):  # as if the audio system could not use the first test clip
        file = out / "trials" / f"sec2sec-audio-{seed}" / "predictions.json"
        content = json.loads(file.read_text())
        for key in ("id", "group", "label", "probability", "attention"):
            content[key] = content[key][1:]
        file.write_text(json.dumps(content))
    results = collect(out)
    (target, *_) = results["trivial"]
    names = list(results["trivial"][target])
    assert len(names) == 4
    assert sum("the 1 clips of Sec2Sec Audio" in name or "the 2 clips of Sec2Sec SA-CA" in name for name in names) == 2


def test_trials_of_different_splits_are_in_no_table(benchmark, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(benchmark, out)
    file = out / "trials" / "sec2sec-audio-1" / "checkpoint" / "config.json"
    config = json.loads(file.read_text())
    del config["provenance"]["config"]["split_seed"]  # as an earlier version wrote it
    file.write_text(json.dumps(config))
    with pytest.raises(TrainingError, match="different splits"):
        collect(out)


def test_a_benchmark_whose_labels_changed_since_is_refused(benchmark, made, machine, liris):
    rule = json.loads((benchmark / "benchmark.json").read_text())["settings"]["liris_rule"]
    ranking = liris / "annotations" / "ACCEDEranking.txt"
    before = ranking.read_bytes()
    ranking.write_bytes(before.replace(b"3.000000000", b"1.500000000").replace(b"\t2.500000000", b"\t1.200000000"))
    affect = liris / "annotations" / "ACCEDEaffect.txt"
    classes = affect.read_bytes()
    affect.write_bytes(classes.replace(b"\t0\t1", b"\t1\t0"))
    try:
        with pytest.raises(TrainingError, match="learned from other clips, labels or splits"):
            drain(benchmark_steps(asked(made, liris, rule), benchmark, machine, jobs=0))
    finally:
        ranking.write_bytes(before)
        affect.write_bytes(classes)
