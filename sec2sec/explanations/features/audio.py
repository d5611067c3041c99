"""Loudness, onset strength and tempo of 16-kHz mono sound.

Onset strength and tempo are those of librosa (`onset.onset_strength`, `feature.tempo` with its defaults), whose import
and compilation take as long as explaining three clips; the tests compare both.

T seconds of 16000 samples; E steps of the onset envelope, L lags of its autocorrelation.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torchaudio
from numpy.lib.stride_tricks import sliding_window_view

from sec2sec.config import SAMPLE_RATE

FLOOR = -90.0  # dBFS, where digital silence is put
HOP = SAMPLE_RATE // 50  # 320 samples, 20 ms
STEPS = SAMPLE_RATE // HOP  # 50 of the onset envelope in a second
N_FFT, MEL_BANDS = 1024, 64  # of the spectrogram whose rises are onsets
BLOCK_SECONDS, MARGIN_SECONDS = 60, 4  # analysed at once, and beyond either end: memory does not grow with the clip
TEMPO_WINDOW = 8  # s around an instant that its tempo is read from
MAX_TEMPO, USUAL_TEMPO = 320.0, 120.0  # beats per minute; the prior is log-normal, one octave wide
MIN_SECONDS_FOR_TEMPO = 4  # a shorter clip has too few beats to tell a tempo
SILENT_PEAK = -60.0  # dBFS; sound whose loudest sample lies below has no tempo


def decibels(amplitude: np.ndarray) -> np.ndarray:
    """Amplitude of 0–1 → dBFS, not below FLOOR."""
    level: np.ndarray = 20 * np.log10(np.maximum(amplitude, 10 ** (FLOOR / 20)))
    return level


def loudness(sound: np.ndarray) -> np.ndarray:
    """RMS of each second in dBFS: (T, 16000) → (T,)."""
    return decibels(np.sqrt((sound.astype(np.float64) ** 2).mean(1)))


def peak(sound: np.ndarray) -> np.ndarray:
    """The loudest sample of each second in dBFS: (T, 16000) → (T,)."""
    return decibels(np.abs(sound).max(1).astype(np.float64))


def onsets_and_tempo(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean onset strength (dB) and median tempo (beats per minute) of each second: (T, 16000) → (T,), (T,).

    Tempo is NaN in clips under MIN_SECONDS_FOR_TEMPO and where nothing sounds within half a TEMPO_WINDOW.
    """
    seconds = len(sound)
    blocks = [_block(sound, first) for first in range(0, seconds, BLOCK_SECONDS)]
    strength, tempo = (np.concatenate(values) for values in zip(*blocks, strict=True))
    sounds = peak(sound) > SILENT_PEAK
    reach = TEMPO_WINDOW // 2
    heard = [sounds[max(0, t - reach) : t + reach + 1].any() for t in range(seconds)]
    return strength, np.where(np.array(heard) & (seconds >= MIN_SECONDS_FOR_TEMPO), tempo, np.nan)


def _block(sound: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """The seconds first … first + BLOCK_SECONDS of a clip, heard with a margin on both sides."""
    begin, end = max(0, first - MARGIN_SECONDS), min(len(sound), first + BLOCK_SECONDS + MARGIN_SECONDS)
    envelope = onset_envelope(sound[begin:end].reshape(-1))
    own = slice((first - begin) * STEPS, (min(first + BLOCK_SECONDS, len(sound)) - begin) * STEPS)
    tempo = np.median(tempo_of(envelope)[own].reshape(-1, STEPS), 1)
    return envelope[own].reshape(-1, STEPS).mean(1), tempo


@lru_cache(maxsize=1)
def _mel_spectrogram() -> torchaudio.transforms.MelSpectrogram:
    return torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE,
        n_fft=N_FFT,
        hop_length=HOP,
        n_mels=MEL_BANDS,
        norm="slaney",
        mel_scale="slaney",
        pad_mode="constant",
    )


@torch.inference_mode()
def onset_envelope(samples: np.ndarray) -> np.ndarray:
    """Mean rise over the mel bands from one step to the next, in dB: (samples,) → (E,) float32, E = samples / HOP + 1.

    The spectral flux of Böck & Widmer 2013 without their maximum filter.
    """
    power = _mel_spectrogram()(torch.from_numpy(samples)[None])  # (1, MEL_BANDS, E)
    level = torchaudio.functional.amplitude_to_DB(power, 10.0, amin=1e-10, db_multiplier=0.0, top_db=80.0)[0]
    rise = level.diff(dim=1).clamp(min=0).mean(0)
    lead = 1 + N_FFT // (2 * HOP)  # a step knows its onset when half its window has passed
    envelope: np.ndarray = np.pad(rise.numpy(), (lead, 0))[: level.shape[1]]
    return envelope


def tempo_of(envelope: np.ndarray) -> np.ndarray:
    """Beats per minute at each step of an onset envelope, (E,) → (E,): the strongest period that is a usual tempo.

    Of the autocorrelation of the TEMPO_WINDOW around the step (Grosche, Müller & Kurth 2010), weighted by the prior.
    """
    lags = TEMPO_WINDOW * STEPS
    padded = np.pad(envelope, lags // 2, mode="linear_ramp")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(lags) / lags)
    windows = sliding_window_view(padded, lags)[: len(envelope)] * hann  # (E, L)
    spectrum = np.fft.rfft(windows, 2 * lags)
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, 2 * lags)[:, :lags]
    highest = np.abs(correlation).max(1, keepdims=True)
    correlation /= np.where(highest > np.finfo(float).tiny, highest, 1.0)
    shortest = int(60 * STEPS // MAX_TEMPO) + 1  # steps; a beat of a faster tempo is none
    tempos = 60 * STEPS / np.arange(shortest, lags)
    prior = -0.5 * np.log2(tempos / USUAL_TEMPO) ** 2
    best: np.ndarray = tempos[np.argmax(np.log1p(1e6 * correlation[:, shortest:]) + prior, axis=1)]
    return best
