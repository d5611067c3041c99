"""What every method of explanation returns, and what a screen needs to draw it.

B clips, T seconds, V visual tokens and A audio tokens in a second, H heads, K targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sec2sec.checkpoints import CheckpointSummary
from sec2sec.explanations.evidence import Evidence

__all__ = ["CheckpointSummary", "ClipSummary", "CoAttention", "Explanation", "Preview", "TargetExplanation"]

SCHEMA = "sec2sec.explanation/1"

# A map at or above this share of the entropy of a uniform one points nowhere: it is described, not drawn as a finding.
NEARLY_UNIFORM = 0.97


@dataclass(frozen=True)
class ClipSummary:
    """The clip that was explained. duration in seconds; warnings are sentences for a person."""

    name: str
    sha256: str
    start: float  # s into the file at which the analysed part begins
    duration: float  # s analysed
    seconds: int  # T
    has_audio: bool
    has_video: bool
    partial: bool = False  # the last second holds less than a whole second
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TargetExplanation:
    """Why one target came out as it did. All arrays (T,); effects in units of the prediction, signed."""

    prediction: float  # 0..1
    attention: np.ndarray | None  # sums to 1 over the clip; None where the system has none (plain LSTM)
    effect: np.ndarray  # prediction minus the prediction with that second's tokens at the training mean
    effect_audio: np.ndarray  # the same, the sound of that second alone replaced
    effect_video: np.ndarray  # the same, the picture of that second alone replaced
    baseline: float  # prediction with every second at the training mean


@dataclass(frozen=True)
class CoAttention:
    """The co-attention maps of each second, with the grids that say where a token lies."""

    video_grid: tuple[int, int, int]  # (time, height, width); token v = (t · height + y) · width + x
    audio_grid: tuple[int, int]  # (coefficient band, time); token a = band · times + t, band 0 the lowest coefficients
    video_region: tuple[float, float, float, float]  # left, top, right, bottom seen, as shares of the frame
    video_from_audio: np.ndarray | None = None  # (T, H, V, A); rows over sound sum to 1
    audio_from_video: np.ndarray | None = None  # (T, H, A, V); rows over the picture sum to 1
    entropy_video_from_audio: np.ndarray | None = None  # (T, H) mean of rows, share of log(A); 1 uniform
    entropy_audio_from_video: np.ndarray | None = None  # (T, H) the same, share of log(V)
    absent: str = ""  # why there are no maps, as a sentence; empty where there are

    @property
    def entropy(self) -> np.ndarray:
        """(T,) mean of both directions and all heads, 1 for a uniform map; empty where there are no maps."""
        if self.entropy_video_from_audio is None or self.entropy_audio_from_video is None:
            return np.ones(0)
        return (self.entropy_video_from_audio.mean(1) + self.entropy_audio_from_video.mean(1)) / 2


@dataclass(frozen=True)
class Explanation:
    """One clip, one checkpoint, every target."""

    clip: ClipSummary
    checkpoint: CheckpointSummary
    targets: Mapping[str, TargetExplanation]
    co_attention: CoAttention
    evidence: Evidence | None = None  # whether it is true
    seconds_taken: Mapping[str, float] = field(default_factory=dict)  # stage → s: decoding, encoding, explaining


@dataclass(frozen=True)
class Preview:
    """What a screen shows of the clip itself, small enough to send whole. Lists have T entries."""

    stills: list[bytes | None]  # JPEG of the frame in the middle of each second, display aspect; None without a picture
    waveform: np.ndarray | None  # (T, steps, 2) lowest and highest sample, [-1, 1]
    mfcc: np.ndarray | None  # (T, n_mfcc, steps) MFCC image of each second, before any standardisation
