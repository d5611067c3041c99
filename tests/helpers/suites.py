"""Suites for tests: truth without clips, and scores as a stranger writes them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from sec2sec.evaluation.suite.files.score import Key, Scores, Truth
from sec2sec.evaluation.suite.truth import TRUTH_COLUMNS

TARGETS = ("arousal", "synchrony")
LENGTHS = (6, 5, 7, 4)  # s, of the clips


def truth_of(
    length: int,
    decisive: Iterable[int],
    decoys: Iterable[int] = (),
    opposed: Iterable[int] = (),
    seed: int = 0,
    sign: int = 1,
) -> Truth:
    """The truth of one clip: evidence of one sign and sizes that differ; decoys have opposite parts and none."""
    rng = np.random.default_rng(seed)
    marks = [np.isin(np.arange(length), list(seconds)) for seconds in (decisive, decoys, opposed)]
    evidence = np.where(marks[0], rng.uniform(0.5, 1.4, length) * np.where(marks[2], -sign, sign), 0.0)
    video = np.where(marks[1], 0.8, np.sign(evidence) * 0.7)
    audio = np.where(marks[1], -0.8, np.sign(evidence) * 0.6)
    return Truth("plain", "test", *marks, evidence, video, audio)


def write_truth(folder: Path) -> dict[Key, Truth]:
    """truth.csv of four clips and two targets, and what is in it; the last clip is for training."""
    truths: dict[Key, Truth] = {}
    rows = []
    for number, length in enumerate(LENGTHS):
        for target in TARGETS:
            decoys = [length - 1] if number % 2 else []
            one = truth_of(length, [number, 1 + number % 3], decoys, seed=number, sign=(-1) ** number)
            split, level = ("train" if number == 3 else "test"), "cluttered" if number == 2 else "plain"
            one = Truth(level, split, one.decisive, one.decoy, one.opposed, one.evidence.round(4), one.video, one.audio)
            truths[f"c{number}", target] = one
            for t in range(length):
                marks = [int(values[t]) for values in (one.decisive, one.decoy, one.opposed)]
                parts = [f"{values[t]:.4f}" for values in (one.evidence, one.video, one.audio)]
                rows.append((level, f"c{number}", split, target, t, *marks, *parts, ""))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "truth.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(TRUTH_COLUMNS)
        writer.writerows(rows)
    return truths


def write_scores(path: Path, scores: Mapping[Key, Scores]) -> Path:
    """A CSV as a stranger writes it; the columns video and audio where the scores have them."""
    parts = next(iter(scores.values())).video is not None
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("clip", "target", "second", "score", *(("video", "audio") if parts else ())))
        for (clip, target), one in scores.items():
            for t, value in enumerate(one.score):
                extra = [one.video[t], one.audio[t]] if one.video is not None and one.audio is not None else []
                writer.writerow((clip, target, t, value, *extra))
    return path
