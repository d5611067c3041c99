"""Which device to run on, and the precision it really has."""

from __future__ import annotations

import torch

from sec2sec.errors import DeviceError


def pick_device(name: str = "auto") -> torch.device:
    """The device of a `--device` option: "cuda" when asked for, or when "auto" finds it; else "cpu"."""
    if name not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"device must be auto, cpu or cuda, not {name!r}")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise DeviceError("device cuda was asked for, but torch sees no usable CUDA GPU; use --device auto or cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def inference_dtype(device: torch.device) -> torch.dtype:
    """The precision for encoders on `device`: what its matrix units do natively, float32 where they have none.

    A CPU always gets float32: bfloat16 without native support is ten times slower, and with it (avx512_bf16, amx) twice
    as fast but 1 % off, so that the same clip would get other figures on another machine.
    """
    if device.type != "cuda":
        return torch.float32
    major, _ = torch.cuda.get_device_capability(device)
    if major >= 8:  # Ampere and later
        return torch.bfloat16
    return torch.float16 if major == 7 else torch.float32  # Volta and Turing; Pascal's half precision is slow
