"""Why did the prediction change? The difference between two versions of a clip, by second, sound and picture.

The players are the sounds and the pictures of seconds that differ between the two; a coalition is the clip that has
these of the second version and all others of the first. A player's Shapley value (Shapley 1953) is what it adds to the
prediction, averaged over all orders in which the players may change. In every order the changes add up from the one
prediction to the other, so the values sum to the difference, also where orders are sampled.

With few players all coalitions are predicted and the values are exact. With more, orders are drawn in pairs, each with
its reverse (antithetic sampling; Mitchell et al. 2022), and a standard error over the pairs stands beside each value.
What is explained is a change between two inputs and not one prediction, as in Kim et al. 2025 (Delta-XAI); the values
are of the prediction, 0..1, because that is the change that is shown.

T seconds, U players, N coalitions, R orders, K targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sec2sec.encoders.tokens import Tokens
from sec2sec.errors import ExplanationError
from sec2sec.explanations.embeddings import SecondEmbeddings
from sec2sec.explanations.masker import Effort, InputMasker, Masker, SecondMasker
from sec2sec.explanations.shapley import exact_shapley, sampled_shapley
from sec2sec.model import Model

# By effort: players of which every coalition is predicted, and pairs of orders where they are more.
EXACT_PLAYERS: dict[Effort, int] = {"full": 12, "few": 5, "none": 2}
PAIRS: dict[Effort, int] = {"full": 100, "few": 4, "none": 2}
MIN_PAIRS = 2  # a standard error takes two
MAX_CELLS = 1 << 20  # seconds of all coalitions together: bounds the time on long clips
MAX_NAMED = 3  # parts in a sentence
SHARE_NAMED = 0.8  # of all sizes, after which no further part is named
SHOWN = 0.0005  # smaller ones are ±0.000 on the screen


@dataclass(frozen=True)
class Difference:
    """Why one target's prediction differs between two versions of a clip. sound.sum() + picture.sum() is `change`."""

    before: float  # prediction of the first version, 0..1
    after: float  # prediction of the second version, 0..1
    sound: np.ndarray  # (T,) what the sound of each second adds to the change; 0 where it is the same in both
    picture: np.ndarray  # (T,) the same of its picture
    sound_error: np.ndarray  # (T,) standard error of `sound` over pairs of orders; 0 where exact
    picture_error: np.ndarray  # (T,) the same of `picture`
    sound_changed: np.ndarray  # (T,) bool: the model reads another sound
    picture_changed: np.ndarray  # (T,) bool: the model reads another picture
    orders: int  # how many orders were drawn; 0 where the values are exact

    @property
    def change(self) -> float:
        """The second prediction minus the first."""
        return self.after - self.before

    @property
    def whole(self) -> np.ndarray:
        """(T,) what each second adds to the change, sound and picture together."""
        both: np.ndarray = self.sound + self.picture
        return both

    @property
    def largest_error(self) -> float:
        """The largest standard error of a part."""
        return float(max(self.sound_error.max(), self.picture_error.max()))

    def sentence(self, target: str) -> str:
        """Which seconds carry the change, and whether by sound or picture. target: its name."""
        if not (self.sound_changed.any() or self.picture_changed.any()):
            return f"{target} stays at {self.after:.3f}: the model reads the same in both."
        moved = "rose" if self.change > 0 else "fell"
        head = f"{target} {moved} by {abs(self.change):.3f}, from {self.before:.3f} to {self.after:.3f}"
        if abs(self.change) < SHOWN:
            head = f"{target} stays at {self.after:.3f}"
        if self.sound_changed.any() and self.picture_changed.any():
            head += f" (sound {in_signs(self.sound.sum())}, picture {in_signs(self.picture.sum())})"
        return f"{head}: {self._parts()}."

    def _parts(self) -> str:
        """The largest parts, the largest first, and what the others come to."""
        parts = [
            (float(values[second]), f"the {name} of {second}–{second + 1} s")
            for name, values, changed in (
                ("sound", self.sound, self.sound_changed),
                ("picture", self.picture, self.picture_changed),
            )
            for second in np.flatnonzero(changed)
        ]
        parts.sort(key=lambda part: -abs(part[0]))
        total, named, size = sum(abs(value) for value, _ in parts), 0, 0.0
        while named < min(len(parts), MAX_NAMED) and abs(parts[named][0]) >= SHOWN and size < SHARE_NAMED * total:
            size += abs(parts[named][0])
            named += 1
        if named == len(parts) - 1 and abs(parts[named][0]) >= SHOWN:
            named += 1  # its name is as short as "1 other change"
        words = [f"{what} {in_signs(value)}" for value, what in parts[:named]]
        if rest := [value for value, _ in parts[named:]]:
            others = f"{len(rest)} {'other ' if named else ''}change{'s' if len(rest) > 1 else ''}"
            words.append(f"{others} {in_signs(sum(rest))}" + (" together" if len(rest) > 1 else ""))
        return ", ".join(words)


