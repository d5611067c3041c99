"""Decoded seconds → features, second by second: of a clip only the sound and a colour histogram per frame are kept.

T seconds, M frames in a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from sec2sec.config import RESIZE, SAMPLE_RATE
from sec2sec.explanations.features.audio import loudness, onsets_and_tempo, peak
from sec2sec.explanations.features.speech import speech_probability
from sec2sec.explanations.features.video import PictureMeter, PictureSecond, count_cuts
from sec2sec.explanations.ranks import rank_correlation
from sec2sec.explanations.results import Feature
from sec2sec.media import Second

MIN_SECONDS_FOR_CORRELATION = 4  # seconds; three ranks agree by chance once in six

# Every feature, in the order of the lanes, with its unit.
UNITS = {
    "loudness": "dBFS",  # RMS of the second below a full-scale square wave; not weighted for the ear
    "motion": "% of full luma, frame to frame",
    "cuts": "a second",
    "brightness": "% of full luma",
    "saturation": "%",
    "tempo": "beats a minute",
    "onset strength": "dB",  # mean rise over the mel bands from one 20-ms step to the next
    "speech": "probability",
}


@dataclass(frozen=True)
class Measured:
    """What was measured of a clip's seconds, each (T,); NaN without the modality or where it cannot be told."""

    tracks: Mapping[str, np.ndarray]  # by the names of UNITS; of modalities that the clip has
    peak: np.ndarray  # loudest sample, dBFS
    stillness: np.ndarray  # largest mean luma difference between neighbouring frames, share of full luma
    black: np.ndarray  # share of pixels that are black, of the second's brightest frame
    partial: np.ndarray  # bool

    def part(self, first: int, end: int) -> Measured:
        """The same of the seconds [first, end) alone; tempo and speech were heard in the whole clip."""
        tracks = {name: values[first:end] for name, values in self.tracks.items()}
        return Measured(tracks, *(own[first:end] for own in (self.peak, self.stillness, self.black, self.partial)))


class FeatureCollector:
    """Takes a clip's seconds in their order, one by one or a batch at a time."""

    def __init__(self) -> None:
        self._meter = PictureMeter()
        self._pictures: list[PictureSecond] = []
        self._samples: list[np.ndarray] = []
        self._partial: list[bool] = []

    def add(self, second: Second) -> None:
        """Measure the picture of a second, and keep its sound."""
        self._partial.append(second.partial)
        if second.frames is not None:
            self._pictures.append(self._meter.measure(second.frames))
        if second.samples is not None:
            self._samples.append(second.samples)

    def finish(self) -> Measured:
        """What the clip came to; tempo, onsets and speech need its whole sound."""
        tracks: dict[str, np.ndarray] = {}
        absent = np.full(len(self._partial), np.nan)
        highest = stillness = black = absent
        if self._samples:
            sound = np.stack(self._samples)  # (T, 16000)
            highest = peak(sound)
            tracks["loudness"] = loudness(sound)
            tracks["onset strength"], tracks["tempo"] = onsets_and_tempo(sound)
            tracks["speech"] = speech_probability(sound)
        if self._pictures:
            tracks["motion"] = np.array([second.motion for second in self._pictures])
            tracks["cuts"] = count_cuts(np.stack([second.colours for second in self._pictures]))
            tracks["brightness"] = np.array([second.brightness for second in self._pictures])
            tracks["saturation"] = np.array([second.saturation for second in self._pictures])
            stillness = np.array([second.stillness for second in self._pictures])
            black = np.array([second.black for second in self._pictures])
        ordered = {name: tracks[name] for name in UNITS if name in tracks}
        return Measured(ordered, highest, stillness, black, np.array(self._partial, bool))


class FeatureThread:
    """A FeatureCollector in a thread of its own: decoding and encoding do not wait for it, nor does a GPU."""

    def __init__(self) -> None:
        self._collector = FeatureCollector()
        self._thread = ThreadPoolExecutor(1, "features")
        self._adding: Future[None] | None = None

    def add(self, seconds: Sequence[Second]) -> None:
        """Measure some seconds while the caller goes on; waits for those before, which bounds memory."""
        if self._adding is not None:
            self._adding.result()
        self._adding = self._thread.submit(self._add, seconds)

    def _add(self, seconds: Sequence[Second]) -> None:
        for second in seconds:
            self._collector.add(second)

    def finish(self) -> Callable[[], Measured]:
        """What gives what the clip came to, and waits for it; raises what measuring raised."""
        if self._adding is not None:
            self._adding.result()
        measured = self._thread.submit(self._collector.finish)
        self._thread.shutdown(wait=False)
        return measured.result

    def cancel(self) -> None:
        """Nothing further is measured; does nothing once it is finished."""
        self._thread.shutdown(wait=False)


def features_of(measured: Measured, effects: Mapping[str, np.ndarray]) -> tuple[Feature, ...]:
    """The lanes. effects: target → the effect of each second (T,), with which each feature is correlated."""
    stacked = np.stack(list(effects.values()))
    return tuple(
        Feature(name, UNITS[name], values, dict(zip(effects, correlation(values, stacked).tolist(), strict=True)))
        for name, values in measured.tracks.items()
    )


def correlation(values: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """Spearman's ρ with each effect (K, T) → (K,), over the seconds where all are finite.

    NaN under MIN_SECONDS_FOR_CORRELATION of them, or where one side is constant.
    """
    finite = np.isfinite(values) & np.isfinite(effects).all(0)
    if finite.sum() < MIN_SECONDS_FOR_CORRELATION:
        return np.full(len(effects), np.nan)
    return rank_correlation(values[finite], effects[:, finite])


def warm_up() -> None:
    """Load and build what the first clip would otherwise wait for: Silero's weights, the mel filters."""
    collector = FeatureCollector()
    sound = np.random.default_rng(0).normal(0, 0.1, (MIN_SECONDS_FOR_CORRELATION, SAMPLE_RATE)).astype(np.float32)
    for index in range(MIN_SECONDS_FOR_CORRELATION):
        collector.add(Second(index, np.zeros((2, *RESIZE, 3), np.uint8), sound[index], None, False))
    features_of(collector.finish(), {"any": np.arange(float(MIN_SECONDS_FOR_CORRELATION))})
