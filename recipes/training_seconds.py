"""Writes anew what a checkpoint knows of its training seconds: statistics, and the seconds that are kept as tokens.

    python -m recipes.training_seconds CHECKPOINT DATA ...        # of the training split of these data sets
    python -m recipes.training_seconds CHECKPOINT DATA --keep     # the statistics of tokens that are there stay
    python -m recipes.training_seconds CHECKPOINT --sampled 0     # no second is kept: all else stays

For checkpoints that were trained before seconds were kept, and for data whose licence forbids to pass on anything that
was made of the clips. Weights and settings stay as they are, and so does the checkpoint's SHA-256.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sec2sec.checkpoints import Bundle, load_checkpoint
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.table import read_table
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_clip
from sec2sec.explanations.out_of_distribution import (
    FILE,
    TrainingSeconds,
    load_training_seconds,
    measure_training_seconds,
    save_training_seconds,
)
from sec2sec.explanations.training_sample import SAMPLED_SECONDS


def encoded(bundle: Bundle, folders: Sequence[Path], workers: int) -> Iterator[Tokens]:
    """The training clips of some data sets as tokens; a clip that cannot be used is left out."""
    for folder in folders:
        rows = read_table(folder).split("train")
        for _, seconds in decode_all(rows, bundle.encoders.config, as_decoded, workers=workers):
            if not isinstance(seconds, str):
                yield encode_clip(seconds, bundle.encoders, bundle.device)


def renewed(bundle: Bundle, folders: Sequence[Path], sampled: int, keep: bool, workers: int) -> TrainingSeconds:
    """What is known once these clips were measured.

    sampled: seconds to keep. keep: what is known of pooled tokens stays, as of more clips than these.
    """
    known = load_training_seconds(bundle) or TrainingSeconds()
    if not folders:
        return replace(known, sample=known.sample if sampled else None)
    measured = measure_training_seconds(encoded(bundle, folders, workers), bundle.model, sampled)
    return replace(measured, statistics=known.statistics) if keep and known.statistics else measured


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("checkpoint", type=Path)
    options.add_argument("data", type=Path, nargs="*", help="folders with clips.csv; none: only --sampled is applied")
    options.add_argument("--sampled", type=int, default=SAMPLED_SECONDS, help="seconds to keep as tokens")
    options.add_argument("--keep", action="store_true", help="keep the statistics of tokens that are there")
    options.add_argument("--workers", type=int, default=2, help="processes that decode")
    chosen = options.parse_args(arguments)
    bundle = load_checkpoint(chosen.checkpoint, "cpu")
    training = renewed(bundle, chosen.data, chosen.sampled, chosen.keep, chosen.workers)
    assert bundle.folder is not None, "it was read from there"
    save_training_seconds(bundle.folder, training, bundle.summary.sha256)
    kept = 0 if training.sample is None else len(training.sample)
    print(f"{bundle.folder / FILE}: {kept} seconds kept, {(bundle.folder / FILE).stat().st_size:,} B")


if __name__ == "__main__":
    main()
