"""The tokens of a clip: what encoders make of its seconds, and what every model reads.

T seconds, V visual and A audio tokens in a second, C channels of a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Modality = Literal["audio", "video"]


@dataclass(frozen=True)
class Tokens:
    """The tokens of a clip. None for a modality that the clip does not have."""

    video: Tensor | None  # (T, V, C)
    audio: Tensor | None  # (T, A, C)
    mfcc: Tensor | None = None  # (T, channels, rows, steps), the sound for the screen: MFCC, or mel bands

    @property
    def seconds(self) -> int:
        """T."""
        return len(next(iter(self.present.values())))

    def filled(self, means: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(T, V, C) and (T, A, C), with the mean of a modality, of the same shape, where the clip does not have it."""
        mean_video, mean_audio = means
        return (
            self.video if self.video is not None else mean_video,
            self.audio if self.audio is not None else mean_audio,
        )

    @property
    def present(self) -> dict[Modality, Tensor]:
        """The tokens of the modalities that the clip has."""
        both: dict[Modality, Tensor | None] = {"video": self.video, "audio": self.audio}
        return {name: tokens for name, tokens in both.items() if tokens is not None}

    @property
    def finite(self) -> bool:
        """Whether every token is a number; half precision ends at 65504."""
        return all(bool(tokens.isfinite().all()) for tokens in self.present.values())

    def part(self, first: int, end: int) -> Tokens:
        """The tokens of some seconds of it."""
        modalities = (self.video, self.audio, self.mfcc)
        return Tokens(*(None if tokens is None else tokens[first:end] for tokens in modalities))

    def to(self, device: torch.device) -> Tokens:
        """The same on a device, without the MFCC images."""
        return Tokens(*(None if tokens is None else tokens.to(device) for tokens in (self.video, self.audio)))

    def cpu(self) -> Tokens:
        """The same on the CPU, without the MFCC images."""
        return self.to(torch.device("cpu"))
