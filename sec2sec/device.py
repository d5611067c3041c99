"""Which device to run on, the precision it computes in, and how much it takes in one pass."""

from __future__ import annotations

import re

import torch

from sec2sec.errors import DeviceError

GPU_SECONDS = 16  # times as many seconds or variants in a pass as on a CPU, whose caches hold little
GPU_CLIPS = 4  # times as many whole clips: pixels of ten seconds take 100 MB in a published ViViT


def pick_device(name: str = "auto") -> torch.device:
    """The device of a `--device` option: "cuda" or "cuda:1" when asked for, or when "auto" finds one; else "cpu".

    On CUDA, TF32 is switched off for cuDNN in this process: it would move effects by 5e-5, and what it could make
    faster runs in half precision already. Raises DeviceError for an unknown name or a GPU that is not there.
    """
    if name not in ("auto", "cpu", "cuda") and not re.fullmatch(r"cuda:\d+", name):
        raise DeviceError(f"device must be auto, cpu or cuda, not {name!r}")
    available = torch.cuda.is_available()
    if name.startswith("cuda") and not available:
        raise DeviceError(f"device {name} was asked for, but torch sees no usable CUDA GPU; use --device auto or cpu")
    if not available or name == "cpu":
        return torch.device("cpu")
    device = torch.device("cuda" if name == "auto" else name)
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise DeviceError(
            f"device {name} was asked for, but torch sees {torch.cuda.device_count()} GPUs, from cuda:0 on"
        )
    torch.backends.cudnn.allow_tf32 = False
    return device


def inference_dtype(device: torch.device) -> torch.dtype:
    """The precision of the encoders' convolutions and linear layers on `device`.

    float16 on GPUs from Volta on: as fast as bfloat16, with eight times finer steps (tokens 0.05 % off, not 0.4 %).
    float32 on older GPUs, whose half precision is slow, and on a CPU: bfloat16 without native support is ten times
    slower there, and with it (avx512_bf16, amx) twice as fast but 1 % off, so that the same clip would get other
    figures on another machine.
    """
    return torch.float16 if _generation(device) >= 7 else torch.float32


def training_dtype(device: torch.device) -> torch.dtype:
    """The precision of matrix products in a training on `device`: bfloat16 from Ampere on, else float32.

    Gradients need bfloat16's range: float16 would need its losses scaled.
    """
    return torch.bfloat16 if _generation(device) >= 8 else torch.float32


def pass_size(on_a_cpu: int, device: torch.device, gain: int = GPU_SECONDS) -> int:
    """How many seconds, variants or clips go through a model in one pass: `gain` times a CPU's on a GPU."""
    return on_a_cpu * gain if device.type == "cuda" else on_a_cpu


def _generation(device: torch.device) -> int:
    """Major compute capability of a GPU: 7 is Volta and Turing, 8 Ampere and Ada; 0 for a CPU."""
    return torch.cuda.get_device_capability(device)[0] if device.type == "cuda" else 0
