"""Loudness, onset strength and tempo of 16-kHz mono sound (the last two by librosa).

T seconds of 16000 samples; E steps of the onset envelope.
"""

from __future__ import annotations

import numpy as np

from sec2sec.config import SAMPLE_RATE

FLOOR = -90.0  # dBFS, where digital silence is put
HOP = SAMPLE_RATE // 50  # 320 samples, 20 ms
STEPS = SAMPLE_RATE // HOP  # 50 of the onset envelope in a second
BLOCK, MARGIN = 60, 4  # s analysed at once, and beyond either end: memory does not grow with the clip
WINDOW = 8.0  # s around an instant that its tempo is told from (librosa's default)
FEWEST = 4  # s; a shorter clip has too few beats to tell a tempo
SILENT = -60.0  # dBFS; sound whose loudest sample lies below has no tempo


def decibels(amplitude: np.ndarray) -> np.ndarray:
    """Amplitude of 0–1 → dBFS, not below FLOOR."""
    return 20 * np.log10(np.maximum(amplitude, 10 ** (FLOOR / 20)))


def loudness(sound: np.ndarray) -> np.ndarray:
    """RMS of each second in dBFS: (T, 16000) → (T,)."""
    return decibels(np.sqrt((sound.astype(np.float64) ** 2).mean(1)))


def peak(sound: np.ndarray) -> np.ndarray:
    """The loudest sample of each second in dBFS: (T, 16000) → (T,)."""
    return decibels(np.abs(sound).max(1).astype(np.float64))


def onsets_and_tempo(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean onset strength (dB) and median tempo (beats a minute) of each second: (T, 16000) → (T,), (T,).

    Tempo is NaN in clips under FEWEST seconds and where nothing sounds within half a WINDOW.
    """
    seconds = len(sound)
    parts = [_block(sound, first) for first in range(0, seconds, BLOCK)]
    strength, tempo = (np.concatenate([part[which] for part in parts]) for which in (0, 1))
    sounds = peak(sound) > SILENT
    reach = int(WINDOW // 2)
    heard = [sounds[max(0, t - reach) : t + reach + 1].any() for t in range(seconds)]
    return strength, np.where(np.array(heard) & (seconds >= FEWEST), tempo, np.nan)


def _block(sound: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """The seconds first … first + BLOCK of a clip, heard with a margin on both sides."""
    import librosa  # a second to import

    begin, end = max(0, first - MARGIN), min(len(sound), first + BLOCK + MARGIN)
    samples = sound[begin:end].reshape(-1)
    envelope = librosa.onset.onset_strength(y=samples, sr=SAMPLE_RATE, hop_length=HOP, n_fft=1024, n_mels=64)
    tempo = librosa.feature.tempo(
        onset_envelope=envelope, sr=SAMPLE_RATE, hop_length=HOP, ac_size=WINDOW, aggregate=None
    )
    own = slice((first - begin) * STEPS, (min(first + BLOCK, len(sound)) - begin) * STEPS)
    return envelope[own].reshape(-1, STEPS).mean(1), np.median(tempo[own].reshape(-1, STEPS), 1)
