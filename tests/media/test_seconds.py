"""Seconds, parts of a clip, and limits."""

from __future__ import annotations

import math

import av
import numpy as np
import pytest

from sec2sec.config import SAMPLE_RATE, MediaLimits
from sec2sec.media import open_clip
from tests.helpers.clips import make_clip, number, tone
from tests.helpers.reading import REORDER, even, numbers, on_screen, read, refusal


@pytest.mark.parametrize(
    ("length", "count", "partial"), [(2.4, 2, False), (2.6, 3, True), (0.5, 1, True), (1, 1, False)]
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_last_part_of_half_a_second_is_kept_padded_and_marked(tmp_path, length, count, partial, suffix):
    sound = tone(length)
    _, seconds = read(make_clip(tmp_path / f"a{suffix}", length, fps=20, sound=sound, audio_codec="flac"))
    assert len(seconds) == count
    assert [second.partial for second in seconds] == [False] * (count - 1) + [partial]
    last = seconds[-1]
    if partial:
        rest = length - (count - 1)
        assert np.abs(last.samples[round((rest + 0.01) * SAMPLE_RATE) :]).max() == 0
        assert np.abs(last.samples[: round(rest * SAMPLE_RATE)]).max() > 0.4
        assert number(last.frames[-1]) == round(length * 20) - 1


@pytest.mark.parametrize("options", [{}, {"sound": None}, {"picture": None, "format": "mp4"}])
def test_a_clip_of_0_3_s_is_refused(tmp_path, options):
    assert "0.3" in refusal(make_clip(tmp_path / "a.mp4", 0.3, fps=20, **options))


PARTS = {
    "a.mp4": {"b_frames": 3, "options": {**REORDER, "x264-params": "open-gop=1"}, "gop": 30},
    "one-key-frame.mp4": {"gop": 1000},
    "44k.mp4": {"rate": 44_100, "gop": 12},
    "a.mkv": {"b_frames": 3, "options": REORDER, "gop": 30},
    "a.ts": {"b_frames": 3, "options": REORDER, "gop": 30},
    "hevc.mp4": {"video_codec": "libx265", "gop": 30, "b_frames": 3, "options": {"preset": "fast"}},
    "a.webm": {"video_codec": "libvpx-vp9", "audio_codec": "libopus", "gop": 30},
    "a.avi": {"video_codec": "mpeg4", "audio_codec": "libmp3lame", "gop": 30},
    "a.gif": {"video_codec": "gif", "pix_fmt": "rgb8", "sound": None, "fps": 10},
    "a.mp3": {"picture": None, "audio_codec": "libmp3lame"},
    "a.flac": {"picture": None, "audio_codec": "flac"},
    "a.ogg": {"picture": None, "audio_codec": "libopus"},
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("start", [1, 5])
def test_a_part_equals_the_same_part_of_the_whole(tmp_path, name, start):
    rate = PARTS[name].get("rate", 48_000)
    rng = np.random.default_rng(0)
    melody = np.concatenate([tone(0.25, 220 * 2 ** (rng.integers(24) / 12), rate=rate) for _ in range(32)])
    path = make_clip(tmp_path / name, 8, **{"sound": melody, **PARTS[name]})
    _, whole = read(path)
    clip, part = read(path, start=start, end=start + 2)
    assert len(part) == 2
    assert clip.duration == pytest.approx(2)
    for found, expected in zip(part, whole[start : start + 2], strict=True):
        if found.frames is not None:
            assert np.array_equal(found.frames, expected.frames)
            assert found.still == expected.still
        if found.samples is not None:
            # Time stamps of milliseconds, and half a sample of the resampler's phase, may shift the sound by 1 ms.
            shifts = [np.roll(found.samples, shift)[200:-200] - expected.samples[200:-200] for shift in range(-17, 18)]
            assert min(np.sqrt((error**2).mean()) for error in shifts) < 0.03


@pytest.mark.parametrize("rate", [7, 8])
def test_without_stills_the_frames_and_the_sound_are_the_same(tmp_path, rate):
    path = make_clip(tmp_path / "a.mp4", 3, fps=25)
    clip, alone = read(path, frames_per_second=rate, stills=False)
    shown, seconds = read(path, frames_per_second=rate)
    assert [second.still for second in alone] == [None] * len(seconds)
    for found, expected in zip(alone, seconds, strict=True):
        assert expected.still is not None
        assert np.array_equal(found.frames, expected.frames)
        assert np.array_equal(found.samples, expected.samples)
    assert (clip.duration, clip.warnings) == (shown.duration, shown.warnings)


def test_a_part_may_start_between_whole_seconds_and_end_in_a_partial_one(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 6, fps=25)
    _, seconds = read(path, start=1.3, end=3.9)
    assert [second.partial for second in seconds] == [False, False, True]
    assert numbers(seconds) == on_screen(even(25, 6), 3, start=1.3)
    assert np.abs(seconds[2].samples[: round(0.6 * SAMPLE_RATE)]).max() > 0.4
    assert np.abs(seconds[2].samples[round(0.6 * SAMPLE_RATE) :]).max() == 0


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_part_far_into_a_file_is_not_decoded_from_the_beginning(tmp_path, suffix):
    clip = open_clip(make_clip(tmp_path / f"a{suffix}", 30, fps=10, gop=10), start=25)
    for kind, reach in (("video", 2.1), ("audio", 2.1)):
        track = clip.track(kind)
        assert 25 - reach <= next(track.frames(25)).time <= 25
        track.close()


def test_a_part_after_the_end_of_the_picture_holds_its_last_frame(tmp_path):
    _, seconds = read(make_clip(tmp_path / "a.mp4", 2, sound=tone(6)), start=4)
    assert numbers(seconds) == [47] * 16


@pytest.mark.parametrize(
    ("start", "end"),
    [(-1, None), (math.nan, None), (math.inf, None), (3.5, None), (99, None), (2, 2), (0, -3), (1, 0.5), (1, 1.2)],
)
def test_an_impossible_part_is_refused(tmp_path, start, end):
    refusal(make_clip(tmp_path / "a.mp4", 3), start=start, end=end)


def test_an_end_beyond_the_clip_is_the_end_of_the_clip(tmp_path):
    clip, seconds = read(make_clip(tmp_path / "a.mp4", 2), start=1, end=50)
    assert len(seconds) == 1
    assert clip.duration == pytest.approx(1, abs=0.05)


def test_over_the_limits_is_refused_with_the_way_out(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 4)
    assert "MB" in refusal(path, limits=MediaLimits(max_bytes=1000))
    assert "96×64" in refusal(path, limits=MediaLimits(max_pixels=6000))
    assert "choose a start and an end" in refusal(path, limits=MediaLimits(max_seconds=3))
    assert "at least 5 s" in refusal(path, limits=MediaLimits(min_seconds=5))
    _, seconds = read(path, start=0.5, end=3.5, limits=MediaLimits(max_seconds=3))
    assert len(seconds) == 3
    _, seconds = read(path, limits=MediaLimits(max_seconds=4))
    assert len(seconds) == 4


def test_a_leap_in_the_time_stamps_cannot_outrun_the_limit(tmp_path):
    path = make_clip(tmp_path / "a.mkv", 3, times=[0, 1, 5000], sound=None)
    assert "choose a start and an end" in refusal(path, limits=MediaLimits(max_seconds=20))


def test_reading_twice_gives_the_same_seconds_and_says_things_once(tmp_path):
    clip = open_clip(make_clip(tmp_path / "a.mp4", 3, sound=tone(1)))
    first, second = list(clip.seconds()), list(clip.seconds())
    assert all(np.array_equal(a.frames, b.frames) for a, b in zip(first, second, strict=True))
    assert len(clip.warnings) == len(set(clip.warnings)) == 1


def test_the_digest_is_the_files(tmp_path):
    import hashlib

    path = make_clip(tmp_path / "a.mp4", 1)
    assert open_clip(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_live_recording_that_names_no_duration_is_measured(tmp_path):
    path = make_clip(
        tmp_path / "a.webm", 4, video_codec="libvpx", audio_codec="libopus", container_options={"live": "1"}
    )
    with av.open(str(path)) as container:
        assert container.duration is None
    clip, seconds = read(path)
    assert clip.duration == pytest.approx(4, abs=0.05)
    assert len(seconds) == 4
    assert "ends at 4.0" in refusal(path, start=7)
