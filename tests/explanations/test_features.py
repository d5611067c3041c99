"""Audio-visual features against librosa, Silero, scipy and slow definitions; planted cuts and beats are found."""

from __future__ import annotations

import colorsys
import threading
from importlib.util import find_spec
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.stats import spearmanr

from sec2sec.config import SAMPLE_RATE
from sec2sec.explanations.features import FeatureCollector, FeatureThread, Measured, features_of, warm_up
from sec2sec.explanations.features import audio as audio_features
from sec2sec.explanations.features.audio import HOP, TEMPO_WINDOW, loudness, onset_envelope, onsets_and_tempo, tempo_of
from sec2sec.explanations.features.collect import correlation
from sec2sec.explanations.features.speech import speech_probability, window_probabilities
from sec2sec.media import Second, open_clip
from tests.helpers import clips

FILM = Path(__file__).parents[2] / "assets" / "clips"


def measure(path: Path, rate: int = 8) -> Measured:
    collector = FeatureCollector()
    for second in open_clip(path, frames_per_second=rate).seconds():
        collector.add(second)
    return collector.finish()


def test_a_thread_measures_what_the_caller_would():
    seconds = list(open_clip(FILM / "sintel-flight.mp4", frames_per_second=8, end=6.0).seconds())
    measuring = FeatureThread()
    for some in (seconds[:2], seconds[2:5], seconds[5:]):
        measuring.add(some)
    found, collector = measuring.finish(), FeatureCollector()
    for second in seconds:
        collector.add(second)
    expected = collector.finish()
    assert found().tracks.keys() == expected.tracks.keys()
    for name, values in expected.tracks.items():
        np.testing.assert_array_equal(found().tracks[name], values)


def test_what_goes_wrong_in_the_thread_is_raised_where_the_seconds_come_from():
    measuring = FeatureThread()
    measuring.add([Second(0, np.zeros((2, 4), np.uint8), None, None, False)])  # no picture has two dimensions
    with pytest.raises((IndexError, ValueError)):
        measuring.finish()
    measuring.cancel()


