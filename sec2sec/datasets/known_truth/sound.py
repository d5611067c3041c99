"""The sound of a known-truth clip: chords whose notes come slow or fast, voices, wind, crowds, film, silence, beats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sec2sec.datasets.known_truth.footage import load_footage
from sec2sec.datasets.known_truth.onsets import draw_onset
from sec2sec.datasets.known_truth.states import RULES, SLOTS, Plan, Second, Timbres

Floats = NDArray[np.float32]

SAMPLE_RATES = (32_000, 44_100, 44_100, 48_000)  # Hz
VOICE_RATE = 16_000  # Hz; voices are made at this rate, having little above 5 kHz
QUIETEST, LOUDEST = -65.0, -8.0  # dB of full scale, RMS of a second
FADE = 0.010  # s at both ends of a second; a step between two levels would sound like a beat in slot 0
ATTACK = 0.015  # s; notes begin softly, beats do not
HARMONICS = {"learned": (1, 2, 3), "unseen": (1, 3, 5)}  # of a note: a string's, a clarinet's
# Formants of five vowels, Hz (Peterson & Barney 1952, men)
VOWELS = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))


def level_of(loudness: float) -> float:
    """RMS of a second in dB of full scale: −65 at 0, −24 at the middle, −8 at 1."""
    level: float = QUIETEST + (LOUDEST - QUIETEST) * loudness**0.474
    return level


def onsets_of(rate: float) -> float:
    """Notes or syllables per second: 1 at 0, 3 at the middle, 9 at 1."""
    return float(9.0**rate)


def root_of(pitch: float) -> float:
    """Fundamental of a chord in Hz: 150 at 0, 424 at the middle, 1200 at 1."""
    return float(150.0 * 8.0**pitch)


def chord_of(harmony: float) -> dict[int, float]:
    """Weight of each semitone above the root: a cluster at 0, an open minor sound at the middle, a major triad at 1."""
    sweet, sour = max(0.0, 2 * harmony - 1), max(0.0, 1 - 2 * harmony)
    plain = 1 - sweet - sour
    weights = {0: 1.0, 12: 0.5, 7: sweet + 0.7 * plain, 4: sweet, 3: 0.45 * plain, 1: sour, 6: 0.9 * sour}
    return {semitone: weight for semitone, weight in weights.items() if weight > 0.02}


def draw_sound(plan: Plan, rng: np.random.Generator) -> tuple[Floats, int]:
    """The track, (channels, samples) in [-1, 1], and its sample rate in Hz."""
    rate = int(SAMPLE_RATES[rng.integers(len(SAMPLE_RATES))])
    stereo = rng.random() < 0.3
    rolloff = rng.uniform(1.0, 2.2)  # harmonic k has amplitude 1/k^rolloff
    timbres = RULES[plan.level].timbres
    onset = draw_onset(rng, rate, timbres)
    carriers = {second.carrier for second in plan.seconds}
    bed_kind = str(rng.choice(["wind", "speech", "hiss"]))
    whole: dict[str, Floats] = {}
    if "speech" in carriers or "crowd" in carriers or bed_kind == "speech":
        whole["speech"] = _voice(plan, rng, rate)
    if "crowd" in carriers:
        shifts = rng.integers(rate // 4, whole["speech"].size, 6)
        whole["crowd"] = np.sum([np.roll(whole["speech"], int(s)) for s in shifts], axis=0)
        whole["crowd"] += 0.7 * float(whole["crowd"].std()) * _wind(rng, whole["crowd"].size, rate, 0.25)
    if {"wind", "silence"} & carriers or bed_kind == "wind":
        whole["wind"] = _wind(rng, rate * len(plan.seconds), rate, rng.uniform(0.02, 0.15))
    if bed_kind == "hiss":
        whole["hiss"] = rng.standard_normal(rate * len(plan.seconds), dtype=np.float32)
    bed_level = 10 ** (rng.uniform(-26, -14) / 20)  # relative to the carrier
    track = np.empty(rate * len(plan.seconds), np.float32)
    fade = _fade(rate)
    for t, second in enumerate(plan.seconds):
        here = slice(t * rate, (t + 1) * rate)
        if second.carrier == "mute":  # digital silence, as in films without a sound track
            track[here] = 0
            continue
        if second.carrier == "film":
            assert second.shot is not None, "only clips of film have its sound"
            sound = load_footage(second.shot.film).heard(second.shot, rate)
        elif second.carrier in ("notes", "pad"):
            sound = _notes(second, rng, rate, rolloff, timbres)
        else:
            sound = whole["wind" if second.carrier == "silence" else second.carrier][here]
        sound = (_unit(sound) + bed_level * _unit(whole[bed_kind][here])) * fade
        _add_beats(sound, onset, second, rate)
        track[here] = _at_level(sound, level_of(second.loudness) + rng.uniform(-0.7, 0.7))
    if not stereo:
        return track[None], rate
    lean = rng.uniform(-0.25, 0.25)
    return np.stack([track * (1 - lean), track * (1 + lean)]).clip(-1, 1), rate


def _notes(second: Second, rng: np.random.Generator, rate: int, rolloff: float, timbres: Timbres) -> Floats:
    """One second of a chord, struck as often as rate says, or held if the second's carrier is a pad."""
    harmonics = np.array(HARMONICS[timbres])
    pitches, weights = [], []
    for semitone, weight in chord_of(second.harmony).items():
        pitches.append(root_of(second.pitch) * 2 ** (semitone / 12) * harmonics)
        weights.append(weight / harmonics**rolloff)
    hertz, weight_of = np.concatenate(pitches), np.concatenate(weights).astype(np.float32)
    time = np.arange(rate, dtype=np.float32) / np.float32(rate)
    phase = rng.uniform(0, 2 * math.pi, hertz.size)
    tone = np.zeros(rate, np.float32)
    for f, w, p in zip(hertz, weight_of, phase, strict=True):
        tone += w * np.sin(np.float32(2 * math.pi * f) * time + np.float32(p))
    if second.carrier == "pad":
        return tone
    per_second = onsets_of(second.rate)
    gap = 1 / per_second
    envelope = np.full(rate, 0.06, np.float32)  # the chord rings on faintly, so that its pitch is never absent
    decay = min(0.3, 0.45 * gap)
    start = rng.uniform(0, 0.6 * gap)
    while start < 1.0 - ATTACK:
        first = int(start * rate)
        since = time[: rate - first]
        note = np.minimum(since / np.float32(ATTACK), 1) * np.exp(-since / np.float32(decay))
        np.maximum(envelope[first:], note, out=envelope[first:])
        start += gap * rng.uniform(0.92, 1.08)
    return tone * envelope


