"""The measured effect of each second where a system takes in the whole clip at once: its input replaced, all run again.

Exact, as occlusion.py is for the Sec2Sec systems, and dear: a clip of T seconds is 3 T + 1 clips, or, where a vector of
each modality is joined at the end, T + 2 of each. Passes of a bounded number of seconds keep memory flat.

T seconds, N variants of a clip, V visual and A audio tokens in a second, C channels of a token, K targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sec2sec.baselines.late_fusion import LateFusion
from sec2sec.device import GPU_CLIPS, pass_size
from sec2sec.encode import Tokens
from sec2sec.model import Model

SECONDS_A_PASS = 64  # of input, over all variants of a pass on a CPU


@dataclass(frozen=True)
class Occlusion:
    """Predictions (K,) and their changes (T, K), in units of the prediction."""

    prediction: Tensor
    attention: Tensor | None  # (K, T)
    baseline: Tensor  # (K,) with every second replaced
    effect: Tensor
    effect_audio: Tensor
    effect_video: Tensor


@torch.inference_mode()
def whole_clip_occlusion(model: Model, tokens: Tokens) -> Occlusion:
    """Prediction, its own attention to seconds, and the effect of each second, of its sound and of its picture."""
    video, audio = tokens.filled(model)
    mask = torch.ones(1, len(video), dtype=torch.bool, device=video.device)
    output = model(video[None], audio[None], mask)

    baseline, both, sound, picture = (
        _late(model, video, audio) if isinstance(model, LateFusion) else _whole(model, video, audio)
    )
    prediction = output.logits.sigmoid()[0]
    attention = None if output.second_weights is None else output.second_weights[0]
    return Occlusion(prediction, attention, baseline, prediction - both, prediction - sound, prediction - picture)


def _whole(model: Model, video: Tensor, audio: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Predictions (K,) without anything, and (T, K) without each second, its sound, its picture."""
    mean_video, mean_audio = model.references(len(video))
    mask = torch.ones(1, len(video), dtype=torch.bool, device=video.device)

    def without(video_for: Tensor, audio_for: Tensor) -> Tensor:
        """Each second replaced by its like → (T, K)."""
        pairs = zip(_without_each(video, video_for), _without_each(audio, audio_for), strict=True)
        return torch.cat([model(v, a, mask.expand(len(v), -1), evidence=False).logits.sigmoid() for v, a in pairs])

    baseline = model(mean_video[None], mean_audio[None], mask, evidence=False).logits.sigmoid()[0]
    return baseline, without(mean_video, mean_audio), without(video, mean_audio), without(mean_video, audio)


def _late(model: LateFusion, video: Tensor, audio: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same: each branch sees its own variants once, and their vectors are joined as they are needed."""
    tokens = {"video": video, "audio": audio}
    means = dict(zip(("video", "audio"), model.references(len(video)), strict=True))
    mask = torch.ones(1, len(video), dtype=torch.bool, device=video.device)
    whole: dict[str, Tensor] = {}
    nothing: dict[str, Tensor] = {}
    without: dict[str, Tensor] = {}
    for name, branch in model.branches.items():
        whole[name] = branch(tokens[name][None], mask, False)[0]
        nothing[name] = branch(means[name][None], mask, False)[0]
        passes = [
            branch(part, mask.expand(len(part), -1), False)[0] for part in _without_each(tokens[name], means[name])
        ]
        without[name] = torch.cat(passes)

    def joined(*, sound: bool, picture: bool) -> Tensor:
        """Each second without its sound, its picture, or both → (T, K)."""
        gone = {"audio": sound, "video": picture}
        vectors = {name: without[name] if gone[name] else whole[name].expand(len(video), -1) for name in whole}
        return model.join(vectors).sigmoid()

    return (
        model.join(nothing).sigmoid()[0],
        joined(sound=True, picture=True),
        joined(sound=True, picture=False),
        joined(sound=False, picture=True),
    )


def _without_each(tokens: Tensor, replacement: Tensor) -> Iterator[Tensor]:
    """(T, V, C) → variants (N, T, V, C) with second 0, 1, … replaced, a pass at a time."""
    size = max(1, pass_size(SECONDS_A_PASS, tokens.device, GPU_CLIPS) // len(tokens))
    for rows in torch.arange(len(tokens), device=tokens.device).split(size):
        variants = tokens.repeat(len(rows), 1, 1, 1)
        variants[torch.arange(len(rows), device=rows.device), rows] = replacement[rows]
        yield variants
