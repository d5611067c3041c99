"""What is on screen: the right frame at the right instant, upright, in shape and colour."""

from __future__ import annotations

import io
import math
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from sec2sec.config import SAMPLE_RATE
from sec2sec.media import open_clip
from sec2sec.media.video import Scaler
from tests.helpers.clips import grey, make_clip
from tests.helpers.reading import REORDER, even, heard, numbers, on_screen, read


def test_a_second_holds_eight_small_frames_sixteen_thousand_samples_and_a_still(tmp_path):
    clip, seconds = read(make_clip(tmp_path / "a.mp4", 3))
    assert [second.index for second in seconds] == [0, 1, 2]
    for second in seconds:
        assert second.frames.shape == (8, 128, 171, 3)
        assert second.frames.dtype == np.uint8
        assert second.samples.shape == (SAMPLE_RATE,)
        assert second.samples.dtype == np.float32
        assert not second.partial
        assert Image.open(io.BytesIO(second.still)).size == (96, 64)
    assert (clip.width, clip.height, clip.fps, clip.duration) == (96, 64, 24, 3)
    assert (clip.video_codec, clip.audio_codec, clip.warnings) == ("h264", "aac", [])


@pytest.mark.parametrize("fps", [10, 15, 16, 24, 25, 30, 50, Fraction(30000, 1001), Fraction(24000, 1001)])
@pytest.mark.parametrize("rate", [8, 16, 5])
def test_the_frame_on_screen_at_each_centre_instant_is_taken(tmp_path, fps, rate):
    path = make_clip(tmp_path / "a.mp4", 2, fps=fps, sound=None)
    _, seconds = read(path, frames_per_second=rate)
    assert numbers(seconds) == on_screen(even(float(fps), 2), 2, rate)


@pytest.mark.parametrize("options", [{}, {"container_options": {"movflags": "frag_keyframe+empty_moov"}}])
def test_reordered_frames_come_in_the_order_of_presentation(tmp_path, options):
    path = make_clip(tmp_path / "a.mp4", 3, b_frames=3, gop=30, options=REORDER, sound=None, **options)
    with av.open(str(path)) as container:
        assert any(packet.pts != packet.dts for packet in container.demux() if packet.pts is not None)
        first = float(container.streams.video[0].start_time * container.streams.video[0].time_base)
    _, seconds = read(path)
    assert numbers(seconds) == on_screen([time + first for time in even(24, 3)], 3)


def test_without_an_edit_list_reordered_frames_start_late_as_in_a_browser(tmp_path):
    path = make_clip(tmp_path / "a.mp4", b_frames=3, options=REORDER, container_options={"use_editlist": "0"})
    _, seconds = read(path)
    assert numbers(seconds) == on_screen([time + 2 / 24 for time in even(24, 2)], 2)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_variable_frame_rate_keeps_its_true_times(tmp_path, suffix):
    times = [0, 0.1, 0.15, 0.7, 1.2, 1.21, 1.9]
    _, seconds = read(make_clip(tmp_path / f"a{suffix}", times=times))
    assert numbers(seconds) == on_screen(times, 2)


def test_a_picture_longer_than_the_next_ones_does_not_hide_them(tmp_path):
    times = [0, 1.0, 1.04, 1.08, 1.12, 1.6]
    _, seconds = read(make_clip(tmp_path / "a.webm", times=times, video_codec="libvpx", audio_codec="libopus"))
    assert numbers(seconds) == on_screen(times, 2)


@pytest.mark.parametrize(("fps", "seconds"), [(1, 4), (Fraction(1, 2), 6), (120, 2), (240, 1)])
def test_one_frame_a_second_and_120_frames_a_second_are_read(tmp_path, fps, seconds):
    clip, found = read(make_clip(tmp_path / "a.mp4", seconds, fps=fps))
    assert numbers(found) == on_screen(even(float(fps), seconds), seconds)
    assert clip.fps == float(fps)


@pytest.mark.parametrize("size", [(256, 64), (64, 256), (1280, 64)])
def test_pictures_of_any_shape_fill_the_models_frame_and_keep_their_shape_in_the_still(tmp_path, size):
    clip, seconds = read(make_clip(tmp_path / "a.mp4", 1, size=size))
    assert numbers(seconds) == on_screen(even(24, 1), 1)
    assert (clip.width, clip.height) == size
    width, height = Image.open(io.BytesIO(seconds[0].still)).size
    assert max(width, height) <= 320
    assert width / height == pytest.approx(size[0] / size[1], rel=0.1)


CODECS = {
    "hevc.mp4": {"video_codec": "libx265"},
    "hevc10.mp4": {"video_codec": "libx265", "pix_fmt": "yuv420p10le"},
    "vp9.webm": {"video_codec": "libvpx-vp9", "audio_codec": "libopus"},
    "vp8.webm": {"video_codec": "libvpx", "audio_codec": "libopus"},
    "av1.mp4": {"video_codec": "libsvtav1"},
    "h264-10.mp4": {"pix_fmt": "yuv420p10le"},
    "h264-444-odd.mp4": {"pix_fmt": "yuv444p", "size": (97, 61)},
    "interlaced.mp4": {"interlaced": True, "b_frames": 2},
    "grey.mkv": {"video_codec": "ffv1", "pix_fmt": "gray"},
    "grey16.mkv": {"video_codec": "ffv1", "pix_fmt": "gray16le"},
    "alpha.mov": {"video_codec": "prores_ks", "pix_fmt": "yuva444p10le", "options": {"profile": "4444"}},
    "rgba.mov": {"video_codec": "png", "pix_fmt": "rgba"},
    "mjpeg.avi": {"video_codec": "mjpeg", "pix_fmt": "yuvj420p", "audio_codec": "pcm_s16le"},
}


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_and_pixel_format_shows_its_frames_and_plays_its_sound(tmp_path, name):
    clip, seconds = read(make_clip(tmp_path / name, **CODECS[name]))
    assert numbers(seconds) == on_screen(even(24, 2), 2)
    assert np.sqrt((heard(seconds)[4000:28000] ** 2).mean()) == pytest.approx(0.5 / math.sqrt(2), rel=0.05)
    assert clip.has_audio
    assert clip.has_video


