"""A long clip in windows: each is predicted as a clip of its own, of seconds that are encoded and embedded already.

A model that learned from clips of ten seconds is asked about ten seconds at a time. The windows overlap; of a Sec2Sec
system each costs a run of the LSTM, all in a batch.

The spread of a point is the range of the predictions of all windows that cover its time: how much the figure depends on
where the film was cut. It is no interval of confidence, and says nothing of how good the model is.

N windows, T seconds, K targets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sec2sec.errors import ExplanationError
from sec2sec.explanations.features.collect import Measured
from sec2sec.explanations.masker import Masker
from sec2sec.explanations.results import ClipSummary, Curve, Explanation
from sec2sec.progress import Progress, Steps

HOP = 1.0  # s
USUAL = {"silent": 0.0, "frozen": 100.0, "black": 0.0}  # dBFS, % of full luma and of pixels: nothing to remark


def curve_steps(masker: Masker, clip: ClipSummary, *, window: float, hop: float = 1.0) -> Steps[Curve]:
    """The prediction of each window of a clip, `window` s long, one every `hop` s; of both whole seconds alone.

    Raises ExplanationError for a window or a hop that cannot be.
    """
    step = whole_seconds(hop, "hop")
    length, seconds = min(whole_seconds(window, "window"), clip.seconds), clip.seconds
    firsts = window_starts(seconds, length, step)
    predictions = []
    for first in range(0, len(firsts), masker.parts_per_step):
        yield Progress(first, len(firsts), f"Predicted {first} of {len(firsts)} windows", "explaining")
        some = firsts[first : first + masker.parts_per_step]
        with masker.threads():
            predictions.append(masker.predict_parts(some, length))
    values = np.concatenate(predictions)  # (N, K)
    low, high = spread_of(values, firsts, length)
    return Curve(
        window=float(length),
        hop=float(step),
        starts=clip.start + firsts,
        ends=clip.start + np.minimum(firsts + length, clip.duration if clip.partial else seconds),
        values={name: values[:, k] for k, name in enumerate(masker.targets)},
        spread={name: np.stack([low[:, k], high[:, k]]) for k, name in enumerate(masker.targets)},
    )


def window_starts(seconds: int, length: int, hop: int) -> np.ndarray:
    """The first second of each window (N,): every `hop` seconds, and of the window that ends with the clip."""
    last = seconds - length
    starts = np.arange(0, last + 1, hop)
    return starts if starts[-1] == last else np.append(starts, last)


def spread_of(values: np.ndarray, firsts: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest prediction of the windows that cover each window's centre, (N, K) each.

    values (N, K), firsts (N,) in their order. A window covers the time from its start to just before its end.
    """
    centres = firsts + length / 2
    rows = [values[covers] for covers in _covering(centres, firsts, length)]
    return np.stack([row.min(0) for row in rows]), np.stack([row.max(0) for row in rows])


def _covering(centres: np.ndarray, firsts: np.ndarray, length: int) -> Iterator[slice]:
    """Which windows cover each of these times; they follow each other."""
    begin = np.searchsorted(firsts, centres - length, side="right")
    end = np.searchsorted(firsts, centres, side="right")
    return (slice(int(one), int(other)) for one, other in zip(begin, end, strict=True))


def measured_again(explanation: Explanation) -> Measured:
    """What was measured of a clip's seconds, from what its explanation says of them: enough to explain any part of it.

    Of silence, black and stillness it holds what was remarked; other seconds are as seconds are.
    """
    seconds = explanation.clip.seconds
    remarked = {kind: np.full(seconds, usual) for kind, usual in USUAL.items()}
    for remark in explanation.out_of_distribution:
        if remark.kind in remarked:
            remarked[remark.kind][remark.second] = remark.value
    partial = np.zeros(seconds, dtype=bool)
    partial[-1] = explanation.clip.partial
    tracks = {feature.name: feature.values for feature in explanation.features}
    return Measured(tracks, remarked["silent"], remarked["frozen"] / 100, remarked["black"] / 100, partial)


def whole_seconds(value: float, what: str) -> int:
    """A length in whole seconds, of which a clip is made. Raises ExplanationError."""
    if not math.isfinite(value) or value < 1 or value != round(value):
        raise ExplanationError(f"a {what} of {value:g} s: a clip is encoded in whole seconds; choose 1, 2, 3 … s")
    return round(value)


def window_seconds(clip: ClipSummary, curve: Curve, point: int) -> tuple[int, int]:
    """The first second of a point's window, and the one after its last."""
    first = round(float(curve.starts[point]) - clip.start)
    return first, min(first + round(curve.window), clip.seconds)
