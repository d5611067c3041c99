"""Parts of the program whose packages a plain installation leaves out, as pyproject.toml names them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from sec2sec.errors import MissingExtraError
from sec2sec.paths import program_paths

Extra = Literal[
    "app", "report", "film", "train", "baselines", "encoders", "h5", "tensorboard", "trackio", "wandb", "hub"
]

_REPORT, _FILM = ("plotly", "reportlab"), ("moviepy",)
_TRAIN = ("lightning_fabric", "sklearn", "yaml", "reportlab")
MODULES: dict[Extra, tuple[str, ...]] = {
    "report": _REPORT,  # the offline page; figures as PNG and PDF
    "film": _FILM,  # annotated and edited clips as MP4
    "train": _TRAIN,  # train, search, benchmark, extract, profile, evaluate --figures
    "app": ("gradio", *_REPORT, *_FILM, *_TRAIN),
    "baselines": ("transformers",),  # the systems ViT, ViViT and ViT-ViViT
    "encoders": ("transformers",),  # encoders by the name transformers:OWNER/NAME
    "h5": ("h5py",),  # features in .h5 files
    "tensorboard": ("tensorboard",),  # train --log, as the next two
    "trackio": ("trackio",),
    "wandb": ("wandb",),
    "hub": ("huggingface_hub", "yaml"),  # push, and checkpoints by their name on the Hugging Face Hub
}


def require_extra(extra: Extra, part: str) -> None:
    """Raise MissingExtraError where a package of the extra is not installed. part: what needs it, in words.

    Nothing is imported: this is asked before long work, not after it.
    """
    missing = [name for name in MODULES[extra] if find_spec(name) is None]
    if missing:
        checkout = program_paths().checkout
        install = f'pip install "sec2sec[{extra}]"' if checkout is None else f'pip install -e "{checkout}[{extra}]"'
        raise MissingExtraError(f"{part} needs `{install}` (not installed: {', '.join(missing)})")
