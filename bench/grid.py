"""What pooling the tokens costs in validation score, on known-truth clips.

The encoders are the bundled demo's, pooled as `EncoderConfig.paper_pooled` pools the paper's: the paper's own weights
cannot be had everywhere, so for them the cost is not measured here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev

from bench.row import Row
from sec2sec.config import EncoderConfig
from sec2sec.datasets.known_truth import make_clips
from sec2sec.progress import drain
from sec2sec.training.hardware import Hardware
from sec2sec.training.settings import TrainConfig
from sec2sec.training.train import train_steps

WORK = Path("build/bench/grid")
CLIPS, SPLITS, LENGTHS = 300, (6, 3, 1), (4, 6)  # 180 to learn from, 90 to validate; seconds
SEEDS, EPOCHS = (0, 1, 2), 20
FULL, POOLED = EncoderConfig.compact(), EncoderConfig.paper_pooled()


def score(grids: EncoderConfig, seed: int) -> float:
    """The best validation score of a training (mean accuracy of the targets); test clips are left alone."""
    config = TrainConfig(
        data=str(WORK / "clips"),
        video_grid=grids.video_grid,
        audio_grid=grids.audio_grid,
        epochs=EPOCHS,
        patience=EPOCHS,
        seed=seed,
    )
    run = WORK / "run"
    shutil.rmtree(run, ignore_errors=True)
    result = drain(train_steps(run, config, Hardware(WORK / "tokens", "cpu"), test=False))
    return float(result.metrics["validation_score"])


def rows() -> Iterator[Row]:
    """About six minutes on two calm cores, two of them for making the clips the first time."""
    drain(make_clips(WORK / "clips", CLIPS, 5, shares=SPLITS, lengths=LENGTHS))
    pairs = [(score(FULL, seed), score(POOLED, seed)) for seed in SEEDS]
    for name, grids, scores in zip(("full", "pooled"), (FULL, POOLED), zip(*pairs, strict=True), strict=True):
        shape = f"{'×'.join(map(str, grids.video_grid))} and {'×'.join(map(str, grids.audio_grid))}"
        yield Row(f"validation score, {name} grids {shape}, mean of {len(SEEDS)} seeds", mean(scores))
    lost = [full - pooled for full, pooled in pairs]
    yield Row("  what pooling costs", mean(lost))
    yield Row("  standard error over the seeds", stdev(lost) / len(lost) ** 0.5)
