"""The systems as a benchmark sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class System:
    """A row of the tables."""

    title: str
    modalities: str
    settings: Mapping[str, Any]


SYSTEMS: Mapping[str, System] = {
    "sec2sec-audio": System("Sec2Sec Audio", "audio", {"attention": "audio"}),
    "sec2sec-vision": System("Sec2Sec Vision", "vision", {"attention": "vision"}),
    "sec2sec-sa-sa": System("Sec2Sec SA-SA", "audio and vision", {"attention": "SA-SA"}),
    "sec2sec-sa-ca": System("Sec2Sec SA-CA", "audio and vision", {"attention": "SA-CA"}),
}


def settings_of(name: str, shared: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that all systems share, as this one takes them."""
    return {**shared, **SYSTEMS[name].settings}


def group_of(name: str) -> str:
    """The part of the paper's tables that a system stands in."""
    return "Variants of Ours" if name.startswith("sec2sec-") else "Baselines"
