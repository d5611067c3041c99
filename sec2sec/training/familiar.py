"""What the training clips of an existing checkpoint look like, put in its folder; trainings do it by themselves.

python -m sec2sec.training.familiar CHECKPOINT DATA
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sec2sec.checkpoints import identity
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError
from sec2sec.device import pick_device
from sec2sec.explanations.out_of_distribution import FEWEST, FILE, familiarity_statistics, save_familiarity
from sec2sec.training.commands import show
from sec2sec.training.extract import Extraction, extract_steps
from sec2sec.training.start import encoders_of


def familiarity_steps(
    checkpoint: Path, data: Path, cache: Path, *, split: str = "train", device: str = "auto", workers: int | None = None
) -> Iterator[Extraction]:
    """Encode the training clips as far as the cache lacks them, and write the file; yields how it goes.

    Raises CheckpointError, DataError or OSError.
    """
    encoders = encoders_of(checkpoint)
    rows = open_data(data).split(split)
    if len(rows) < FEWEST:  # before the work, not after it
        raise DataError(f"{data}: {len(rows)} clips in the split {split!r}; at least {FEWEST} are needed")
    tokens = TokenCache(cache, encoders)
    usable: list[str] = []
    for step in extract_steps(rows, encoders, tokens, device=pick_device(device), workers=workers):
        usable = list(step.sha256.values())
        yield step
    clips = (tokens.read(sha256) for sha256 in usable)
    usual = familiarity_statistics(found for found in clips if found is not None)
    if not usual:
        raise DataError(f"{data}: {len(usable)} usable clips in the split {split!r}; at least {FEWEST} are needed")
    save_familiarity(checkpoint, usual, identity(checkpoint))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0, or 2 with one line on stderr."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("checkpoint", type=Path)
    options.add_argument("data", type=Path, help="the data set that it learned from")
    options.add_argument("--split", default="train", choices=("all", "train", "validation", "test"))
    options.add_argument("--cache", type=Path, default=Path("runs/tokens"), help="of tokens")
    chosen = options.parse_args(arguments)
    try:
        for step in familiarity_steps(chosen.checkpoint, chosen.data, chosen.cache, split=chosen.split):
            show(step.line, last=step.done == step.total)
    except (ValueError, OSError) as error:
        print(f"sec2sec: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(chosen.checkpoint / FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