def of_sound(samples: np.ndarray) -> np.ndarray:
    """Sound at 16 kHz as seconds."""
    return samples[: len(samples) // SAMPLE_RATE * SAMPLE_RATE].astype(np.float32).reshape(-1, SAMPLE_RATE)


def film_sound(name: str) -> np.ndarray:
    """The sound of an example clip, at 16 kHz."""
    return np.concatenate([s.samples for s in open_clip(FILM / f"{name}.mp4", frames_per_second=1).seconds()])


def scenes(colours: dict[float, tuple[int, int, int]]):
    """A drawing of one colour from each instant on, with a bar that moves."""

    def draw(index: int, time: float, width: int, height: int) -> np.ndarray:
        start = max(at for at in colours if at <= time + 1e-6)
        picture = np.full((height, width, 3), colours[start], np.uint8)
        picture[:, index % 8 : index % 8 + 4] = 128
        return picture

    return draw


def test_loudness_is_the_rms_below_full_scale():
    tone = of_sound(np.concatenate([clips.tone(1, 440, level, SAMPLE_RATE) for level in (1.0, 0.1, 0.0)]))
    np.testing.assert_allclose(loudness(tone), [-3.01, -23.01, audio_features.FLOOR], atol=0.01)


def test_a_planted_cut_is_counted_in_its_second_and_movement_is_not(tmp_path):
    colours = {0.0: (200, 40, 40), 1.5: (30, 60, 200), 3.25: (40, 180, 60), 3.75: (220, 200, 30)}
    path = clips.make_clip(tmp_path / "cuts.mp4", 5, picture=scenes(colours), sound=None)
    found = measure(path).tracks
    assert found["cuts"].tolist() == [0, 1, 0, 2, 0]
    assert (found["motion"] > 0).all()


def test_a_flash_is_movement_and_no_cut(tmp_path):
    flashes = [0.5, 1.5, 2.25]
    path = clips.make_clip(tmp_path / "flash.mp4", 4, picture=clips.flash(flashes, 0.125), fps=24, sound=None)
    found = measure(path).tracks
    assert found["cuts"].tolist() == [0, 0, 0, 0]
    assert (found["motion"][:3] > 10).all()
    assert found["motion"][3] < 0.1


def test_a_cut_between_two_seconds_counts_in_the_second_that_it_opens(tmp_path):
    path = clips.make_clip(
        tmp_path / "cut.mp4", 3, picture=scenes({0.0: (200, 40, 40), 2.0: (30, 60, 200)}), sound=None
    )
    assert measure(path).tracks["cuts"].tolist() == [0, 0, 1]


def test_brightness_saturation_and_motion_are_their_definitions():
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (2, 3, 64, 86, 3), dtype=np.uint8)  # 2 seconds of 3 frames
    seconds = small.repeat(2, 2)[:, :, :128].repeat(2, 3)[:, :, :, :171]
    collector = FeatureCollector()
    for index, frames in enumerate(seconds):
        collector.add(Second(index, frames, None, None, False))
    found = collector.finish().tracks
    pixels = small.reshape(2, -1, 3) / 255
    luma = small @ np.array([0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(found["brightness"], 100 * luma.mean((1, 2, 3)), rtol=1e-5)
    hsv = [[colorsys.rgb_to_hsv(*pixel)[1] for pixel in second] for second in pixels]
    np.testing.assert_allclose(found["saturation"], 100 * np.mean(hsv, 1), rtol=1e-5)
    steps = np.abs(np.diff(luma.reshape(6, 64, 86), axis=0)).mean((1, 2))
    np.testing.assert_allclose(found["motion"], [100 * steps[:2].mean(), 100 * steps[2:].mean()], rtol=1e-5)


@pytest.mark.parametrize("beats", [90, 120])
def test_the_tempo_of_planted_beats_is_found(beats):
    instants = np.arange(0, 12, 60 / beats)
    _, tempo = onsets_and_tempo(of_sound(clips.clicks(12, instants, 0.03, rate=SAMPLE_RATE)))
    assert np.median(tempo) == pytest.approx(beats, rel=0.04)


def test_onset_strength_is_librosas_and_higher_where_more_begins():
    busy = clips.clicks(8, [*np.arange(0, 4, 1.0), *np.arange(4, 8, 0.25)], 0.03, rate=SAMPLE_RATE)
    strength, _ = onsets_and_tempo(of_sound(busy))
    envelope = librosa.onset.onset_strength(y=busy, sr=SAMPLE_RATE, hop_length=HOP, n_fft=1024, n_mels=64)
    np.testing.assert_allclose(strength, [envelope[50 * t : 50 * t + 50].mean() for t in range(8)], rtol=1e-5)
    assert strength[5:].min() > 2 * strength[1:4].max()


@pytest.mark.parametrize("name", ["sintel-flight", "sintel-dialogue", "noise", "silence"])
def test_onsets_and_tempo_are_librosas(name):
    rng = np.random.default_rng(0)
    made = {"noise": rng.normal(0, 0.1, 9 * SAMPLE_RATE), "silence": np.zeros(5 * SAMPLE_RATE)}
    samples = made[name].astype(np.float32) if name in made else film_sound(name)
    envelope = librosa.onset.onset_strength(y=samples, sr=SAMPLE_RATE, hop_length=HOP, n_fft=1024, n_mels=64)
    tempo = librosa.feature.tempo(
        onset_envelope=envelope, sr=SAMPLE_RATE, hop_length=HOP, ac_size=TEMPO_WINDOW, aggregate=None
    )
    np.testing.assert_allclose(onset_envelope(samples), envelope, atol=2e-5)  # dB, in single precision
    np.testing.assert_allclose(tempo_of(envelope), tempo)


def test_long_sound_is_measured_in_blocks_that_agree_with_the_whole(monkeypatch):
    sound = of_sound(clips.clicks(24, np.arange(0, 24, 0.5), 0.03, rate=SAMPLE_RATE))
    whole = onsets_and_tempo(sound)
    monkeypatch.setattr(audio_features, "BLOCK_SECONDS", 10)
    blocks = onsets_and_tempo(sound)
    np.testing.assert_allclose(blocks[0], whole[0], rtol=0.02)
    np.testing.assert_allclose(blocks[1], whole[1], rtol=0.05)


def test_silence_and_short_clips_have_no_tempo():
    silent = of_sound(np.zeros(6 * SAMPLE_RATE))
    assert np.isnan(onsets_and_tempo(silent)[1]).all()
    short = of_sound(clips.clicks(3, [0, 0.5, 1, 1.5, 2, 2.5], rate=SAMPLE_RATE))
    assert np.isnan(onsets_and_tempo(short)[1]).all()


@pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated")
def test_speech_is_what_sileros_own_network_says_with_the_same_weights():
    samples = film_sound("sintel-dialogue")
    folder = Path(next(iter(find_spec("silero_vad").submodule_search_locations))) / "data"
    theirs, weights = torch.jit.load(str(folder / "silero_vad.jit")), load_file(folder / "silero_vad_16k.safetensors")
    layers = {f"conv{i + 1}": f"encoder.{i}.reparam_conv" for i in range(4)}
    layers |= {"lstm_cell": "decoder.rnn", "final_conv": "decoder.decoder.2"}
    state = theirs._model.state_dict()
    state["stft.forward_basis_buffer"].copy_(weights.pop("stft_conv.weight"))
    for name, values in weights.items():
        layer, part = name.split(".")
        state[f"{layers[layer]}.{part}"].copy_(values)
    padded = np.pad(samples, (0, -len(samples) % 512))
    with torch.inference_mode():
        said = [float(theirs(torch.from_numpy(window), SAMPLE_RATE)) for window in padded.reshape(-1, 512)]
    np.testing.assert_allclose(window_probabilities(samples), said, atol=1e-4)


def test_speech_is_found_where_people_talk_and_not_in_noise_silence_or_music():
    rng = np.random.default_rng(0)
    chord = sum(clips.tone(4, f, 0.2, SAMPLE_RATE) for f in (262, 330, 392))
    for sound in (rng.normal(0, 0.1, 4 * SAMPLE_RATE), np.zeros(4 * SAMPLE_RATE), chord):
        assert speech_probability(of_sound(sound)).max() < 0.2
    talk, flight = (measure(FILM / f"sintel-{name}.mp4", 1).tracks["speech"] for name in ("dialogue", "flight"))
    assert talk[[0, 6]].min() > 0.7  # both lines of the dialogue
    assert flight.max() < 0.2  # loud music


def test_speech_of_a_long_clip_is_the_same_in_blocks(monkeypatch):
    samples = film_sound("sintel-dialogue")
    whole = window_probabilities(samples)
    monkeypatch.setattr("sec2sec.explanations.features.speech.WINDOWS_PER_PASS", 50)
    np.testing.assert_allclose(window_probabilities(samples), whole, atol=1e-5)


def test_threads_that_listen_at_once_hear_the_same_and_torch_keeps_its_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        warm_up()
        assert torch.get_num_threads() == 3  # importing silero_vad would have set 1
    finally:
        torch.set_num_threads(before)
    rng = np.random.default_rng(1)
    sounds = [of_sound(rng.normal(0, 0.1, 3 * SAMPLE_RATE)) for _ in range(4)]
    alone = [speech_probability(sound) for sound in sounds]
    together: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda i=i: together.update({i: speech_probability(sounds[i])})) for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, expected in enumerate(alone):
        np.testing.assert_allclose(together[i], expected, atol=1e-6)


def test_the_correlation_with_effects_is_spearmans_correlation_and_says_when_it_cannot_tell():
    rng = np.random.default_rng(2)
    values, effects = rng.integers(0, 4, 12).astype(float), rng.normal(size=(3, 12))

    def expected(known=slice(None)):
        return pytest.approx([spearmanr(values[known], effect[known]).statistic for effect in effects])

    assert correlation(values, effects) == expected()
    assert np.isnan(correlation(values[:3], effects[:, :3])).tolist() == [True] * 3
    assert np.isnan(correlation(np.ones(12), effects)).tolist() == [True] * 3
    values[3] = np.nan
    assert correlation(values, effects) == expected(np.isfinite(values))


def test_a_clip_has_the_lanes_of_what_it_has(tmp_path):
    seen = measure(clips.make_clip(tmp_path / "seen.mp4", 2, sound=None))
    heard = measure(clips.make_clip(tmp_path / "heard.mp4", 2, picture=None))
    assert list(seen.tracks) == ["motion", "cuts", "brightness", "saturation"]
    assert list(heard.tracks) == ["loudness", "tempo", "onset strength", "speech"]
    lanes = features_of(heard, {"arousal": np.array([0.1, 0.2])})
    assert [lane.unit for lane in lanes] == ["dBFS", "beats a minute", "dB", "probability"]
    assert all(lane.values.shape == (2,) and np.isnan(lane.correlation["arousal"]) for lane in lanes)


def test_a_louder_planted_second_correlates_with_its_effect(tmp_path):
    levels = [0.02, 0.02, 0.5, 0.03, 0.01, 0.04]
    sound = np.concatenate([clips.tone(1, level=level) for level in levels])
    lanes = features_of(measure(clips.make_clip(tmp_path / "c.mp4", 6, sound=sound)), {"arousal": np.array(levels)})
    loud = next(lane for lane in lanes if lane.name == "loudness")
    assert loud.values.argmax() == 2
    assert loud.correlation["arousal"] > 0.8
