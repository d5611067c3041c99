"""What is planted in a known-truth clip: the state of each second, its evidence, and the classes that follow.

Arousal rises with motion, loudness, tempo and saturation (Hanjalic & Xu 2005; Valdez & Mehrabian 1994), valence with
brightness, warm hue, consonant major harmony and pitch, and sound and picture that agree amplify each other. Synchrony
is 1 where flashes and beats fall in the same eighths of a second and 0 where they fall in different ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

Level = Literal["plain", "cluttered"]
Carrier = Literal["notes", "speech", "wind", "pad", "crowd", "silence", "mute"]

LEVELS: tuple[Level, ...] = ("plain", "cluttered")
TARGETS = ("arousal", "valence", "synchrony")
STATES = ("motion", "saturation", "brightness", "warmth", "loudness", "rate", "pitch", "harmony")
SLOTS = 8  # eighths of a second; an onset fills one
LENGTHS = (8, 12)  # s; the shortest and the longest clip, as LIRIS-ACCEDE has them
MIN_CLIP_SECONDS = 4  # s; up to three seconds are decisive, and one at least is not
SOFT_TARGET_SLOPE = 1.5  # soft target = sigmoid(SOFT_TARGET_SLOPE · Σ evidence)
MIN_EVIDENCE_SUM = 0.8  # |Σ evidence| of a clip with a class: below it nobody could say which class it is
NEUTRAL_WEIGHT = 0.25  # a neutral second counts a quarter of what the same states count in a decisive one
NEUTRAL_LIMIT = 0.06  # |evidence| of a neutral second beside decisive ones: twelve of them cannot outweigh a class
GRADED_LIMIT = 0.25  # |evidence| of a second in a clip without decisive seconds: ten of them reach sigmoid(±3.75)
NEUTRAL_SUM = 0.35  # |Σ evidence| of the neutral seconds of one clip with decisive ones
DECOY_SHARE = 0.27  # share of cluttered clips with a decoy second
MIN_RATE = 0.1  # rate of sound without onsets: wind, silence, a held chord

# For each graded target, the weights of its picture states and of its sound states; both sum to 1.
CUES: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "arousal": ({"motion": 0.65, "saturation": 0.35}, {"loudness": 0.5, "rate": 0.5}),
    "valence": ({"brightness": 0.5, "warmth": 0.5}, {"harmony": 0.55, "pitch": 0.45}),
}
WEIGHT_ALONE, WEIGHT_TOGETHER = 0.45, 0.5  # weight of each modality by itself, and of both where they agree


@dataclass(frozen=True)
class Second:
    """One second of a clip. States are in [0, 1] with 0.5 in the middle."""

    motion: float = 0.5
    saturation: float = 0.5
    brightness: float = 0.5
    warmth: float = 0.5
    loudness: float = 0.5
    rate: float = 0.5
    pitch: float = 0.5
    harmony: float = 0.5
    decisive: bool = False
    decoy: bool = False
    flashes: frozenset[int] = frozenset()  # eighths of the second that hold a flash
    beats: frozenset[int] = frozenset()
    synchrony: int | None = None  # only where flashes and beats form a pair
    pulse: float = 1.0  # strength of flashes and beats, 0.6–1.4
    carrier: Carrier = "notes"  # what sounds
    evidence: tuple[float, float, float] = (0.0, 0.0, 0.0)  # one per target, signed


def _of(states: dict[str, Any]) -> Second:
    return Second(**states)


@dataclass(frozen=True)
class Plan:
    """Everything that is decided about a clip before it is drawn."""

    id: str
    index: int
    level: Level
    seconds: tuple[Second, ...]
    classes: dict[str, int | None]
    scene: str  # the situation of a clip without decisive seconds, or "decisive"
    entropy: list[int] = field(repr=False, default_factory=list)

    def rng(self, stream: int) -> np.random.Generator:
        """A generator of this clip alone: the same whatever else is made, by however many workers."""
        return np.random.default_rng(np.random.SeedSequence([*self.entropy, stream]))


def graded_evidence(second: Second, target: str) -> float:
    """What the states of a second say about arousal or valence if it is decisive, in about [-1.4, 1.4]."""
    picture_cues, sound_cues = CUES[target]
    picture: float = sum(w * (2 * getattr(second, name) - 1) for name, w in picture_cues.items())
    sound: float = sum(w * (2 * getattr(second, name) - 1) for name, w in sound_cues.items())
    return WEIGHT_ALONE * (picture + sound) + WEIGHT_TOGETHER * math.copysign(max(0.0, picture * sound), picture)


def with_evidence(second: Second, limit: float) -> Second:
    """The second with its evidence filled in. limit: largest |evidence| that a neutral second may have."""
    if second.decisive:
        pair = second.pulse if second.synchrony == 1 else -second.pulse
        return replace(second, evidence=(graded_evidence(second, "arousal"), graded_evidence(second, "valence"), pair))
    mild = [NEUTRAL_WEIGHT * graded_evidence(second, t) for t in ("arousal", "valence")]
    arousal, valence = (max(-limit, min(limit, e)) for e in mild)
    return replace(second, evidence=(arousal, valence, 0.0))


def slot_pair(rng: np.random.Generator) -> tuple[frozenset[int], frozenset[int]]:
    """Two disjoint patterns of as many onsets, 2 or 3, neither with neighbours: two flashes side by side would be one.

    The pair is exchangeable, so a pattern taken once, taken twice or taken as the other has the same distribution, and
    neither flashes alone nor beats alone tell the class.
    """
    count = int(rng.integers(2, 4))
    while True:
        first, second = (rng.permutation(SLOTS)[:count] for _ in range(2))
        if set(first) & set(second):
            continue
        if all(np.diff(np.sort(p)).min() > 1 for p in (first, second)):
            return frozenset(map(int, first)), frozenset(map(int, second))


def plan_clip(seed: int, index: int, level: Level, neutral: float, lengths: tuple[int, int] = LENGTHS) -> Plan:
    """Decide the seconds of one clip. neutral: share of clips without a decisive second; lengths in s."""
    entropy = [seed, LEVELS.index(level), index]
    rng = np.random.default_rng(np.random.SeedSequence([*entropy, 0]))
    undecided = bool(rng.random() < neutral)
    count = int(rng.integers(lengths[0], lengths[1] + 1))
    classes: dict[str, int | None] = dict.fromkeys(TARGETS)
    if undecided:
        scene, seconds = _scene(rng, count)
    else:
        scene = "decisive"
        classes = {target: int(rng.integers(2)) for target in TARGETS}
        signs = {target: 2 * int(c or 0) - 1 for target, c in classes.items()}
        decisive = set(map(int, rng.permutation(count)[: rng.integers(1, 4)]))
        seconds = _decisive_clip(rng, level, count, decisive, signs)
    return Plan(f"{level}-{seed}-{index:05d}", index, level, tuple(seconds), classes, scene, entropy)


def _decisive_clip(
    rng: np.random.Generator, level: Level, count: int, decisive: set[int], signs: dict[str, int]
) -> list[Second]:
    """Seconds whose evidence sums clearly to the sign of each class; redrawn until it does."""
    side = np.array(list(signs.values()))
    planted = np.zeros(len(TARGETS))
    while (side * planted).min() < MIN_EVIDENCE_SUM:
        cues = {t: with_evidence(_decisive(rng, signs), NEUTRAL_LIMIT) for t in sorted(decisive)}
        planted = np.sum([second.evidence for second in cues.values()], axis=0)
    quiet = [t for t in range(count) if t not in decisive]
    decoy = int(rng.choice(quiet)) if level == "cluttered" and rng.random() < DECOY_SHARE else None
    while True:
        carrier: Carrier = "notes"
        base = 0.5
        if level == "cluttered":
            carrier = _pick(
                rng, {"notes": 0.45, "speech": 0.25, "pad": 0.12, "wind": 0.12, "silence": 0.04, "mute": 0.02}
            )
            base = float(rng.uniform(0.08, 0.85))  # loudness of the neutral seconds: −48 to −12 dB
        seconds = []
        for t in range(count):
            if t in decisive:
                seconds.append(cues[t])
                continue
            if t == decoy:
                second = _decoy(rng)
            elif level == "plain":
                second = _of({name: _clip(0.5 + rng.normal(0, 0.04)) for name in STATES})
            else:
                second = _noisy(rng, carrier, base)
            seconds.append(with_evidence(_half_pair(rng, second, level), NEUTRAL_LIMIT))
        rest = np.sum([second.evidence for second in seconds], axis=0) - planted
        if np.abs(rest).max() <= NEUTRAL_SUM and (side * (planted + rest)).min() >= MIN_EVIDENCE_SUM:
            return seconds


def _decisive(rng: np.random.Generator, signs: dict[str, int]) -> Second:
    states: dict[str, Any] = {}
    for target, cues in CUES.items():
        strength = rng.uniform(0.6, 1.4)
        for name in [*cues[0], *cues[1]]:
            states[name] = _clip(0.5 + signs[target] * (0.35 * strength + rng.uniform(-0.06, 0.06)))
    first, other = slot_pair(rng)
    together = signs["synchrony"] > 0
    return Second(
        **states,
        decisive=True,
        flashes=first,
        beats=first if together else other,
        synchrony=int(together),
        pulse=float(rng.uniform(0.6, 1.4)),
    )


def _decoy(rng: np.random.Generator) -> Second:
    """Sound and picture at opposite ends: ~0 evidence, though either alone would be decisive."""
    states: dict[str, Any] = {}
    for picture_cues, sound_cues in CUES.values():
        side = rng.choice([-1.0, 1.0]) * rng.uniform(0.25, 0.45)
        states |= {name: _clip(0.5 + side + rng.uniform(-0.05, 0.05)) for name in picture_cues}
        states |= {name: _clip(0.5 - side + rng.uniform(-0.05, 0.05)) for name in sound_cues}
    return Second(**states, decoy=True)


def _noisy(rng: np.random.Generator, carrier: Carrier, base: float) -> Second:
    """A neutral second of a cluttered clip: at most one modality speaks of a target, or the two disagree."""
    states = {name: 0.5 + rng.normal(0, 0.06) for name in STATES}
    for picture_cues, sound_cues in CUES.values():
        kind = rng.choice(["middle", "picture", "sound", "against"], p=[0.3, 0.25, 0.25, 0.2])
        side = rng.choice([-1.0, 1.0])
        if kind in ("picture", "against"):
            for name in picture_cues:
                states[name] += side * rng.uniform(0.1, 0.4)
        if kind in ("sound", "against"):
            for name in sound_cues:
                states[name] -= side * rng.uniform(0.1, 0.4)
    states["loudness"] = states["loudness"] + base - 0.5
    return _sounding(rng, _of({name: _clip(value) for name, value in states.items()}), carrier)


def _half_pair(rng: np.random.Generator, second: Second, level: Level) -> Second:
    """Flashes only, beats only, or neither: a neutral second never holds a pair."""
    odds = 0.2 if level == "plain" else 0.3
    pattern, _ = slot_pair(rng)
    draw, pulse = rng.random(), float(rng.uniform(0.6, 1.4))
    if draw < odds:
        return replace(second, flashes=pattern, pulse=pulse)
    if draw < 2 * odds and second.carrier != "mute":
        return replace(second, beats=pattern, pulse=pulse)
    return second


def _sounding(rng: np.random.Generator, second: Second, carrier: Carrier) -> Second:
    """The second with the carrier, and with middling states where the carrier has no such property."""
    if carrier == "notes":
        return second
    if carrier == "pad":
        return replace(second, carrier=carrier, rate=MIN_RATE)
    if carrier == "speech":  # 2.5–4.5 syllables per second; a voice has no chord, and its pitch is a speaker's
        return replace(second, carrier=carrier, rate=float(rng.uniform(0.42, 0.68)), pitch=0.5, harmony=0.5)
    rate = 0.6 if carrier == "crowd" else MIN_RATE
    loudness = {"mute": 0.0, "silence": min(second.loudness, 0.06)}.get(carrier, second.loudness)
    return replace(second, carrier=carrier, rate=rate, loudness=loudness, pitch=0.5, harmony=0.5)


# Situations of real film, for clips without a decisive second: the range of each state that differs from the middle.
SCENES: dict[str, tuple[dict[Carrier, float], dict[str, tuple[float, float]]]] = {
    "talk": (
        {"speech": 1.0},
        {"motion": (0.02, 0.35), "saturation": (0.15, 0.55), "loudness": (0.08, 0.5), "brightness": (0.2, 0.7)},
    ),
    "street": (
        {"wind": 0.7, "crowd": 0.3},
        {"motion": (0.2, 0.55), "saturation": (0.2, 0.6), "loudness": (0.15, 0.55), "brightness": (0.25, 0.8)},
    ),
    "stillness": (
        {"silence": 0.35, "mute": 0.15, "wind": 0.5},
        {"motion": (0.0, 0.2), "saturation": (0.0, 0.5), "loudness": (0.0, 0.3), "brightness": (0.0, 0.8)},
    ),
    "dark": (
        {"silence": 0.3, "mute": 0.1, "wind": 0.3, "pad": 0.3},
        {"motion": (0.0, 0.4), "saturation": (0.0, 0.4), "loudness": (0.0, 0.4), "brightness": (0.0, 0.12)},
    ),
    "music": (
        {"pad": 0.5, "notes": 0.5},
        dict.fromkeys(("motion", "saturation", "brightness", "warmth", "loudness", "pitch", "harmony"), (0.1, 0.9)),
    ),
    "action": (
        {"notes": 0.5, "crowd": 0.5},
        {"motion": (0.55, 1.0), "saturation": (0.3, 0.9), "loudness": (0.65, 1.0), "rate": (0.5, 0.95)},
    ),
    "crowd": (
        {"crowd": 1.0},
        {"motion": (0.3, 0.8), "saturation": (0.3, 0.8), "loudness": (0.5, 1.0), "brightness": (0.3, 0.8)},
    ),
    "anything": (
        {"notes": 0.4, "speech": 0.2, "pad": 0.15, "wind": 0.15, "crowd": 0.1},
        dict.fromkeys(STATES, (0.0, 1.0)),
    ),
}


def _scene(rng: np.random.Generator, count: int) -> tuple[str, list[Second]]:
    """A clip that stays what it is for all its seconds; its mild evidence follows the graded states."""
    scene = str(rng.choice(list(SCENES)))
    carriers, ranges = SCENES[scene]
    carrier: Carrier = _pick(rng, carriers)
    middle = {name: rng.uniform(*ranges.get(name, (0.35, 0.65))) for name in STATES}
    flashing = rng.random() < 0.3
    seconds = []
    for _ in range(count):
        states = {name: _clip(value + rng.normal(0, 0.04), 0.0) for name, value in middle.items()}
        second = _sounding(rng, _of(states), carrier)
        if flashing and rng.random() < 0.5:
            second = _half_pair(rng, second, "cluttered")
        seconds.append(with_evidence(second, GRADED_LIMIT))
    return scene, seconds


def _pick(rng: np.random.Generator, shares: dict[Carrier, float]) -> Carrier:
    names = list(shares)
    return names[int(rng.choice(len(names), p=list(shares.values())))]


def _clip(value: float, margin: float = 0.02) -> float:
    return float(min(1 - margin, max(margin, value)))
