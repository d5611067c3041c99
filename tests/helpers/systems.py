"""Small systems of every name, and random clips for them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from sec2sec.baselines import SYSTEMS, build_system
from sec2sec.checkpoints import save_checkpoint
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.encoders import build_encoders
from sec2sec.model import Model
from tests.helpers.models import ENCODER

TARGETS = ("arousal", "valence", "openness")
TOKENS = EncoderConfig(width=16, video_grid=(2, 2, 2), audio_grid=(2, 4))


def inputs_of(name: str) -> EncoderConfig:
    """What turns seconds into the tokens of the small system."""
    return TOKENS if SYSTEMS[name].uses_encoder_tokens else SYSTEMS[name].encoder_config("compact")


def built(name: str, targets: tuple[str, ...] = TARGETS, **changes) -> Model:
    torch.manual_seed(0)
    config = ModelConfig(targets, system=name, input_width=16, width=16, heads=2, hidden=16, **changes)
    model = build_system(config, inputs_of(name))
    torch.manual_seed(1)
    model.reference_video.normal_()
    model.reference_audio.normal_()
    return model.eval()


def saved(folder: Path, name: str) -> Model:
    """A checkpoint of the small system, on compact encoders or on its own inputs."""
    encoder = ENCODER if SYSTEMS[name].uses_encoder_tokens else inputs_of(name)
    torch.manual_seed(0)
    config = ModelConfig(TARGETS, system=name, input_width=16, width=16, heads=2, hidden=16)
    model = build_system(config, encoder).eval()
    model.reference_video.normal_()
    model.reference_audio.normal_()
    encoders = build_encoders(encoder, seed=0)
    save_checkpoint(folder, encoders=encoders, model=model, trained_on="Random weights.", card="", metrics={})
    return model


def tokens(name: str, lengths: tuple[int, ...] = (3, 2), seed: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Random clips; noise in the padding, which nothing may read."""
    torch.manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    video, audio = (torch.randn(*mask.shape, *shape) for shape in inputs_of(name).shapes.values())
    return video, audio, mask
