"""Cross-validation by group: a fold is the test, and validation is drawn from the groups of the other folds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sec2sec.datasets.groups import deal_groups, fold_groups
from sec2sec.datasets.table import DataError, Table, some

EACH_GROUP = "groups"  # instead of a number of folds: each group is one (leave-one-group-out)
FOLD = re.compile(r"([0-9]{1,6})/([0-9]{1,6}|groups)")
MIN_GROUPS_TO_LEARN = 2  # besides those of the test: one for training, one for validation


def count_folds(table: Table, folds: str) -> int:
    """How many folds a number, or "groups", stands for. Raises DataError where the groups are too few for them."""
    groups = len({row.group for row in table.rows})
    count = groups if folds == EACH_GROUP else int(folds) if re.fullmatch("[0-9]{1,6}", folds) else 0
    if count < 2 and folds != EACH_GROUP:
        raise DataError(f"folds is {folds!r}; expected a number from 2, or {EACH_GROUP} for a fold of each group")
    if groups < max(count, 3):
        raise DataError(
            f"{table.directory}: {folds} folds need at least {max(count, 3)} groups (films, speakers), and there are "
            f"{groups}; choose fewer folds, or name more groups"
        )
    return count


def take_fold(table: Table, fold: str, seed: int, shares: Sequence[int]) -> Table:
    """The table with the splits of one fold. Raises DataError for a fold that there is not, or too few groups.

    fold: I/K, the I-th of K folds, or I/groups. seed: decides between groups of one size, and draws the validation.
    shares: of these the first two divide the groups that are not tested into training and validation.
    """
    match = FOLD.fullmatch(fold)
    if match is None:
        raise DataError(f"fold is {fold!r}; expected I/K, as 2/5, or I/{EACH_GROUP}")
    number, count = int(match[1]), count_folds(table, match[2])
    if not 1 <= number <= count:
        raise DataError(f"fold is {fold!r}; the folds are 1/{match[2]} to {count}/{match[2]}")
    sizes = Counter(row.group for row in table.rows)
    if match[2] == EACH_GROUP:
        tested = {sorted(sizes)[number - 1]}
    else:
        tested = {group for group, place in fold_groups(sizes, count, seed).items() if place == number - 1}
    others = {group: clips for group, clips in sizes.items() if group not in tested}
    if len(others) < MIN_GROUPS_TO_LEARN:
        raise DataError(
            f"{table.directory}: the fold {fold} leaves {len(others)} group to learn from, and training and validation "
            "need one each; choose more folds, or name more groups"
        )
    place_of = deal_groups(others, shares[:2], f"{seed} {fold}")
    split_of = dict.fromkeys(tested, "test") | {
        group: ("train", "validation")[place] for group, place in place_of.items()
    }
    rows = [replace(row, split=split_of[row.group]) for row in table.rows]
    asked = ":".join(map(str, shares[:2]))
    note = (
        f"Fold {number} of {count}, by group: the test is {some(sorted(tested), 3)}; of the other groups, training and "
        f"validation were drawn at random, {asked} with split seed {seed}. No group stands in two splits."
    )
    notes = tuple(sentence for sentence in table.notes if sentence != table.drawn)
    return replace(table, rows=rows, notes=(*notes, note), drawn="")
