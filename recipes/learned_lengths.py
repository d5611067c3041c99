"""Writes into a checkpoint how many training clips lasted how many seconds: sec2sec/lengths.py reads it.

    python -m recipes.learned_lengths CHECKPOINT ...              # as its mean attention counted them
    python -m recipes.learned_lengths CHECKPOINT --data DATA ...  # of the training split of these data sets

For checkpoints that were trained before lengths were kept. Weights and settings stay as they are, and so does the
checkpoint's SHA-256.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from sec2sec.checkpoints import load_checkpoint
from sec2sec.config import EncoderConfig
from sec2sec.datasets.extract import decode_all
from sec2sec.datasets.table import read_table
from sec2sec.files import write_json
from sec2sec.lengths import KEY, lengths_of_profile, measure_lengths


def seconds_of(folders: Sequence[Path], workers: int) -> Iterator[int]:
    """The seconds of each training clip that can be used."""
    for folder in folders:
        rows = read_table(folder).split("train")
        for _, seconds in decode_all(rows, EncoderConfig(frames_per_second=1), len, workers=workers):
            if not isinstance(seconds, str):
                yield seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Count and write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("checkpoint", type=Path, nargs="+")
    options.add_argument("--data", type=Path, nargs="*", default=[], help="folders with clips.csv")
    options.add_argument("--workers", type=int, default=2, help="processes that decode")
    chosen = options.parse_args(arguments)
    for folder in chosen.checkpoint:
        metrics = dict(load_checkpoint(folder, "cpu").metrics)
        counted = list(seconds_of(chosen.data, chosen.workers))
        lengths = measure_lengths(counted) if counted else lengths_of_profile(metrics)
        if lengths is None:
            options.error(f"{folder}: has no mean attention of its training clips; name the data with --data")
        write_json(folder / "metrics.json", metrics | {KEY: lengths.as_json()})
        print(f"{folder}: {lengths.count} training clips of {lengths.words}, half of them up to {lengths.window} s")


if __name__ == "__main__":
    main()
