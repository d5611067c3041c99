"""Evidence without a model: figures made up to follow the effects they come with, every kind of finding in one clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sec2sec.explanations import Explanation, TargetExplanation
from sec2sec.explanations.randomisation import warning
from sec2sec.explanations.results import (
    Feature,
    Gradients,
    OrderCurve,
    OutOfDistribution,
    ProfileDeviation,
    RandomisationTest,
    SecondEffects,
    Shapley,
    Stability,
    Verdict,
    Word,
)
from sec2sec.explanations.witnesses import learning_witness

VERDICTS: tuple[Word, ...] = ("trust", "careful", "do not trust")  # of the first, second and third target
FEATURES = (
    ("loudness", "dB"), ("motion", "grey levels a frame"), ("cuts", "a second"), ("brightness", "share"),
    ("saturation", "share"), ("onset strength", "a.u."), ("speech", "share"),
)  # fmt: skip


def with_evidence(bare: Explanation, *, tokens: tuple[int, int], maps: bool, stable: bool) -> Explanation:
    """tokens: visual and audio ones in a second."""
    r = np.random.default_rng(7)
    clip, unlike = bare.clip, [OutOfDistribution(3, "silent", "no sound above −60 dB", -71.0)]
    unlike += [OutOfDistribution(3, "unlike", "unlike 99 %", 0.99)]
    unlike += [OutOfDistribution(6, "frozen", "the picture stands still", 0.0)]
    if clip.partial:
        unlike.append(OutOfDistribution(clip.seconds - 1, "partial", "only a part of it is clip", 0.5))
    targets = {
        name: _target(r, i, target, tokens, maps, clip.has_audio and clip.has_video, stable)
        for i, (name, target) in enumerate(bare.targets.items())
    }
    return replace(
        bare,
        targets=targets,
        out_of_distribution=tuple(one for one in unlike if one.second < clip.seconds),
        features=tuple(_feature(r, i, feature, targets, clip.seconds) for i, feature in enumerate(FEATURES)),
    )


def _target(
    r: np.random.Generator, index: int, target: TargetExplanation, tokens: tuple[int, int], maps: bool, both: bool,
    stable: bool,
) -> TargetExplanation:  # fmt: skip
    whole, audio, video = target.effect, target.effect_audio, target.effect_video
    seconds = len(whole)
    neighbour = SecondEffects("neighbouring second", whole * 0.6, audio * 0.6, video * 0.5,
                              whole * 0.6 - audio * 0.6 - video * 0.5)  # fmt: skip
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
    judgement = target.verdict
    if judgement.word != "nothing to judge":
        judgement = replace(judgement, witnesses=(learning_witness(float(like[-1]), float(unlike[-1])),))
    return replace(
        target,
        verdict=judgement,
        effects=(*target.effects, neighbour),
        randomisation=RandomisationTest(
            steps,
            np.full(4, np.nan) if attention is None else like,
            unlike,
            like,
            last,
            last,
            warning({"attention": float("nan") if attention is None else like[-1], "maps": like[-1]}),
        ),
        shapley=shapley,
        profile=None if attention is None else ProfileDeviation(attention - flat, attention - flat[::-1]),
        gradients=Gradients(whole * 5, 0.031, *(weights if maps else (None, None))),
        stability=bands,
    )


def verdict(index: int, attention: np.ndarray | None, prediction: float, baseline: float, seconds: int) -> Verdict:
    """Of the first, second and third target another word."""
    nan = float("nan")
    if attention is None:
        return Verdict(
            "nothing to judge",
            "This model has no attention over seconds; the measured effect stands alone.",
            (),
            nan,
            nan,
        )
    if seconds < 4:
        return Verdict(
            "nothing to judge", "The clip is too short (under 4 s) for a verdict.", ("1 s of 4 s needed",), nan, nan
        )
    word = VERDICTS[index % 3]
    rho = {"trust": 0.83, "careful": 0.35, "do not trust": -0.2}[word]
    steps = np.arange(seconds + 1)
    falls = prediction + (baseline - prediction) * (steps / seconds) ** 0.4
    rises = baseline + (prediction - baseline) * (steps / seconds) ** 0.4
    return Verdict(
        word,
        f"The word is {word}, by what was measured in this clip.",
        (f"attention ranks the seconds as |effect| does: ρ = {rho}", "beats 97 % of random orders at deletion"),
        rho, 0.004 if index == 0 else 0.21,
        _curve(steps, falls, falls[::-1]), _curve(steps, rises, rises[::-1]),
        np.abs(prediction - falls[1:]), np.abs(prediction - rises[1:]), 0.112, 0.034,
    )  # fmt: skip


def _curve(steps: np.ndarray, values: np.ndarray, opposite: np.ndarray) -> OrderCurve:
    line = np.linspace(values[0], values[-1], len(steps))
    return OrderCurve(steps, values, float(values.mean()), line - 0.05, line + 0.05, float(line.mean()),
                      values[0] + values[-1] - opposite, float(line.mean()), 0.97, 0.97)  # fmt: skip


def _feature(
    r: np.random.Generator, index: int, feature: tuple[str, str], targets: Mapping[str, TargetExplanation], seconds: int
) -> Feature:
    values = r.random(seconds) * (10 if index == 1 else 1) - (60 if index == 0 else 0)
    if index == 6:
        values[seconds // 2 :] = np.nan
    rho = 0.91 if index == 0 else (-0.72 if index == 3 else (float("nan") if index == 6 else 0.1))
    return Feature(*feature, values, dict.fromkeys(targets, rho))
