"""What every encoder is: tensors of a second in, tokens of that second out. One file per family builds on these two.

N seconds, M frames in a second, V visual and A audio tokens in a second, C channels of a token.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal, TypeVar

import torch
from torch import Tensor, nn

from sec2sec.config import AudioEncoderConfig, VideoEncoderConfig
from sec2sec.errors import UserError
from sec2sec.features import frame_tensor

CARRIED_PARAMETERS = 8_000_000  # 16 MB in half precision: published encoders up to here travel with their checkpoint
MAX_REASON = 160  # characters of what a library said
STATISTICS = ("mean", "std")  # buffers that standardise the input of an encoder with the training set's statistics

AnyEncoder = TypeVar("AnyEncoder", bound="nn.Module")


class EncoderError(UserError):
    """Encoders that cannot be had: what was found, and what to do."""


class VideoEncoder(nn.Module):
    """Frames of a second → a map of tokens, with batch norms and all as it was trained."""

    carried = True  # whether a checkpoint holds its weights; False: they are found where they are published

    def prepare(self, frames: Tensor) -> Tensor:
        """Decoded frames uint8 (N, M, h, w, 3) → what `forward` reads."""
        return frame_tensor(frames)


class AudioEncoder(nn.Module):
    """Sound of a second → a map of tokens. Reads the MFCC image (N, 3, n_mfcc, steps), or samples (N, 16000)."""

    carried = True
    reads: ClassVar[Literal["mfcc", "samples"]] = "mfcc"


def is_carried(network: nn.Module) -> bool:
    """Whether a published network is small enough to travel with a checkpoint."""
    return sum(parameter.numel() for parameter in network.parameters()) <= CARRIED_PARAMETERS


@torch.no_grad()
def round_to_half(network: AnyEncoder) -> AnyEncoder:
    """Round weights to half precision in place, as a checkpoint stores them: what learns and what is read are equal.

    Vectors (norms, biases) stay as they are: they weigh nothing, and the variance of a norm may be too small.
    """
    for parameter in network.parameters():
        if parameter.ndim > 1 and bool((rounded := parameter.half()).isfinite().all()):
            parameter.copy_(rounded)
    return network


def settings_of(config: VideoEncoderConfig | AudioEncoderConfig) -> dict[str, Any]:
    """The architecture of an encoder as a checkpoint holds it. Raises EncoderError."""
    try:
        value = json.loads(config.architecture)
    except ValueError as error:
        raise EncoderError(f"{config.name}: its architecture is not JSON ({one_reason(error)})") from error
    if not isinstance(value, dict):
        raise EncoderError(f"{config.name}: its architecture is no JSON object")
    return value


def stored_tensor(tensor: Tensor) -> Tensor:
    """A tensor as a checkpoint stores it: in half precision where that loses nothing."""
    if tensor.ndim > 1 and tensor.dtype == torch.float32:
        rounded = tensor.half()
        if torch.equal(rounded.float(), tensor):
            return rounded.contiguous()
    return tensor.contiguous()


def one_reason(error: BaseException) -> str:
    """What went wrong, in one short line; the libraries' own messages run over many."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"
