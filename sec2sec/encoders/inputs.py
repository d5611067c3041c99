"""No encoders: the pixels and the coefficients of a second themselves, for systems that take in a whole clip at once.

One interface with the encoders, so that the cache, the batches, the training mean and occlusion serve these systems
too.

T seconds, M frames in a second; a visual token is a pixel (3 channels), an audio token one coefficient with its Δ and
ΔΔ (3 channels), or one band of a mel spectrogram (1 channel).
"""

from __future__ import annotations

import copy

import torch
import torchaudio
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from sec2sec.config import CROP, SAMPLE_RATE, EncoderConfig
from sec2sec.encoders import Encoders
from sec2sec.encoders.base import AudioEncoder, VideoEncoder
from sec2sec.features import LEFT, TOP

STEPS_PER_SECOND = 100  # 10 ms each: the 101st frame of a second is centred on the next one's start
MIN_POWER = 1e-10  # power that counts as silence, −100 dB


class Pixels(VideoEncoder):
    """Resized frames uint8 (T, M, h, w, 3) → (T, V, 3) in [-1, 1]: the crop that all systems see, area-averaged."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.grid, self.enlarge = config.video_grid, config.enlarge

    def forward(self, frames: Tensor) -> Tensor:
        """frames (T, M, h, w, 3) → (T, V, 3)."""
        top, left, side = TOP * self.enlarge, LEFT * self.enlarge, CROP * self.enlarge
        crop = frames[:, :, top : top + side, left : left + side].float() / 127.5 - 1
        crop = rearrange(crop, "t m h w c -> t c m h w")
        if tuple(crop.shape[2:]) != self.grid:
            crop = F.adaptive_avg_pool3d(crop, self.grid)
        return rearrange(crop, "t c m h w -> t (m h w) c")


class Coefficients(AudioEncoder):
    """MFCC image (T, 3, n_mfcc, steps) → (T, A, 3), standardised by mean and std (3, n_mfcc, 1) of the training set."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.grid = config.audio_grid
        self.register_buffer("mean", torch.zeros(3, config.audio.n_mfcc, 1))
        self.register_buffer("std", torch.ones(3, config.audio.n_mfcc, 1))

    def forward(self, image: Tensor) -> Tensor:
        """image (T, 3, n_mfcc, steps) → (T, A, 3)."""
        image = (image.float()[..., :STEPS_PER_SECOND] - self.mean) / self.std
        return rearrange(F.adaptive_avg_pool2d(image, self.grid), "t c b s -> t (b s) c")


class Mel(AudioEncoder):
    """Samples (T, 16000) → (T, 64 · 100, 1): log-mel power in dB, down to −100; a = band · 100 + step.

    Kuhnke et al. 2020 [V]: 64 bands, windows of 20 ms every 10 ms, n_fft 1024. Departures: their sound has 44.1 kHz,
    ours 16 kHz, so that the bands end at 8 kHz, not at 22; and a window at the edge of a second sees that second
    mirrored.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.spectrogram = torchaudio.transforms.MelSpectrogram(
            SAMPLE_RATE,
            n_fft=1024,
            win_length=SAMPLE_RATE // 50,
            hop_length=SAMPLE_RATE // STEPS_PER_SECOND,
            n_mels=config.audio_grid[0],
        )

    def forward(self, samples: Tensor) -> Tensor:
        """samples (T, 16000) → (T, A, 1)."""
        with torch.autocast(samples.device.type, enabled=False):
            power: Tensor = self.spectrogram(samples.float())[..., :STEPS_PER_SECOND]
        return rearrange(10 * power.clamp_min(MIN_POWER).log10(), "t b s -> t (b s) 1")


class RawInputs(Encoders):
    """What media yields → pixels and coefficients."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config, Pixels(config), Mel(config) if config.sound == "mel" else Coefficients(config))

    def encode_video(self, frames: Tensor) -> Tensor:
        """Pixels, a second at a time: the frames are large."""
        return torch.cat([self.video(second) for second in frames.split(1)])

    def encode_audio(self, samples: Tensor, image: Tensor | None = None) -> Tensor:
        """Coefficients of the MFCC image, or a mel spectrogram."""
        return self._tokens(samples) if self.config.sound == "mel" else super().encode_audio(samples, image)

    def encode_mfcc(self, image: Tensor) -> Tensor:
        """Coefficients (T, A, 3)."""
        return self._tokens(image)

    def _tokens(self, sound: Tensor) -> Tensor:
        tokens: Tensor = self.audio(sound)
        return tokens

    def folded(self) -> RawInputs:
        """A copy: there is nothing to fold."""
        return copy.deepcopy(self).eval()
