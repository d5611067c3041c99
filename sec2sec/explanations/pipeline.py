"""File → Explanation, in steps that say how far they are and can be stopped between any two."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image

from sec2sec.checkpoints import Bundle
from sec2sec.config import SAMPLE_RATE, MediaLimits
from sec2sec.encode import Tokens, batched, encode_seconds, join_tokens
from sec2sec.explanations.attention import co_attention
from sec2sec.explanations.cues import CueCollector, Measured
from sec2sec.explanations.examine import examine
from sec2sec.explanations.occlusion import occlude
from sec2sec.explanations.types import ClipSummary, Explanation, Preview, TargetExplanation
from sec2sec.media import Clip, MediaError, Second, open_clip

ENVELOPE = 50  # steps of the drawn waveform in a second
LONG_CLIP = 60  # seconds; beyond it the stills of a preview are made small, so that a page stays light
SMALL_STILL = 160  # pixels, longest side


@dataclass(frozen=True)
class Progress:
    """How far an explanation is: fraction of the whole, 0..1, and a sentence."""

    stage: Literal["decoding", "encoding", "explaining"]
    fraction: float
    message: str


@dataclass(frozen=True)
class Explained:
    """The end of the steps."""

    explanation: Explanation
    preview: Preview
    tokens: Tokens  # on the bundle's device: what every further question of this clip starts from


def explain_steps(
    path: Path | str, bundle: Bundle, *, start: float = 0.0, end: float | None = None, limits: MediaLimits | None = None
) -> Iterator[Progress | Explained]:
    """Decode, encode and explain the part [start, end) of a file, in seconds; yields Progress, and Explained last.

    Raises MediaError for a clip that cannot be used. Decoding and encoding alternate, a few seconds at a time, so that
    memory does not grow with the file.
    """
    taken = {"decoding": 0.0, "encoding": 0.0, "explaining": 0.0}
    clock = Stopwatch(taken)
    yield Progress("decoding", 0.0, "Opening the clip")
    config = bundle.encoders.config
    limits = limits or MediaLimits()
    limits = replace(limits, max_seconds=min(limits.max_seconds, bundle.system.longest))
    clip = open_clip(
        path,
        start=start,
        end=end,
        frames_per_second=config.frames_per_second,
        frame_size=config.frame_size,
        limits=limits,
    )
    if not ((bundle.system.sees and clip.has_video) or (bundle.system.hears and clip.has_audio)):
        lacking = "picture" if bundle.system.sees else "sound"
        raise MediaError(
            f"{clip.name}: has no {lacking}, and {bundle.system.title} reads nothing else; "
            "choose another clip or another system"
        )
    expected = max(1, round(clip.duration)) if math.isfinite(clip.duration) else 0  # a live recording does not say
    parts: list[Tokens] = []
    pictures, cues = Collected(), CueCollector()
    for batch in batched(clip.seconds()):
        clock.charge("decoding")
        done = pictures.seconds
        share = min(0.9, 0.9 * done / expected) if expected else 0.0
        yield Progress("encoding", share, f"Encoding from second {done} of {expected or 'unknown'}")
        clock.skip()
        part = encode_seconds(batch, bundle.encoders, bundle.device)
        pictures.add(batch, part)
        parts.append(Tokens(part.video, part.audio))
        clock.charge("encoding")
        for second in batch:
            cues.add(second)
        clock.charge("explaining")
        share = min(0.9, 0.9 * pictures.seconds / expected) if expected else 0.5
        yield Progress("decoding", share, f"Decoded and encoded {pictures.seconds} s")
        clock.skip()
    if not parts:
        raise MediaError(f"{clip.name}: nothing of it could be decoded; try to convert it to MP4 (H.264, AAC)")
    yield Progress("explaining", 0.9, "Measuring the effect of each second")
    clock.skip()
    tokens = join_tokens(parts)
    explanation = explain_tokens(bundle, tokens, pictures.summary(clip), taken, cues.finish())
    clock.charge("explaining")
    yield Explained(explanation, pictures.preview(), tokens)


def explain(
    path: Path | str, bundle: Bundle, *, start: float = 0.0, end: float | None = None, limits: MediaLimits | None = None
) -> Explanation:
    """The explanation of one clip; the steps of `explain_steps` run to their end."""
    for step in explain_steps(path, bundle, start=start, end=end, limits=limits):
        if isinstance(step, Explained):
            return step.explanation
    raise AssertionError("explain_steps ended without an explanation")


@torch.inference_mode()
def explain_tokens(
    bundle: Bundle,
    tokens: Tokens,
    clip: ClipSummary,
    seconds_taken: dict[str, float],
    measured: Measured | None = None,
) -> Explanation:
    """Tokens of a clip → Explanation. Costs milliseconds: every further question starts here.

    measured: of its decoded seconds; without it the evidence has no cues and no unfamiliar seconds.
    """
    model = bundle.model
    found, joints = occlude(model, tokens)
    targets = {
        name: TargetExplanation(
            prediction=float(found.prediction[k]),
            attention=None if found.attention is None else found.attention[k].double().cpu().numpy(),
            effect=found.effect[:, k].double().cpu().numpy(),
            effect_audio=found.effect_audio[:, k].double().cpu().numpy(),
            effect_video=found.effect_video[:, k].double().cpu().numpy(),
            baseline=float(found.baseline[k]),
        )
        for k, name in enumerate(model.config.targets)
    }
    drawn = (joints.video_from_audio, joints.audio_from_video) if joints else (None, None)
    maps = co_attention(model, tokens, *drawn)
    evidence = examine(bundle, tokens, joints, found, measured)
    return Explanation(clip, bundle.summary, targets, maps, evidence, seconds_taken)


class Stopwatch:
    """Adds the time since the last call to a stage; skip() drops it, as while a caller holds the generator."""

    def __init__(self, taken: dict[str, float]) -> None:
        self.taken, self.last = taken, time.perf_counter()

    def charge(self, stage: str) -> None:
        now = time.perf_counter()
        self.taken[stage] += now - self.last
        self.last = now

    def skip(self) -> None:
        self.last = time.perf_counter()


class Collected:
    """What is kept of the decoded seconds for the screen."""

    def __init__(self) -> None:
        self.stills: list[bytes | None] = []
        self.envelopes: list[np.ndarray] = []
        self.images: list[np.ndarray] = []
        self.partial = False

    @property
    def seconds(self) -> int:
        return len(self.stills)

    def add(self, batch: list[Second], part: Tokens) -> None:
        if self.seconds <= LONG_CLIP < self.seconds + len(batch):
            self.stills = [smaller(still) for still in self.stills]
        for second in batch:
            self.stills.append(second.still if self.seconds < LONG_CLIP else smaller(second.still))
            self.partial = second.partial
            if second.samples is not None:
                steps = second.samples.reshape(ENVELOPE, SAMPLE_RATE // ENVELOPE)
                self.envelopes.append(np.stack([steps.min(1), steps.max(1)], 1))
        if part.mfcc is not None:
            self.images.append(part.mfcc[:, 0].half().cpu().numpy())

    def summary(self, clip: Clip) -> ClipSummary:
        return ClipSummary(
            name=clip.name,
            sha256=clip.sha256,
            start=clip.start,
            duration=clip.duration,
            seconds=self.seconds,
            has_audio=clip.has_audio,
            has_video=clip.has_video,
            partial=self.partial,
            warnings=tuple(clip.warnings),
        )

    def preview(self) -> Preview:
        return Preview(
            self.stills,
            np.stack(self.envelopes) if self.envelopes else None,
            np.concatenate(self.images) if self.images else None,
        )


def smaller(still: bytes | None) -> bytes | None:
    """A JPEG with its longest side at most SMALL_STILL."""
    if still is None:
        return None
    image = Image.open(io.BytesIO(still))
    if max(image.size) <= SMALL_STILL:
        return still
    image.thumbnail((SMALL_STILL, SMALL_STILL))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=75)
    return out.getvalue()
