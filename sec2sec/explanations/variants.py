"""One interface to every question of the kind "what if only this part of the clip were there?".

A variant of a clip is two masks over its seconds: where the picture is kept, and where the sound is. What is not kept
is at the training mean. Two ways answer alike: over joint vectors, where co-attention works within a second and a
variant is one run of the LSTM; over inputs, for a system that reads the whole clip at once.

N variants, T seconds, D width, K targets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sec2sec.device import GPU_CLIPS, pass_size
from sec2sec.explanations.occlusion import JointVectors, clips_per_pass, predict_joint
from sec2sec.model import Sec2Sec

Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]  # picture and sound kept, (N, T) bool each → (N, K), 0..1

CLIPS_A_PASS = 16  # whole clips on a CPU: bounds memory


def over_joints(model: Sec2Sec, joints: JointVectors) -> Predict:
    """Variants as choices among the four joint vectors of each second."""
    table = torch.stack([joints.neither, joints.picture_only, joints.sound_only, joints.both])  # (4, T, D)

    def predict(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        chosen = torch.from_numpy(picture + 2 * sound).to(table.device)  # (N, T)
        seconds = torch.arange(chosen.shape[1], device=table.device)
        passes = chosen.split(clips_per_pass(chosen))  # of a long clip, all at once would not fit
        return torch.cat([predict_joint(model, table[part, seconds]) for part in passes]).double().cpu().numpy()

    return _each_once(predict)


def over_inputs(
    forward: Callable[[Tensor, Tensor], Tensor], video: Tensor, audio: Tensor, mean_video: Tensor, mean_audio: Tensor
) -> Predict:
    """Variants as whole clips. forward: video (N, T, …), audio (N, T, …) → (N, K); video, audio and what stands in for
    them (T, …)."""

    def mixed(kept: Tensor, own: Tensor, mean: Tensor) -> Tensor:
        return torch.where(kept.reshape(*kept.shape, *[1] * (own.dim() - 1)), own, mean)

    @torch.inference_mode()
    def predict(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        parts = []
        size = pass_size(CLIPS_A_PASS, video.device, GPU_CLIPS)
        for first in range(0, len(picture), size):
            seen, heard = (torch.from_numpy(kept[first : first + size]).to(video.device) for kept in (picture, sound))
            parts.append(forward(mixed(seen, video, mean_video), mixed(heard, audio, mean_audio)))
        return torch.cat(parts).double().cpu().numpy()

    return _each_once(predict)


def _each_once(predict: Predict) -> Predict:
    """Ask each distinct variant once: among 2^T masks of a short clip, many orders pass through the same."""

    def asked(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        packed = np.packbits(np.concatenate([picture, sound], 1), axis=1)
        keys = packed.view(f"V{packed.shape[1]}")[:, 0]
        _, first, back = np.unique(keys, return_index=True, return_inverse=True)
        return predict(picture[first], sound[first])[back]

    return asked
