"""What a predictor claims to have gone by. (The claims helper's file replaces this one.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Claim:
    """Seconds, weights or a modality that a predictor names for a target."""

    intervals: tuple[tuple[float, float], ...] = ()
    weights: tuple[float, ...] | None = None
    modality: Literal["audio", "video"] | None = None
