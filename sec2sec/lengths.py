"""The lengths of the clips that a model learned from: what it may be asked about in one piece, and in which windows.

A checkpoint keeps in metrics.json how many training clips lasted how many seconds:

    "learned_lengths": {"seconds": [8, 9, 10], "clips": [210, 340, 250]}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sec2sec.checkpoint_files import CheckpointError

KEY = "learned_lengths"  # of metrics.json
UNFAMILIAR_PERCENT = 99.0  # of the training clips are shorter, or longer: as of seconds (out_of_distribution.py)


@dataclass(frozen=True)
class LearnedLengths:
    """How many training clips lasted how many seconds."""

    seconds: tuple[int, ...]  # ascending
    clips: tuple[int, ...]  # as many, each at least 1

    @property
    def shortest(self) -> int:
        """Of any training clip, s."""
        return self.seconds[0]

    @property
    def longest(self) -> int:
        """Of any training clip, s."""
        return self.seconds[-1]

    @property
    def count(self) -> int:
        """Training clips."""
        return sum(self.clips)

    @property
    def window(self) -> int:
        """The length that a longer part is predicted in: the median of the training clips, s."""
        return next(s for s in self.seconds if 2 * sum(self.clips[: self.seconds.index(s) + 1]) >= self.count)

    def shorter(self, seconds: float) -> float:
        """Share of the training clips that are shorter, %."""
        return 100 * sum(n for s, n in zip(self.seconds, self.clips, strict=True) if s < seconds) / self.count

    def longer(self, seconds: float) -> float:
        """Share of the training clips that are longer, %."""
        return 100 * sum(n for s, n in zip(self.seconds, self.clips, strict=True) if s > seconds) / self.count

    def covers(self, seconds: float) -> bool:
        """Whether the model learned from clips of such a length: not from shorter or longer ones alone, or nearly."""
        return max(self.shorter(seconds), self.longer(seconds)) < UNFAMILIAR_PERCENT

    @property
    def words(self) -> str:
        """The range, as a phrase."""
        same = self.shortest == self.longest
        return f"{self.longest} s" if same else f"{self.shortest}–{self.longest} s"

    def as_json(self) -> dict[str, list[int]]:
        """As metrics.json has them."""
        return {"seconds": list(self.seconds), "clips": list(self.clips)}


def measure_lengths(seconds: Iterable[int]) -> LearnedLengths:
    """seconds: of each training clip, at least one."""
    counts = sorted(Counter(int(own) for own in seconds).items())
    return LearnedLengths(tuple(s for s, _ in counts), tuple(n for _, n in counts))


def learned_lengths(metrics: Mapping[str, Any], name: str = "the checkpoint") -> LearnedLengths | None:
    """What the metrics of a checkpoint say; None where they do not. Raises CheckpointError for what cannot be."""
    stored = metrics.get(KEY)
    if stored is None:
        return lengths_of_profile(metrics)
    try:
        own = LearnedLengths(tuple(stored["seconds"]), tuple(stored["clips"]))
        numbers = [*own.seconds, *own.clips]
        valid = all(type(n) is int and n > 0 for n in numbers) and list(own.seconds) == sorted(set(own.seconds))
    except (TypeError, KeyError):
        valid = False
    if not valid or not own.seconds or len(own.seconds) != len(own.clips):
        raise CheckpointError(
            f"{name}: {KEY} in metrics.json says nothing of clips; expected "
            '{"seconds": [8, 9], "clips": [210, 340]}. Copy the folder again, or delete the entry'
        )
    return own


def lengths_of_profile(metrics: Mapping[str, Any]) -> LearnedLengths | None:
    """From the mean attention of the training clips, which older checkpoints have: it counts them at each second.

    None without one, and for one that was measured on other clips since.
    """
    if "mean_attention_of" in metrics:
        return None
    for profile in metrics.get("mean_attention", {}).values():
        at_least = profile.get("from_start_clips", [])  # clips that have second 0, 1, …
        ended = [one - other for one, other in zip(at_least, [*at_least[1:], 0], strict=False)]
        counts = [(s, n) for s, n in enumerate(ended, 1) if n > 0]
        return LearnedLengths(tuple(s for s, _ in counts), tuple(n for _, n in counts)) if counts else None
    return None