def test_a_gif_is_analysed_with_its_own_times_and_said_to_be_silent(tmp_path):
    path = make_clip(tmp_path / "a.gif", 3, fps=10, video_codec="gif", pix_fmt="rgb8", sound=None)
    clip, seconds = read(path)
    assert numbers(seconds) == on_screen(even(10, 3), 3)
    assert not clip.has_audio
    assert seconds[0].samples is None
    assert clip.warnings == ["The file has no sound track: only the picture was analysed."]


def corners(picture: np.ndarray) -> list[str]:
    """Names of the colours of the four corners: top left, top right, bottom left, bottom right."""
    height, width = picture.shape[:2]
    y, x = height // 5, width // 5
    found = [picture[y, x], picture[y, -x], picture[-y, x], picture[-y, -x]]
    names = {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue", (1, 1, 1): "white"}
    return [names.get(tuple(int(value > 127) for value in colour), str(colour)) for colour in found]


def quarters(index: int, time: float, width: int, height: int) -> np.ndarray:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = 255, 0, 0
    picture[: height // 2, width // 2 :] = 0, 255, 0
    picture[height // 2 :, : width // 2] = 0, 0, 255
    picture[height // 2 :, width // 2 :] = 255
    return picture


# As Chromium shows these files (compared frame by frame).
TURNED = {
    0: ["red", "green", "blue", "white"],
    90: ["green", "white", "red", "blue"],
    180: ["white", "blue", "green", "red"],
    -90: ["blue", "red", "white", "green"],
}


@pytest.mark.parametrize("rotation", TURNED)
@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_rotation_metadata_turns_the_picture_upright(tmp_path, rotation, suffix):
    path = make_clip(tmp_path / f"a{suffix}", 1, picture=quarters, rotation=rotation)
    clip, seconds = read(path)
    assert corners(seconds[0].frames[3]) == TURNED[rotation]
    assert corners(np.asarray(Image.open(io.BytesIO(seconds[0].still)))) == TURNED[rotation]
    assert (clip.width, clip.height) == ((64, 96) if rotation in (90, -90) else (96, 64))


def test_a_mirrored_display_matrix_mirrors_the_picture(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 1, picture=quarters, sound=None)
    data = bytearray(path.read_bytes())
    upright = b"\0\1\0\0" + bytes(12) + b"\0\1\0\0" + bytes(12) + b"\x40\0\0\0"
    mirror = b"\xff\xff\0\0" + bytes(12) + b"\0\1\0\0" + bytes(4) + b"\0\x60\0\0" + bytes(4) + b"\x40\0\0\0"
    at = data.find(upright, data.find(b"tkhd"))
    data[at : at + 36] = mirror
    path.write_bytes(data)
    assert corners(read(path)[1][0].frames[0]) == ["green", "red", "white", "blue"]


@pytest.mark.parametrize(("aspect", "shown"), [(Fraction(4, 3), (128, 64)), (Fraction(3, 4), (96, 85))])
def test_anamorphic_pixels_count_in_the_size_and_the_still(tmp_path, aspect, shown):
    clip, seconds = read(make_clip(tmp_path / "a.mp4", 1, pixel_aspect=aspect))
    assert (clip.width, clip.height) == shown
    assert Image.open(io.BytesIO(seconds[0].still)).size == shown
    turned = open_clip(make_clip(tmp_path / "b.mp4", 1, pixel_aspect=aspect, rotation=90))
    assert (turned.width, turned.height) == shown[::-1]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_limited_and_full_range_give_the_same_grey(tmp_path, pix_fmt, level):
    _, seconds = read(make_clip(tmp_path / "a.mp4", 1, picture=grey(level), pix_fmt=pix_fmt))
    assert np.abs(seconds[0].frames.astype(int) - level).max() <= 3


@pytest.mark.parametrize(("height", "matrix"), [(480, 5), (720, 1)])
def test_a_picture_that_names_no_colour_matrix_is_taken_as_players_do(height, matrix):
    colour = np.full((height, height, 3), (200, 40, 60), np.uint8)
    frame = av.VideoFrame.from_ndarray(colour, "rgb24").reformat(format="yuv444p", dst_colorspace=matrix)
    frame.colorspace = 2  # unspecified
    assert np.abs(Scaler(20, 20)(frame).astype(int) - (200, 40, 60)).max() <= 3


def test_transparent_parts_are_black():
    picture = np.full((60, 60, 4), 255, np.uint8)
    picture[:, 30:, 3] = 0
    small = Scaler(20, 20)(av.VideoFrame.from_ndarray(picture, "rgba"))
    assert small[:, :9].min() == 255
    assert small[:, 11:].max() == 0


def test_fine_detail_is_averaged_not_sampled():
    picture = np.zeros((1080, 1920, 3), np.uint8)
    picture[:, ::2] = 255  # stripes of one pixel: sampling would give black or white
    small = Scaler(171, 128)(av.VideoFrame.from_ndarray(picture, "rgb24"))
    assert np.abs(small.astype(int) - 127).max() < 20


def test_a_black_clip_is_black_and_no_error(tmp_path):
    _, seconds = read(make_clip(tmp_path / "a.mp4", 2, picture=grey(0)))
    assert max(second.frames.max() for second in seconds) <= 2
