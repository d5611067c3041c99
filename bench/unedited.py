"""The unedited twin of a known-truth clip: does its cue move the prediction, and is it found where it does?

Where a cue moves nothing there is nothing to explain, and no explanation can be blamed for looking elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sec2sec.checkpoints import Bundle
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.known_truth import LENGTHS, Level, Planted
from sec2sec.datasets.known_truth.generate import clip_path, render_steps
from sec2sec.datasets.known_truth.plan import bundled_films, plan_clip, without_decisive
from sec2sec.datasets.table import Row
from sec2sec.encoding import encode_seconds
from sec2sec.evaluation.pointing import Predicted
from sec2sec.explanations.masker import masker_of
from sec2sec.metrics import pointing
from sec2sec.progress import drain

UNSEEN = (0.5, 1.0)  # part of each film that no training clip has behind it
MIN_MOVED = 0.1  # of the prediction, by the edit


def predict_unedited(
    bundle: Bundle, directory: Path, clips: int, seed: int, level: Level, workers: int
) -> dict[str, np.ndarray]:
    """The predictions (K,) of clips of `make_clips` without their decisive seconds, by clip id.

    Each decisive second is a neutral one there. The twins stay in the folder of the clips, and go with it.
    """
    films = bundled_films(UNSEEN)
    plans = [without_decisive(plan_clip(seed, index, level, 0.0, LENGTHS, films)) for index in range(clips)]
    twins = directory / "unedited"
    clip_path(twins, plans[0]).parent.mkdir(parents=True, exist_ok=True)
    missing = [plan for plan in plans if not clip_path(twins, plan).exists()]
    drain(render_steps(twins, missing, clips, "twins", max(1, workers)))
    rows = [Row(plan.id, clip_path(twins, plan), {}, "test", plan.id) for plan in plans]
    predictions = {}
    for row, seconds in decode_all(rows, bundle.encoders.config, as_decoded, workers=workers):
        assert not isinstance(seconds, str), seconds  # our own clips
        tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
        predictions[row.id] = masker_of(bundle.model, tokens).occlusion.prediction
    return predictions


def pointing_where_moved(
    predicted: Predicted, unedited: Mapping[str, np.ndarray], planted: Mapping[str, Planted], targets: Sequence[int]
) -> tuple[float, int]:
    """Share of clips × targets whose top second is a decisive one, and their number; NaN of none.

    Of those alone whose prediction is at least MIN_MOVED from that of the unedited twin. targets: places among the K.
    """
    hits = []
    for row, occlusion in predicted:
        decisive = planted[row.id].decisive[: occlusion.effect.shape[1]]
        for k in targets:
            if abs(occlusion.prediction[k] - unedited[row.id][k]) >= MIN_MOVED:
                hits.append(pointing(np.abs(occlusion.effect[k]), decisive))
    return (float(np.mean(hits)) if hits else float("nan")), len(hits)
