"""The pointing game that `evaluate` prints, recomputed from planted.csv, the clips and what `explain` writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from sec2sec.media import open_clip
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


YARDSTICKS = ("last second", "middle second", "loudness + motion", "odd one out")


def yardsticks_by_hand(path: Path, planted: np.ndarray) -> dict[str, float]:
    """What each yardstick scores in one clip, frame by frame and second by second."""
    cues: list[list[float]] = [[], [], [], [], []]
    before = None
    for second in open_clip(path).seconds():
        sound = second.samples.astype(np.float64)
        cues[0].append(20 * np.log10(max(np.sqrt(np.mean(sound**2)), 10**-4.5)))
        spectrum = np.abs(np.fft.fft(sound * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(16_000) / 15_999)))[:8001]) ** 2
        cues[4].append(np.log2(1 + np.sum(np.arange(8001) * spectrum) / spectrum.sum()))
        moved, bright, vivid = [], [], []
        for frame in second.frames[:, ::2, ::2].astype(np.float64):
            grey = frame @ [0.299, 0.587, 0.114] / 255
            if before is not None:
                moved.append(np.abs(grey - before).mean())
            before = grey
            bright.append(grey.mean())
            vivid.append(((frame.max(-1) - frame.min(-1)) / np.maximum(frame.max(-1), 1)).mean())
        for cue, values in zip(cues[1:4], (moved, bright, vivid), strict=True):
            cue.append(100 * np.mean(values))
    z = np.array([(np.array(cue) - np.mean(cue)) / np.std(cue) for cue in cues])
    last, middle = len(planted) - 1, {(len(planted) - 1) // 2, len(planted) // 2}
    return {
        "last second": float(planted[last]),
        "middle second": np.mean([planted[t] for t in middle]),
        "loudness + motion": top_is_planted(z[0] + z[1], planted),
        "odd one out": top_is_planted(np.abs(z).sum(0), planted),
    }


def test_shares_of_clips_whose_top_second_is_planted_are_those_of_their_explanations(data, tmp_path):
    checkpoint = save_tiny(tmp_path / "tiny")
    hardware = ("--workers", 0, "--device", "cpu", "--cache", tmp_path / "tokens")
    written = ("--json", tmp_path / "e.json")
    done = run("evaluate", "--checkpoint", checkpoint, "--data", data, "--split", "all", *hardware, *written)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "e.json").read_text())
    hits: dict[str, list[float]] = {name: [] for name in ("occlusion", "attention", "chance", *YARDSTICKS)}
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
        for method, share in yardsticks_by_hand(paths[name], planted).items():
            hits[method].append(share)
    assert len(hits["chance"]) >= 3
    expected = {method: np.mean(values) for method, values in hits.items()}
    assert report["pointing"] == pytest.approx(expected)
    for gain in report["pointing_gains"]:
        assert gain["value"] == pytest.approx(expected["occlusion"] - expected[gain["over"]])
        assert gain["interval"][0] <= gain["value"] <= gain["interval"][1]
    for target, methods in by_target.items():
        ours = report["pointing_by_target"][target]
        assert ours == pytest.approx({method: np.mean(values) for method, values in methods.items()})
    for method, share in report["pointing"].items():
        assert f"\n  {method}: {share:.3f}" in done.stdout
    for gain in report["pointing_gains"]:
        low, high = (f"{end + 0.0:.3f}" for end in gain["interval"])
        assert f"\n  occlusion: {gain['value']:+.3f} [{low}, {high}] over {gain['over']}" in done.stdout
