"""Decoded seconds → the tensors that the encoders read (paper §3, visual encoder and audio encoder).

Frames follow torchvision's Kinetics-400 preprocessing. The MFCC image is librosa's `feature.mfcc` with its own defaults
(Slaney's mel scale and area norm, power in dB with top_db 80, orthonormal DCT-II); Δ is `feature.delta(mode="nearest")`
and ΔΔ the Δ of Δ, as in HTK and Kaldi (librosa's `delta(order=2)` is another quantity: it fits a parabola). Each second
is computed on its own: nothing depends on which other seconds share its batch.
"""

# T seconds, M frames in a second, C coefficients, S MFCC frames ("steps") in a second

from __future__ import annotations

import torch
import torchaudio
from einops import rearrange
from torch import Tensor, nn

from sec2sec.config import CROP, RESIZE, SAMPLE_RATE, AudioConfig

KINETICS_MEAN = (0.43216, 0.394666, 0.37645)  # red, green, blue, of values in [0, 1]
KINETICS_STD = (0.22803, 0.22145, 0.216989)
TOP = round((RESIZE[0] - CROP) / 2.0)  # 8 and 30 pixels: torchvision's CenterCrop rounds 29.5 to the even neighbour
LEFT = round((RESIZE[1] - CROP) / 2.0)
MIN_POWER = 1e-10  # that counts as silence, −100 dB


def frame_tensor(frames: Tensor) -> Tensor:
    """Centre-crop and normalise resized frames. uint8 (T, M, 128, 171, 3) → float32 (T, 3, M, 112, 112). Paper §3."""
    assert (frames.dtype, *frames.shape[2:]) == (torch.uint8, *RESIZE, 3), (frames.dtype, frames.shape)
    std = torch.tensor(KINETICS_STD, device=frames.device)
    mean = torch.tensor(KINETICS_MEAN, device=frames.device)
    crop = frames[:, :, TOP : TOP + CROP, LEFT : LEFT + CROP]  # a view; only what stays is converted to float
    normal = crop.float().mul_(1 / (255 * std)).sub_(mean / std)  # (x / 255 - mean) / std with one multiplication
    return rearrange(normal, "t m h w c -> t c m h w")  # a view as well: it lies in memory as channels_last_3d


class MfccImage(nn.Module):
    """MFCC, Δ and ΔΔ as three channels. samples (T, 16000), 16 kHz in [-1, 1] → float32 (T, 3, C, S). Paper §3.

    Rows are coefficients from the lowest up, columns MFCC frames, 10 ms apart, the first centred on the second's start.
    Not standardised: the training set's statistics belong to the encoder.
    """

    def __init__(self, config: AudioConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AudioConfig()
        self.mfcc = torchaudio.transforms.MFCC(
            SAMPLE_RATE,
            n_mfcc=config.n_mfcc,
            melkwargs={
                "n_fft": config.n_fft,
                "hop_length": config.hop,
                "n_mels": config.n_mels,
                # HTK's mel scale, torchaudio's default, gives low bands narrower than an FFT bin (40 Hz)
                "mel_scale": "slaney",
                "norm": "slaney",
            },
        )

    def forward(self, samples: Tensor) -> Tensor:
        """samples (T, 16000) → images (T, 3, C, S), in single precision whatever the encoders run in."""
        # Half precision loses quiet bands next to loud ones, whatever precision the encoders run in
        with torch.autocast(samples.device.type, enabled=False):
            # torchaudio takes top_db below the maximum of all that shares the axis before (frequency, time): one second
            # must be one item, with its own channel axis
            mfcc = self.mfcc(rearrange(samples.float(), "t n -> t 1 n")).squeeze(1)  # (T, C, S)
            delta = self.deltas(mfcc)
            return torch.stack((mfcc, delta, self.deltas(delta)), dim=1)  # (T, 3, C, S)

    def deltas(self, coefficients: Tensor) -> Tensor:
        """Slope per MFCC frame of a line fitted over `delta_width` frames, edges repeated. (T, C, S) → (T, C, S)."""
        slopes: Tensor = torchaudio.functional.compute_deltas(coefficients, self.config.delta_width)
        return slopes


def mel_image(samples: Tensor) -> Tensor:
    """Mel bands of sound in dB, for the screen: samples (T, 16000), 16 kHz in [-1, 1] → (T, 1, 64, S)."""
    config = AudioConfig()
    with torch.autocast(samples.device.type, enabled=False):
        spectrogram = torchaudio.transforms.MelSpectrogram(
            SAMPLE_RATE,
            n_fft=config.n_fft,
            hop_length=config.hop,
            n_mels=config.n_mels,
            mel_scale="slaney",
            norm="slaney",
        ).to(samples.device)
        power: Tensor = spectrogram(samples.float())
        return rearrange(10 * power.clamp_min(MIN_POWER).log10(), "t b s -> t 1 b s")
