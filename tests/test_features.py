"""Frames against torchvision's own preprocessing, the MFCC image against librosa, second by second."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio.transforms import MFCC
from torchvision.transforms._presets import VideoClassification

from sec2sec.config import CROP, RESIZE, SAMPLE_RATE, AudioConfig, crop_region
from sec2sec.features import KINETICS_MEAN, KINETICS_STD, MfccImage, frame_tensor

# MFCCs are dB times √64: from -800 (silence) to about 150. Largest differences seen: 3.6e-4, 4.3e-5, 6.8e-6
TOLERANCE = {"mfcc": 2e-3, "delta": 2e-4, "delta of delta": 5e-5}
TIME = torch.arange(SAMPLE_RATE) / SAMPLE_RATE


def speech_like(pitch: float = 120.0) -> torch.Tensor:
    """A pulse train through three formants, in four syllables with pauses."""
    pulses = np.zeros(SAMPLE_RATE)
    pulses[:: int(SAMPLE_RATE / pitch)] = 1.0
    for formant in (700.0, 1220.0, 2600.0):
        pole = 0.97 * np.exp(2j * np.pi * formant / SAMPLE_RATE)
        pulses = np.convolve(pulses, (pole ** np.arange(400)).real)[:SAMPLE_RATE]
    syllables = np.clip(np.sin(2 * np.pi * 4 * np.arange(SAMPLE_RATE) / SAMPLE_RATE), 0, 1)
    return torch.tensor(0.5 * pulses / np.abs(pulses).max() * syllables, dtype=torch.float32)


def seconds_of_sound() -> dict[str, torch.Tensor]:
    noise = 0.1 * torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(1))
    return {
        "noise": noise,
        "faint noise": 1e-4 * noise,
        "16-bit least bit": noise.sign() / 32768,
        "tone": 0.8 * torch.sin(2 * torch.pi * 440 * TIME),
        "low tone": 0.3 * torch.sin(2 * torch.pi * 55 * TIME),
        "chirp": 0.5 * torch.sin(2 * torch.pi * (100 + 3500 * TIME) * TIME),
        "speech-like": speech_like(),
        "clipped": (30 * noise).clamp(-1, 1),
        "square": torch.sin(2 * torch.pi * 200 * TIME).sign(),
        "click": torch.nn.functional.one_hot(torch.tensor(8000), SAMPLE_RATE).float(),
        "sound, then silence": torch.where(TIME < 0.5, noise, 0.0),
        "constant": torch.full((SAMPLE_RATE,), 0.5),
        "silence": torch.zeros(SAMPLE_RATE),
    }


def librosa_image(samples: torch.Tensor, config: AudioConfig) -> np.ndarray:
    """The oracle: librosa with its own defaults for mel scale, norm, dB and DCT, and the frames of `config`."""
    mfcc = librosa.feature.mfcc(
        y=samples.numpy(),
        sr=SAMPLE_RATE,
        n_mfcc=config.n_mfcc,
        n_fft=config.n_fft,
        hop_length=config.hop,
        n_mels=config.n_mels,
        pad_mode="reflect",  # librosa pads with zeros otherwise; torch.stft reflects, and so fakes no onset
    )
    delta = librosa.feature.delta(mfcc, width=config.delta_width, mode="nearest")
    return np.stack([mfcc, delta, librosa.feature.delta(delta, width=config.delta_width, mode="nearest")])


def test_frames_equal_torchvisions_own_preprocessing_of_already_resized_frames() -> None:
    frames = torch.randint(0, 256, (2, 3, *RESIZE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    preset = VideoClassification(crop_size=(CROP, CROP), resize_size=RESIZE)
    torch.testing.assert_close(frame_tensor(frames), preset(frames.permute(0, 1, 4, 2, 3)), rtol=0, atol=2e-6)


def test_the_crop_is_the_region_that_overlays_are_drawn_on() -> None:
    height, width = RESIZE
    frames = torch.zeros(1, 1, height, width, 3, dtype=torch.uint8)
    left, top, right, bottom = crop_region()
    frames[:, :, round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = 255
    assert frame_tensor(frames).amin() > 2  # all white
    frames[:, :, round(top * height) - 1 : round(bottom * height) + 1] = 255
    assert frames[0, 0, :, :, 0].sum() > 255 * CROP**2  # the border grew and the crop did not see it
    assert frame_tensor(frames).shape == (1, 3, 1, CROP, CROP)


def test_seconds_moments_and_colours_stay_in_their_places() -> None:
    frames = torch.zeros(3, 4, *RESIZE, 3, dtype=torch.uint8)
    frames[2, 1, 8 + 5, 30 + 70, 1] = 255  # second 2, moment 1, row 5, column 70 of the crop, green
    tensor = frame_tensor(frames)
    assert (tensor > 0).nonzero().tolist() == [[2, 1, 1, 5, 70]]


@given(st.tuples(*[st.integers(0, 255)] * 3))
@settings(max_examples=30, deadline=None)
def test_every_pixel_value_is_normalised_by_its_channel(colour: tuple[int, int, int]) -> None:
    frames = torch.tensor(colour, dtype=torch.uint8).expand(1, 1, *RESIZE, 3)
    expected = [(c / 255 - m) / s for c, m, s in zip(colour, KINETICS_MEAN, KINETICS_STD, strict=True)]
    tensor = frame_tensor(frames)
    assert tensor.dtype == torch.float32
    for channel, value in enumerate(expected):
        assert tensor[0, channel].amin().item() == pytest.approx(value, abs=2e-6)
        assert tensor[0, channel].amax().item() == pytest.approx(value, abs=2e-6)


@pytest.mark.parametrize("name", seconds_of_sound())
def test_mfcc_image_equals_librosas(name: str) -> None:
    config, samples = AudioConfig(), seconds_of_sound()[name]
    image, expected = MfccImage(config)(samples[None])[0], librosa_image(samples, config)
    assert image.shape == (3, config.n_mfcc, config.steps)
    for channel, (what, tolerance) in enumerate(TOLERANCE.items()):
        np.testing.assert_allclose(image[channel], expected[channel], rtol=0, atol=tolerance, err_msg=what)


def test_mfcc_image_equals_librosas_at_other_settings() -> None:
    config, samples = AudioConfig(n_fft=512, hop=320, n_mels=48, n_mfcc=20, delta_width=5), speech_like()
    image = MfccImage(config)(samples[None])[0]
    assert image.shape == (3, 20, 51)
    np.testing.assert_allclose(image, librosa_image(samples, config), rtol=0, atol=2e-3)


def test_a_second_does_not_depend_on_the_seconds_beside_it() -> None:
    mfcc, sounds = MfccImage(), torch.stack(list(seconds_of_sound().values()))
    together = mfcc(sounds)
    for position, samples in enumerate(sounds):
        torch.testing.assert_close(together[position], mfcc(samples[None])[0], rtol=0, atol=1e-4)
    torch.testing.assert_close(together.flip(0), mfcc(sounds.flip(0)), rtol=0, atol=1e-4)


def test_torchaudio_left_to_itself_would_let_a_loud_second_flatten_a_faint_one() -> None:
    sounds = seconds_of_sound()
    batch = torch.stack([sounds["faint noise"] * 1e-2, sounds["tone"]])
    config = AudioConfig()
    theirs = MFCC(SAMPLE_RATE, config.n_mfcc, melkwargs={"n_fft": config.n_fft, "hop_length": config.hop, "n_mels": 64})
    assert (theirs(batch)[0] - theirs(batch[:1])[0]).abs().max() > 10


def test_deltas_are_the_regression_formula_written_in_loops() -> None:
    rows = torch.randn(2, 3, 12, generator=torch.Generator().manual_seed(3))
    expected = torch.zeros_like(rows)
    reach, last = 4, rows.shape[-1] - 1
    for step in range(rows.shape[-1]):
        for n in range(1, reach + 1):
            expected[..., step] += n * (rows[..., min(step + n, last)] - rows[..., max(step - n, 0)])
    expected /= 2 * sum(n * n for n in range(1, reach + 1))
    torch.testing.assert_close(MfccImage(AudioConfig(delta_width=9)).deltas(rows), expected)


def test_silence_is_a_flat_finite_image() -> None:
    image = MfccImage()(torch.zeros(2, SAMPLE_RATE))
    torch.testing.assert_close(image[:, 0, 0], torch.full((2, 101), -800.0), rtol=0, atol=1e-2)  # -100 dB times √64
    assert image[:, 0, 1:].abs().max() < 1e-3
    assert image[:, 1:].abs().max() < 1e-4


def test_an_onset_shows_in_the_column_of_its_time() -> None:
    image = MfccImage()(torch.where(TIME < 0.6, 0.0, seconds_of_sound()["noise"])[None])[0]
    assert abs(int(image[1, 0].argmax()) - 60) <= 1  # Δ of the first coefficient, columns of 10 ms


def test_no_mel_band_is_empty() -> None:
    assert (MfccImage().mfcc.MelSpectrogram.mel_scale.fb.sum(0) > 0).all()


def test_mfcc_stays_in_float32_under_autocast() -> None:
    samples = speech_like()[None]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        image = MfccImage()(samples)
    assert image.dtype == torch.float32
    assert torch.equal(image, MfccImage()(samples))


MFCC_IMAGE = MfccImage()


@given(
    seed=st.integers(0, 2**16),
    gain=st.sampled_from([0.0, 1e-30, 1e-10, 1e-5, 1e-2, 1.0, 1e3]),
    offset=st.floats(-1, 1),
    limit=st.sampled_from([1e-6, 0.5, 1.0, 10.0]),
    start=st.integers(0, SAMPLE_RATE - 1),
)
@settings(max_examples=25, deadline=None)
def test_any_sound_gives_a_finite_image_within_bounds(
    seed: int, gain: float, offset: float, limit: float, start: int
) -> None:
    samples = (gain * torch.randn(1, SAMPLE_RATE, generator=torch.Generator().manual_seed(seed)) + offset).clamp(
        -limit, limit
    )
    samples[:, :start] = 0
    image = MFCC_IMAGE(samples)
    assert image.shape == (1, 3, 40, 101)
    assert image.isfinite().all()
    assert image[:, 0, 0].min() > -801  # no band falls below -100 dB
    assert (image[:, 1:].abs() <= image[:, :1].abs().max()).all()
