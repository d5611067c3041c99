"""What a claim costs, and how often claims are trusted whose truth is known: 200 and more of each.

Claims about made-up predictors of 10 s; all lengths, and the bundled demo, stand in docs/claims-table.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.row import Row
from recipes.calibrate_claims import TRUST, judge_case
from recipes.calibrate_verdict import MAX_WRONG, MIN_RIGHT
from recipes.claim_kinds import RIGHT, WRONG
from recipes.claim_predictors import STRUCTURES, made_up
from sec2sec.predictors.claims import Claim, count_calls

SECONDS = 10
CLIPS = 8  # of each structure
COSTS = (
    ("sound or picture", Claim(modality="audio"), 2),
    ("one second", Claim(((3.0, 4.0),)), SECONDS),
    ("two times", Claim(((3.0, 4.0), (7.0, 8.0))), 3 * SECONDS + 8),
)


def rows() -> Iterator[Row]:
    """About a minute."""
    for name, claim, limit in COSTS:
        calls = count_calls({"arousal": claim}, SECONDS)
        yield Row(
            f"predictions for a claim of {name}, clip of {SECONDS} s, beyond those of the effects", calls, "", limit
        )
    words: dict[str, list[str]] = {}
    for number, structure in enumerate(STRUCTURES):
        for clip in range(CLIPS):
            chance = np.random.default_rng([7, number, clip])
            for kind, verdicts, _ in judge_case(made_up(structure, SECONDS, 1, chance), chance):
                words.setdefault(kind, []).extend(verdicts)
    for name, kinds, limit, side in (("wrong", WRONG, MAX_WRONG, "at most"), ("right", RIGHT, MIN_RIGHT, "at least")):
        every = [word for kind in kinds for word in words.get(kind, [])]
        share = every.count(TRUST) / len(every)
        yield Row(f"{name} claims trusted, of {len(every)} about made-up predictors", share, "", limit, side)
