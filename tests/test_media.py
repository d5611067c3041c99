"""Clips of every kind, made on the spot: what is on screen, what is heard, and what is said when it cannot be."""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import clicks, damage, flash, grey, make_clip, number, tone, truncate
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sec2sec.config import SAMPLE_RATE, MediaLimits
from sec2sec.media import Clip, MediaError, Second, open_clip
from sec2sec.media.video import Scaler

FASTSTART = {"movflags": "+faststart"}
REORDER = {"preset": "fast"}  # libx264's ultrafast uses no B-frames
REAL = Path(__file__).parents[1] / "assets" / "clips" / "sintel-flight.mp4"


def read(path: Path, **options: object) -> tuple[Clip, list[Second]]:
    clip = open_clip(path, **options)  # type: ignore[arg-type]
    return clip, list(clip.seconds())


def numbers(seconds: list[Second]) -> list[int]:
    return [number(frame) for second in seconds for frame in second.frames]


def heard(seconds: list[Second]) -> np.ndarray:
    return np.concatenate([second.samples for second in seconds])


def on_screen(times: list[float], seconds: int, rate: int = 8, start: float = 0.0) -> list[int]:
    """Index of the last frame with a time stamp at or before each centre instant; the first one before that."""
    instants = [start + i + (j + 0.5) / rate for i in range(seconds) for j in range(rate)]
    return [max(0, int(np.searchsorted(np.array(times) - 1e-6, instant, side="right")) - 1) for instant in instants]


def even(fps: float, seconds: float) -> list[float]:
    return [i / fps for i in range(round(fps * seconds))]


def refusal(path: Path, **options: object) -> str:
    """The message of the MediaError, which must be one line that begins with the file's name."""
    with pytest.raises(MediaError) as caught:
        read(path, **options)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert "\n" not in message
    assert ";" in message, "the remedy is missing"
    return message


# ---------------------------------------------------------------- what is on screen


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


# ---------------------------------------------------------------- what is heard


def test_silence_is_zero_and_no_error(tmp_path):
    _, seconds = read(make_clip(tmp_path / "a.mp4", 2, sound=np.zeros(96_000, np.float32)))
    assert np.abs(heard(seconds)).max() < 1e-4


SOUNDS = {
    "mono-8k.mp4": {"rate": 8000, "layout": "mono"},
    "44k.mp4": {"rate": 44_100},
    "96k.mp4": {"rate": 96_000},
    "5.1.mp4": {"layout": "5.1"},
    "5.1.wav": {"layout": "5.1", "picture": None, "audio_codec": "pcm_s24le"},
    "u8.wav": {"picture": None, "audio_codec": "pcm_u8"},
    "float.wav": {"picture": None, "audio_codec": "pcm_f32le"},
    "a.flac": {"picture": None, "audio_codec": "flac"},
    "a.ogg": {"picture": None, "audio_codec": "libopus"},
    "a.m4a": {"picture": None, "format": "mp4"},
    "a.aac": {"picture": None},
}


@pytest.mark.parametrize("name", SOUNDS)
def test_every_layout_and_rate_keeps_pitch_and_level(tmp_path, name):
    clip, seconds = read(make_clip(tmp_path / name, 2, **SOUNDS[name]))
    samples = heard(seconds)
    assert len(seconds) == 2
    assert np.sqrt((samples[4000:28000] ** 2).mean()) == pytest.approx(0.5 / math.sqrt(2), rel=0.05)
    assert np.abs(np.fft.rfft(samples[:SAMPLE_RATE])).argmax() == 440
    assert clip.has_video == (SOUNDS[name].get("picture", "drawn") is not None)


def test_channels_of_no_known_layout_are_mixed_too(tmp_path):
    path = tmp_path / "a.wav"
    values = np.repeat(tone(1)[:, None], 3, 1)
    data = (values * 32767).astype("<i2").tobytes()
    header = b"WAVEfmt " + (16).to_bytes(4, "little") + (1).to_bytes(2, "little") + (3).to_bytes(2, "little")
    header += (48_000).to_bytes(4, "little") + (288_000).to_bytes(4, "little") + b"\6\0\x10\0"
    header += b"data" + len(data).to_bytes(4, "little")
    path.write_bytes(b"RIFF" + (len(header) + len(data)).to_bytes(4, "little") + header + data)
    _, seconds = read(path)
    assert 0.2 < np.abs(seconds[0].samples).max() <= 0.51


