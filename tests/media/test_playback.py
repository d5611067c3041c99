"""What browsers can play is played as it is; the rest becomes an MP4 in which every frame and sound is where it was."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from sec2sec.media import Clip, MediaError, Second, open_clip
from sec2sec.media.playback import browser_can_play, convert_for_browser
from tests.helpers.clips import clicks, damage, flash, make_clip, number, tone

REORDER = {"preset": "fast"}  # libx264's ultrafast uses no B-frames


def read(path: Path) -> tuple[Clip, list[Second]]:
    clip = open_clip(path)
    return clip, list(clip.seconds())


def numbers(seconds: list[Second]) -> list[int]:
    return [number(frame) for second in seconds for frame in second.frames]


PLAYABLE = {
    "a.mp4": {},
    "b-frames.mp4": {"b_frames": 3, "options": REORDER},
    "silent.mp4": {"sound": None},
    "rotated.mp4": {"rotation": 90},
    "av1.mp4": {"video_codec": "libsvtav1"},
    "vp9.webm": {"video_codec": "libvpx-vp9", "audio_codec": "libopus"},
    "vp8.webm": {"video_codec": "libvpx", "audio_codec": "libopus"},
    "a.m4a": {"picture": None, "format": "mp4"},
    "a.mp3": {"picture": None, "audio_codec": "libmp3lame"},
    "a.wav": {"picture": None, "audio_codec": "pcm_s16le"},
    "a.ogg": {"picture": None, "audio_codec": "libopus"},
}
UNPLAYABLE = {
    "hevc.mp4": {"video_codec": "libx265"},
    "ten-bit.mp4": {"pix_fmt": "yuv420p10le"},
    "444.mp4": {"pix_fmt": "yuv444p"},
    "mpeg4.mp4": {"video_codec": "mpeg4"},
    "prores.mov": {"video_codec": "prores_ks", "pix_fmt": "yuv422p10le", "audio_codec": "pcm_s16le"},
    "a.mov": {},
    "a.mkv": {},
    "a.avi": {"video_codec": "mpeg4", "audio_codec": "libmp3lame"},
    "a.ts": {},
    "ac3.mp4": {"audio_codec": "ac3"},
    "a.gif": {"video_codec": "gif", "pix_fmt": "rgb8", "sound": None, "fps": 10},
    "24-bit.wav": {"picture": None, "audio_codec": "pcm_s24le"},
}


@pytest.mark.parametrize("name", PLAYABLE)
def test_what_browsers_play_is_left_alone(tmp_path, name):
    path = make_clip(tmp_path / name, 1, **PLAYABLE[name])
    assert browser_can_play(path)
    assert browser_can_play(open_clip(path))


@pytest.mark.parametrize("name", UNPLAYABLE)
def test_what_browsers_cannot_play_becomes_an_mp4_with_the_same_frames_and_sound(tmp_path, name):
    path = make_clip(tmp_path / name, 2.6, **UNPLAYABLE[name])
    assert not browser_can_play(path)
    out = tmp_path / "out.mp4"
    convert_for_browser(path, out)
    assert browser_can_play(out)
    (before, expected), (after, found) = read(path), read(out)
    assert len(found) == len(expected)
    assert after.duration == pytest.approx(before.duration, abs=0.03)
    assert (after.width, after.height, after.has_audio) == (before.width, before.height, before.has_audio)
    if before.has_video:
        assert numbers(found) == numbers(expected)
        assert (after.video_codec, after.pixel_format) == ("h264", "yuv420p")
    if before.has_audio:
        assert after.audio_codec == "aac"
        level = [np.sqrt((seconds[1].samples ** 2).mean()) for seconds in (found, expected)]
        assert level[0] == pytest.approx(level[1], rel=0.03)
    assert sorted(tmp_path.iterdir()) == sorted([path, out])


def test_the_index_comes_first_so_that_playing_starts_at_once(tmp_path):
    convert_for_browser(make_clip(tmp_path / "a.mkv", 1), tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"times": [0, 0.1, 0.15, 0.7, 1.2, 1.21, 2.9, 3.3]},
        {"sound_delay": 0.7},
        {"picture_delay": 0.7},
        {"sound_delay": -0.4},
        {"fps": 1},
        {"fps": 120},
        {"fps": Fraction(30000, 1001), "b_frames": 3, "options": REORDER},
    ],
)
@pytest.mark.parametrize("start", [0, 1.5])
def test_times_are_kept_and_a_part_begins_at_zero(tmp_path, options, start):
    path = make_clip(tmp_path / "a.mkv", 4, **options)
    out = tmp_path / "out.mp4"
    convert_for_browser(path, out, start=start, end=start + 2)
    clip = open_clip(path, start=start, end=start + 2)
    expected, (_, found) = list(clip.seconds()), read(out)
    assert len(found) == len(expected) == 2
    # A frame that begins within a millisecond of an instant may be rounded to its other side.
    assert sum(a != b for a, b in zip(numbers(found), numbers(expected), strict=True)) <= 1
    loud = [
        [np.abs(second.samples).reshape(20, -1).max(1) > 0.2 for second in seconds] for seconds in (found, expected)
    ]
    assert (np.array(loud[0]) != np.array(loud[1])).sum() <= 1


@pytest.mark.parametrize("delay", [0.0, 0.35, -0.35])
def test_a_click_and_a_flash_stay_in_step(tmp_path, delay):
    picture, sound = flash([1.0, 2.5]), clicks(4, [1.0, 2.5])
    path = make_clip(tmp_path / "a.mkv", 4, fps=100, size=(64, 48), picture=picture, sound=sound, sound_delay=delay)
    out = tmp_path / "out.mp4"
    convert_for_browser(path, out)
    seconds = list(open_clip(out, frames_per_second=100).seconds())
    light = np.concatenate([second.frames.mean(axis=(1, 2, 3)) for second in seconds])
    loud = np.abs(np.concatenate([second.samples for second in seconds])) > 0.3
    for instant in (1.0, 2.5):
        lit = round((instant - 0.2) * 100) + np.argmax(light[round((instant - 0.2) * 100) :] > 127)
        after = round((instant + delay - 0.2) * 16_000)
        assert (after + np.argmax(loud[after:])) / 16_000 - lit / 100 == pytest.approx(delay, abs=0.0105)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"rotation": 90}, (64, 96)),
        ({"pixel_aspect": Fraction(4, 3)}, (128, 64)),
        ({"pixel_aspect": Fraction(4, 3), "rotation": -90}, (64, 128)),
        ({"size": (97, 61), "video_codec": "ffv1", "pix_fmt": "yuv444p"}, (96, 60)),
        ({"size": (1920, 480)}, (1280, 320)),
        ({"size": (480, 1920)}, (320, 1280)),
    ],
)
def test_rotation_pixel_aspect_odd_sizes_and_large_ones_are_baked_in(tmp_path, options, size):
    path = make_clip(tmp_path / "a.mkv" if "rotation" not in options else tmp_path / "a.mov", 1, **options)
    out = tmp_path / "out.mp4"
    convert_for_browser(path, out)
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == size
        assert stream.sample_aspect_ratio in (None, 0, 1)
        assert next(container.decode(stream)).rotation == 0
    before, after = read(path)[1][0], read(out)[1][0]
    assert np.abs(before.frames.astype(int) - after.frames).mean() < 4
    stills = [np.asarray(Image.open(io.BytesIO(s.still)).resize((32, 32)), int) for s in (before, after)]
    assert np.abs(stills[0] - stills[1]).mean() < 12


def test_progress_is_told_and_may_stop_the_work_without_a_trace(tmp_path):
    path = make_clip(tmp_path / "a.mkv", 5)
    told: list[float] = []
    convert_for_browser(path, tmp_path / "out.mp4", progress=told.append)
    assert told == sorted(told)
    assert 3 <= len(told) <= 5

    def stop(second: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_for_browser(path, tmp_path / "stopped.mp4", progress=stop)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.mkv", "out.mp4"]


def test_what_cannot_be_read_or_written_is_a_media_error_and_leaves_nothing(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("not a film")
    with pytest.raises(MediaError, match=r"text\.mp4"):
        browser_can_play(text)
    with pytest.raises(MediaError, match=r"text\.mp4"):
        convert_for_browser(text, tmp_path / "out.mp4")
    path = make_clip(tmp_path / "a.mkv", 1)
    with pytest.raises(MediaError, match="cannot be written"):
        convert_for_browser(path, tmp_path / "nowhere" / "out.mp4")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.mkv", "text.mp4"]


@pytest.mark.parametrize("options", [{"sound": None, "times": [0, 1, 90_000]}, {"picture_delay": 90_000.0}])
def test_a_leap_in_the_time_stamps_is_refused_not_filled(tmp_path, options):
    path = make_clip(tmp_path / "a.mkv", 3, **options)
    with pytest.raises(MediaError, match="choose a start and an end"):
        convert_for_browser(path, tmp_path / "out.mp4")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.mkv"]


def test_a_damaged_clip_is_converted_as_far_as_it_decodes(tmp_path):
    path = damage(make_clip(tmp_path / "a.mkv", 8, sound=tone(8)), 0.7)
    convert_for_browser(path, tmp_path / "out.mp4")
    expected, found = read(path)[1], read(tmp_path / "out.mp4")[1]
    assert numbers(found)[: 8 * len(expected) - 8] == numbers(expected)[:-8]
