"""Do attention and effect stay when the cuts between seconds move, or when another seed was trained? On demand.

A clip is cut into seconds at an arbitrary instant. Here the cuts move by ±0.25 and ±0.5 s, the clip is encoded again,
and the figures are carried back to the original seconds by the share of each that a shifted second covers. Frames are
taken at fixed instants of a second, so a shift by whole frames of the model needs no second decoding: a shifted second
is the end of one and the beginning of the next (0.25 s is 2 of 8 and 4 of 16 frames; other rates round to a frame).

Edges: every shift has the seconds of the clip. What lies before the first frame or after the last is filled as the
reader fills it, with the frame held and silence; what falls off the end is dropped. The outermost original second
takes the value of the shifted second that covers most of it, for the rest of it too.

T seconds, M frames in a second, K targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sec2sec.checkpoints import Bundle, CheckpointError
from sec2sec.config import DEFAULT_TRACKS, SAMPLE_RATE, MediaLimits, TrackChoice
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import batched, encode_seconds, join_tokens
from sec2sec.explanations.masker import masker_of
from sec2sec.explanations.results import Explanation, Occlusion, Stability, TargetExplanation
from sec2sec.explanations.verdict import with_witnesses
from sec2sec.explanations.witnesses import stability_witnesses
from sec2sec.media import Second
from sec2sec.media.isolated import read_clip
from sec2sec.progress import Progress, Steps

SHIFTS = (-0.5, -0.25, 0.25, 0.5)  # s
E = TypeVar("E", bound=Explanation)
CUTS_LABEL = "cuts shifted by ±0.25 and ±0.5 s"
NOT_OF_THE_WEIGHTS = ("data", "examples")  # of a training's settings: the place of its data, what its reports show


Bands = Mapping[str, tuple[Stability, ...]]  # by target: over shifted cuts, and over seeds where there are several


def stability_steps(
    path: Path | str,
    bundles: Sequence[Bundle],
    *,
    start: float = 0.0,
    end: float | None = None,
    limits: MediaLimits | None = None,
    tracks: TrackChoice = DEFAULT_TRACKS,
) -> Steps[Bands]:
    """Measure the part [start, end) of a file → the bands of each target.

    Raises MediaError, or CheckpointError for checkpoints that are no seeds of one training.

    The first checkpoint is measured under shifted cuts. Further ones are the same training with other seeds: all are
    measured with the cuts as they are. They share targets and the encoders' settings.
    """
    first = bundles[0]
    config, targets = first.encoders.config, first.model.config.targets
    for other in bundles[1:]:
        if other.encoders.config != config or other.model.config.targets != targets:
            raise CheckpointError(
                f"{other.summary.name}: has other targets or encoders than {first.summary.name}; "
                "give checkpoints of one training with other seeds"
            )
    clip = read_clip(
        path,
        start=start,
        end=end,
        frames_per_second=config.frames_per_second,
        frame_size=config.frame_size,
        limits=limits or MediaLimits(),
        tracks=tracks,
    )
    encoded: dict[tuple[int, float], list[Tokens]] = {}  # by checkpoint and shift
    moving = {shift: CutShifter(shift) for shift in SHIFTS}
    done = 0
    yield Progress(0, 0, "Opening the clip", "decoding")
    for batch in _with_end(batched(clip.seconds())):
        by_key = {(index, 0.0): batch for index in range(len(bundles))}
        by_key |= {(0, shift): cutter.add(batch) for shift, cutter in moving.items()}
        for key, seconds in by_key.items():
            if seconds:
                bundle = bundles[key[0]]
                encoded.setdefault(key, []).append(encode_seconds(seconds, bundle.encoders, bundle.device))
        done += len(batch)
        expected = max(1, round(clip.duration)) if np.isfinite(clip.duration) else 0
        message = f"Encoded {done} s with {len(SHIFTS)} other cuts"
        yield Progress(min(done, expected), expected / 0.9, message, "encoding")
    yield Progress(9, 10, "Measuring the effect of each second", "explaining")
    results = {key: masker_of(bundles[key[0]].model, join_tokens(tokens)).occlusion for key, tokens in encoded.items()}
    cuts = [carry_back(results[0, shift], shift) for shift in (0.0, *SHIFTS)]
    seeds = [results[index, 0.0] for index in range(len(bundles))]
    measured = [bands(targets, cuts, CUTS_LABEL)]
    if len(seeds) > 1:
        measured.append(bands(targets, seeds, f"{len(seeds)} seeds"))
    return {name: tuple(band[name] for band in measured) for name in targets}


def with_stability(explanation: E, bands: Bands) -> E:
    """The same explanation with the bands of its targets, and what they say for or against its verdicts."""

    def with_bands(target: TargetExplanation, own: tuple[Stability, ...]) -> TargetExplanation:
        witnesses = list(stability_witnesses(target.attention, own, explanation.clip.start))
        return replace(target, stability=own, verdict=with_witnesses(target.verdict, witnesses))

    targets = {name: with_bands(target, bands[name]) for name, target in explanation.targets.items()}
    return replace(explanation, targets=targets)


def other_seed(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two checkpoints, by their config.json, are one training on the same data with two seeds."""
    first, second = _training(one), _training(other)
    if first is None or second is None:
        return False
    seeds = first.pop("seed"), second.pop("seed")
    return first == second and seeds[0] != seeds[1]