def test_full_scale_stereo_does_not_clip_and_opposite_channels_cancel(tmp_path):
    loud = np.stack([tone(1, level=1.0)] * 2, 1)
    _, seconds = read(make_clip(tmp_path / "a.wav", picture=None, sound=loud, audio_codec="pcm_s16le"))
    middle = seconds[0].samples[1000:-1000]
    assert np.sqrt((middle**2).mean()) == pytest.approx(1 / math.sqrt(2), rel=0.01)  # a clipped sine has more
    opposite = loud * (1, -1)
    _, seconds = read(make_clip(tmp_path / "b.wav", picture=None, sound=opposite, audio_codec="pcm_s16le"))
    assert np.abs(seconds[0].samples).max() < 1e-3


def test_sound_that_runs_on_in_front_of_low_speech_centre_is_heard_in_5_1(tmp_path):
    speech = np.zeros((48_000, 6), np.float32)
    speech[:, 2] = tone(1, level=0.9)  # the centre of FL FR FC LFE BL BR
    _, seconds = read(make_clip(tmp_path / "a.wav", picture=None, sound=speech, layout="5.1", audio_codec="pcm_s16le"))
    assert 0.15 < np.abs(seconds[0].samples).max() <= 0.9


def onsets(samples: np.ndarray) -> list[float]:
    """When the sound rises above a fifth of its peak after 50 ms of quiet, in seconds."""
    loud = np.flatnonzero(np.abs(samples) > 0.2 * np.abs(samples).max())
    first = np.concatenate([[True], np.diff(loud) > 0.05 * SAMPLE_RATE])
    return list(loud[first] / SAMPLE_RATE)


STEP = {
    "a.mp4": {},
    "b-frames.mp4": {"b_frames": 3, "options": REORDER},
    "b-frames-no-edit-list.mp4": {"b_frames": 3, "options": REORDER, "container_options": {"use_editlist": "0"}},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}, "gop": 25},
    "44k.mov": {"rate": 44_100},
    "pcm.mov": {"audio_codec": "pcm_s16le"},
    "a.mkv": {"b_frames": 3, "options": REORDER},
    "a.webm": {"video_codec": "libvpx-vp9", "audio_codec": "libopus"},
    "a.ts": {"b_frames": 2, "options": REORDER},
    "a.flv": {"rate": 44_100},
    "a.avi": {"video_codec": "mjpeg", "pix_fmt": "yuvj420p", "audio_codec": "pcm_s16le"},
    "late-sound.mp4": {"sound_delay": 0.7},
    "early-sound.mp4": {"sound_delay": -0.4},
    "late-picture.mp4": {"picture_delay": 0.7},
    "early-picture.mp4": {"picture_delay": -0.4, "b_frames": 3, "options": REORDER},
    "late-sound.mkv": {"sound_delay": 0.7},
    "late-sound.webm": {"sound_delay": 0.7, "video_codec": "libvpx", "audio_codec": "libopus"},
}


@pytest.mark.parametrize("name", STEP)
def test_a_click_and_a_flash_stay_in_step(tmp_path, name):
    """Drawn 100 frames a second and asked 100 frames a second, so that the flash is placed to 10 ms."""
    options = STEP[name]
    instants = np.array([0.5, 1.3, 2.0, 2.75])
    apart = options.get("sound_delay", 0) - options.get("picture_delay", 0)  # s, the click after the flash
    path = make_clip(
        tmp_path / name, 4, fps=100, size=(64, 48), picture=flash(instants), sound=clicks(4, instants,
        rate=options.get("rate", 48_000)), **options,
    )  # fmt: skip
    _, seconds = read(path, frames_per_second=100)
    light = np.concatenate([second.frames.mean(axis=(1, 2, 3)) for second in seconds])
    lit = np.flatnonzero((light[1:] > 127) & (light[:-1] <= 127)) + 1
    lights, sounds = lit / 100, np.array(onsets(heard(seconds)))
    first = max(0.0, options.get("picture_delay", 0), options.get("sound_delay", 0))
    for instant in instants[1:]:  # the first may be cut off by an early track
        at_light = lights[np.abs(lights - instant - options.get("picture_delay", 0)).argmin()]
        at_sound = sounds[np.abs(sounds - instant - options.get("sound_delay", 0)).argmin()]
        assert at_sound - at_light == pytest.approx(apart, abs=0.0105), (lights, sounds, first)


