"""Which of the tested encoders are on this machine, as a form asks: by files that are there, nothing is loaded."""

from __future__ import annotations

from pathlib import Path

from sec2sec.config import COMPACT
from sec2sec.encoder_names import R2PLUS1D, RESNET, TIMM
from sec2sec.encoders.bundled import find_bundled
from sec2sec.encoders.catalogue import KNOWN
from sec2sec.encoders.published import CONFIG, PICKLED, WEIGHTS
from sec2sec.paths import program_paths


def encoders_here(modality: str) -> list[str]:
    """Names of tested encoders of "video" or "audio" whose weights are here, but for the compact one."""
    return [
        known.name for known in KNOWN if known.modality == modality and known.name != COMPACT and _is_here(known.name)
    ]


def _is_here(name: str) -> bool:
    family, _, rest = name.partition(":")
    if name in (R2PLUS1D, RESNET):  # the preset "paper" offers them
        return False
    if family == TIMM:
        local = _is_whole(program_paths().encoders / rest)
        return local or find_bundled(name) is not None or _in_hub(f"models--timm--{rest}*")
    return _in_hub(f"models--{rest.replace('/', '--')}")


def _in_hub(pattern: str) -> bool:
    from huggingface_hub import constants

    return any(_is_whole(folder) for folder in Path(constants.HF_HUB_CACHE).glob(f"{pattern}/snapshots/*"))


def _is_whole(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and ((folder / WEIGHTS).is_file() or (folder / PICKLED).is_file())
