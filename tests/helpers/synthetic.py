"""An Explanation and a Preview without a model: random but structured, with all cases a screen must tell apart."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np

from sec2sec.checkpoints import CheckpointSummary
from sec2sec.explanations import ClipSummary, CoAttention, Explanation, Preview, TargetExplanation
from sec2sec.explanations.effects import as_second_effects
from sec2sec.media import open_clip
from sec2sec.viewer.payload import entropy
from tests.helpers import synthetic_evidence

N_MFCC, STEPS = 40, 101


def explanation(
    seconds: int = 10,
    *,
    duration: float | None = None,
    targets: tuple[str, ...] = ("arousal", "valence", "synchrony"),
    video_grid: tuple[int, int, int] = (8, 3, 3),
    audio_grid: tuple[int, int] = (4, 8),
    heads: int = 4,
    flat: tuple[int, ...] = (2,),
    has_audio: bool = True,
    has_video: bool = True,
    absent: str = "",
    attention: bool = True,
    evidence: bool = True,
    stable: bool = False,
    seed: int = 0,
) -> Explanation:
    """flat: seconds whose maps are nearly uniform. stable: with the band that is measured on demand.

    evidence: whatever can be asked; without it, effects under one reference and a verdict, as of a system of which
    nothing more can be.
    """
    r = np.random.default_rng(seed)
    maps = CoAttention(video_grid, audio_grid, (0.175, 0.0625, 0.83, 0.9375), absent=absent or "no maps")
    if not absent:
        video = _maps(r, seconds, heads, math.prod(video_grid), math.prod(audio_grid), flat)
        audio = _maps(r, seconds, heads, math.prod(audio_grid), math.prod(video_grid), flat)
        maps = CoAttention(video_grid, audio_grid, maps.video_region, video, audio, entropy(video), entropy(audio))
    duration = float(seconds) if duration is None else duration
    bare = Explanation(
        ClipSummary(
            "synthetic.mp4", "0" * 64, 0.0, duration, seconds, has_audio, has_video, duration < seconds,
            () if has_audio and has_video else ("The file has no sound track: only the picture was analysed.",),
        ),
        CheckpointSummary("synthetic", "0" * 64, "It learned from nothing: these figures are made up.", ("synchrony",)),
        {name: _target(r, index, seconds, attention) for index, name in enumerate(targets)},
        maps,
        seconds_taken={"decoding": 0.1, "encoding": 0.2, "explaining": 0.01},
    )  # fmt: skip
    if not evidence:
        return bare
    tokens = math.prod(video_grid), math.prod(audio_grid)
    return synthetic_evidence.with_evidence(bare, tokens=tokens, maps=not absent, stable=stable)


def preview(explained: Explanation, clip: Path | None = None, seed: int = 0) -> Preview:
    """Real stills where a clip is given, repeated as often as needed."""
    r = np.random.default_rng(seed)
    seconds = explained.clip.seconds
    stills: list[bytes | None] = [None] * seconds
    if clip is not None and explained.clip.has_video:
        found = [second.still for second in open_clip(clip).seconds()]
        stills = list(itertools.islice(itertools.cycle(found), seconds))
    if not explained.clip.has_audio:
        return Preview(stills, None, None)
    loud = r.random((seconds, 50, 1)) * np.linspace(0.2, 1, seconds)[:, None, None]
    t = np.linspace(0, 6, STEPS)
    mfcc = np.sin(t[None, None] * np.arange(1, N_MFCC + 1)[None, :, None] / 4 + r.random((seconds, 1, 1)) * 6)
    mfcc = mfcc * np.linspace(40, 1, N_MFCC)[None, :, None] + r.normal(0, 1, (seconds, N_MFCC, STEPS))
    return Preview(stills, np.concatenate([-loud, loud], -1), mfcc)


def _target(r: np.random.Generator, index: int, seconds: int, attention: bool) -> TargetExplanation:
    effect = r.normal(0, 0.05, seconds) * (r.random(seconds) > 0.5) + 0.01
    share = r.random(seconds) ** 3 + np.abs(effect) * 8
    audio = effect * r.uniform(0, 1, seconds)
    prediction = float(r.uniform(0.1, 0.9))
    video = (effect - audio) * r.uniform(0.4, 1, seconds)
    effects = as_second_effects("training mean", effect[None], audio[None], video[None])
    weights = share / share.sum() if attention else None
    verdict = synthetic_evidence.verdict(index, weights, prediction, 0.47, seconds)
    return TargetExplanation(prediction, 0.47, weights, tuple(effects), verdict)


def _maps(
    r: np.random.Generator, seconds: int, heads: int, rows: int, columns: int, flat: tuple[int, ...]
) -> np.ndarray:
    peak = np.exp(-((np.linspace(0, 1, columns)[None] - np.linspace(0, 1, rows)[:, None]) ** 2) / 0.02)
    logits = 5 * peak[None, None] * r.random((seconds, heads, 1, 1)) + r.normal(0, 0.6, (seconds, heads, rows, columns))
    logits[[s for s in flat if s < seconds]] *= 0.05
    weights = np.exp(logits)
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)
