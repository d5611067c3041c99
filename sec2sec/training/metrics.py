"""How good a prediction is, always beside what needs no model at all.

The functions come from torchmetrics; here is which of them, on what, beside which trivial baseline.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torchmetrics.functional.classification import binary_accuracy, binary_auroc, binary_f1_score, binary_recall


def classification(prediction: np.ndarray, label: np.ndarray, training_positive: float) -> dict[str, Any]:
    """Metrics of one binary target. prediction (N,) in 0..1, label (N,) 0 or 1; class 1 above .5.

    training_positive: share of class 1 among the training labels, from which the trivial baselines are made: majority
    always answers the training labels' more frequent class, always_positive always 1.
    """
    scores, truth = torch.from_numpy(prediction), torch.from_numpy(label).long()
    majority = np.full_like(prediction, float(training_positive >= 0.5))
    return {
        **_answers(scores, truth),
        "auroc": round(float(binary_auroc(scores, truth)), 6) if 0 < int(truth.sum()) < len(truth) else None,
        "positive": round(float(truth.double().mean()), 6),
        "clips": len(truth),
        "trivial": {
            "majority": _answers(torch.from_numpy(majority), truth),
            "always_positive": _answers(torch.ones_like(scores), truth),
        },
    }


def _answers(scores: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
    found = {
        "accuracy": binary_accuracy(scores, truth),
        "f1": binary_f1_score(scores, truth),
        "balanced_accuracy": (binary_recall(scores, truth) + binary_recall(1 - scores, 1 - truth)) / 2,
        "macro_f1": (binary_f1_score(scores, truth) + binary_f1_score(1 - scores, 1 - truth)) / 2,
    }
    return {name: round(float(value), 6) for name, value in found.items()}  # torchmetrics counts in single precision


def pointing(scores: np.ndarray, decisive: np.ndarray) -> bool:
    """Pointing game (Zhang et al. 2018): does the highest-scoring second carry a planted cue? Both (T,)."""
    return bool(decisive[int(np.argmax(scores))])
