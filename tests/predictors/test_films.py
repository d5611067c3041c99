"""Edited copies: real files of one length, in which only what was named has changed."""

from __future__ import annotations

import av
import numpy as np
import pytest

from sec2sec.edits.plan import BLACK, SILENCE, ClipTracks, Picture, Sound
from sec2sec.media import open_clip
from sec2sec.predictors.films import FilmMaker
from sec2sec.predictors.references import REFERENCES, held, plan_of
from sec2sec.predictors.sounds import SoundMaker, encode_sound
from tests.helpers.clips import make_clip

SECONDS = 4
THERE = [True] * SECONDS
WITHOUT = [True, True, False, True]


def coloured(index: int, time: float, width: int, height: int) -> np.ndarray:
    """A picture whose left half is red and whose upper right quarter gets brighter."""
    picture = np.full((height, width, 3), 60, np.uint8)
    picture[:, : width // 2] = (200, 40, 40)
    picture[: height // 2, width // 2 :] = min(255, 40 + 40 * index)
    return picture


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    rng = np.random.default_rng(0)
    loud = np.concatenate([level * rng.normal(0, 0.1, 48_000) for level in (1, 0.02, 1, 0.5)]).astype(np.float32)
    return make_clip(tmp_path_factory.mktemp("films") / "clip.mp4", SECONDS, fps=12, sound=loud)


@pytest.fixture
def maker(clip, tmp_path):
    maker = FilmMaker(open_clip(clip), ClipTracks(SECONDS), tmp_path)
    yield maker
    maker.close()


def read(path) -> tuple[list[np.ndarray], np.ndarray]:
    """Luma of each frame, and mono sound."""
    with av.open(str(path)) as file:
        frames = [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]
    with av.open(str(path)) as file:
        return frames, np.concatenate([block.to_ndarray().mean(0) for block in file.decode(audio=0)])


def seconds_of(frames, second):
    return np.stack(frames[12 * second : 12 * second + 12])


@pytest.mark.parametrize("key", REFERENCES)
def test_only_the_named_second_changes_and_every_copy_has_one_length(maker, key):
    own, own_sound = read(maker.make(plan_of(THERE, THERE, REFERENCES[key], maker.tracks)))
    edited, sound = read(maker.make(plan_of(WITHOUT, WITHOUT, REFERENCES[key], maker.tracks)))
    assert len(own) == len(edited) == 12 * SECONDS
    assert len(own_sound) == len(sound)
    for second in range(SECONDS):
        same = np.array_equal(seconds_of(own, second), seconds_of(edited, second))
        assert same is WITHOUT[second]
    inside = slice(2 * 48_000 + 2_000, 3 * 48_000 - 2_000)
    assert np.abs(sound[inside]).max() < 0.2 * np.abs(own_sound[inside]).max()
    far = np.r_[0 : 2 * 48_000 - 12_000, 3 * 48_000 + 12_000 : len(sound)]
    np.testing.assert_array_equal(sound[far], own_sound[far])


def test_each_reference_looks_and_sounds_as_it_says(maker):
    def second(key):
        frames, sound = read(maker.make(plan_of(WITHOUT, WITHOUT, REFERENCES[key], maker.tracks)))
        return seconds_of(frames, 2).astype(float), sound[2 * 48_000 + 3_000 : 3 * 48_000 - 3_000].std()

    own, own_sound = read(maker.make(plan_of(THERE, THERE, REFERENCES["tone-held"], maker.tracks)))
    black, silence = second("silence-black")
    assert black.max() <= 17  # of limited range
    assert silence < 1e-4
    still, room = second("tone-held")
    assert np.abs(still - seconds_of(own, 1)[-1].astype(float)).mean() < 2
    assert room == pytest.approx(own_sound[48_000 + 3_000 : 2 * 48_000 - 3_000].std(), rel=0.2)
    average, _ = second("silence-average")
    assert np.abs(average - np.mean(own, axis=0)).mean() < 25  # of 4 frames of each second
    blurred, _ = second("tone-blur")
    assert blurred.std(axis=(1, 2)).mean() < 0.9 * seconds_of(own, 2).std(axis=(1, 2)).mean()


def test_seconds_that_go_together_hold_one_frame_of_before(maker):
    assert held(2, [True, False, False, True]) == held(1, [True, False, False, True]) == Picture("hold", 1)
    assert held(0, [False, False, True]) == held(1, [False, False, True]) == Picture("freeze", 2)
    assert held(1, [False, False]) == Picture("freeze", 0)


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_copy_looks_like_the_clip(tmp_path, rotation):
    made = make_clip(tmp_path / "clip.mp4", 2, fps=8, picture=coloured, size=(128, 96), rotation=rotation)
    maker = FilmMaker(open_clip(made), ClipTracks(2), tmp_path)
    copy = maker.make(plan_of([True] * 2, [True] * 2, REFERENCES["silence-black"], maker.tracks))
    maker.close()
    pairs = zip(open_clip(made).seconds(), open_clip(copy).seconds(), strict=True)
    for before, after in pairs:
        assert np.abs(before.frames.astype(float) - after.frames.astype(float)).mean() < 3
        np.testing.assert_allclose(before.samples, after.samples, atol=0.05)


def test_a_sound_put_together_is_the_one_encoded_in_one_piece():
    rng = np.random.default_rng(1)
    swell = np.abs(np.sin(np.arange(6 * 48_000) / 9_000))
    samples = np.stack([rng.normal(0, 3_000, 6 * 48_000) * swell] * 2, 1).astype(np.int16)
    for gone in ([2], [1, 2], [0, 2, 5]):
        edited = samples.copy()
        for second in gone:
            edited[second * 48_000 : (second + 1) * 48_000] = 0
        sounds = [SILENCE if second in gone else Sound("play", second) for second in range(6)]
        together, at_once = SoundMaker(samples).encoded(sounds), encode_sound(edited)
        assert [piece.time for piece in together] == [piece.time for piece in at_once]
        errors = [np.abs(decoded(packets)[: len(edited)] - edited[:, 0] / 32768) for packets in (together, at_once)]
        assert errors[0].mean() < 1.05 * errors[1].mean() + 1e-5
        assert errors[0].max() < 1.5 * errors[1].max() + 1e-3


def decoded(packets) -> np.ndarray:
    """AAC packets → mono samples, without what the encoder puts before them."""
    context = av.CodecContext.create("aac", "r")
    writer = av.CodecContext.create("aac", "w")
    writer.sample_rate, writer.layout, writer.format = 48_000, "stereo", "fltp"
    writer.open()
    context.extradata = writer.extradata
    blocks = [frame.to_ndarray()[0] for piece in packets for frame in context.decode(av.Packet(piece.data))]
    return np.concatenate(blocks)[1024:]


def test_plans_share_the_looks_that_are_encoded(maker):
    calls = []
    encode = maker._encode_seconds
    maker._encode_seconds = lambda looks: (calls.append(list(looks)), encode(looks))
    for second in range(SECONDS):
        present = [one != second for one in range(SECONDS)]
        for there in ((present, present), (THERE, present), (present, THERE)):
            maker.discard(maker.make(plan_of(*there, REFERENCES["silence-black"], maker.tracks)))
    assert [len(looks) for looks in calls] == [SECONDS, 1]
    assert calls[1] == [BLACK]
