"""Which explanation finds what was planted?

python -m sec2sec.training.scoreboard CHECKPOINT DATA [--others CHECKPOINT …] [--out FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from sec2sec.checkpoints import load_checkpoint
from sec2sec.datasets.open import open_data
from sec2sec.training.scoreboard import Scored, as_markdown, scoreboard_steps, write_scoreboard


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("checkpoint", type=Path)
    options.add_argument("data", type=Path, help="a folder of known-truth clips")
    options.add_argument("--others", type=Path, nargs="*", default=[], help="checkpoints of the same system")
    options.add_argument("--split", default="test")
    options.add_argument("--clips", type=int, default=None, help="the first so many (default: all)")
    options.add_argument("--workers", type=int, default=None, help="decoding processes (default: cores)")
    options.add_argument("--out", type=Path, default=None, help="folder for the table as Markdown, CSV and JSON")
    chosen = options.parse_args(arguments)
    bundle, *others = [load_checkpoint(folder) for folder in (chosen.checkpoint, *chosen.others)]
    for step in scoreboard_steps(
        bundle, open_data(chosen.data), others=others, split=chosen.split, clips=chosen.clips, workers=chosen.workers
    ):
        if isinstance(step, Scored):
            print(as_markdown(step.report))
            if chosen.out:
                write_scoreboard(chosen.out, step.report)


if __name__ == "__main__":
    main()
