"""A film as a curve: the prediction of each window of a clip that was encoded once.

A model that learned from clips of ten seconds is asked about ten seconds at a time. The windows of a film overlap, and
all are made of the same encoded seconds: a window costs a run of the LSTM, and a curve next to nothing.

    curve = prediction_curve(clip, window=10)
    curve.times, curve.values["arousal"]              # a point for each window, at its centre
    curve.part(clip, 3).explain()                     # why the window of point 3 came out as it did

N windows, T seconds, K targets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sec2sec.clip import AskError, EncodedClip
from sec2sec.progress import Progress, Steps, drain

WINDOWS_PER_STEP = 256  # between two reports of progress: some hundredths of a second for a bundled model


@dataclass(frozen=True)
class Curve:
    """The predictions of a clip's windows, in their order. Times are seconds of the file, as in every table."""

    window: float  # s, the length of a window; the clip's own where that is shorter
    hop: float  # s from the start of one window to that of the next; the last window ends with the clip
    starts: np.ndarray  # (N,)
    ends: np.ndarray  # (N,)
    values: Mapping[str, np.ndarray]  # by target: (N,) the prediction of each window, 0..1
    spread: Mapping[str, np.ndarray]  # by target: (2, N) lowest and highest of the windows that cover a point's time

    @property
    def times(self) -> np.ndarray:
        """(N,) where a window's point stands: at its centre."""
        centres: np.ndarray = (self.starts + self.ends) / 2
        return centres

    def part(self, clip: EncodedClip, point: int) -> EncodedClip:
        """The window of a point as a clip of its own, from the seconds of the clip that the curve was made of."""
        first = round(self.starts[point] - clip.info.start)
        return clip.part(first, min(first + round(self.window), clip.info.seconds))


def prediction_curve(
    clip: EncodedClip,
    *,
    window: float,
    hop: float = 1.0,
    progress: Callable[[Progress], object] | None = None,
) -> Curve:
    """The prediction of each window of a clip, `window` s long, one every `hop` s; of both whole seconds alone.

    A clip that is no longer than a window has one point. Raises AskError for a window or a hop that cannot be.
    """
    return drain(curve_steps(clip, window=window, hop=hop), progress or (lambda step: None))


def curve_steps(clip: EncodedClip, *, window: float, hop: float = 1.0) -> Steps[Curve]:
    """The same, some windows at a time."""
    length, step = whole_seconds(window, "window"), whole_seconds(hop, "hop")
    seconds, info = clip.info.seconds, clip.info
    length = min(length, seconds)
    firsts = window_starts(seconds, length, step)
    predictions = []
    for first in range(0, len(firsts), WINDOWS_PER_STEP):
        yield Progress(first, len(firsts), f"Predicted {first} of {len(firsts)} windows", "explaining")
        some = firsts[first : first + WINDOWS_PER_STEP]
        with clip.masker.threads():
            predictions.append(clip.masker.predict_parts(some, length))
    values = np.concatenate(predictions)  # (N, K)
    low, high = spread_of(values, firsts, length)
    names = clip.targets
    return Curve(
        window=float(length),
        hop=float(step),
        starts=info.start + firsts,
        ends=info.start + np.minimum(firsts + length, info.duration if info.partial else seconds),
        values={name: values[:, k] for k, name in enumerate(names)},
        spread={name: np.stack([low[:, k], high[:, k]]) for k, name in enumerate(names)},
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


def whole_seconds(value: float, what: str) -> int:
    """A length in whole seconds, of which a clip is made. Raises AskError."""
    if not math.isfinite(value) or value < 1 or value != round(value):
        raise AskError(f"a {what} of {value:g} s: a clip is encoded in whole seconds; choose 1, 2, 3 … s")
    return round(value)
