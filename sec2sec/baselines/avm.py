"""AVM: R(2+1)D-18 on a few frames and ResNet-18 on a mel spectrogram, joined by one FC layer (paper §4.3, "AVM").

Kuhnke et al. 2020, "Two-Stream Aural-Visual Affect Analysis in the Wild" (ABAW). Faithful [their paper and code]: 8
frames, 6 frames of film apart, 112×112, through R(2+1)D-18 with Kinetics-400 weights; a log-mel spectrogram of 64
bands, windows of 20 ms every 10 ms, n_fft 1024, top_db 80, (x + 14.8) / 19.895, through ResNet-18 whose first layer has
one channel, the mean of the ImageNet weights over RGB; concat(512, 512) → FC. Departures: no mask channel of an aligned
face (not a face data set); sound at 16 kHz, not 44.1 (see encoders/inputs.py); the sound of the whole clip, not of 10
s. Inferred: that film has 30 frames a second, so that the 8 frames are 0.2 s apart, and that they lie in the middle of
the clip: the picture of a second outside those 1.6 s has no effect, which is what this system sees of a clip.

B clips, T seconds, M frames in a second.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from sec2sec.baselines.late_fusion import Branch, LateFusion
from sec2sec.baselines.vivit import frames_at
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.encoders.paper import PaperAudio, PaperVideo, load_paper
from sec2sec.features import KINETICS_MEAN, KINETICS_STD

CLIP_FRAMES = 8
TOP_DB = 80.0  # dB below a clip's loudest cell that still count
CENTRE, SPREAD = -14.8, 19.895  # dB, of their spectrograms
NORM_GROUPS = 8  # of GroupNorm: a small batch has no statistics worth the name


class Picture(Branch):
    """Eight frames from the middle of a clip."""

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: EncoderConfig, network: nn.Module, width: int) -> None:
        super().__init__()
        self.grid, self.network, self.width = encoder.video_grid, network, width
        self.register_buffer("mean", torch.tensor(KINETICS_MEAN)[:, None, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(KINETICS_STD)[:, None, None, None], persistent=False)

    def forward(self, tokens: Tensor, mask: Tensor, evidence: bool) -> tuple[Tensor, None]:
        """Pixels (B, T, V, 3) → (B, width)."""
        available = mask.sum(1, keepdim=True) * self.grid[0]
        first = (available - CLIP_FRAMES).clamp_min(0) // 2
        indices = first + torch.arange(CLIP_FRAMES, device=mask.device)
        chosen = torch.minimum(indices, available - 1)  # holds the last one
        frames = rearrange(frames_at(tokens, self.grid, chosen), "b f c h w -> b c f h w")
        return self.network((frames / 2 + 0.5 - self.mean) / self.std).mean(1), None


class Sound(Branch):
    """The log-mel spectrogram of a clip."""

    def __init__(self, encoder: EncoderConfig, network: nn.Module, width: int) -> None:
        super().__init__()
        self.grid, self.network, self.width = encoder.audio_grid, network, width

    def forward(self, tokens: Tensor, mask: Tensor, evidence: bool) -> tuple[Tensor, None]:
        """Bands (B, T, A, 1) → (B, width)."""
        bands, steps = self.grid
        images = rearrange(tokens, "b t (k s) 1 -> b 1 k (t s)", k=bands)
        lengths = mask.sum(1)
        out = tokens.new_empty(len(tokens), self.width)
        for length in lengths.unique().tolist():  # clips of one length together: no padding is ever heard
            rows = lengths == length
            image = images[rows][..., : length * steps]
            image = torch.maximum(image, image.amax((1, 2, 3), keepdim=True) - TOP_DB)
            out[rows] = self.network((image - CENTRE) / SPREAD).mean(1).to(out.dtype)
        return out, None


class SmallVideo(nn.Module):
    """The factors of R(2+1)D, space then time, in three steps: (B, 3, F, h, w) → (B, places, 64)."""

    def __init__(self) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for inputs, outputs in ((3, 24), (24, 48), (48, 64)):
            steps += [
                nn.Conv3d(inputs, outputs, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False),
                nn.GroupNorm(NORM_GROUPS, outputs),
                nn.ReLU(),
                nn.Conv3d(outputs, outputs, (3, 1, 1), (1, 1, 1), (1, 0, 0), bias=False),
                nn.GroupNorm(NORM_GROUPS, outputs),
                nn.ReLU(),
            ]
        self.steps = nn.Sequential(*steps)

    def forward(self, frames: Tensor) -> Tensor:
        """frames (B, 3, F, h, w) → (B, places, 64)."""
        maps: Tensor = self.steps(frames)
        return rearrange(maps, "b c f h w -> b (f h w) c")


class SmallAudio(nn.Module):
    """Three 2-D convolutions: (B, 1, bands, steps) → (B, places, 64)."""

    def __init__(self) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for inputs, outputs in ((1, 24), (24, 48), (48, 64)):
            steps += [
                nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False),
                nn.GroupNorm(NORM_GROUPS, outputs),
                nn.ReLU(),
            ]
        self.steps = nn.Sequential(*steps)

    def forward(self, image: Tensor) -> Tensor:
        """image (B, 1, bands, steps) → (B, places, channels)."""
        maps: Tensor = self.steps(image)
        return rearrange(maps, "b c k s -> b (k s) c")


class MelResNet(nn.Module):
    """ResNet-18's last map on a spectrogram as it is, without resizing: (B, 1, bands, steps) → (B, places, 512)."""

    def __init__(self, network: PaperAudio) -> None:
        super().__init__()
        first = nn.Conv2d(1, network.conv1.out_channels, 7, 2, 3, bias=False)
        with torch.no_grad():
            first.weight.copy_(network.conv1.weight.mean(1, keepdim=True))
        self.steps = nn.Sequential(
            first,
            network.bn1,
            network.relu,
            network.maxpool,
            network.layer1,
            network.layer2,
            network.layer3,
            network.layer4,
        )

    def forward(self, image: Tensor) -> Tensor:
        """image (B, 1, bands, steps) → (B, places, channels)."""
        maps: Tensor = self.steps(image)
        return rearrange(maps, "b c k s -> b (k s) c")


def build(config: ModelConfig, encoder: EncoderConfig) -> LateFusion:
    """Both streams in one size. Raises EncoderError where torchvision's weights are missing."""
    if config.size == "small":
        streams: tuple[nn.Module, nn.Module, int] = SmallVideo(), SmallAudio(), 64
    elif config.backbone == "published":
        video, audio = load_paper()
        streams = video, MelResNet(audio), 512
    else:
        streams = PaperVideo(), MelResNet(PaperAudio()), 512
    picture, sound, width = streams
    return LateFusion(
        config, encoder, {"video": Picture(encoder, picture, width), "audio": Sound(encoder, sound, width)}
    )