def in_signs(value: float) -> str:
    """Three decimals with a sign, or ± where it rounds to nothing."""
    sign = "±" if abs(value) < SHOWN else "−" if value < 0 else "+"
    return f"{sign}{abs(value):.3f}"


def explain_difference(before: Masker, after: Masker) -> dict[str, Difference]:
    """Why the predictions of two versions of a clip differ, by target. Seconds are paired by their place.

    before, after: by one model, of equal length. Raises ExplanationError where the lengths differ. Milliseconds for the
    Sec2Sec systems in clips of a minute: only seconds in which both sound and picture differ are computed anew.

        before, after = sec2sec.encode("clip.mp4", model), sec2sec.encode("edited.mp4", model)
        difference = explain_difference(before.masker, after.masker)["arousal"]
        difference.change, difference.sound, difference.picture    # 0.12, (T,), (T,): the two sum to 0.12
    """
    check_lengths(before.seconds, after.seconds)
    sound, picture = changed_seconds(before.model, before.tokens, after.tokens)
    with after.threads():
        return differences(masker_between(before, after, sound & picture), sound, picture)


def check_lengths(before: int, after: int, names: tuple[str, str] = ("the first version", "the second one")) -> None:
    """ExplanationError where two versions, by their names, have another number of seconds."""
    if before != after:
        one, other = names
        raise ExplanationError(
            f"{one} has {before} seconds and {other} has {after}: seconds are paired by their place, so compare "
            "versions, or parts, of the same length"
        )


def changed_seconds(model: Model, before: Tokens, after: Tokens) -> tuple[np.ndarray, np.ndarray]:
    """(T,) bool each: in which seconds the model reads another sound, and another picture."""
    references = model.references(before.seconds)
    (video, audio), (other_video, other_audio) = before.filled(references), after.filled(references)
    sound, picture = (
        (own != other).flatten(1).any(1).cpu().numpy() for own, other in ((audio, other_audio), (video, other_video))
    )
    return sound, picture


@torch.inference_mode()
def masker_between(before: Masker, after: Masker, both_changed: np.ndarray) -> Masker:
    """A masker in which what is there is of the second version, and what is taken away is of the first.

    both_changed (T,) bool: seconds that differ in sound and in picture, of which the two halves are joined anew.
    """
    old, new = before.by_second, after.by_second
    if old is None or new is None:
        masker = InputMasker(after.model, after.tokens)
        masker.mean_video, masker.mean_audio = before.tokens.filled(before.model.references(before.seconds))
        return masker
    was, own = old.embeddings, new.embeddings
    rows = torch.from_numpy(np.flatnonzero(both_changed)).to(own.both.device)
    new_sound, new_picture = own.both.clone(), own.both.clone()  # right where one of the two alone differs
    if len(rows):
        join = new.model.co_attend

        def at(attended: torch.Tensor | None) -> torch.Tensor | None:
            return None if attended is None else attended[rows]

        new_sound[rows] = join(at(was.attended_video), at(own.attended_audio), evidence=False)[0]
        new_picture[rows] = join(at(own.attended_video), at(was.attended_audio), evidence=False)[0]
    return SecondMasker(new.model, after.tokens, SecondEmbeddings(own.both, new_sound, new_picture, was.both))


def differences(
    masker: Masker, sound: np.ndarray, picture: np.ndarray, max_cells: int = MAX_CELLS
) -> dict[str, Difference]:
    """The same of a masker between two versions. sound, picture (T,) bool: what differs. max_cells: bounds the time."""
    seconds, of_sound, of_picture = len(sound), np.flatnonzero(sound), np.flatnonzero(picture)

    def predict(coalitions: np.ndarray) -> np.ndarray:
        """(N, U) bool, sounds and then pictures → (N, K)."""
        seen, heard = np.zeros((2, len(coalitions), seconds), dtype=bool)
        heard[:, of_sound], seen[:, of_picture] = np.split(coalitions, [len(of_sound)], axis=1)
        return masker.predictor(seen, heard)

    players = len(of_sound) + len(of_picture)
    if players <= EXACT_PLAYERS[masker.effort] and seconds << players <= max_cells:
        pairs, shares = 0, exact_shapley(predict, players)
    else:
        pairs = max(MIN_PAIRS, min(PAIRS[masker.effort], max_cells // cells_of_pair(players, seconds)))
        shares = sampled_shapley(predict, players, pairs)

    def by_second(figures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(U,) → sound and picture, (T,) each."""
        rows = np.zeros((2, seconds))
        rows[0, of_sound], rows[1, of_picture] = np.split(figures, [len(of_sound)])
        return rows[0], rows[1]

    result = {}
    for k, name in enumerate(masker.targets):
        own, error = by_second(shares.values[:, k]), by_second(shares.errors[:, k])
        ends = float(shares.nobody[k]), float(shares.everybody[k])
        result[name] = Difference(*ends, *own, *error, sound_changed=sound, picture_changed=picture, orders=2 * pairs)
    return result


def cells_of_pair(players: int, seconds: int) -> int:
    """Seconds of all coalitions that an order and its reverse pass through."""
    return 2 * (players + 1) * seconds
