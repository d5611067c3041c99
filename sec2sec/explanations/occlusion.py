"""The measured effect of each second: the prediction minus the prediction without it (occlusion, on tokens).

After Zeiler & Fergus (2014). "Without it" puts the training set's mean tokens in the place of the second, of its sound
or of its picture. Co-attention works within a second, so a replaced second changes its own joint vector alone: all
occlusions of a clip are one batch of LSTM runs over four joint vectors a second.

T seconds, D width, K targets.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from sec2sec.device import pass_size
from sec2sec.encode import Tokens
from sec2sec.explanations.whole_clip import Occlusion, whole_clip_occlusion
from sec2sec.model import Model, Sec2Sec

SECONDS_A_PASS = 32  # of co-attention on a CPU: bounds memory on long clips
CELLS_A_PASS = 1 << 15  # clips × seconds of LSTM in one pass on a CPU


@dataclass(frozen=True)
class JointVectors:
    """The joint vector of each second with both modalities, one, or none; each (T, D). And the maps of `both`.

    seen (T, V, D), heard (T, A, D): after eq. 1, for whoever mixes them anew; None for a modality that the model does
    not use, and where nobody will.
    """

    both: Tensor
    sound_only: Tensor
    picture_only: Tensor
    neither: Tensor
    video_from_audio: Tensor | None
    audio_from_video: Tensor | None
    seen: Tensor | None = None
    heard: Tensor | None = None

    def part(self, first: int, end: int) -> JointVectors:
        """Some seconds of it: what is within a second does not depend on the others."""
        here: dict[str, Any] = {}
        for field in fields(self):
            values = getattr(self, field.name)
            here[field.name] = None if values is None else values[first:end]
        return JointVectors(**here)


def occlude(model: Model, tokens: Tokens) -> tuple[Occlusion, JointVectors | None]:
    """Prediction, attention and effects by any system; joint vectors where it has them."""
    if isinstance(model, Sec2Sec):
        joints = joint_vectors(model, tokens)
        return occlusion(model, joints), joints
    return whole_clip_occlusion(model, tokens), None


@torch.inference_mode()
def joint_vectors(model: Sec2Sec, tokens: Tokens) -> JointVectors:
    """Every second through co-attention four times: with its own tokens, and with one or both at the mean."""
    video, audio = tokens.filled(model)
    mean_video, mean_audio = model.references(1)
    mean_seen, mean_heard = model.look(mean_video), model.listen(mean_audio)  # alike for every second: attended once

    def repeated(one: Tensor | None, seconds: int) -> Tensor | None:
        return None if one is None else one.expand(seconds, -1, -1)

    joints: list[list[Tensor]] = [[], [], []]
    maps: list[list[Tensor]] = [[], []]
    attended: list[list[Tensor]] = [[], []]
    size = pass_size(SECONDS_A_PASS, video.device)
    for part_video, part_audio in zip(video.split(size), audio.split(size), strict=True):
        seen, heard = model.look(part_video), model.listen(part_audio)
        both, video_from_audio, audio_from_video = model.meet(seen, heard, evidence=True)
        joints[0].append(both)
        joints[1].append(model.meet(repeated(mean_seen, len(both)), heard, evidence=False)[0])
        joints[2].append(model.meet(seen, repeated(mean_heard, len(both)), evidence=False)[0])
        if video_from_audio is not None and audio_from_video is not None:
            maps[0].append(video_from_audio)
            maps[1].append(audio_from_video)
        for kept, part in zip(attended, (seen, heard), strict=True):
            if part is not None:
                kept.append(part)
    neither = model.meet(mean_seen, mean_heard, evidence=False)[0].expand(len(video), -1)
    both, sound_only, picture_only = (torch.cat(parts) for parts in joints)
    within = (torch.cat(parts) if parts else None for parts in (*maps, *attended))
    return JointVectors(both, sound_only, picture_only, neither, *within)


def clips_per_pass(joint: Tensor) -> int:
    """How many clips as long as these, (N, T, D), go through the LSTM in one pass."""
    return max(1, pass_size(CELLS_A_PASS, joint.device) // joint.shape[1])


@torch.inference_mode()
def predict_joint(model: Sec2Sec, joint: Tensor) -> Tensor:
    """Variants of one clip, (N, T, D) → predictions (N, K), in passes that fit the memory."""
    size = clips_per_pass(joint)
    passes = [model.remember(part, _whole(part))[0].sigmoid() for part in joint.split(size)]
    return torch.cat(passes)


@torch.inference_mode()
def occlusion(model: Sec2Sec, joints: JointVectors) -> Occlusion:
    """Prediction, attention over seconds and the effect of each second, of its sound and of its picture."""
    logits, attention = model.remember(joints.both[None], _whole(joints.both[None]))
    without = (joints.neither, joints.picture_only, joints.sound_only)  # the second, its sound, its picture
    return Occlusion(
        logits.sigmoid()[0],
        None if attention is None else attention[0],
        predict_joint(model, joints.neither[None])[0],
        *effects_of(model, joints.both, *without),
    )


@torch.inference_mode()
def effects_of(model: Sec2Sec, joint: Tensor, *replacements: Tensor) -> list[Tensor]:
    """Prediction minus the prediction with each second replaced: joint, replacements (T, D) each → (T, K) each."""
    stacked = torch.cat(replacements)
    count = len(stacked) + 1
    size = clips_per_pass(joint[None])
    passes = [range(first, min(first + size, count)) for first in range(0, count, size)]
    said = torch.cat([predict_joint(model, with_one_replaced(joint, stacked, rows)) for rows in passes])
    return list((said[-1] - said[:-1]).split(len(joint)))


def with_one_replaced(joint: Tensor, replacements: Tensor, rows: range) -> Tensor:
    """The clip once for each of `rows`, with one second replaced; the row after the last is the clip as it is.

    joint (T, D), replacements (S · T, D): of every second in turn, and of every second again → (N, T, D).
    """
    variants = joint.repeat(len(rows), 1, 1)
    numbers = torch.arange(rows.start, min(rows.stop, len(replacements)), device=joint.device)
    variants[torch.arange(len(numbers), device=joint.device), numbers % len(joint)] = replacements[numbers]
    return variants


def _whole(joint: Tensor) -> Tensor:
    return torch.ones(joint.shape[:2], dtype=torch.bool, device=joint.device)
