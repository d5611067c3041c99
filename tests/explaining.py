"""Tokens of a clip that never was, and what is asked of a tiny model about them."""

from __future__ import annotations

import torch

from sec2sec.encode import Tokens
from sec2sec.explanations.occlusion import joint_vectors, occlusion
from sec2sec.explanations.variants import over_joints

SECONDS = 6


def random_tokens(bundle, seconds: int = SECONDS, seed: int = 3) -> Tokens:
    torch.manual_seed(seed)
    model = bundle.model
    return Tokens(
        torch.randn(seconds, *model.reference_video.shape), torch.randn(seconds, *model.reference_audio.shape)
    )


def asked(bundle, tokens: Tokens):
    """Joint vectors, occlusion, and predictions of variants."""
    joints = joint_vectors(bundle.model, tokens)
    return joints, occlusion(bundle.model, joints), over_joints(bundle.model, joints)
