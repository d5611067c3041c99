"""Which clips a checkpoint learned from: `learned-from.txt` has a SHA-256 and a split on each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

FILE = "learned-from.txt"
LEARNED_SPLITS = ("train", "validation")  # weights come from the first, the choice among them from the second


def write_learned_from(folder: Path, clips: Mapping[str, Iterable[str]]) -> None:
    """Write the file of a checkpoint folder. clips: the SHA-256 of each clip's file, by split."""
    lines = sorted({f"{sha256} {split}" for split in LEARNED_SPLITS for sha256 in clips.get(split, ())})
    (folder / FILE).write_text("".join(f"{line}\n" for line in lines))


def read_learned_from(folder: Path) -> dict[str, str] | None:
    """The split of each clip by its SHA-256; None for a checkpoint that does not say. A damaged line is passed over."""
    try:
        lines = (folder / FILE).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    pairs = (line.split() for line in lines)
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[1] in LEARNED_SPLITS}


def count_seen(learned: Mapping[str, str], hashes: Iterable[str]) -> dict[str, int]:
    """How many of some files, by SHA-256, were training and validation clips; splits without any are left out."""
    return dict(Counter(learned[sha256] for sha256 in hashes if sha256 in learned))
