"""What training makes small: cross-entropy for classes, the distance for scores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

SMOOTH_BELOW = 0.1  # scores lie in 0..1: errors below this count squared, so that small ones pull less


def clip_loss(logits: Tensor, labels: Tensor, kinds: Sequence[str], score_loss: str = "l1") -> tuple[Tensor, Tensor]:
    """Sum of the losses and number of labels. logits and labels (B, K), NaN where a clip has no label.

    Binary targets: cross-entropy with logits. Scores: L1, or smooth L1 at SMOOTH_BELOW, between sigmoid and label
    (paper §4.1 measures 1 − |y − ŷ|).
    """
    labelled = ~labels.isnan()
    truth = labels.nan_to_num()
    binary = _binary(tuple(kinds), logits.device)
    logits = logits.float()  # half precision has no room for a sum over a batch
    cross_entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    probability = logits.sigmoid()
    distance = (
        F.l1_loss(probability, truth, reduction="none")
        if score_loss == "l1"
        else F.smooth_l1_loss(probability, truth, reduction="none", beta=SMOOTH_BELOW)
    )
    losses = torch.where(binary, cross_entropy, distance).where(labelled, 0.0)
    return losses.sum(), labelled.sum()


@lru_cache(maxsize=16)
def _binary(kinds: tuple[str, ...], device: torch.device) -> Tensor:
    """(K,) which targets are binary: made once, as each upload to a GPU waits for it."""
    with torch.inference_mode(False):  # or autograd would refuse it later
        return torch.tensor([kind == "binary" for kind in kinds], device=device)
