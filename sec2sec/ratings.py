"""People's ratings of a clip beside what a model made of it: both on the clip's seconds, and how well they fit.

The prediction of a window is an average over its seconds, so every other curve that is compared with the ratings, the
yardsticks of no model included, is averaged over the same windows.

T seconds, N windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sec2sec.clip import EncodedClip
from sec2sec.curve import prediction_curve
from sec2sec.datasets.tracks import RatingTrack
from sec2sec.explanations.lagged import MAX_LAG, MIN_SECONDS, lagged_correlation
from sec2sec.explanations.ratings import ATTENTION, CURVE, EFFECT, YARDSTICKS, Rating, RatingFit
from sec2sec.explanations.results import Explanation
from sec2sec.lengths import learned_lengths

WINDOW = 10  # s, where a checkpoint does not say which lengths it learned from
LONGEST_GAP = 5.0  # s between two values that are joined by a straight line where a track has fewer than one per second


def with_ratings(clip: EncodedClip, explanation: Explanation, tracks: Sequence[RatingTrack]) -> Explanation:
    """The explanation with people's ratings beside it."""
    return replace(explanation, ratings=rate(clip, explanation, tracks))


def rate(clip: EncodedClip, explanation: Explanation, tracks: Sequence[RatingTrack]) -> tuple[Rating, ...]:
    """Each value of each track beside the clip, with the fit of prediction curve, effect, attention and yardsticks.

    A track that is called like a target is compared with that target alone. Its times count from the beginning of the
    file. Windows are those of the explanation's curve, else of the length that the model learned from.
    """
    pairs = [(track, name) for track in tracks for name in track.values]
    seconds, window = clip.info.seconds, window_of_model(clip, explanation)
    least = window + MAX_LAG + MIN_SECONDS - 1
    if seconds < least:
        note = (
            f"No correlation: the {seconds} s that were analysed are too few. From {least} s on there are "
            f"{MIN_SECONDS} points to compare, after windows of {window} s and lags of up to {MAX_LAG} s."
        )
        return tuple(beside(clip, track, name, note) for track, name in pairs)
    curve = prediction_curve(clip, window=window).values
    return tuple(_compared(clip, explanation, curve, track, name, window) for track, name in pairs)


def window_of_model(clip: EncodedClip, explanation: Explanation) -> int:
    """The windows in which the clip is predicted, s. Raises CheckpointError for metrics that say nothing of clips."""
    if explanation.curve is not None and explanation.curve.hop == 1:
        return round(explanation.curve.window)
    learned = learned_lengths(clip.model.metrics, clip.model.summary.name)
    return WINDOW if learned is None else learned.window


def beside(clip: EncodedClip, track: RatingTrack, name: str, note: str = "") -> Rating:
    """One value of a track on the clip's own times, compared with nothing."""
    times = track.times - clip.info.start
    inside = (times >= 0) & (times < clip.info.seconds)
    own = sampled(track, name, clip.info.start, clip.info.seconds)
    return Rating(name, track.name, times[inside], track.values[name][inside], own, note=note)


def sampled(track: RatingTrack, name: str, start: float, count: int) -> np.ndarray:
    """The mean of the values in each of `count` seconds from `start` s of the file on; NaN where nobody said anything.

    Between two values with an empty second between them, at most LONGEST_GAP apart, it is a straight line.
    """
    means = RatingTrack(track.times - start, track.values, track.name).from_zero().per_second(name, count)
    known = np.isfinite(track.values[name])
    times, values = track.times[known] - start, track.values[name][known]
    middles = np.arange(count) + 0.5
    after = np.searchsorted(times, middles)
    between = (after > 0) & (after < len(times))
    gap = np.full(count, np.inf)
    gap[between] = times[after[between]] - times[after[between] - 1]
    joined = np.isnan(means) & (gap <= LONGEST_GAP) & (gap > 1.0)
    means[joined] = np.interp(middles[joined], times, values)
    return means


def averaged(values: np.ndarray, window: int) -> np.ndarray:
    """The mean over each window of seconds (N,); NaN where one of them is unknown."""
    means: np.ndarray = np.lib.stride_tricks.sliding_window_view(values, window).mean(-1)
    return means


def at_centres(seconds: np.ndarray, window: int) -> np.ndarray:
    """The ratings where the windows have their centres (N,): of one second, or of the two beside the centre."""
    middle = seconds[window // 2 : len(seconds) - (window - 1) // 2]
    if window % 2:
        return middle
    before = seconds[window // 2 - 1 : len(seconds) - window // 2]
    mean: np.ndarray = (before + middle) / 2
    return mean


def _compared(
    clip: EncodedClip,
    explanation: Explanation,
    curve: Mapping[str, np.ndarray],
    track: RatingTrack,
    name: str,
    window: int,
) -> Rating:
    plain = beside(clip, track, name)
    targets = {target: explanation.targets[target] for target in _targets(explanation, name)}
    curves = {target: Curves(curve[target], own.effect, own.attention) for target, own in targets.items()}
    features = {feature.name: feature.values for feature in explanation.features}
    return replace(plain, fits=fits_of(curves, features, plain.seconds, window), window=window)


def _targets(explanation: Explanation, name: str) -> list[str]:
    shown = [target for target in explanation.targets if target not in explanation.checkpoint.diagnostics]
    same = [target for target in shown if target.casefold() == name.casefold()]
    return same or shown


@dataclass(frozen=True)
class Curves:
    """What a model says of one target over time."""

    prediction: np.ndarray  # (N,) of each window, one starting every second
    effect: np.ndarray  # (T,)
    attention: np.ndarray | None  # (T,); None where the system has none


def fits_of(
    curves: Mapping[str, Curves], features: Mapping[str, np.ndarray], seconds: np.ndarray, window: int
) -> tuple[RatingFit, ...]:
    """How well the curves of each target, and the yardsticks among the features (T,), fit the ratings (T,)."""
    ratings = at_centres(seconds, window)
    fits = []
    for target, own in curves.items():
        fits.append(_fit(target, CURVE, own.prediction, ratings))
        fits.append(_fit(target, EFFECT, averaged(own.effect, window), ratings))
        if own.attention is None:
            fits.append(RatingFit(target, ATTENTION, None, "this system has no attention"))
        else:
            fits.append(_fit(target, ATTENTION, averaged(own.attention, window), ratings))
    for name in YARDSTICKS:
        if name in features:
            fits.append(_fit("", name, averaged(features[name], window), ratings))
        else:
            fits.append(RatingFit("", name, None, f"the clip has no {'sound' if name == 'loudness' else 'picture'}"))
    return tuple(fits)


def _fit(target: str, series: str, values: np.ndarray, ratings: np.ndarray) -> RatingFit:
    found = lagged_correlation(values, ratings)
    if found is not None:
        return RatingFit(target, series, found)
    is_flat = len(values) > 0 and float(np.nanmax(values)) - float(np.nanmin(values)) < 1e-9
    why = (
        "does not change" if is_flat else f"fewer than {MIN_SECONDS} points with ratings, or ratings that do not change"
    )
    return RatingFit(target, series, None, why)
