"""The systems as a benchmark sees them: rows in parts, and the settings that concern each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sec2sec.baselines import SYSTEMS
from sec2sec.config import SEC2SEC

GRIDS = ("video_grid", "audio_grid")  # of encoder tokens
ENCODERS = ("init", "encoders")
NAMES = ("video_encoder", "audio_encoder", "frames_per_second")  # of encoders by their names


def settings_of(name: str, shared: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that all systems share, as this one takes them: those of encoders concern who reads their tokens.

    Published backbones are tuned or frozen as the encoders are, so in the paper preset that setting stays.
    """
    left: tuple[str, ...] = ()
    if not SYSTEMS[name].uses_encoder_tokens:
        left = GRIDS + NAMES if shared.get("preset") == "paper" else GRIDS + NAMES + ENCODERS
    return {key: value for key, value in shared.items() if key not in left} | {"system": name}


def group_of(name: str) -> str:
    """The part of the paper's tables that a system stands in."""
    return "Variants of Ours" if name in SEC2SEC else "Baselines"
