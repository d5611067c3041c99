"""Who made the prediction, the sound or the picture? Exact Shapley values of two players; and of any players.

Shapley (1953): a player's value is its contribution averaged over both orders of joining. With two players
φ_sound = ½ [v(sound) − v(∅) + v(both) − v(picture)], and φ_sound + φ_picture = v(both) − v(∅): nothing is left over.
For the clip, a player who is not there is at the training mean in every second. For a second, the same two players
stand for its sound and its picture alone, the rest of the clip as it is; v follows from the effects of occlusion.

Of more players the values are exact over all coalitions, or estimated from orders of joining that are drawn.

T seconds, K targets, U players, N coalitions, R orders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np

from sec2sec.explanations.curves import present_after
from sec2sec.explanations.masker import MaskedPredictor
from sec2sec.explanations.results import SecondEffects, Shapley

MIN_CONFLICT = 0.05  # of the prediction: both pull at least as hard, one up and one down
MIN_SECOND_CONFLICT = 0.02  # the same within a second, which moves less

Coalitions = Callable[[np.ndarray], np.ndarray]  # who is there, (N, U) bool → what it is worth, (N, K)


@dataclass(frozen=True)
class Shares:
    """What each player adds to what all are worth. values.sum(0) is everybody − nobody, whatever was drawn."""

    values: np.ndarray  # (U, K)
    errors: np.ndarray  # (U, K) standard errors; 0 where exact
    nobody: np.ndarray  # (K,)
    everybody: np.ndarray  # (K,)


def two_players(
    both: np.ndarray, sound: np.ndarray, picture: np.ndarray, neither: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Shapley values of sound and picture from the four predictions, of any one shape."""
    return (sound - neither + both - picture) / 2, (picture - neither + both - sound) / 2


def in_conflict(sound: np.ndarray, picture: np.ndarray, threshold: float) -> np.ndarray:
    """Where they pull in opposite directions and neither pull is negligible."""
    conflicts: np.ndarray = (sound * picture < 0) & (np.minimum(np.abs(sound), np.abs(picture)) >= threshold)
    return conflicts


def shapley(predict: MaskedPredictor, effects: list[SecondEffects]) -> list[Shapley]:
    """One per target. effects: of each target under the training mean."""
    seconds = len(effects[0].whole)
    present = np.array([[True, True], [False, True], [True, False], [False, False]])[..., None].repeat(seconds, 2)
    values = predict(present[:, 0], present[:, 1])  # both, sound, picture, neither
    sound, picture = two_players(*values)
    results = []
    for k, effect in enumerate(effects):
        # v(both) is 0 here: an effect is v(both) minus v without something
        of_sound, of_picture = two_players(np.zeros(seconds), -effect.video, -effect.audio, -effect.whole)
        results.append(
            Shapley(
                sound=float(sound[k]),
                picture=float(picture[k]),
                sound_seconds=of_sound,
                picture_seconds=of_picture,
                conflict=bool(in_conflict(sound[k], picture[k], MIN_CONFLICT)),
                conflict_seconds=in_conflict(of_sound, of_picture, MIN_SECOND_CONFLICT),
            )
        )
    return results


def exact_shapley(worth: Coalitions, players: int) -> Shares:
    """From all 2^U coalitions: φ_i = Σ_S |S|! (U − |S| − 1)! / U! · [v(S + i) − v(S)] over S without i."""
    numbers = np.arange(1 << players)
    there = (numbers[:, None] >> np.arange(players) & 1).astype(bool)  # (2^U, U)
    values = worth(there)
    weights = np.array([1 / (players * comb(players - 1, size)) for size in range(players)])
    result = np.zeros((players, values.shape[1]))
    for player in range(players):
        without = numbers[~there[:, player]]
        gains = values[without | 1 << player] - values[without]
        result[player] = weights[there[without].sum(1)] @ gains
    return Shares(result, np.zeros_like(result), values[0], values[-1])


def sampled_shapley(worth: Coalitions, players: int, pairs: int, seed: int = 0) -> Shares:
    """From `pairs` random orders of joining and their reverses, with standard errors over the pairs.

    What a player adds when it joins, averaged over the orders. An order and its reverse err in opposite ways where two
    players share what they add (antithetic sampling; Mitchell et al. 2022). pairs: 2 or more.
    """
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(players), (pairs, 1)), axis=1)
    orders = np.stack([orders, orders[:, ::-1]], 1).reshape(2 * pairs, players)
    there = present_after(orders, np.arange(players + 1), insertion=True)  # (R, U + 1, U)
    values = worth(there.reshape(-1, players)).reshape(len(orders), players + 1, -1)
    gains = np.diff(values, axis=1)  # (R, U, K) of the players in the order of joining
    joined = np.take_along_axis(gains, np.argsort(orders, axis=1)[..., None], axis=1)
    of_pairs = joined.reshape(pairs, 2, players, -1).mean(1)
    return Shares(of_pairs.mean(0), of_pairs.std(0, ddof=1) / np.sqrt(pairs), values[0, 0], values[0, -1])
