"""The paper's encoders: R(2+1)D-18 on frames and ResNet-18 on the MFCC image, both without pooling and classifier.

Paper §3, from its references [15] He et al. 2016 and [17] Tran et al. 2018; weights: torchvision's.
The authors' code pools each second to one vector, so that every attention sees a single token; the maps are kept here.
"""

# N seconds (all clips together), M frames in a second, V visual tokens and A audio tokens in a second, D = 512

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from sec2sec.encoders.base import AudioEncoder, EncoderError, VideoEncoder, one_reason
from sec2sec.encoders.published import may_download

IMAGE_SIDE = 224  # pixels; the side of the pictures that ResNet-18 learned from


class PaperVideo(VideoEncoder):
    """R(2+1)D-18 up to its last map. frames (N, 3, M, 112, 112) → tokens (N, V, 512); token v = (t * 7 + y) * 7 + x.

    16 frames give the grid (time, height, width) = (2, 7, 7), V = 98. Parameter names are torchvision's.
    """

    carried = False

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models.video import r2plus1d_18  # two seconds to import, for this preset alone

        network = r2plus1d_18()
        self.stem = network.stem
        self.layer1, self.layer2 = network.layer1, network.layer2
        self.layer3, self.layer4 = network.layer3, network.layer4

    def forward(self, frames: Tensor) -> Tensor:
        """frames (N, 3, M, 112, 112) → (N, V, 512)."""
        features: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(frames)))))  # (N, 512, 2, 7, 7)
        return rearrange(features, "n d t y x -> n (t y x) d")


class PaperAudio(AudioEncoder):
    """ResNet-18 up to its last map. MFCC image (N, 3, C, S) → tokens (N, A, 512); token a = band * 7 + time, A = 49.

    Band 0 has the lowest coefficients: rows of the image are coefficients, columns time. `mean` and `std` (3,) are the
    training set's, one for each of MFCC, Δ and ΔΔ; until they are set the image is used as it is.
    """

    carried = False
    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet18

        network = resnet18()
        self.conv1, self.bn1, self.relu, self.maxpool = network.conv1, network.bn1, network.relu, network.maxpool
        self.layer1, self.layer2 = network.layer1, network.layer2
        self.layer3, self.layer4 = network.layer3, network.layer4
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("std", torch.ones(3))

    def forward(self, image: Tensor) -> Tensor:
        """image (N, 3, C, S) → (N, A, 512)."""
        picture = (image - rearrange(self.mean, "c -> c 1 1")) / rearrange(self.std, "c -> c 1 1")
        picture = F.interpolate(picture, (IMAGE_SIDE, IMAGE_SIDE), mode="bilinear")  # (N, 3, 224, 224)
        entered = self.maxpool(self.relu(self.bn1(self.conv1(picture))))
        features: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(entered))))  # (N, 512, 7, 7)
        return rearrange(features, "n d band time -> n (band time) d")


def load_paper(*, pretrained: bool = True, seed: int | None = None) -> tuple[PaperVideo, PaperAudio]:
    """Both encoders in eval mode, with torchvision's weights from TORCH_HOME, downloaded to it when they are not there.

    Without `pretrained` the weights are random, drawn from `seed`: for timing and tests alone. Raises EncoderError.
    """
    if not pretrained and seed is None:
        raise ValueError("random encoders need an explicit seed: load_paper(pretrained=False, seed=…)")
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they were
        torch.manual_seed(seed or 0)
        video, audio = PaperVideo(), PaperAudio()
    if pretrained:
        for encoder, weights in zip((video, audio), _weights(), strict=True):
            _load(encoder, weights)
    return video.eval(), audio.eval()


def load_paper_video(*, pretrained: bool) -> PaperVideo:
    """R(2+1)D-18 alone; not pretrained: random weights, for a checkpoint to fill."""
    with torch.random.fork_rng(devices=[]):
        encoder = PaperVideo()
    if pretrained:
        _load(encoder, _weights()[0])
    return encoder.eval()


def load_paper_audio(*, pretrained: bool) -> PaperAudio:
    """ResNet-18 alone, in the same way."""
    with torch.random.fork_rng(devices=[]):
        encoder = PaperAudio()
    if pretrained:
        _load(encoder, _weights()[1])
    return encoder.eval()


def _weights() -> tuple[Any, Any]:
    """torchvision's weights of both encoders."""
    from torchvision.models import ResNet18_Weights
    from torchvision.models.video import R2Plus1D_18_Weights

    return R2Plus1D_18_Weights.KINETICS400_V1, ResNet18_Weights.IMAGENET1K_V1


def _load(encoder: nn.Module, weights: Any) -> None:
    """Fill `encoder` from the file of a torchvision weights enum, downloaded if absent; its classifier is left out."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = folder / _file_name(weights)
    if not (file.exists() or may_download()):
        raise EncoderError(f"{file.name} is not in {folder}; it is downloaded from {weights.url}, or put it there")
    try:
        # torch.hub checks the hash after a download only: a file that a person put there is taken as it is.
        # weights_only: nothing in the file is run
        state = weights.get_state_dict(progress=True, check_hash=True, weights_only=True, map_location="cpu")
    except Exception as error:
        if file.exists():
            raise EncoderError(_damage_message(file, weights, error)) from error
        needed = _weights()
        absent = [one.url for one in needed if not (folder / _file_name(one)).exists()]
        raise EncoderError(
            f"the paper preset needs {' and '.join(map(_file_name, needed))} in {folder}, and {file.name} could not be "
            f"downloaded ({one_reason(error)}). Put {' and '.join(absent)} there, or set TORCH_HOME to where they are"
        ) from error
    try:
        ours = {name: value for name, value in encoder.state_dict().items() if name in ("mean", "std")}
        encoder.load_state_dict(ours | {name: value for name, value in state.items() if not name.startswith("fc.")})
    except Exception as error:
        raise EncoderError(_damage_message(file, weights, error)) from error


def _file_name(weights: Any) -> str:
    """The name that torch.hub gives the file of a weights enum."""
    return str(weights.url).rsplit("/", 1)[-1]


def _damage_message(file: Path, weights: Any, error: Exception) -> str:
    """The message for a file that is there and cannot be used."""
    # torch's own advice for such a file, to load it unsafely, is not to be passed on
    problem = "not a file of plain tensors" if isinstance(error, pickle.UnpicklingError) else one_reason(error)
    return f"{file} is damaged or not torchvision's ({problem}). Delete it, or replace it by {weights.url}"
