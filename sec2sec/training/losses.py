"""What training makes small: cross-entropy for classes, the distance or the disagreement for scores.

B clips, K targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from sec2sec.metrics import TrainingLabels

SMOOTH_BELOW = 0.1  # scores lie in 0..1: errors below this count squared, so that small ones pull less
ScoreLoss = Literal["l1", "smooth_l1", "ccc"]


@dataclass(frozen=True)
class LossOptions:
    """How the loss of a clip is counted."""

    score_loss: ScoreLoss = "l1"
    label_smoothing: float = 0.0  # 0..1: a class y is taught as y (1 − s) + s / 2
    class_weights: tuple[tuple[float, float], ...] = ()  # of classes 0 and 1, for each target; 1 if empty


def balanced_weights(labels: Mapping[str, TrainingLabels]) -> tuple[tuple[float, float], ...]:
    """Weights by which both classes of a target count the same in training: N / (2 n) of a class with n of N clips.

    As in scikit-learn's class_weight="balanced" (King & Zeng 2001). Scores weigh 1.
    """
    return tuple(
        (0.5 / (1 - target.positive), 0.5 / target.positive) if target.kind == "binary" else (1.0, 1.0)
        for target in labels.values()
    )


def clip_loss(
    logits: Tensor,
    labels: Tensor,
    kinds: Sequence[str],
    options: LossOptions | None = None,
    weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Sum of the losses and number of labels. logits and labels (B, K), NaN where a clip has no label.

    weights (B,): by which the loss of each clip is multiplied; the number of labels stays what it is.

    Binary targets: cross-entropy with logits. Scores: L1, or smooth L1 at SMOOTH_BELOW, between sigmoid and label
    (paper §4.1 measures 1 − |y − ŷ|); or 1 − CCC over the clips that come together, for each of them.
    """
    options = options or LossOptions()
    labelled = ~labels.isnan()
    truth = labels.nan_to_num()
    binary = _binary(tuple(kinds), logits.device)
    logits = logits.float()  # half precision has no room for a sum over a batch
    taught = truth + options.label_smoothing * (0.5 - truth) if options.label_smoothing else truth
    cross_entropy = F.binary_cross_entropy_with_logits(logits, taught, reduction="none")
    if options.class_weights:
        by_class = _weights(options.class_weights, logits.device)
        cross_entropy = cross_entropy * torch.where(truth > 0.5, by_class[:, 1], by_class[:, 0])
    losses = torch.where(binary, cross_entropy, _score_losses(logits.sigmoid(), truth, labelled, options.score_loss))
    losses = losses.where(labelled, 0.0)
    if weights is not None:
        losses = losses * weights.to(losses.dtype)[:, None]
    return losses.sum(), labelled.sum()


def _score_losses(prediction: Tensor, truth: Tensor, labelled: Tensor, kind: ScoreLoss) -> Tensor:
    """(B, K)."""
    if kind == "ccc":
        return (1 - concordance(prediction, truth.to(prediction.dtype), labelled)).expand_as(prediction)
    if kind == "l1":
        return F.l1_loss(prediction, truth, reduction="none")
    return F.smooth_l1_loss(prediction, truth, reduction="none", beta=SMOOTH_BELOW)


def concordance(prediction: Tensor, truth: Tensor, labelled: Tensor) -> Tensor:
    """(K,) the concordance correlation coefficient over the labelled clips (Lin 1989); 0 where nothing varies."""
    count = labelled.sum(0).clamp_min(1)

    def mean(values: Tensor) -> Tensor:
        return values.where(labelled, 0.0).sum(0) / count

    means = mean(prediction), mean(truth)
    apart = prediction - means[0], truth - means[1]
    spread = mean(apart[0].square()) + mean(apart[1].square()) + (means[0] - means[1]).square()
    return 2 * mean(apart[0] * apart[1]) / spread.clamp_min(1e-8)


@lru_cache(maxsize=16)
def _binary(kinds: tuple[str, ...], device: torch.device) -> Tensor:
    """(K,) which targets are binary: made once, as each upload to a GPU waits for it."""
    with torch.inference_mode(False):  # or autograd would refuse it later
        return torch.tensor([kind == "binary" for kind in kinds], device=device)


@lru_cache(maxsize=16)
def _weights(weights: tuple[tuple[float, float], ...], device: torch.device) -> Tensor:
    """(K, 2), made once as well."""
    with torch.inference_mode(False):
        return torch.tensor(weights, device=device)
