"""Seconds out of distribution: planted silence, black, stillness and strangeness are found; distances are scipy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import ledoit_wolf

from sec2sec.checkpoints import CheckpointError, identity
from sec2sec.config import SAMPLE_RATE
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_seconds
from sec2sec.explanations.features import FeatureCollector
from sec2sec.explanations.out_of_distribution import (
    AVERAGE_PERCENTILE,
    FILE,
    MIN_TRAINING_CLIPS,
    UNLIKE_PERCENTILE,
    TrainingSeconds,
    load_training_seconds,
    measure_training_seconds,
    ood_seconds,
    pool_seconds,
    save_training_seconds,
    unlike_words,
)
from sec2sec.media import open_clip
from tests.helpers import clips
from tests.helpers.models import ENCODER, save_tiny, tiny_bundle

WIDTH = ENCODER.width
GRID = ENCODER.visual_tokens, ENCODER.audio_tokens
MIX = np.random.default_rng(7).normal(size=(WIDTH, WIDTH)) / 4


def training_clips(count: int = 40, seconds: int = 6, seed: int = 0, tokens: tuple[int, int] = (4, 3)) -> list[Tokens]:
    """Clips whose seconds are correlated Gaussian vectors; tokens scatter around their second's vector."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        vector = rng.normal(size=(2, seconds, 1, WIDTH)) @ MIX
        parts = (vector[i] + 0.1 * rng.normal(size=(seconds, n, WIDTH)) for i, n in enumerate(tokens))
        found.append(Tokens(*(torch.from_numpy(part).float() for part in parts)))
    return found


def test_the_distance_is_scipys_mahalanobis_with_the_ledoit_wolf_covariance():
    training, fresh = training_clips(), training_clips(1, seed=9)[0]
    usual = measure_training_seconds(training).statistics["video"]
    seconds = np.concatenate([clip.video.mean(1).double().numpy() for clip in training])
    inverse = np.linalg.inv(ledoit_wolf(seconds)[0])
    vectors = pool_seconds(fresh)["video"]
    expected = [mahalanobis(vector, seconds.mean(0), inverse) for vector in vectors]
    np.testing.assert_allclose(usual.distance(vectors), expected, rtol=1e-5)
    assert usual.seconds == len(seconds)


def test_new_seconds_of_the_same_kind_are_as_often_unlike_as_training_seconds():
    usual = measure_training_seconds(training_clips(count=15)).statistics["audio"]  # 90 seconds of 16 channels: few
    fresh = np.concatenate([pool_seconds(clip)["audio"] for clip in training_clips(300, seed=5)])
    shares = usual.percentile(usual.distance(fresh))
    assert np.mean(shares >= 90) == pytest.approx(0.10, abs=0.06)
    assert np.mean(shares) == pytest.approx(50, abs=7)
    # without the cross-fitting nearly twice as many would lie beyond
    seconds = np.concatenate([pool_seconds(clip)["audio"] for clip in training_clips(count=15)])
    assert np.mean(usual.distance(fresh) > np.quantile(usual.distance(seconds), 0.9)) > 0.15


def test_a_strange_second_is_called_unlike_and_the_others_are_not():
    usual = measure_training_seconds(training_clips())
    clip = ordinary_clip(usual)
    clip.video[2] += 3.0
    found = ood_seconds(nothing_measured(len(clip.video)), clip, usual)
    assert [(one.second, one.kind) for one in found] == [(2, "unlike")]
    assert found[0].words == "the picture is less typical than in any training second"
    assert found[0].value == 100


def test_a_second_that_is_more_average_than_seconds_are_is_unlike_as_well():
    usual = measure_training_seconds(training_clips())
    clip = ordinary_clip(usual)
    clip.audio[1] = torch.from_numpy(usual.statistics["audio"].mean)
    found = ood_seconds(nothing_measured(len(clip.video)), clip, usual)
    assert [(one.second, one.kind, one.words) for one in found] == [
        (1, "unlike", "the sound is more average than in 100 % of the training seconds")
    ]
    assert found[0].value == 0


def test_as_few_ordinary_seconds_are_too_near_as_too_far():
    usual = measure_training_seconds(training_clips(count=200)).statistics["video"]
    fresh = np.concatenate([pool_seconds(clip)["video"] for clip in training_clips(300, seed=5)])
    shares = usual.percentile(usual.distance(fresh))
    assert np.mean(shares <= AVERAGE_PERCENTILE) == pytest.approx(0.01, abs=0.008)
    assert np.mean(shares >= UNLIKE_PERCENTILE) == pytest.approx(0.01, abs=0.008)


@pytest.mark.parametrize(("share", "words"), [
    (99.96, "the sound is less typical than in 99.9 % of the training seconds"),
    (99.0, "the sound is less typical than in 99 % of the training seconds"),
    (98.9, ""), (50.0, ""), (1.1, ""), (1.0, "the sound is more average than in 99 % of the training seconds"),
    (0.04, "the sound is more average than in 99.9 % of the training seconds"),
])  # fmt: skip
def test_shares_are_never_rounded_up(share, words):
    assert unlike_words("sound", share) == words


def ordinary_clip(usual: TrainingSeconds) -> Tokens:
    """Five seconds whose pooled tokens lie as far from the centre as half of the training seconds."""
    parts = []
    for name in ("video", "audio"):
        own = usual.statistics[name]
        step = np.linalg.inv(own.whiten)[0]
        vector = own.mean + step * np.median(own.quantiles) / own.distance((own.mean + step)[None])
        parts.append(torch.from_numpy(vector).float().repeat(5, 3, 1))
    return Tokens(*parts)