def _training(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """What decided about the weights of a checkpoint; None where it does not say."""
    made = config.get("provenance")
    settings = (made.get("config") or made.get("recipe")) if isinstance(made, Mapping) else None
    if not isinstance(made, Mapping) or not isinstance(settings, Mapping) or "seed" not in settings:
        return None
    named = {key: value for key, value in settings.items() if key not in NOT_OF_THE_WEIGHTS}
    return named | {"made of": [config.get("encoder"), config.get("model"), made.get("data_sha256"), made.get("data")]}


def _with_end(batches: Iterable[list[Second]]) -> Iterator[list[Second]]:
    """The batches, and an empty one that says that none follows."""
    yield from batches
    yield []


class CutShifter:
    """Seconds of a clip, batch by batch → seconds that begin `shift` s (−1 to 1) later, as many of them."""

    def __init__(self, shift: float) -> None:
        self.shift = shift
        self._last: Second | None = None

    def add(self, batch: Sequence[Second]) -> list[Second]:
        """The shifted seconds that are complete now; an empty batch ends the clip."""
        shifted = []
        for second in batch:
            if self.shift < 0:
                before = self._last if self._last is not None else _held(second, slice(1))
                shifted.append(_between(before, second, 1 + self.shift, second.index))
            elif self._last is not None:
                shifted.append(_between(self._last, second, self.shift, self._last.index))
            self._last = second
        if not batch and self.shift > 0 and self._last is not None:
            shifted.append(_between(self._last, _held(self._last, slice(-1, None)), self.shift, self._last.index))
        return shifted


def _between(one: Second, next_one: Second, offset: float, index: int) -> Second:
    """The second that begins `offset` s (0–1) after the beginning of `one`."""
    frames = samples = None
    if one.frames is not None and next_one.frames is not None:
        skipped = round(offset * len(one.frames))
        frames = np.concatenate([one.frames[skipped:], next_one.frames[:skipped]])
    if one.samples is not None and next_one.samples is not None:
        skipped = round(offset * SAMPLE_RATE)
        samples = np.concatenate([one.samples[skipped:], next_one.samples[:skipped]])
    return Second(index, frames, samples, None, False)


def _held(second: Second, frame: slice) -> Second:
    """A second of silence with one frame held."""
    frames = None if second.frames is None else np.repeat(second.frames[frame], len(second.frames), 0)
    return replace(second, frames=frames, samples=None if second.samples is None else np.zeros_like(second.samples))


def carry_back(occlusion: Occlusion, shift: float) -> Occlusion:
    """Figures of shifted seconds → of the original seconds; attention sums to 1 again."""
    seconds = np.arange(occlusion.effect.shape[1])

    def carry(rows: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(seconds, seconds + shift, row) for row in rows])

    attention = None if occlusion.attention is None else carry(occlusion.attention)
    return replace(
        occlusion,
        attention=None if attention is None else attention / attention.sum(1, keepdims=True),
        effect=carry(occlusion.effect),
        effect_audio=carry(occlusion.effect_audio),
        effect_video=carry(occlusion.effect_video),
    )


def bands(targets: Sequence[str], results: Sequence[Occlusion], over: str) -> dict[str, Stability]:
    """Lowest and highest of each second over the results; attention is NaN where the system has none."""
    none = np.full(results[0].effect.shape, np.nan)
    attention = np.stack([none if one.attention is None else one.attention for one in results])  # (variants, K, T)
    effect, prediction = np.stack([one.effect for one in results]), np.stack([one.prediction for one in results])
    return {
        name: Stability(
            over=over,
            attention_low=attention[:, k].min(0),
            attention_high=attention[:, k].max(0),
            effect_low=effect[:, k].min(0),
            effect_high=effect[:, k].max(0),
            prediction_low=float(prediction[:, k].min()),
            prediction_high=float(prediction[:, k].max()),
        )
        for k, name in enumerate(targets)
    }
