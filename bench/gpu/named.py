"""Encoders by their names: a tiny network of timm and one of transformers, trained and run on both devices."""

from __future__ import annotations

import os
from collections.abc import Iterator

import torch

from bench.gpu.agreement import on_device, relative, token_pairs, tokens_of
from bench.gpu.setting import CPU, Setting
from bench.row import Row
from sec2sec.encoders import build_encoders
from sec2sec.encoders.named import named_config
from sec2sec.media import open_clip
from sec2sec.progress import drain
from sec2sec.training.hardware import Hardware
from sec2sec.training.settings import TrainConfig
from sec2sec.training.train import train_steps
from tests.helpers import published as tiny

TOKENS = 0.01  # share of the norm: half precision and its rounding of the weights, in two layers
STEP = 0.02  # of the loss of the one epoch


def encoders(setting: Setting) -> Iterator[Row]:
    """Tokens in half precision beside those of the CPU; then an epoch of one step on each."""
    hub = setting.work / "hub"
    tiny.timm_vit(hub)
    tiny.ast(hub)
    tiny.siglip(hub)
    tiny.speech(hub, "wavlm")
    os.environ["HF_HUB_OFFLINE"] = "1"
    from huggingface_hub import constants

    constants.HF_HUB_CACHE = str(hub)
    for video, audio in (
        ("timm:tiny/vit", "transformers:tiny/ast"),
        ("transformers:tiny/siglip", "transformers:tiny/wavlm"),
    ):
        config = named_config(video, audio)
        plain = build_encoders(config)
        clip = open_clip(str(setting.clip), frames_per_second=config.frames_per_second, frame_size=config.frame_size)
        seconds = list(clip.seconds())
        expected = tokens_of(seconds, plain.for_inference(CPU), CPU)
        result = on_device(tokens_of(seconds, plain.for_inference(setting.device), setting.device), CPU)
        error = max(relative(*pair) for pair in token_pairs(result, expected))
        yield Row(f"{video} and {audio}: relative error of the tokens", error, "", TOKENS)
        losses = [
            _loss(setting, video, audio, device, turn) for turn, device in enumerate(("cpu", setting.device.type))
        ]
        yield Row("  loss of one step, relative difference", abs(losses[1] / losses[0] - 1), "", STEP)


def _loss(setting: Setting, video: str, audio: str, device: str, turn: int) -> float:
    """The validation loss after one step of a training in float32, from tokens that this device encoded."""
    name = f"{video}-{turn}".replace("/", "-").replace(":", "-")
    config = TrainConfig(
        data=str(setting.data),
        video_encoder=video,
        audio_encoder=audio,
        epochs=1,
        batch=8,
        width=16,
        heads=2,
        dropout=0.0,
        precision="32-true",
    )
    machine = Hardware(device=device, workers=0, cache=setting.work / f"cache-{name}")
    torch.manual_seed(0)
    metrics = drain(train_steps(setting.work / name, config, machine)).metrics
    return float(metrics["validation_loss"])
