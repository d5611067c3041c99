"""Evidence without a model: figures made up to follow the effects they come with, every kind of finding in one clip."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sec2sec.explanations.evidence import (
    Cue,
    Evidence,
    Gradients,
    OrderCurve,
    Position,
    Sanity,
    SecondEffects,
    Shapley,
    Stability,
    TargetEvidence,
    Unfamiliar,
    Verdict,
)
from sec2sec.explanations.types import TargetExplanation

WARNING = "The attention hardly changes when the predictor is random: it does not show what the model learned."
VERDICTS = ("supported", "mixed", "not supported")  # of the first, second and third target
CUES = (
    ("loudness", "dB"), ("motion", "grey levels a frame"), ("cuts", "a second"), ("brightness", "share"),
    ("saturation", "share"), ("onset strength", "a.u."), ("speech", "share"),
)  # fmt: skip


def evidence(
    targets: Mapping[str, TargetExplanation], *, tokens: tuple[int, int], maps: bool, has_audio: bool,
    has_video: bool, partial: bool, stable: bool,
) -> Evidence:  # fmt: skip
    """tokens: visual and audio ones in a second."""
    r = np.random.default_rng(7)
    seconds = len(next(iter(targets.values())).effect)
    unfamiliar = [Unfamiliar(3, "silent", "no sound above −60 dB", -71.0), Unfamiliar(3, "unlike", "unlike 99 %", 0.99)]
    unfamiliar += [Unfamiliar(6, "frozen", "the picture stands still", 0.0)]
    if partial:
        unfamiliar.append(Unfamiliar(seconds - 1, "partial", "only a part of it is clip", 0.5))
    return Evidence(
        {name: _target(r, name, i, t, tokens, maps, has_audio and has_video, stable)
         for i, (name, t) in enumerate(targets.items())},
        tuple(found for found in unfamiliar if found.second < seconds),
        tuple(_cue(r, i, cue, targets, seconds) for i, cue in enumerate(CUES)),
    )  # fmt: skip


def _target(
    r: np.random.Generator, name: str, index: int, target: TargetExplanation, tokens: tuple[int, int], maps: bool,
    both: bool, stable: bool,
) -> TargetEvidence:  # fmt: skip
    whole, audio, video = target.effect, target.effect_audio, target.effect_video
    seconds = len(whole)
    neighbour = SecondEffects("neighbouring second", whole * 0.6, audio * 0.6, video * 0.5,
                              whole * 0.6 - audio * 0.6 - video * 0.5)  # fmt: skip
    spread = np.stack([np.minimum(whole, whole * 0.6), np.maximum(whole, whole * 0.6)])
    attention = target.attention
    steps = ("predictor", "+ seconds", "+ join", "+ co-attention")
    unlike = np.array([0.3, 0.1, -0.2, 0.0])
    like = np.array([0.9, 0.85, 0.8, 0.8]) if index == 1 else unlike
    shapley = None
    if both:
        picture = np.where(np.arange(seconds) % 4 == 1, -video, video)
        conflict = np.sign(audio) * np.sign(picture) < 0
        shapley = Shapley(0.21, -0.17 if index == 0 else 0.04, audio, picture, index == 0, conflict)
    flat = np.full(seconds, 1 / seconds)
    flat[len(flat) // 2 + 1 :] = np.nan  # the profile ends
    last = np.array([np.nan, np.nan, np.nan, unlike[-1]])
    weights = r.random((seconds, tokens[0])) ** 4, r.random((seconds, tokens[1])) ** 4
    bands: tuple[Stability, ...] = ()
    if stable:
        share = np.zeros(seconds) if attention is None else attention
        over = "cuts shifted by ±0.25 and ±0.5 s"
        bands = (Stability(over, share * 0.8, share * 1.2, whole - 0.01, whole + 0.02, 0.4, 0.6),)
    return TargetEvidence(
        (SecondEffects("training mean", whole, audio, video, whole - audio - video), neighbour),
        spread,
        _verdict(index, target),
        Sanity(
            steps,
            np.full(4, np.nan) if attention is None else like,
            unlike,
            unlike,
            last,
            last,
            WARNING if index == 1 else "",
        ),
        shapley,
        None if attention is None else Position(attention - flat, attention - flat[::-1]),
        Gradients(whole * 5, 0.031, *(weights if maps else (None, None))),
        bands,
    )


def _verdict(index: int, target: TargetExplanation) -> Verdict:
    seconds = len(target.effect)
    nan = float("nan")
    if target.attention is None:
        return Verdict(
            "no attention", "This model has no attention over seconds; the measured effect stands alone.", (), nan, nan
        )
    if seconds < 4:
        return Verdict(
            "too short", "The clip is too short (under 4 s) for a verdict.", ("1 s of 4 s needed",), nan, nan
        )
    word = VERDICTS[index % 3]
    rho = {"supported": 0.83, "mixed": 0.35, "not supported": -0.2}[word]
    steps = np.arange(seconds + 1)
    falls = target.prediction + (target.baseline - target.prediction) * (steps / seconds) ** 0.4
    rises = target.baseline + (target.prediction - target.baseline) * (steps / seconds) ** 0.4
    return Verdict(
        word,  # type: ignore[arg-type]
        f"The attention is {word} by what was measured in this clip.",
        (f"attention ranks the seconds as |effect| does: ρ = {rho}", "beats 97 % of random orders at deletion"),
        rho, 0.004 if index == 0 else 0.21,
        _curve(steps, falls, falls[::-1]), _curve(steps, rises, rises[::-1]),
        np.abs(target.prediction - falls[1:]), np.abs(target.prediction - rises[1:]), 0.112, 0.034,
    )  # fmt: skip


def _curve(steps: np.ndarray, values: np.ndarray, opposite: np.ndarray) -> OrderCurve:
    line = np.linspace(values[0], values[-1], len(steps))
    return OrderCurve(steps, values, float(values.mean()), line - 0.05, line + 0.05, float(line.mean()),
                      values[0] + values[-1] - opposite, float(line.mean()), 0.97)  # fmt: skip


def _cue(
    r: np.random.Generator, index: int, cue: tuple[str, str], targets: Mapping[str, TargetExplanation], seconds: int
) -> Cue:
    values = r.random(seconds) * (10 if index == 1 else 1) - (60 if index == 0 else 0)
    if index == 6:
        values[seconds // 2 :] = np.nan
    along = {name: 0.91 if index == 0 else (-0.72 if index == 3 else (float("nan") if index == 6 else 0.1))
             for name in targets}  # fmt: skip
    return Cue(*cue, values, along)