def test_a_gap_in_the_sound_is_silence_and_what_follows_stays_in_place(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for first, level in ((0.0, 0.5), (2.2, 0.25)):
            frame = av.AudioFrame.from_ndarray((tone(1, level=level) * 32767).astype(np.int16)[None], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, round(first * 48_000), Fraction(1, 48_000)
            out.mux(stream.encode(frame))
    samples = heard(read(path)[1])
    assert len(samples) == 3 * SAMPLE_RATE
    assert np.abs(samples[16_100:35_100]).max() == 0
    assert onsets(samples) == pytest.approx([0.0, 2.2], abs=0.002)


def test_sound_said_twice_is_heard_once(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for first, level in ((0.0, 0.5), (0.6, 0.25)):
            frame = av.AudioFrame.from_ndarray((tone(1, level=level) * 32767).astype(np.int16)[None], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, round(first * 48_000), Fraction(1, 48_000)
            out.mux(stream.encode(frame))
    clip, seconds = read(path)
    assert clip.duration == pytest.approx(1.6, abs=0.02)
    assert np.abs(seconds[0].samples[12_000:15_900]).max() == pytest.approx(0.5, rel=0.02)
    assert np.abs(seconds[1].samples[200:]).max() == pytest.approx(0.25, rel=0.02)


def test_sound_that_ends_early_is_followed_by_silence_and_that_is_said(tmp_path):
    clip, seconds = read(make_clip(tmp_path / "a.mp4", 4, sound=tone(2)))
    assert len(seconds) == 4
    assert np.abs(seconds[3].samples).max() == 0
    assert clip.warnings == ["The sound ends after 2.0 s: silence was put after it."]


def test_a_picture_that_ends_early_is_held_and_that_is_said(tmp_path):
    clip, seconds = read(make_clip(tmp_path / "a.mp4", 2, sound=tone(4)))
    assert numbers(seconds[2:]) == [47] * 16
    assert clip.warnings == ["The picture ends after 2.0 s: the last frame was held."]


# ---------------------------------------------------------------- seconds, parts and limits


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


# ---------------------------------------------------------------- bad input


def test_no_sound_is_analysed_and_said(tmp_path):
    clip, seconds = read(make_clip(tmp_path / "a.mp4", 2, sound=None))
    assert not clip.has_audio
    assert seconds[0].samples is None
    assert clip.warnings == ["The file has no sound track: only the picture was analysed."]


def test_sound_only_is_analysed_and_said(tmp_path):
    clip, seconds = read(make_clip(tmp_path / "a.mp4", 2, picture=None))
    assert not clip.has_video
    assert seconds[0].frames is None
    assert seconds[0].still is None
    assert clip.warnings == ["The file has no picture: only the sound was analysed."]


def test_cover_art_is_no_picture(tmp_path):
    path = tmp_path / "a.mp3"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libmp3lame", rate=48_000, layout="mono")
        art = out.add_stream("mjpeg", rate=1)
        art.width, art.height, art.pix_fmt = 64, 64, "yuvj420p"
        art.disposition = av.stream.Disposition.attached_pic
        out.mux(art.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 99, np.uint8)).reformat(format="yuvj420p")))
        frame = av.AudioFrame.from_ndarray((tone(2) * 32767).astype(np.int16)[None], "s16p", "mono")
        frame.sample_rate = 48_000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    clip, seconds = read(path)
    assert not clip.has_video
    assert len(seconds) == 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {"video_codec": "png", "pix_fmt": "rgb24", "format": "image2"}),
        ("a.jpg", {"video_codec": "mjpeg", "pix_fmt": "yuvj420p", "format": "image2"}),
        ("png.mp4", {"video_codec": "png", "pix_fmt": "rgb24", "format": "image2"}),
        ("a.bmp", {"video_codec": "bmp", "pix_fmt": "bgr24", "format": "image2"}),
        ("a.webp", {"video_codec": "libwebp"}),
        ("a.gif", {"video_codec": "gif", "pix_fmt": "rgb8"}),
        ("a.avif", {"video_codec": "libsvtav1"}),
    ],
)
def test_a_still_image_is_refused_in_words(tmp_path, name, options):
    path = make_clip(tmp_path / name, 1, fps=1, sound=None, **options)
    assert "still image" in refusal(path)


