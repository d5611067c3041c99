"""Tokens of a clip that never was, what is asked of a tiny model about them, and the definition that it must equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sec2sec.checkpoints import Bundle
from sec2sec.clip import EncodedClip, explain_steps
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations import ClipSummary, Explanation
from sec2sec.explanations.collect import collect_explanation
from sec2sec.explanations.masker import Masker, SecondMasker
from sec2sec.model import Model
from sec2sec.progress import drain

SECONDS = 6


def random_tokens(model: Model, seconds: int = SECONDS, seed: int = 3) -> Tokens:
    torch.manual_seed(seed)
    return Tokens(
        torch.randn(seconds, *model.reference_video.shape), torch.randn(seconds, *model.reference_audio.shape)
    )


def random_masker(bundle: Bundle, seconds: int = SECONDS) -> SecondMasker:
    """A Sec2Sec system and random tokens."""
    return SecondMasker(bundle.model, random_tokens(bundle.model, seconds))


def summary_of(tokens: Tokens) -> ClipSummary:
    """What a result says of a clip that was never decoded."""
    has_audio, has_video = tokens.audio is not None, tokens.video is not None
    return ClipSummary("c.mp4", "0" * 64, 0.0, float(tokens.seconds), tokens.seconds, has_audio, has_video)


def explained(bundle: Bundle, masker: Masker) -> Explanation:
    """Everything that can be asked of tokens alone."""
    return collect_explanation(bundle, masker, summary_of(masker.tokens), {})


def encoded(path: Path, bundle: Bundle, **part: float) -> EncodedClip:
    """A clip as the app has it: encoded, and its explanation made."""
    return drain(explain_steps(path, bundle, **part))


@torch.no_grad()
def full_pass(model: Model, video: torch.Tensor, audio: torch.Tensor) -> np.ndarray:
    """The definition of every variant: its tokens (T, V, C) and (T, A, C) through the whole model → (K,)."""
    output = model(video[None], audio[None], torch.ones(1, len(video), dtype=torch.bool))
    predictions: np.ndarray = output.logits[0].sigmoid().double().numpy()
    return predictions
