"""Is the baseline neutral at every length? What a model predicts of a clip whose every second is the training mean.

An effect is measured against that clip, of as many seconds as the one that is explained. Where its prediction changes
with the length alone, the same second has another effect in a longer clip.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sec2sec.checkpoints import Bundle
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.masker import masker_of


def baselines(bundle: Bundle, seconds: Sequence[int]) -> dict[str, np.ndarray]:
    """The prediction of average seconds, by target: one figure per length in s, 0..1."""
    model = bundle.model
    rows = []
    for length in seconds:
        masker, nothing = masker_of(model, Tokens(*model.references(length))), np.zeros((1, length), dtype=bool)
        with masker.threads():
            rows.append(masker.predictor(nothing, nothing)[0])
    return dict(zip(model.config.targets, np.stack(rows).T, strict=True))


def baseline_drift(bundle: Bundle, seconds: Sequence[int]) -> dict[str, float]:
    """How far the baseline of any length is from that of the first, at most; by target, without the diagnostics."""
    return {
        name: float(np.abs(values - values[0]).max())
        for name, values in baselines(bundle, seconds).items()
        if name not in bundle.summary.diagnostics
    }
