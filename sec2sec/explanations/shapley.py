"""Who made the prediction, the sound or the picture? Exact Shapley values of two players.

Shapley (1953): a player's value is its contribution averaged over both orders of joining. With two players
φ_sound = ½ [v(sound) − v(∅) + v(both) − v(picture)], and φ_sound + φ_picture = v(both) − v(∅): nothing is left over.
For the clip, a player who is not there is at the training mean in every second. For a second, the same two players
stand for its sound and its picture alone, the rest of the clip as it is; v follows from the effects of occlusion.

T seconds, K targets.
"""

from __future__ import annotations

import numpy as np

from sec2sec.explanations.masker import MaskedPredictor
from sec2sec.explanations.results import SecondEffects, Shapley

MIN_CONFLICT = 0.05  # of the prediction: both pull at least as hard, one up and one down
MIN_SECOND_CONFLICT = 0.02  # the same within a second, which moves less


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