def _voice(plan: Plan, rng: np.random.Generator, rate: int) -> Floats:
    """Speech without words for the whole clip: a pulse train through vowel formants, in syllables and phrases."""
    size = VOICE_RATE * len(plan.seconds)
    f0 = rng.uniform(95, 230)
    bends = np.interp(np.arange(size), np.arange(0, size + 4000, 4000), rng.normal(0, 0.09, size // 4000 + 1))
    phase = np.cumsum(f0 * np.exp(bends) / VOICE_RATE)
    source = 1 - 2 * (phase % 1) + 0.15 * rng.standard_normal(size)
    envelope, vowel = np.zeros(size, np.float32), np.zeros(size, np.int8)
    at = 0.0
    while at < len(plan.seconds):
        second = plan.seconds[int(at)]
        syllables = onsets_of(second.rate) if second.carrier == "speech" else 3.5
        length = rng.uniform(0.8, 1.2) / syllables
        first, last = int(at * VOICE_RATE), min(size, int((at + length) * VOICE_RATE))
        shape = np.sin(np.linspace(0, math.pi, last - first)) ** 0.7
        # a pause between phrases now and then
        envelope[first:last] = shape * (rng.uniform(0.5, 1.0) if rng.random() > 0.1 else 0.05)
        vowel[first:last] = rng.integers(3)
        at += length
    voice = np.zeros(size, np.float32)
    for number, name in enumerate(rng.permutation(len(VOWELS))[:3]):
        sound = source
        for formant in VOWELS[name]:
            radius = math.exp(-math.pi * 90 / VOICE_RATE)  # a bandwidth of 90 Hz
            turn = 2 * math.pi * formant / VOICE_RATE
            sound = _filter([1 - radius], [1, -2 * radius * math.cos(turn), radius**2], sound)
        voice += (vowel == number) * sound.astype(np.float32) / np.float32(sound.std() + 1e-9)
    voice *= envelope
    samples = np.arange(rate * len(plan.seconds)) * (VOICE_RATE / rate)
    resampled: Floats = np.interp(samples, np.arange(size), voice).astype(np.float32)
    return resampled


def _filter(numerator: list[float], denominator: list[float], sound: NDArray[Any]) -> NDArray[Any]:
    from scipy.signal import lfilter  # two seconds to import, for those who read made clips too

    filtered: NDArray[Any] = lfilter(numerator, denominator, sound)
    return filtered


def _wind(rng: np.random.Generator, size: int, rate: int, openness: float) -> Floats:
    """Low-passed noise that swells and sinks. openness: coefficient of the one-pole filter at 44.1 kHz."""
    pole = openness * 44_100 / rate
    noise = _filter([pole], [1, pole - 1], rng.standard_normal(size, dtype=np.float32))
    swell = np.interp(
        np.arange(size), np.linspace(0, size, size // rate * 2 + 2), rng.uniform(0.4, 1, size // rate * 2 + 2)
    )
    return _unit((noise * swell).astype(np.float32))


def _add_beats(sound: Floats, onset: Floats, second: Second, rate: int) -> None:
    for slot in second.beats:
        first = slot * rate // SLOTS
        sound[first : first + onset.size] += (2.6 + 1.6 * second.pulse) * onset


def _at_level(sound: Floats, decibels: float) -> Floats:
    """The sound at an RMS in dB of full scale; peaks bend below full scale and the rest makes up for them."""
    goal = 10 ** (decibels / 20)
    scaled = _unit(sound) * np.float32(goal)
    for _ in range(2):
        bent = np.tanh(scaled) if goal > 0.05 else scaled
        scaled = scaled * np.float32(goal / (float(np.sqrt(np.mean(bent**2))) + 1e-9))
    return np.tanh(scaled) if goal > 0.05 else scaled


def _unit(sound: Floats) -> Floats:
    """The sound at an RMS of 1."""
    return sound / np.float32(math.sqrt(float(np.dot(sound, sound)) / sound.size) + 1e-9)


def _fade(rate: int) -> Floats:
    edge = int(FADE * rate)
    ramp = (0.5 - 0.5 * np.cos(np.linspace(0, math.pi, edge))).astype(np.float32)
    return np.concatenate([ramp, np.ones(rate - 2 * edge, np.float32), ramp[::-1]])
