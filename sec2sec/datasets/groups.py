"""Groups (films, speakers) dealt out as wholes: to splits in some proportion, or to folds of equal size.

Both depend on the groups, on how many clips each has, and on a seed; never on the order in which clips are listed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

DEFAULT_SHARES = (7, 1, 2)  # of the clips, for training, validation and test (paper §4.1)


def deal_groups(sizes: Mapping[str, int], shares: Sequence[int], seed: int | str) -> dict[str, int]:
    """The place of each group among the shares, drawn at random.

    In the order of a shuffle each group goes where most clips are missing; the last ones go where there is nothing yet,
    so that no place stays empty. sizes: the clips of each group. shares: any positive numbers, such as 7, 1, 2.
    Raises ValueError for fewer groups than shares.
    """
    if len(sizes) < len(shares):
        raise ValueError(f"{len(sizes)} groups for {len(shares)} places")
    names = sorted(sizes)
    random.Random(seed).shuffle(names)
    missing = [sum(sizes.values()) * share / sum(shares) for share in shares]
    empty = set(range(len(shares)))
    place_of: dict[str, int] = {}
    for dealt, name in enumerate(names):
        places = empty if len(names) - dealt <= len(empty) else range(len(shares))
        place = max(places, key=lambda place: (missing[place], -place))
        place_of[name] = place
        missing[place] -= sizes[name]
        empty.discard(place)
    return place_of


def fold_groups(sizes: Mapping[str, int], folds: int, seed: int) -> dict[str, int]:
    """The fold of each group, 0 to folds − 1: the largest group first, each to the fold with the fewest clips so far.

    The rule of scikit-learn's GroupKFold; the seed decides between groups of one size. Raises ValueError for fewer
    groups than folds.
    """
    if len(sizes) < folds:
        raise ValueError(f"{len(sizes)} groups for {folds} folds")
    names = sorted(sizes)
    random.Random(seed).shuffle(names)
    names.sort(key=lambda name: -sizes[name])
    clips = [0] * folds
    fold_of: dict[str, int] = {}
    for name in names:
        fold = clips.index(min(clips))
        fold_of[name] = fold
        clips[fold] += sizes[name]
    return fold_of
