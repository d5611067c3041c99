"""A film as a curve: the prediction of each window of a clip that was encoded once.

    curve = prediction_curve(clip, window=10)
    curve.times, curve.values["arousal"]              # a point for each window, at its centre
    window_of(clip, curve, 3).explain()               # why the window of point 3 came out as it did

N windows.
"""

from __future__ import annotations

from collections.abc import Callable

from sec2sec.clip import AskError, EncodedClip
from sec2sec.explanations.results import Curve
from sec2sec.explanations.windows import curve_steps, window_seconds
from sec2sec.progress import Progress, drain


def prediction_curve(
    clip: EncodedClip,
    *,
    window: float,
    hop: float = 1.0,
    progress: Callable[[Progress], object] | None = None,
) -> Curve:
    """The prediction of each window of a clip, `window` s long, one every `hop` s; of both whole seconds alone.

    A clip that is no longer than a window has one point. Raises ExplanationError for a window or a hop that cannot be.
    """
    return drain(curve_steps(clip.masker, clip.info, window=window, hop=hop), progress or (lambda step: None))


def window_of(clip: EncodedClip, curve: Curve, point: int) -> EncodedClip:
    """The window of a point as a clip of its own: nothing is decoded or encoded again. clip: whose curve it is."""
    if not 0 <= point < len(curve.starts):
        raise AskError(f"the curve has points 0 to {len(curve.starts) - 1}, not {point}")
    return clip.part(*window_seconds(clip.info, curve, point))
