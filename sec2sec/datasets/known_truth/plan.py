"""Decide the seconds of a known-truth clip: which are decisive, what each shows and sounds, what marks it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, mode
from typing import Any

import numpy as np

from sec2sec.datasets.known_truth.states import (
    CUES,
    LENGTHS,
    LEVELS,
    MIN_EVIDENCE_SUM,
    MIN_RATE,
    NEUTRAL_SUM,
    RULES,
    SCENE_SUM,
    SLOTS,
    STATES,
    TARGETS,
    Carrier,
    Level,
    Plan,
    Rules,
    Second,
    Shot,
    with_evidence,
)

ODDS_OF_DECOYS = (0.15, 0.35, 0.3, 0.2)  # of none, one, two, three in a clip: as many as there are decisive seconds
ODDS_OF_MARKS = {"both": 0.3, "flashes": 0.2, "beats": 0.2, "": 0.3}  # of a neutral second
ONSETS = (2, 3)  # flashes, or beats, of a second that has any
NOTES_AMONG_OTHERS = 0.25  # share of neutral seconds with music in clips of other sounds: music marks no decisive one
OWN_SOUND = 0.6  # share of the clips of a film that are heard as they were recorded
LONGEST_SHOT = 4  # s
CARRIERS: dict[Carrier, float] = {
    "notes": 0.45,
    "speech": 0.25,
    "pad": 0.12,
    "wind": 0.12,
    "silence": 0.04,
    "mute": 0.02,
}


@dataclass(frozen=True)
class Film:
    """A recording whose seconds stand behind clips, from `start` to `end` in s."""

    path: Path
    start: float
    end: float


def plan_clip(
    seed: int,
    index: int,
    level: Level,
    neutral: float,
    lengths: tuple[int, int] = LENGTHS,
    films: Sequence[Film] = (),
) -> Plan:
    """Decide the seconds of one clip.

    neutral: share of clips without a decisive second; lengths: in s, long clips are as rare as they are long; films:
    for a level that has film behind it, the bundled clips if none.
    """
    entropy = [seed, LEVELS.index(level), index]
    rng = np.random.default_rng(np.random.SeedSequence([*entropy, 0]))
    undecided = bool(rng.random() < neutral)
    count = int(np.exp(rng.uniform(np.log(lengths[0]), np.log(lengths[1] + 1))))
    rules, scene = RULES[level], "decisive"
    classes: dict[str, int | None] = dict.fromkeys(TARGETS)
    if undecided:
        scene, seconds = _scene(rng, rules, count)
    else:
        classes = {target: int(rng.integers(2)) for target in TARGETS}
        side = np.array([2 * int(c or 0) - 1 for c in classes.values()])
        seconds = _decisive_clip(rng, rules, count, side)
    if rules.film:
        shots = _shots(rng, count, films or bundled_films())
        seconds = [replace(second, shot=shot) for second, shot in zip(seconds, shots, strict=True)]
    return Plan(f"{level}-{seed}-{index:05d}", index, level, tuple(seconds), classes, scene, entropy)


def bundled_films(part: tuple[float, float] = (0.0, 1.0)) -> tuple[Film, ...]:
    """The example clips that come with the program. part: of each film, as shares of its length."""
    from sec2sec.datasets.known_truth.footage import length_of
    from sec2sec.paths import program_paths

    paths = sorted(program_paths().examples.glob("*.mp4"))
    return tuple(Film(path, part[0] * length_of(path), part[1] * length_of(path)) for path in paths)


def without_decisive(plan: Plan) -> Plan:
    """The clip as it was before its cues were planted: each decisive second is a neutral one, all others stay."""
    quiet = [second for second in plan.seconds if not second.decisive]
    base = median(second.loudness for second in quiet)
    sounds: list[Carrier] = [second.carrier for second in quiet if not second.decoy] or ["notes"]
    carrier = mode(sounds)
    seconds = [
        with_evidence(_sounding(plan.rng(4), Second(loudness=base, shot=second.shot), carrier))
        if second.decisive
        else second
        for second in plan.seconds
    ]
    return replace(plan, seconds=tuple(seconds), classes=dict.fromkeys(TARGETS))


def _decisive_clip(rng: np.random.Generator, rules: Rules, count: int, side: np.ndarray) -> list[Second]:
    """Seconds whose evidence sums clearly to the sign of each class; redrawn until it does."""
    decisive, cues = _decisive_seconds(rng, rules, count, side)
    planted = np.sum([second.evidence for second in cues], axis=0)
    quiet = [t for t in range(count) if t not in decisive]
    decoys = set(map(int, rng.permutation(quiet)[: rng.choice(len(ODDS_OF_DECOYS), p=ODDS_OF_DECOYS)]))
    while True:
        carrier = _pick(rng, {"film": OWN_SOUND, "notes": 1 - OWN_SOUND} if rules.film else CARRIERS)
        base = float(rng.uniform(0.08, 0.85))  # loudness of the neutral seconds: −48 to −12 dB
        seconds = []
        for t in range(count):
            if t in decisive:
                seconds.append(cues[decisive.index(t)])
                continue
            if t in decoys:
                second = _decoy(rng)
            elif rules.noisy:
                other: Carrier = "notes" if rng.random() < NOTES_AMONG_OTHERS else carrier
                second = _noisy(rng, other, base)
            else:
                second = _of({name: _clip(0.5 + rng.normal(0, 0.04)) for name in STATES})
            seconds.append(with_evidence(_with_marks(rng, second)))
        rest = np.sum([second.evidence for second in seconds], axis=0) - planted
        if np.abs(rest).max() <= NEUTRAL_SUM and (side * (planted + rest)).min() >= MIN_EVIDENCE_SUM:
            return seconds


def _decisive_seconds(
    rng: np.random.Generator, rules: Rules, count: int, side: np.ndarray
) -> tuple[list[int], list[Second]]:
    """Where they stand and what they are; their evidence sums to the side of each class."""
    fewest, most = (3, 5) if rules.opposed else (1, 3)
    number = min(count - 1, int(rng.integers(fewest, most + 1)))
    opposed = rules.opposed and number >= fewest  # fewer cannot always outweigh one that opposes them
    places = sorted(map(int, rng.permutation(count)[:number]))
    while True:
        sides = np.tile(side, (number, 1))
        if opposed:
            sides = sides * rng.choice([1, 1, -1], sides.shape)
        cues = [with_evidence(_decisive(rng, dict(zip(TARGETS, row, strict=True)))) for row in sides.tolist()]
        enough = (side * np.sum([second.evidence for second in cues], axis=0)).min() >= MIN_EVIDENCE_SUM
        if enough and (not opposed or (sides != side).any()):
            return places, cues


def _decisive(rng: np.random.Generator, signs: dict[str, int]) -> Second:
    states: dict[str, Any] = {}
    for target, cues in CUES.items():
        strength = rng.uniform(0.6, 1.4)
        for name in [*cues[0], *cues[1]]:
            states[name] = _clip(0.5 + signs[target] * (0.35 * strength + rng.uniform(-0.06, 0.06)))
    first, other = slot_pair(rng, int(rng.choice(ONSETS)))
    together = signs["synchrony"] > 0
    return Second(
        **states,
        decisive=True,
        flashes=first,
        beats=first if together else other,
        synchrony=float(together),
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
    """A neutral second of a noisy level: at most one modality speaks of a target, or the two disagree."""
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


def slot_pair(rng: np.random.Generator, count: int) -> tuple[frozenset[int], frozenset[int]]:
    """Two disjoint patterns of `count` onsets, neither with neighbours: two flashes side by side would be one.

    The pair is exchangeable, so a pattern taken once, taken twice or taken as the other has the same distribution, and
    neither flashes alone nor beats alone tell the class.
    """
    while True:
        first, second = (frozenset(map(int, rng.permutation(SLOTS)[:count])) for _ in range(2))
        if not first & second and _apart(first) and _apart(second):
            return first, second


def half_pair(rng: np.random.Generator, count: int) -> tuple[frozenset[int], frozenset[int]]:
    """Two patterns of `count` onsets of which some coincide and some do not: they say nothing about synchrony."""
    while True:
        first, other = slot_pair(rng, count)
        common = int(rng.integers(1, len(first)))
        parts = rng.permutation(sorted(first))[:common], rng.permutation(sorted(other))[common:]
        second = frozenset(int(slot) for part in parts for slot in part)
        if _apart(second):
            return first, second


def _apart(pattern: frozenset[int]) -> bool:
    return bool(np.diff(sorted(pattern)).min() > 1)


def _with_marks(rng: np.random.Generator, second: Second) -> Second:
    """The neutral second with flashes, beats, both of which only some coincide, or neither."""
    flashes, beats = half_pair(rng, int(rng.choice(ONSETS)))
    marks, pulse = rng.choice(list(ODDS_OF_MARKS), p=list(ODDS_OF_MARKS.values())), float(rng.uniform(0.6, 1.4))
    if second.carrier == "mute" and marks in ("both", "beats"):
        marks = "flashes"
    return replace(
        second,
        flashes=flashes if marks in ("both", "flashes") else frozenset(),
        beats=beats if marks in ("both", "beats") else frozenset(),
        synchrony=0.5 if marks == "both" else None,
        pulse=pulse,
    )


def _sounding(rng: np.random.Generator, second: Second, carrier: Carrier) -> Second:
    """The second with the carrier, and with middling states where the carrier has no such property."""
    if carrier == "notes":
        return second
    if carrier == "pad":
        return replace(second, carrier=carrier, rate=MIN_RATE)
    if carrier == "speech":  # 2.5–4.5 syllables per second; a voice has no chord, and its pitch is a speaker's
        return replace(second, carrier=carrier, rate=float(rng.uniform(0.42, 0.68)), pitch=0.5, harmony=0.5)
    if carrier == "film":  # what it is like beside its loudness was not planted
        return replace(second, carrier=carrier, rate=0.5, pitch=0.5, harmony=0.5)
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


def _scene(rng: np.random.Generator, rules: Rules, count: int) -> tuple[str, list[Second]]:
    """A clip that stays what it is for all its seconds; its evidence follows the mean of the graded states."""
    scene = str(rng.choice(list(SCENES)))
    carriers, ranges = SCENES[scene]
    carrier: Carrier = "film" if rules.film and rng.random() < OWN_SOUND else _pick(rng, carriers)
    middle = {name: rng.uniform(*ranges.get(name, (0.35, 0.65))) for name in STATES}
    flashing = rng.random() < 0.3
    seconds = []
    for _ in range(count):
        states = {name: _clip(value + rng.normal(0, 0.04), 0.0) for name, value in middle.items()}
        second = _sounding(rng, _of(states), carrier)
        if flashing and rng.random() < 0.5:
            second = _with_marks(rng, second)
        seconds.append(with_evidence(second, SCENE_SUM / count, limit=np.inf))
    return scene, seconds


def _of(states: dict[str, Any]) -> Second:
    return Second(**states)


def _shots(rng: np.random.Generator, count: int, films: Sequence[Film]) -> list[Shot]:
    """Real film for each second: shots of a few seconds from anywhere in the films, cut together."""
    shots: list[Shot] = []
    share = np.array([film.end - film.start for film in films])
    while len(shots) < count:
        film = films[int(rng.choice(len(films), p=share / share.sum()))]
        length = min(int(rng.integers(1, LONGEST_SHOT + 1)), int(film.end - film.start), count - len(shots))
        start = rng.uniform(film.start, film.end - length)
        shots += [Shot(film.path, float(start + t)) for t in range(length)]
    return shots


def _pick(rng: np.random.Generator, shares: dict[Carrier, float]) -> Carrier:
    names = list(shares)
    return names[int(rng.choice(len(names), p=list(shares.values())))]


def _clip(value: float, margin: float = 0.02) -> float:
    return float(min(1 - margin, max(margin, value)))
