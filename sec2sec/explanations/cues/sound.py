"""Loudness, onset strength and tempo of 16-kHz mono sound (the last two by librosa).

T seconds of 16000 samples; E steps of the onset envelope.
"""

from __future__ import annotations

import numpy as np

from sec2sec.config import SAMPLE_RATE

MIN_LEVEL = -90.0  # dBFS, where digital silence is put
HOP = SAMPLE_RATE // 50  # 320 samples, 20 ms
STEPS = SAMPLE_RATE // HOP  # 50 of the onset envelope in a second
BLOCK_SECONDS, MARGIN_SECONDS = 60, 4  # s analysed at once, and beyond either end: memory does not grow with the clip
TEMPO_WINDOW = 8.0  # s around an instant, from which its tempo is estimated (librosa's default)
MIN_SECONDS_FOR_TEMPO = 4  # a shorter clip has too few beats to tell a tempo
SILENT_PEAK = -60.0  # dBFS; sound whose loudest sample lies below has no tempo


def decibels(amplitude: np.ndarray) -> np.ndarray:
    """Amplitude of 0–1 → dBFS, not below MIN_LEVEL."""
    level: np.ndarray = 20 * np.log10(np.maximum(amplitude, 10 ** (MIN_LEVEL / 20)))
    return level


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
    blocks = [_block(sound, first) for first in range(0, seconds, BLOCK_SECONDS)]
    strength, tempo = (np.concatenate([block[which] for block in blocks]) for which in (0, 1))
    sounds = peak(sound) > SILENT_PEAK
    reach = int(TEMPO_WINDOW // 2)
    heard = [sounds[max(0, t - reach) : t + reach + 1].any() for t in range(seconds)]
    return strength, np.where(np.array(heard) & (seconds >= MIN_SECONDS_FOR_TEMPO), tempo, np.nan)


def _block(sound: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """The seconds first … first + BLOCK of a clip, heard with a margin on both sides."""
    import librosa  # a second to import

    begin, end = max(0, first - MARGIN_SECONDS), min(len(sound), first + BLOCK_SECONDS + MARGIN_SECONDS)
    samples = sound[begin:end].reshape(-1)
    envelope = librosa.onset.onset_strength(y=samples, sr=SAMPLE_RATE, hop_length=HOP, n_fft=1024, n_mels=64)
    tempo = librosa.feature.tempo(
        onset_envelope=envelope, sr=SAMPLE_RATE, hop_length=HOP, ac_size=TEMPO_WINDOW, aggregate=None
    )
    own = slice((first - begin) * STEPS, (min(first + BLOCK_SECONDS, len(sound)) - begin) * STEPS)
    return envelope[own].reshape(-1, STEPS).mean(1), np.median(tempo[own].reshape(-1, STEPS), 1)