def test_a_path_that_does_not_exist_a_folder_and_an_empty_file_are_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "nowhere.mp4")
    assert "no such file" in refusal(tmp_path / "nowhere" / "a.mp4")
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    assert "folder" in refusal(folder)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert "empty" in refusal(empty)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    assert "not a regular file" in refusal(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 1)
    path.chmod(0)
    assert "permission" in refusal(path)


@pytest.mark.parametrize("name", ["bad\0name.mp4", "x" * 300 + ".mp4"])
def test_an_impossible_name_is_refused(tmp_path, name):
    with pytest.raises(MediaError, match="check the path"):
        open_clip(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["a:b.mp4", "image%03d.mp4", "späße – ¿qué? 映画.mp4", "[x]*?{y}.mp4", " .mp4", "-i.mp4"]
)
def test_odd_names_are_just_names(tmp_path, name):
    assert len(read(make_clip(tmp_path / "a.mp4", 1).rename(tmp_path / name))[1]) == 1


def test_a_relative_name_with_a_colon_is_no_protocol(tmp_path, monkeypatch):
    make_clip(tmp_path / "a.mp4", 1).rename(tmp_path / "http:b.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(read(Path("http:b.mp4"))[1]) == 1


def test_a_name_that_is_not_utf8_is_just_a_name(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    assert len(read(make_clip(tmp_path / "a.mp4", 1).rename(path))[1]) == 1


TEXTS = {
    "prose": b"This is not a film. " * 200,
    "html": b"<!DOCTYPE html><html><body>404 not found</body></html>",
    "subtitles": b"1\n00:00:00,000 --> 00:00:10,000\nHello\n\n",
    "zeros": bytes(5000),
    "zip": b"PK\x03\x04" + bytes(range(256)) * 20,
}


@pytest.mark.parametrize("text", TEXTS)
def test_text_renamed_mp4_is_refused(tmp_path, text):
    path = tmp_path / "a.mp4"
    path.write_bytes(TEXTS[text])
    refusal(path)


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ffconcat", ".txt"])
def test_a_list_of_other_files_is_never_followed(tmp_path, suffix):
    secret = make_clip(tmp_path / "secret.mp4", 2)
    path = tmp_path / f"list{suffix}"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n")
    refusal(path)
    path.write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    refusal(path)


def test_an_mp4_cut_in_half_says_what_is_missing_or_how_far_it_got(tmp_path):
    path = truncate(make_clip(tmp_path / "end.mp4", 4), 0.5)
    assert "cut off" in refusal(path)
    clip, seconds = read(truncate(make_clip(tmp_path / "front.mp4", 8, container_options=FASTSTART), 0.5))
    assert 2 <= len(seconds) <= 5
    assert numbers(seconds[:-1]) == on_screen(even(24, 8), len(seconds) - 1)
    assert len(clip.warnings) == 1
    assert f"{clip.duration:.1f} s" in clip.warnings[0]


DAMAGED = {
    "h264.mp4": {},
    "one-key-frame.mp4": {"gop": 1000},
    "b-frames.mp4": {"b_frames": 3, "options": REORDER},
    "fragmented.mp4": {"gop": 24, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "hevc.mp4": {"video_codec": "libx265"},
    "av1.mp4": {"video_codec": "libsvtav1"},
    "vp9.webm": {"video_codec": "libvpx-vp9", "audio_codec": "libopus"},
    "a.mkv": {},
    "a.ts": {},
    "a.avi": {"video_codec": "mpeg4", "audio_codec": "libmp3lame"},
    "a.m4a": {"picture": None, "format": "mp4"},
    "a.mp3": {"picture": None, "audio_codec": "libmp3lame"},
    "a.flac": {"picture": None, "audio_codec": "flac"},
    "a.ogg": {"picture": None, "audio_codec": "libopus"},
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_end_is_left_out_and_said(tmp_path, name):
    options = DAMAGED[name]
    path = tmp_path / name
    make_clip(path, 10, **({"container_options": FASTSTART} if path.suffix in (".mp4", ".m4a") else {}) | options)
    whole = read(path)[1]
    clip, seconds = read(damage(path, 0.8))
    assert 6 <= len(seconds) <= 9
    if clip.has_video:
        for found, expected in zip(seconds[:-1], whole, strict=False):
            assert np.array_equal(found.frames, expected.frames)
    assert [warning for warning in clip.warnings if f" after {clip.duration:.1f} s" in warning]
    assert np.abs(heard(seconds)).max() < 0.7, "noise was taken for sound"


def test_where_only_the_picture_is_damaged_the_sound_does_not_go_on_alone(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 6, fps=10)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.pts is not None and packet.pts * packet.time_base >= 3:
                data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(data)
    clip, seconds = read(path)
    assert len(seconds) == 3
    assert clip.warnings == ["The picture is damaged after 3.0 s: the first 3 s were analysed."]


def test_damage_in_the_middle_is_bridged_and_said(tmp_path):
    path = damage(make_clip(tmp_path / "a.mp4", 10, gop=24, container_options=FASTSTART), 0.4, 0.5)
    clip, seconds = read(path)
    expected = on_screen(even(24, 10), 10)
    assert len(seconds) == 10
    assert numbers(seconds[:3] + seconds[6:]) == expected[:24] + expected[48:]
    assert sum("damaged from" in warning for warning in clip.warnings) == 2
    assert np.abs(heard(seconds)).max() < 0.6


def test_a_part_before_the_damage_is_whole_and_one_after_it_is_refused(tmp_path):
    path = damage(make_clip(tmp_path / "a.mp4", 10, container_options=FASTSTART), 0.6)
    clip, seconds = read(path, start=1, end=4)
    assert len(seconds) == 3
    assert clip.warnings == []
    assert "damaged" in refusal(path, start=8)


def test_a_stream_that_shows_up_late_disturbs_nobody(tmp_path):
    """A script tag far into an FLV makes libav add a stream while it reads, which PyAV does not expect."""
    path = make_clip(tmp_path / "a.flv", 3, rate=44_100)
    expected = read(path)[1]
    data, at, seen = bytearray(path.read_bytes()), 13, 0
    while seen < 110:  # tags of sound
        seen += data[at] == 8
        late, at = at, at + 15 + int.from_bytes(data[at + 1 : at + 4], "big")
    data[late] = 18
    path.write_bytes(data)
    with av.open(str(path)) as container, pytest.raises(IndexError):
        list(container.demux())
    assert numbers(read(path)[1]) == numbers(expected)


def test_an_unknown_codec_is_named_missing_and_the_sound_still_analysed(tmp_path):
    def strange(path: Path) -> Path:
        entry = b"avc1" + bytes(7) + b"\1"
        data = path.read_bytes()
        assert entry in data
        path.write_bytes(data.replace(entry, b"zzzz" + entry[4:]))
        return path

    assert "no decoder" in refusal(strange(make_clip(tmp_path / "a.mp4", 2, sound=None)))
    clip, seconds = read(strange(make_clip(tmp_path / "b.mp4", 2)))
    assert len(seconds) == 2
    assert clip.warnings == ["The picture cannot be decoded: only the sound was analysed."]


def test_an_encrypted_clip_is_refused(tmp_path):
    keys = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "7" * 32, "encryption_kid": "a" * 32}
    assert "encrypted" in refusal(make_clip(tmp_path / "a.mp4", 2, container_options=keys))


def test_a_file_that_disappears_before_it_is_read_is_a_media_error(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 2)
    clip = open_clip(path)
    path.unlink()
    with pytest.raises(MediaError):
        next(clip.seconds())


def test_nothing_is_printed_about_damage(tmp_path, capfd):
    path = make_clip(tmp_path / "a.mp4", 4, container_options=FASTSTART)
    capfd.readouterr()
    read(damage(path, 0.5))
    assert capfd.readouterr() == ("", "")


def test_files_are_closed_also_when_reading_stops_early(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 4)

    def opened() -> int:
        links = [Path(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        return sum(link.is_symlink() and os.readlink(link) == str(path) for link in links)

    clip = open_clip(path)
    assert opened() == 0
    reading = clip.seconds()
    next(reading)
    assert opened() == 2
    reading.close()
    assert opened() == 0
    list(clip.seconds())
    assert opened() == 0


# ---------------------------------------------------------------- whatever comes


@settings(max_examples=40, deadline=None)
@given(
    fps=st.sampled_from([1, 5, 12, Fraction(24000, 1001), 24, 25, 30, 60]),
    length=st.integers(5, 40),
    gop=st.sampled_from([1, 7, 250]),
    b_frames=st.integers(0, 3),
    suffix=st.sampled_from([".mp4", ".mkv", ".mov", ".ts"]),
    sound=st.booleans(),
)
def test_any_clip_gives_its_seconds_with_frames_in_order(fps, length, gop, b_frames, suffix, sound):
    with tempfile.TemporaryDirectory() as folder:
        frames = max(1, round(length / 10 * fps))
        seconds = frames / fps  # of picture
        path = Path(folder) / f"a{suffix}"
        make_clip(
            path, float(seconds), fps=fps, gop=gop, b_frames=b_frames, options=REORDER, size=(64, 48),
            sound=tone(float(seconds)) if sound else None,
        )  # fmt: skip
        rest = seconds - math.floor(seconds)
        if abs(rest - 0.5) < 0.06 or seconds < 0.6:
            return  # the padding of sound codecs decides
        expected = math.floor(seconds) + (rest > 0.5)
        clip, found = read(path)
        assert len(found) == expected
        assert clip.duration == pytest.approx(float(seconds), abs=0.1)
        shown = numbers(found)
        assert shown == sorted(shown)
        assert shown[0] <= max(1, fps / 16)
        assert shown[-1] <= frames - 1


@pytest.fixture(scope="module")
def small_files(tmp_path_factory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("small")
    return [
        make_clip(folder / "a.mp4", 1.5, container_options=FASTSTART, size=(64, 48)).read_bytes(),
        make_clip(folder / "b.mp4", 1.5, b_frames=2, options=REORDER, size=(64, 48)).read_bytes(),
        make_clip(folder / "a.webm", 1.5, video_codec="libvpx", audio_codec="libopus", size=(64, 48)).read_bytes(),
        make_clip(folder / "a.ts", 1.5, size=(64, 48)).read_bytes(),
        make_clip(folder / "a.gif", 1.5, video_codec="gif", pix_fmt="rgb8", sound=None, fps=10).read_bytes(),
        make_clip(folder / "a.mp3", 1.5, picture=None, audio_codec="libmp3lame").read_bytes(),
    ]


def survives(data: bytes) -> None:
    """Reads bytes as a clip: seconds of the right shape, or a MediaError; nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"
        path.write_bytes(data)
        try:
            clip, seconds = read(path, limits=MediaLimits(max_seconds=20))
        except MediaError:
            return
        assert len(seconds) >= 1
        for second in seconds:
            assert (second.frames is not None) == clip.has_video
            assert (second.samples is not None) == clip.has_audio
            if clip.has_video:
                assert second.frames.shape == (8, 128, 171, 3)
            if clip.has_audio:
                assert np.isfinite(second.samples).all()
                assert np.abs(second.samples).max() <= 1


@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 5), share=st.floats(0, 1))
def test_a_file_cut_anywhere_never_raises_anything_but_a_media_error(small_files, which, share):
    data = small_files[which]
    survives(data[: int(len(data) * share)] or b"\0")


@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 5), places=st.lists(st.tuples(st.floats(0, 0.999), st.binary(min_size=1, max_size=8))))
def test_changed_bytes_anywhere_never_raise_anything_but_a_media_error(small_files, which, places):
    data = bytearray(small_files[which])
    for share, noise in places:
        at = int(share * len(data))
        data[at : at + len(noise)] = noise
    survives(bytes(data))


@settings(max_examples=60, deadline=None)
@given(data=st.binary(min_size=1, max_size=4000))
def test_random_bytes_never_raise_anything_but_a_media_error(data):
    survives(data)


def test_a_real_clip_is_read_whole():
    clip, seconds = read(REAL)
    assert (clip.width, clip.height, clip.duration, len(seconds), clip.warnings) == (480, 270, 10, 10, [])


PEAK = """
import resource, sys
from sec2sec.media import open_clip
for second in open_clip(sys.argv[1]).seconds(): pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize(
    ("size", "short", "long"),
    [((640, 360), 4, 40), pytest.param((1920, 1080), 60, 600, marks=pytest.mark.slow)],
)
def test_memory_does_not_grow_with_length(tmp_path, size, short, long):
    """The slow case, ten minutes of 1080p, takes minutes."""

    def peak(seconds: int) -> int:
        path = make_clip(tmp_path / "a.mp4", seconds, fps=10, size=size, picture=flash(range(seconds)), gop=50)
        return int(subprocess.check_output([sys.executable, "-c", PEAK, str(path)]))

    assert peak(long) < 1.3 * peak(short)
