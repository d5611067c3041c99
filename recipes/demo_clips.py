"""The clips of the bundled checkpoints as a training reads them: generated, decoded once, encoded.

Generated clips stay in a work folder, and each set's frames and MFCC images in a file beside it, so that an interrupted
run goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from recipes.stages import AUDIBLE_STATES, VISUAL_STATES, SecondsData, TokenData, normal_frames
from sec2sec.config import CROP, EncoderConfig
from sec2sec.datasets.extract import decode_all
from sec2sec.datasets.known_truth import LENGTHS, Level, Planted, make_clips, read_planted
from sec2sec.datasets.table import read_table
from sec2sec.encoders import Encoders
from sec2sec.encoders.compact import SHRINK
from sec2sec.encoding import stack
from sec2sec.features import LEFT, TOP, MfccImage
from sec2sec.media import Second
from sec2sec.progress import drain

TARGETS = ("arousal", "valence", "synchrony")
LEARNED, UNSEEN = (0.0, 0.5), (0.5, 1.0)  # parts of the films behind the clips to learn from and behind the others


@dataclass(frozen=True)
class Clips:
    """One set of generated clips."""

    name: str
    clips: int
    seed: int
    level: Level
    neutral: float  # share of clips without a decisive second
    lengths: tuple[int, int] = LENGTHS  # s
    footage: tuple[float, float] = UNSEEN  # part of each film behind clips that have one


@dataclass(frozen=True)
class Decoded:
    """A set of clips as the encoders read it, with what was planted."""

    frames: Tensor  # (S, M, 56, 56, 3) uint8
    mfcc: Tensor  # (S, 3, n_mfcc, steps) float16
    length: Tensor  # (B,) seconds of each clip
    planted: list[Planted]


def small_second_tensors(seconds: list[Second]) -> tuple[Tensor, Tensor]:
    """In a worker: a clip's seconds → frames (T, M, 56, 56, 3) uint8 and MFCC images (T, 3, n_mfcc, steps) float16."""
    frames = stack([s.frames for s in seconds])[:, :, TOP : TOP + CROP, LEFT : LEFT + CROP]
    planes = rearrange(frames, "t m h w c -> (t m) c h w").float()
    small = rearrange(F.avg_pool2d(planes, SHRINK).round().byte(), "(t m) c h w -> t m h w c", t=len(seconds))
    return small.contiguous(), MfccImage()(stack([s.samples for s in seconds])).half()


def make_set(work: Path, clips: Clips, workers: int) -> Path:
    """The folder of a set of clips, made as far as it is not there yet."""
    directory = work / clips.name
    settings = directory, clips.clips, clips.seed, clips.level, clips.neutral, max(1, workers)
    drain(make_clips(*settings, lengths=clips.lengths, footage=clips.footage))
    return directory


def decode_set(work: Path, clips: Clips, workers: int) -> Decoded:
    """Generate and decode a set, or read it from the work folder if an earlier run has done so."""
    directory, cache = make_set(work, clips, workers), work / f"{clips.name}.pt"
    table, planted = read_table(directory), read_planted(directory)
    if not cache.is_file():
        decoded = []
        for row, tensors in decode_all(table.rows, EncoderConfig.compact(), small_second_tensors, workers=workers):
            assert not isinstance(tensors, str), (row.id, tensors)  # our own clips: a failure is ours
            assert len(tensors[0]) == len(planted[row.id].decisive), row.id
            decoded.append(tensors)
        stored = {
            "frames": torch.cat([frames for frames, _ in decoded]),
            "mfcc": torch.cat([mfcc for _, mfcc in decoded]),
            "length": torch.tensor([len(frames) for frames, _ in decoded]),
        }
        torch.save(stored, cache.with_suffix(".part"))
        cache.with_suffix(".part").replace(cache)
    stored = torch.load(cache, weights_only=True, mmap=True)
    return Decoded(planted=[planted[row.id] for row in table.rows], **stored)


def seconds_data(sets: Sequence[Decoded]) -> SecondsData:
    """All seconds of some sets, for stage 1."""
    planted = [p for s in sets for p in s.planted]

    def column(values: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.concatenate(values)).float()

    def states(names: Sequence[str]) -> Tensor:
        return torch.stack([column([p.states[name] for p in planted]) for name in names], 1)

    return SecondsData(
        torch.cat([s.frames for s in sets]),
        torch.cat([s.mfcc for s in sets]),
        states(VISUAL_STATES),
        states(AUDIBLE_STATES),
        column([p.flash_slots for p in planted]),
        column([p.beat_slots for p in planted]),
    )


@torch.inference_mode()
def token_data(encoders: Encoders, sets: Sequence[Decoded], batch: int = 64) -> TokenData:
    """Some sets through the frozen encoders, for stages 2 and 3."""
    fast = encoders.folded()
    video, audio = [], []
    for clip_set in sets:
        for frames, image in zip(clip_set.frames.split(batch), clip_set.mfcc.split(batch), strict=True):
            video.append(fast.video.from_small(normal_frames(frames)).half())  # type: ignore[operator]
            audio.append(fast.audio(image.float()).half())
    planted = [p for clip_set in sets for p in clip_set.planted]
    length = torch.cat([clip_set.length for clip_set in sets])

    def evidence(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([p.evidence[name] for p in planted])).float()

    soft = torch.tensor([[p.soft_target(name) for name in TARGETS] for p in planted], dtype=torch.float32)
    without = torch.tensor([bool(np.isnan(p.synchrony).all()) for p in planted])
    soft[without, TARGETS.index("synchrony")] = torch.nan
    return TokenData(
        video=torch.cat(video),
        audio=torch.cat(audio),
        first=length.cumsum(0) - length,
        length=length,
        soft=soft,
        evidence=torch.stack([evidence(name) for name in TARGETS], 1),
        synchrony=torch.from_numpy(np.concatenate([p.synchrony for p in planted])).float(),
    )
