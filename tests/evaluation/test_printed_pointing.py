"""The pointing game that `evaluate` prints, recomputed from planted.csv and from what `explain` writes of each clip."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.commands import run
from tests.helpers.models import save_tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Known-truth clips, of which most have decisive seconds."""
    folder = tmp_path_factory.mktemp("pointing") / "data"
    done = run("make-clips", folder, "--clips", 5, "--seed", 13, "--workers", 1)
    assert done.returncode == 0, done.stderr
    return folder


def decisive_seconds(data: Path) -> dict[str, np.ndarray]:
    """(T,) of each clip which second carries a planted cue."""
    with (data / "planted.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["second"]))
    return {
        name: np.array([row["decisive"] == "1" for row in rows if row["id"] == name])
        for name in {row["id"] for row in rows}
    }


def scores_of(targets: dict[str, dict]) -> dict[str, dict[str, np.ndarray]]:
    """By method and target, what each second scores."""
    occlusion = {name: np.abs(target["effect"]) for name, target in targets.items()}
    return {"occlusion": occlusion, "attention": {name: np.array(t["attention"]) for name, t in targets.items()}}


def top_is_planted(scores: np.ndarray, planted: np.ndarray) -> float:
    assert np.sum(np.isclose(scores, scores.max(), rtol=1e-5)) == 1, "a tie would be shared"
    return float(planted[scores.argmax()])


def test_shares_of_clips_whose_top_second_is_planted_are_those_of_their_explanations(data, tmp_path):
    checkpoint = save_tiny(tmp_path / "tiny")
    hardware = ("--workers", 0, "--device", "cpu", "--cache", tmp_path / "tokens")
    written = ("--json", tmp_path / "e.json")
    done = run("evaluate", "--checkpoint", checkpoint, "--data", data, "--split", "all", *hardware, *written)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "e.json").read_text())
    hits: dict[str, list[float]] = {"occlusion": [], "attention": [], "chance": []}
    by_target: dict[str, dict[str, list[float]]] = {}
    with (data / "clips.csv").open(newline="") as file:
        paths = {row["id"]: data / row["path"] for row in csv.DictReader(file)}
    for name, planted in decisive_seconds(data).items():
        if not planted.any():
            continue
        explained = run("explain", paths[name], "--checkpoint", checkpoint, "--json", tmp_path / f"{name}.json")
        assert explained.returncode == 0, explained.stderr
        scores = scores_of(json.loads((tmp_path / f"{name}.json").read_text())["targets"])
        for method, of_targets in scores.items():
            hits[method].append(top_is_planted(np.sum(list(of_targets.values()), axis=0), planted))
            for target, values in of_targets.items():
                by_target.setdefault(target, {}).setdefault(method, []).append(top_is_planted(values, planted))
        hits["chance"].append(float(planted.mean()))
    assert len(hits["chance"]) >= 3
    expected = {method: np.mean(values) for method, values in hits.items()}
    assert report["pointing"] == pytest.approx(expected)
    for target, methods in by_target.items():
        ours = report["pointing_by_target"][target]
        assert ours == pytest.approx({method: np.mean(values) for method, values in methods.items()})
    words = "  ".join(f"{method} {report['pointing'][method]:.3f}" for method in report["pointing"])
    assert f"top second is a decisive one:  {words}" in done.stdout
