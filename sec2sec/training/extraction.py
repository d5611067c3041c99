"""Which clips a training encodes, by what, and how much of each."""

from __future__ import annotations

from sec2sec.baselines import SYSTEMS
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.extract import MAX_CLIP_SECONDS, Extraction, extract_steps
from sec2sec.device import pick_device
from sec2sec.progress import Steps
from sec2sec.training.hardware import Hardware
from sec2sec.training.settings import TrainConfig
from sec2sec.training.setup import load_data, starting_networks


def extract_all(config: TrainConfig, machine: Hardware, share: tuple[int, int] = (1, 1)) -> Steps[Extraction]:
    """Fill the token cache for trainings with these settings. share: (i, n), this process's part of the clips."""
    table, _ = load_data(config)
    networks = starting_networks(config, ("any",), table.split("train"), machine.decoders, table.features)
    encoders = networks.model.cached_encoders(networks.encoders)
    cache = TokenCache(machine.cache, encoders)
    rows = table.rows[share[0] - 1 :: share[1]]
    return (
        yield from extract_steps(
            rows,
            encoders,
            cache,
            device=pick_device(machine.device),
            workers=machine.workers,
            max_seconds=max_clip_seconds(config),
        )
    )


def max_clip_seconds(config: TrainConfig) -> float:
    """Seconds of a clip that a training takes."""
    return min(MAX_CLIP_SECONDS, SYSTEMS[config.system].max_seconds)
