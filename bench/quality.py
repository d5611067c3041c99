"""What the bundled checkpoint knows: 500 unseen known-truth clips of each level, and the order of real film windows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata, spearmanr

from bench.row import Row
from sec2sec import DEMO
from sec2sec.checkpoints import Bundle, load_checkpoint
from sec2sec.clip import explain
from sec2sec.datasets.known_truth import Level, make_clips
from sec2sec.datasets.table import read_table
from sec2sec.evaluation.evaluate import evaluate_steps
from sec2sec.media import Second, open_clip
from sec2sec.progress import drain
from sec2sec.training.opening import OpenedData

CLIPS, WINDOW = 500, 10  # clips of each level; seconds of a window of real film
SEEDS: dict[Level, int] = {"plain": 2001, "cluttered": 2002}  # neither of the training nor of the card
LIMITS = {  # accuracy of arousal and valence, of synchrony, pointing of occlusion
    "plain": (0.95, 0.93, 0.95),
    "cluttered": (0.90, 0.85, 0.80),
}


def rows() -> Iterator[Row]:
    """Generates the clips once into build/bench; about ten minutes the first time."""
    bundle = load_checkpoint(DEMO, "cpu")
    for level, (graded, synchrony, pointing) in LIMITS.items():
        report = evaluate_level(bundle, level)  # type: ignore[arg-type]
        for target, figures in report["targets"].items():
            least = synchrony if target == "synchrony" else graded
            yield Row(f"{level}: accuracy of {target}", figures["accuracy"], "", least, "at least")
            yield Row(f"  {level}: majority (trivial)", figures["trivial"]["majority"]["accuracy"])
        for method, share in report["pointing"].items():
            limit = pointing if method == "occlusion" else None
            yield Row(f"{level}: pointing, {method}", share, "", limit, "at least")
    rho, windows = real_order(bundle)
    yield Row(
        f"real film: rank correlation of arousal with loudness + motion, {windows} windows", rho, "", 0.6, "at least"
    )


def evaluate_level(bundle: Bundle, level: Level) -> dict[str, Any]:
    """The report of `evaluate` on unseen clips of a level."""
    directory = Path(f"build/bench/{level}")
    drain(make_clips(directory, CLIPS, SEEDS[level], level))
    report = drain(evaluate_steps(bundle, OpenedData(read_table(directory)), split="all")).report
    (directory / "report.json").write_text(json.dumps(report))
    return report


def loudness(seconds: list[Second]) -> float:
    """RMS in dB over a window."""
    samples = np.concatenate([s.samples for s in seconds if s.samples is not None])
    return float(20 * np.log10(np.sqrt(np.mean(samples**2)) + 1e-6))


def motion(seconds: list[Second]) -> float:
    """Mean absolute change of grey from frame to frame (eighths of a second), 0..255."""
    grey = np.concatenate([s.frames for s in seconds if s.frames is not None]).astype(np.float32).mean(-1)
    return float(np.abs(np.diff(grey, axis=0)).mean())


def real_order(bundle: Bundle, folder: Path = Path("assets/clips")) -> tuple[float, int]:
    """Spearman correlation of predicted arousal with rank(loudness) + rank(motion) over 10-s windows of real film."""
    measured = []
    for clip in sorted(folder.glob("*.mp4")):
        opened = open_clip(clip)
        for start in range(0, max(1, round(opened.duration) - WINDOW + 1), WINDOW):
            end = min(start + WINDOW, opened.duration)
            seconds = list(open_clip(clip, start=start, end=end).seconds())
            arousal = explain(clip, bundle, start=start, end=end).targets["arousal"].prediction
            measured.append((arousal, loudness(seconds), motion(seconds)))
    predicted, loud, moving = np.array(measured).T
    return float(spearmanr(predicted, rankdata(loud) + rankdata(moving)).statistic), len(measured)
