"""Which explanation finds what was planted?

python -m sec2sec.training.scoreboard CHECKPOINT DATA [--others CHECKPOINT …] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sec2sec.training.commands import show


def compare(
    checkpoint: Path,
    data: Path,
    others: Sequence[Path] = (),
    *,
    split: str = "test",
    clips: int | None = None,
    workers: int | None = None,
    out: Path | None = None,
) -> None:
    """Print the table, and write it into the folder `out`. Raises CheckpointError, DataError or OSError."""
    from sec2sec.checkpoints import load_checkpoint
    from sec2sec.datasets.open import open_data
    from sec2sec.training.scoreboard import Scored, as_markdown, scoreboard_steps, write_scoreboard

    table = open_data(data)
    bundle, *again = [load_checkpoint(folder) for folder in (checkpoint, *others)]
    for step in scoreboard_steps(bundle, table, others=again, split=split, clips=clips, workers=workers):
        if isinstance(step, Scored):
            show("", last=True)
            print(as_markdown(step.report))
            for message in step.unusable:
                print(f"not usable: {message}", file=sys.stderr)
            if out:
                write_scoreboard(out, step.report)
        else:
            show(f"{step.done} of {step.total} clips")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0, or 2 with one line on stderr."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("checkpoint", type=Path)
    options.add_argument("data", type=Path, help="a folder of known-truth clips")
    options.add_argument("--others", type=Path, nargs="*", default=[], help="the same system trained again")
    options.add_argument("--split", default="test", choices=("all", "train", "validation", "test"))
    options.add_argument("--clips", type=int, default=None, help="the first so many (default: all)")
    options.add_argument("--workers", type=int, default=None, help="decoding processes (default: cores)")
    options.add_argument("--out", type=Path, default=None, help="folder for the table as Markdown, CSV and JSON")
    try:
        compare(**vars(options.parse_args(arguments)))
    except (ValueError, OSError) as error:
        print(f"sec2sec: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
