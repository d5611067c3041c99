"""The calibration of claims: predictors whose truth is known, claims of every kind, and how they are counted."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.calibrate_claims import MADE_UP, Counts, as_markdown, judge_case, misses, overall
from recipes.claim_kinds import KINDS, NEVER_RIGHT, RIGHT, WRONG, claims_of_kind, is_half_right
from recipes.claim_predictors import STRUCTURES, made_up
from sec2sec.predictors.claims import Claim


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_made_up_predictor_goes_by_what_was_drawn(structure):
    case = made_up(structure, 10, 1, np.random.default_rng(3))
    _, _, effects = case.effects()
    effect, strength = np.abs(effects["target 0"].whole), case.strength[0]
    if structure == "nothing but noise":
        assert not strength.any()
        assert case.noise is not None
    elif case.singly[0]:
        assert set(np.argsort(-effect)[: (strength > 0).sum()]) == set(np.flatnonzero(strength))
    else:
        assert effect.max() < 0.05  # either of the two is enough


def test_wrong_claims_name_less_than_half_of_what_was_drawn():
    for seed in range(20):
        chance = np.random.default_rng(seed)
        case = made_up("several, one sign", 10, 2, chance)
        _, _, effects = case.effects()
        for kind in WRONG:
            for target, claim in claims_of_kind(kind, case, effects, chance).items():
                strength = case.strength[int(target.split()[1])]
                assert kind in NEVER_RIGHT or not is_half_right(claim, strength)
        for kind in ("planted times", "weights: planted"):
            assert all(
                is_half_right(claim, case.strength[int(target.split()[1])])
                for target, claim in claims_of_kind(kind, case, effects, chance).items()
            )
    assert set(KINDS) >= set(RIGHT) | set(WRONG)


def test_right_claims_are_trusted_and_wrong_ones_are_not():
    words: dict[bool, list[str]] = {True: [], False: []}
    for number, structure in enumerate(STRUCTURES):
        chance = np.random.default_rng(number)
        for kind, verdicts, _ in judge_case(made_up(structure, 10, 1, chance), chance):
            if kind in RIGHT or kind in WRONG:
                words[kind in RIGHT] += verdicts
    assert words[True].count("trust") >= 0.8 * len(words[True])
    assert words[False].count("trust") <= 0.05 * len(words[False])


def test_a_cell_counts_clips_of_wrong_claims_and_targets_of_right_ones():
    counts = Counts()
    counts.add(["trust", "careful"], 10)
    counts.add(["careful", "careful"], 12)
    assert (counts.share(wrong=True), counts.share(wrong=False)) == (1 / 2, 1 / 4)
    assert misses("last second", "8 s", counts)
    assert misses("planted times", "8 s", counts)
    assert not misses("planted times", "5 s", counts)  # below the length from which on it is asked
    table = {(MADE_UP, "planted times", "8 s", 1): counts, (MADE_UP, "last second", "8 s", 1): counts}
    assert overall(table, RIGHT) == (1 / 4, 4)
    assert "| planted times | **25** · – | 4 | 10–12 |" in as_markdown(table, [8])


def test_a_claim_that_names_a_little_of_the_truth_is_no_wrong_one():
    strength = np.array([0, 0, 1.0, 0.5, 0, 0])
    assert is_half_right(Claim(((2.0, 3.0),)), strength)
    assert is_half_right(Claim(((3.0, 4.0),)), strength)  # all that it names counts
    assert not is_half_right(Claim(((3.0, 6.0),)), strength)
    assert not is_half_right(Claim(((0.0, 1.0),)), strength)
