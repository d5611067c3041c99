"""Yardsticks of the pointing game that need no model: seconds that stand out by their place, or by what is on film.

A model's explanation is worth something where it finds more planted seconds than these do. The hardest to beat is the
odd one out: a planted second differs from its neighbours, and whoever looks for the second that differs most has looked
at the clip and at no model.

T seconds, C cues, N clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sec2sec.config import SAMPLE_RATE, EncoderConfig, MediaLimits
from sec2sec.datasets.extract import decode_all
from sec2sec.datasets.table import DataError, Row
from sec2sec.explanations.features.audio import FLOOR, loudness
from sec2sec.explanations.features.video import PictureMeter
from sec2sec.media import Second
from sec2sec.progress import Progress, Steps

# In dBFS, % of full luma from frame to frame, % of full luma, %, and octaves above 1 Hz
CUES = ("loudness", "motion", "brightness", "saturation", "spectral centroid")
LOUDNESS_AND_MOTION = slice(2)  # of CUES
MIN_SPREAD = 1e-3  # standard deviation of a cue within a clip, in its unit; below it the cue is the same everywhere

LAST, MIDDLE, LOUDEST, ODD_ONE_OUT = "last second", "middle second", "loudness + motion", "odd one out"
OF_CUES = (LOUDEST, ODD_ONE_OUT)  # those that need sound and picture
ABOUT = {  # what each of them is, for whoever reads a table
    LAST: "the last second, whatever the clip holds",
    MIDDLE: "the second in the middle, whatever the clip holds",
    LOUDEST: "the largest sum of loudness and motion, both as z within the clip",
    ODD_ONE_OUT: f"the largest sum of |z| within the clip over {', '.join(CUES[:-1])} and {CUES[-1]}",
}


def measure_cues(seconds: Sequence[Second]) -> np.ndarray:
    """The cues of a clip's decoded seconds, (C, T) in the order of CUES; NaN where there is nothing to measure."""
    meter = PictureMeter()
    cues = np.full((len(CUES), len(seconds)), np.nan)
    for t, second in enumerate(seconds):
        if second.samples is not None:
            cues[0, t] = loudness(second.samples[None])[0]
            cues[4, t] = spectral_centroid(second.samples)
        if second.frames is not None:
            picture = meter.measure(second.frames)
            cues[1:4, t] = picture.motion, picture.brightness, picture.saturation
    return cues


def spectral_centroid(samples: np.ndarray) -> float:
    """Where the middle of a second's power lies, in octaves above 1 Hz; (16000,) → NaN for digital silence."""
    if loudness(samples[None])[0] <= FLOOR:
        return float("nan")
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return float(np.log2(1 + (hertz * power).sum() / power.sum()))


def standardise(cues: np.ndarray) -> np.ndarray:
    """Each cue as z within the clip, (C, T) → (C, T); 0 where it is not measured, or the same in the whole clip."""
    there = np.isfinite(cues)
    count = np.maximum(there.sum(1, keepdims=True), 1)
    centred = np.where(there, cues - np.where(there, cues, 0.0).sum(1, keepdims=True) / count, 0.0)
    spread = np.sqrt((centred**2).sum(1, keepdims=True) / count)
    return np.where(spread > MIN_SPREAD, centred / np.maximum(spread, MIN_SPREAD), 0.0)


def yardstick_scores(seconds: int, cues: np.ndarray | None) -> dict[str, np.ndarray]:
    """What each yardstick gives each second, (T,) from 0 on, by name; the highest is its answer, equals share it.

    cues: of `measure_cues`; None where nobody measured them, and the yardsticks that need them are left out.
    """
    place = np.arange(float(seconds))
    scores = {LAST: place, MIDDLE: np.minimum(place, place[::-1])}
    if cues is not None:
        z = standardise(cues)
        both = z[LOUDNESS_AND_MOTION].sum(0)
        scores |= {LOUDEST: both - both.min(), ODD_ONE_OUT: np.abs(z).sum(0)}
    return scores


def measure_steps(
    rows: Sequence[Row], config: EncoderConfig, *, workers: int, limits: MediaLimits
) -> Steps[Mapping[str, np.ndarray]]:
    """The cues of clips that are decoded for them alone, by clip id: what a token cache does not hold.

    Worker processes decode and measure, so that 5 T numbers of a clip are all that comes back. Raises DataError for a
    clip that cannot be decoded.
    """
    measured: dict[str, np.ndarray] = {}
    decoded = decode_all(rows, config, measure_cues, workers=workers, limits=limits)
    for done, (row, cues) in enumerate(decoded, start=1):
        if isinstance(cues, str):
            raise DataError(cues)
        measured[row.id] = np.asarray(cues)
        yield Progress(done, len(rows), f"Measured the cues of {done} of {len(rows)} clips")
    return measured
