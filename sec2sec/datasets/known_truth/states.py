"""What is planted in a known-truth clip: the state of each second, its evidence, and the classes that follow.

Arousal rises with motion, loudness, tempo and saturation (Hanjalic & Xu 2005; Valdez & Mehrabian 1994), valence with
brightness, warm hue, consonant major harmony and pitch, and sound and picture that agree amplify each other. Synchrony
is 1 where flashes and beats fall in the same eighths of a second and 0 where they fall in different ones.

No cheap sign tells a decisive second from others. Every level has decoys, as odd as a decisive second and without
evidence, and neutral seconds with flashes and beats, some of which coincide and some not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

Level = Literal["plain", "cluttered", "film", "opposed", "unseen-timbre"]
Carrier = Literal["notes", "speech", "wind", "pad", "crowd", "silence", "mute", "film"]
Timbres = Literal["learned", "unseen"]

LEVELS: tuple[Level, ...] = get_args(Level)
TARGETS = ("arousal", "valence", "synchrony")
STATES = ("motion", "saturation", "brightness", "warmth", "loudness", "rate", "pitch", "harmony")
SLOTS = 8  # eighths of a second; an onset fills one
LENGTHS = (8, 12)  # s; the shortest and the longest clip, as LIRIS-ACCEDE has them
MIN_CLIP_SECONDS = 2  # s; one second at least is decisive, and one at least is not
SOFT_TARGET_SLOPE = 1.5  # soft target = sigmoid(SOFT_TARGET_SLOPE · Σ evidence)
MIN_EVIDENCE_SUM = 0.8  # |Σ evidence| of a clip with a class: below it nobody could say which class it is
NEUTRAL_WEIGHT = 0.25  # a neutral second counts a quarter of what the same states count in a decisive one
NEUTRAL_LIMIT = 0.06  # |evidence| of a neutral second beside decisive ones: twelve of them cannot outweigh a class
SCENE_SUM = 1.5  # Σ evidence of a clip without decisive seconds ÷ mean of what its states would say in decisive ones
NEUTRAL_SUM = 0.35  # |Σ evidence| of the neutral seconds of one clip with decisive ones
MIN_RATE = 0.1  # rate of sound without onsets: wind, silence, a held chord

# For each graded target, the weights of its picture states and of its sound states; both sum to 1.
CUES: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "arousal": ({"motion": 0.65, "saturation": 0.35}, {"loudness": 0.5, "rate": 0.5}),
    "valence": ({"brightness": 0.5, "warmth": 0.5}, {"harmony": 0.55, "pitch": 0.45}),
}
WEIGHT_ALONE, WEIGHT_TOGETHER = 0.45, 0.5  # weight of each modality by itself, and of both where they agree


@dataclass(frozen=True)
class Rules:
    """What makes a level."""

    words: str
    noisy: bool = True  # neutral seconds of any loudness, with all that sounds, and cues in one modality alone
    film: bool = False
    opposed: bool = False
    timbres: Timbres = "learned"


RULES: dict[Level, Rules] = {
    "plain": Rules("neutral seconds in the middle of every state", noisy=False),
    "cluttered": Rules("neutral seconds of any loudness, with voices, wind and music, and cues in one modality alone"),
    "film": Rules("cluttered, and real film whose exposure, colour, speed, level and music are edited", film=True),
    "opposed": Rules("cluttered, and decisive seconds against the class beside those for it", opposed=True),
    "unseen-timbre": Rules("cluttered, with instruments and beats that no other level has", timbres="unseen"),
}


@dataclass(frozen=True)
class Shot:
    """One second of real film."""

    film: Path
    start: float  # s


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
    synchrony: float | None = None  # of flashes and beats: 1 all coincide, 0 none does, 0.5 some; None without both
    pulse: float = 1.0  # strength of flashes and beats, 0.6–1.4
    carrier: Carrier = "notes"  # what sounds
    shot: Shot | None = None  # the real film that is seen, and heard behind the rest
    evidence: tuple[float, float, float] = (0.0, 0.0, 0.0)  # one per target, signed


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


def with_evidence(second: Second, weight: float = NEUTRAL_WEIGHT, limit: float = NEUTRAL_LIMIT) -> Second:
    """The second with its evidence filled in.

    weight: what a neutral second counts of what its states would say in a decisive one; limit: its largest |evidence|.
    """
    if second.decisive:
        pair = second.pulse if second.synchrony == 1 else -second.pulse
        return replace(second, evidence=(graded_evidence(second, "arousal"), graded_evidence(second, "valence"), pair))
    mild = [weight * graded_evidence(second, t) for t in ("arousal", "valence")]
    arousal, valence = (max(-limit, min(limit, e)) for e in mild)
    return replace(second, evidence=(arousal, valence, 0.0))
