"""Make the known-truth clips that come with the program, `assets/known-truth`: a few of every level, as one data set.

    python -m recipes.known_truth_clips --out assets/known-truth

The seed is one that no bundled checkpoint learned from, and behind clips with film stands the half of each film that
none of them learned from either. The same command with the same versions of PyAV and numpy makes the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.demo_checkpoint import Recipe
from recipes.demo_clips import UNSEEN
from sec2sec.datasets.known_truth import CLIPS_COLUMNS, LEVELS, PLANTED_COLUMNS, Level, make_clips
from sec2sec.datasets.known_truth.generate import (
    CLIPS_FILE,
    CLIPS_FOLDER,
    GENERATOR_VERSION,
    MANIFEST_FILE,
    PLANTED_FILE,
    as_csv,
    write_whole,
)
from sec2sec.progress import drain

# of those from 3001 on with 11 to 13 of the clips in the upper class of every target, the first with a clip to open on:
# of ten seconds of film, on which the demo's attention is trusted and that of wrong-attention is not, for all targets
SEED = 3114
CLIPS: dict[Level, int] = {"plain": 5, "cluttered": 5, "film": 3, "opposed": 6, "unseen-timbre": 5}
LENGTHS: dict[Level, tuple[int, int]] = {level: (9, 10) if level == "film" else (4, 5) for level in LEVELS}  # s
SPLIT = "test"  # of all: nothing here is to be learned from


@dataclass(frozen=True)
class Tables:
    """The rows of both tables, over all levels."""

    clips: list[dict[str, str]]
    planted: list[dict[str, str]]


def make(out: Path, workers: int | None = None) -> Tables:
    """Write clips/*.mp4, clips.csv, planted.csv and generator.json into out, which may hold those of an earlier run.

    AssertionError for a seed that a bundled checkpoint learned from.
    """
    recipe = Recipe()
    assert SEED not in {clips.seed for clips in (*recipe.training, *recipe.validation, *recipe.test)}
    tables = Tables([], [])
    shutil.rmtree(out / CLIPS_FOLDER, ignore_errors=True)
    (out / CLIPS_FOLDER).mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        for level, count in CLIPS.items():
            folder = Path(work) / level
            drain(make_clips(folder, count, SEED, level, 0.0, workers, lengths=LENGTHS[level], footage=UNSEEN))
            tables.clips.extend(row | {"split": SPLIT} for row in _rows(folder / CLIPS_FILE))
            tables.planted.extend(_rows(folder / PLANTED_FILE))
            for clip in sorted((folder / CLIPS_FOLDER).glob("*.mp4")):
                shutil.copyfile(clip, out / CLIPS_FOLDER / clip.name)
    write_whole(out / CLIPS_FILE, as_csv(CLIPS_COLUMNS, tables.clips))
    write_whole(out / PLANTED_FILE, as_csv(PLANTED_COLUMNS, tables.planted))
    # a checkpoint's seeds are compared with this one: so it is known that it has not seen these clips
    made = {"version": GENERATOR_VERSION, "seed": SEED, "level": " and ".join(CLIPS), "neutral": 0.0}
    made |= {"lengths": {level: list(LENGTHS[level]) for level in CLIPS}, "footage": list(UNSEEN)}
    write_whole(out / MANIFEST_FILE, json.dumps(made, indent=1) + "\n")
    return tables


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the clips and say what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder of the clips, clips.csv and planted.csv")
    parser.add_argument("--workers", type=int, help="processes that render (default: one for each core)")
    options = parser.parse_args(arguments)
    tables = make(options.out, options.workers)
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    print(f"{options.out}: {len(tables.clips)} clips, {len(tables.planted)} seconds, {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
