"""What a system costs: parameters, multiply-accumulates and time for one 10-second clip, encoders apart.

B clips, T seconds, V visual and A audio tokens in a second, C channels of a token.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sec2sec.checkpoints import Bundle
from sec2sec.config import SAMPLE_RATE
from sec2sec.encoders import Encoders

CLIP_SECONDS = 10  # of the clip
TIMED_RUNS = 5  # timed, after one for warming up


def cost(bundle: Bundle) -> dict[str, Any]:
    """Parameters, multiply-accumulates and ms of the model and of the encoders that it uses, on the bundle's device.

    From decoded frames and samples on: a clip's decoding is the same for all systems. What features cost that another
    program computed is not known: None.
    """
    model, encoders = bundle.model, bundle.encoders
    shapes = [(1, CLIP_SECONDS, *mean.shape) for mean in (model.reference_video, model.reference_audio)]
    generator = torch.Generator().manual_seed(0)
    video, audio = (torch.randn(shape, generator=generator).to(bundle.device) for shape in shapes)
    mask = torch.ones(1, CLIP_SECONDS, dtype=torch.bool, device=bundle.device)

    def predict() -> Any:
        return model(video, audio, mask, evidence=False)

    of_model = {
        "seconds": CLIP_SECONDS,
        "parameters": size(model),
        "macs": macs(predict, model, bundle.device),
        "ms": 1000 * seconds_of(predict, bundle.device),
    }
    if encoders.config.preset == "features":
        return of_model | dict.fromkeys(("encoder_parameters", "encoder_macs", "encoder_ms"))
    shape = (CLIP_SECONDS, encoders.config.frames_per_second, *encoders.config.frame_size, 3)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator).to(bundle.device)
    samples = (0.1 * torch.randn(CLIP_SECONDS, SAMPLE_RATE, generator=generator)).to(bundle.device)

    used = encoders_used(bundle)

    def encode() -> Any:
        with encoders.autocast(frames.device):
            video = encoders.encode_video(frames) if bundle.system.sees else None
            audio = encoders.encode_audio(samples) if bundle.system.hears else None
            return video, audio

    return of_model | {
        "encoder_parameters": sum(size(encoder) for encoder in used),
        "encoder_macs": macs(encode, encoders, bundle.device),
        "encoder_ms": 1000 * seconds_of(encode, bundle.device),
    }


def encoders_used(bundle: Bundle) -> list[nn.Module]:
    """The encoders whose tokens the system reads: one that only hears needs no picture."""
    encoders, system = bundle.encoders, bundle.system
    return [*([encoders.video] if system.sees else []), *([encoders.audio] if system.hears else [])]


def encode_both(encoders: Encoders, frames: torch.Tensor, samples: torch.Tensor) -> Any:
    """Frames (T, M, height, width, 3) and samples (T, 16000) → tokens of both, in the precision that the app uses."""
    with encoders.autocast(frames.device):
        return encoders.encode_video(frames), encoders.encode_audio(samples)


def size(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def macs(run: Callable[[], Any], module: nn.Module, device: torch.device) -> int:
    """Multiply-accumulates of matrix products and convolutions in one run.

    torch counts a multiplication and an addition as two; it knows no fused attention of a CPU and no fused LSTM, so the
    first is kept from fusing and the second is counted by its formula where torch has not.
    """
    recurrent = {"macs": 0}

    def add(lstm: nn.Module, arguments: tuple[Any, ...], _: Any) -> None:
        assert isinstance(lstm, nn.LSTM)
        steps = arguments[0].shape[0] * arguments[0].shape[1]
        recurrent["macs"] += steps * sum(p.numel() for name, p in lstm.named_parameters() if "weight" in name)

    hooks = [lstm.register_forward_hook(add) for lstm in module.modules() if isinstance(lstm, nn.LSTM)]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            run()
        with FlopCounterMode(display=False) as alone, torch.no_grad():
            nn.LSTM(4, 4, batch_first=True).to(device)(torch.zeros(1, 1, 4, device=device))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for hook in hooks:
            hook.remove()
    counted = int(counter.get_total_flops()) // 2
    return counted if alone.get_total_flops() else counted + recurrent["macs"]


@torch.inference_mode()
def seconds_of(run: Callable[[], Any], device: torch.device) -> float:
    """Median wall time of one run."""
    taken = []
    for turn in range(TIMED_RUNS + 1):
        began = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if turn:
            taken.append(time.perf_counter() - began)
    return median(taken)


def peak_memory(device: torch.device) -> int | None:
    """Bytes at most: of the GPU's memory that this process took, or of its resident memory; None where none can tell.

    Resident memory holds the libraries and the pages of mapped token files as well.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), None)
