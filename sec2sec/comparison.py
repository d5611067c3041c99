"""One clip through several checkpoints; those with the same encoders share its decoding and encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sec2sec.checkpoints import Bundle, encoder_hash
from sec2sec.clip import EncodedClip, encode_steps
from sec2sec.config import MediaLimits
from sec2sec.progress import Progress, Steps, relay


@dataclass(frozen=True)
class Comparison:
    """The clip through each checkpoint, in the order of the checkpoints."""

    clips: list[EncodedClip]
    encoded: int  # how often the clip was decoded and encoded


def compare_steps(
    path: Path | str,
    bundles: Sequence[Bundle],
    *,
    start: float = 0.0,
    end: float | None = None,
    limits: MediaLimits | None = None,
) -> Steps[Comparison]:
    """Explain the part [start, end) s of a file by each checkpoint.

    Raises MediaError for a clip that cannot be used.
    """
    groups: dict[str, list[int]] = {}
    for index, bundle in enumerate(bundles):
        groups.setdefault(encoder_hash(bundle), []).append(index)
    clips: dict[int, EncodedClip] = {}
    for done, members in enumerate(groups.values()):
        first = bundles[members[0]]
        names = ", ".join(bundles[i].summary.name for i in members)
        prefix = "" if len(groups) == 1 else f"{names}: "
        steps = encode_steps(path, first, start=start, end=end, limits=limits)
        encoded = yield from relay(steps, partial(_as_part, prefix, done, len(groups)))
        for i in members:
            clips[i] = replace(encoded, model=bundles[i])
            message = f"{prefix}Measuring the effect of each second"
            yield Progress(done + 0.95, len(groups), message, "explaining")
            clips[i].explain()
    return Comparison([clips[i] for i in range(len(bundles))], len(groups))


def _as_part(prefix: str, done: int, total: int, progress: Progress) -> Progress:
    """The same as the part from done to done + 1 of `total`."""
    return replace(progress, done=done + progress.fraction, total=total, message=prefix + progress.message)
