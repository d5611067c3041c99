"""Small models with random weights, for tests of everything that only needs *a* model."""

from __future__ import annotations

from pathlib import Path

import torch

from sec2sec.checkpoints import Bundle, load_checkpoint, save_checkpoint
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.encoders import build_encoders
from sec2sec.model import Sec2Sec

ENCODER = EncoderConfig(width=16, video_grid=(8, 3, 3), audio_grid=(4, 8))


def save_tiny(
    folder: Path,
    attention: str = "SA-CA",
    temporal: str = "attention-lstm",
    seed: int = 0,
    targets: tuple[str, ...] = ("arousal", "valence", "synchrony"),
) -> Path:
    """A checkpoint folder of a compact model of width 16; its references are random, so that effects are not 0."""
    torch.manual_seed(seed)
    config = ModelConfig(targets, attention, temporal, 16, 16, 2, 16)
    model = Sec2Sec(config, ENCODER.video_grid, ENCODER.audio_grid)
    model.reference_video.normal_()
    model.reference_audio.normal_()
    for parameter in model.temporal.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    save_checkpoint(
        folder,
        encoders=build_encoders(ENCODER, seed=seed),
        model=model,
        trained_on="Random weights, for tests.",
        card="# Random\n",
        metrics={"training_positive": {"arousal": 0.5}},
        diagnostics=tuple({"synchrony"} & set(targets)),
    )
    return folder


def tiny_bundle(folder: Path, **kind) -> Bundle:
    """The same, loaded on the CPU."""
    return load_checkpoint(save_tiny(folder, **kind), "cpu")
