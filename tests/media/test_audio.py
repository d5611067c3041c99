"""What is heard: level, pitch, layout, and in step with the picture."""

from __future__ import annotations

import math
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from sec2sec.config import SAMPLE_RATE
from tests.helpers.clips import clicks, flash, make_clip, tone
from tests.helpers.reading import REORDER, heard, numbers, read


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


def test_of_two_tracks_the_one_marked_default_is_heard_and_of_two_programmes_the_pictures_own(tmp_path):
    """Commentary first, the film's own sound second and default."""
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=8)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        tracks = [out.add_stream("flac", rate=SAMPLE_RATE, layout="mono") for _ in range(2)]
        tracks[0].disposition, tracks[1].disposition = Disposition.comment, Disposition.default
        for index in range(24):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), "rgb24")
            frame.pts = index
            out.mux(video.encode(frame))
        out.mux(video.encode())
        for track, frequency in zip(tracks, (300.0, 1200.0), strict=True):
            samples = (tone(3, frequency, rate=SAMPLE_RATE) * 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, 0
            out.mux(track.encode(frame))
            out.mux(track.encode())
    _, seconds = read(path)
    spectrum = np.abs(np.fft.rfft(seconds[1].samples))
    assert abs(int(spectrum.argmax()) - 1200) <= 2