def nothing_measured(seconds: int):
    collector = FeatureCollector()
    measured = collector.finish()
    blank = np.full(seconds, np.nan)
    return type(measured)({}, blank, blank, blank, np.zeros(seconds, bool))


def test_planted_silence_black_stillness_and_a_partial_second_are_found(tmp_path):
    def draw(index: int, time: float, width: int, height: int) -> np.ndarray:
        if 1 <= time < 2:
            return np.zeros((height, width, 3), np.uint8)
        if 2 <= time < 3:
            return np.full((height, width, 3), 120, np.uint8)
        return np.full((height, width, 3), 60 + 5 * (index % 24), np.uint8)

    sound = clips.tone(4.6)
    sound[round(2.9 * clips.SOUND_RATE) : round(4.1 * clips.SOUND_RATE)] = 0
    path = clips.make_clip(tmp_path / "clip.mkv", 4.6, picture=draw, sound=sound, audio_codec="pcm_s16le")
    bundle = tiny_bundle(tmp_path / "tiny")
    seconds = list(open_clip(path, frames_per_second=8).seconds())
    collector = FeatureCollector()
    for second in seconds:
        collector.add(second)
    tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
    found = ood_seconds(collector.finish(), tokens)
    assert [(one.second, one.kind) for one in found] == [(1, "black"), (2, "frozen"), (3, "silent"), (4, "partial")]
    assert found[2].words == "there is no sound above −60 dB"
    heard, seen = (ood_seconds(collector.finish(), tokens, reads=(one,)) for one in ("audio", "video"))
    assert [one.kind for one in heard] == ["silent", "partial"]  # a model that hears alone cannot miss a picture
    assert [one.kind for one in seen] == ["black", "frozen", "partial"]
    assert all(len(second.samples) == SAMPLE_RATE for second in seconds)


def test_a_clip_without_sound_is_not_called_silent(tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    path = clips.make_clip(tmp_path / "clip.mp4", 2, sound=None)
    seconds = list(open_clip(path, frames_per_second=8).seconds())
    collector = FeatureCollector()
    for second in seconds:
        collector.add(second)
    tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
    usual = measure_training_seconds(training_clips())
    assert not [one for one in ood_seconds(collector.finish(), tokens, usual) if "sound" in one.words]


def test_statistics_come_back_from_the_folder_and_leave_the_checkpoint_what_it_was(tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    assert load_training_seconds(bundle) is None
    usual = measure_training_seconds(training_clips(tokens=GRID))
    save_training_seconds(tmp_path / "tiny", usual, identity(tmp_path / "tiny"))
    assert identity(tmp_path / "tiny") == bundle.summary.sha256
    back = load_training_seconds(bundle)
    vectors = pool_seconds(training_clips(1, seed=4)[0])
    for name, own in usual.statistics.items():
        distance = own.distance(vectors[name])
        np.testing.assert_allclose(back.statistics[name].distance(vectors[name]), distance, rtol=1e-4)
        np.testing.assert_allclose(back.statistics[name].percentile(distance), own.percentile(distance), atol=0.2)
        assert back.statistics[name].seconds == own.seconds
    assert set(back.statistics) == {"video", "audio"}


def test_statistics_of_an_older_checkpoint_are_found_under_their_older_name(tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    save_training_seconds(
        tmp_path / "tiny", measure_training_seconds(training_clips(tokens=GRID)), bundle.summary.sha256
    )
    (tmp_path / "tiny" / FILE).rename(tmp_path / "tiny" / "familiarity.safetensors")
    assert set(load_training_seconds(bundle).statistics) == {"video", "audio"}


def test_statistics_that_are_damaged_or_of_another_checkpoint_are_refused_in_one_line(tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    usual = measure_training_seconds(training_clips(tokens=GRID))
    other = save_tiny(tmp_path / "other", seed=3)
    save_training_seconds(tmp_path / "tiny", usual, identity(other))
    with pytest.raises(
        CheckpointError, match=r"training-seconds.safetensors: belongs to another checkpoint; delete it"
    ):
        load_training_seconds(bundle)
    clips.truncate(tmp_path / "tiny" / FILE, 0.6)
    with pytest.raises(CheckpointError, match=r"training-seconds.safetensors: damaged"):
        load_training_seconds(bundle)
    (tmp_path / "tiny" / FILE).unlink()
    narrow = {
        name: type(one)(one.mean[:4], one.whiten[:4, :4], one.quantiles, 9) for name, one in usual.statistics.items()
    }
    save_training_seconds(tmp_path / "tiny", TrainingSeconds(narrow), identity(tmp_path / "tiny"))
    with pytest.raises(CheckpointError, match="does not fit the checkpoint's 16 channels"):
        load_training_seconds(bundle)


def test_too_few_clips_and_channels_that_never_vary_do_no_harm(tmp_path):
    few = measure_training_seconds(
        training_clips(MIN_TRAINING_CLIPS - 1, tokens=GRID), tiny_bundle(tmp_path / "tiny").model
    )
    assert few == TrainingSeconds({}, None, None)
    training = training_clips()
    for clip in training:
        clip.audio[:] = 1.0
    usual = measure_training_seconds(training).statistics["audio"]
    assert usual.distance(np.ones((1, WIDTH)))[0] == pytest.approx(0, abs=1e-3)
    assert np.isfinite(usual.distance(np.zeros((1, WIDTH)))).all()
    silent = [Tokens(clip.video, None) for clip in training]
    assert list(measure_training_seconds(silent).statistics) == ["video"]
