"""Which clips are for training, validation and test; what the splits share; whether a table can be trained on."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from sec2sec.datasets.learned_from import LEARNED_SPLITS
from sec2sec.datasets.table import SPLITS, Table, some

OFFICIAL_SPLIT = "official"
RANDOM_SPLIT = "random-7:1:2-films-leak"
SPLIT_RULES = (OFFICIAL_SPLIT, RANDOM_SPLIT)
RANDOM_SHARES = (0.7, 0.1)  # of all clips, for training and validation (paper §4.1); the rest is for the test


def random_split(ids: Sequence[str], seed: int) -> dict[str, str]:
    """The split of each id, drawn over clips as the paper does: clips of one film fall into several splits."""
    shuffled = sorted(ids)  # the same draw in whatever order the files name them
    random.Random(seed).shuffle(shuffled)
    train, validation = (round(share * len(shuffled)) for share in RANDOM_SHARES)
    return {
        name: SPLITS[0] if at < train else SPLITS[1] if at < train + validation else SPLITS[2]
        for at, name in enumerate(shuffled)
    }


def shared_groups(table: Table) -> dict[str, tuple[str, ...]]:
    """The groups (films, speakers) with clips in more than one split, and in which."""
    splits_of: defaultdict[str, set[str]] = defaultdict(set)
    for row in table.rows:
        splits_of[row.group].add(row.split)
    return {
        group: tuple(name for name in SPLITS if name in splits)
        for group, splits in splits_of.items()
        if len(splits) > 1
    }


def leaks(table: Table, split: str) -> list[str]:
    """Why figures on a split flatter, a sentence or none: its groups have clips that are learned from as well."""
    if split in ("all", "train"):
        return []
    learned = {row.group for name in LEARNED_SPLITS if name != split for row in table.split(name)}
    own = {row.group for row in table.split(split)}
    if not (shared := sorted(own & learned)):
        return []
    return [
        f"{len(shared)} of the {len(own)} groups (films, speakers) of the split {split} have clips in training or "
        f"validation as well, {some(shared, 3)}: figures on it are better than on groups never seen."
    ]


def obstacles(table: Table) -> list[str]:
    """Why nothing, or not everything, can be learned from a table: a sentence each."""
    reasons = []
    if not table.targets:
        reasons.append("no column holds a target; add one column of numbers from 0 to 1 for each")
    empty = [name for name in SPLITS[:2] if not table.split(name)]
    reasons += [f"the split {name} is empty; give it clips" for name in empty]
    for target in table.targets:
        for split in SPLITS[:2]:
            values = table.values(target, split)
            if split in empty:
                continue
            if not values:
                reasons.append(f"{target} has no label in the split {split}; label some clips or leave the column out")
            elif split == "train" and len(set(values)) == 1:
                what = "one class only" if table.kinds[target] == "binary" else "one value only"
                reasons.append(
                    f"{target} has {what} in the split train, {values[0]:g}; add clips of another or leave it out"
                )
    return reasons
