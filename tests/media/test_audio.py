"""What is heard: level, pitch, layout, and in step with the picture."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.resampler import AudioResampler

from sec2sec.config import SAMPLE_RATE
from sec2sec.media import open_clip
from tests.helpers.clips import SOUND_RATE, clicks, flash, make_clip, tone
from tests.helpers.reading import REORDER, heard, numbers, read


def test_silence_is_zero_and_no_error(tmp_path):
    _, seconds = read(make_clip(tmp_path / "a.mp4", 2, sound=np.zeros(96_000, np.float32)))
    assert np.abs(heard(seconds)).max() < 1e-4


SOUNDS = {
    "mono-8k.mp4": {"rate": 8000, "layout": "mono"},
    "44k.mp4": {"rate": 44_100},
    "96k.mp4": {"rate": 96_000},
    "stereo.wav": {"picture": None, "audio_codec": "pcm_s24le"},
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


# What one channel at full scale comes to in mono, by the matrix of libswresample (ITU-R BS.775: the sides by √½ into a
# stereo pair), lowered so that both sides of stereo together come to 1. LFE is not mixed.
LEVELS = {
    "mono": {"FC": 1.0},
    "stereo": {"FL": 0.5, "FR": 0.5},
    "quad": {"FL": 0.5, "FR": 0.5, "BL": 0.5**1.5, "BR": 0.5**1.5},
    "5.1": {"FL": 0.5, "FR": 0.5, "FC": 0.5**0.5, "LFE": 0.0, "BL": 0.5**1.5, "BR": 0.5**1.5},
    "7.1": {
        "FL": 0.5,
        "FR": 0.5,
        "FC": 0.5**0.5,
        "LFE": 0.0,
        "BL": 0.5**1.5,
        "BR": 0.5**1.5,
        "SL": 0.5**1.5,
        "SR": 0.5**1.5,
    },
}


def loudness(samples: np.ndarray) -> float:
    """Root mean square of sound without the run-in of a filter at its ends."""
    return float(np.sqrt((samples[2000:-2000].astype(float) ** 2).mean()))


@pytest.mark.parametrize(("layout", "channel"), [(layout, name) for layout in LEVELS for name in LEVELS[layout]])
def test_each_channel_is_mixed_at_the_level_of_libswresample(tmp_path, layout, channel):
    names = [speaker.name for speaker in av.AudioLayout(layout).channels]
    sound = np.zeros((SOUND_RATE, len(names)), np.float32)
    sound[:, names.index(channel)] = tone(1, level=0.5)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.reshape(1, -1)), "flt", layout)
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_f32le", rate=SOUND_RATE, layout=layout)
        out.mux(stream.encode(frame))
    _, seconds = read(path)
    assert loudness(heard(seconds)) == pytest.approx(0.5**1.5 * LEVELS[layout][channel], rel=1e-3, abs=1e-6)

    mixed = AudioResampler("flt", "mono", SAMPLE_RATE).resample(frame)
    own = np.concatenate([block.to_ndarray().ravel() for block in mixed])
    lowered = 1.0 if layout == "mono" else 0.5**0.5
    assert loudness(heard(seconds)) == pytest.approx(lowered * loudness(own), rel=1e-3, abs=1e-6)


def test_a_film_is_as_loud_with_six_channels_as_with_two(tmp_path):
    """Speech in the centre comes out of both loudspeakers of a stereo mix, each by √½."""
    speech = tone(1, level=0.5)
    six = np.zeros((SOUND_RATE, 6), np.float32)
    six[:, 2] = speech
    two = np.stack([speech * math.sqrt(0.5)] * 2, 1)
    levels = [
        loudness(
            heard(read(make_clip(tmp_path / name, picture=None, sound=sound, layout=layout, audio_codec=codec))[1])
        )
        for name, sound, layout, codec in (("6.ac3", six, "5.1", "ac3"), ("2.wav", two, "stereo", "pcm_s16le"))
    ]
    assert levels[0] == pytest.approx(levels[1], rel=0.03)


def test_six_full_channels_at_once_stay_within_full_scale(tmp_path):
    loud = np.repeat(tone(1, level=1.0)[:, None], 6, 1)
    _, seconds = read(make_clip(tmp_path / "a.wav", picture=None, sound=loud, layout="5.1", audio_codec="pcm_s16le"))
    assert np.abs(heard(seconds)).max() == 1.0


AMBISONIC = "ambisonic 1"


def make_ambisonic(path: Path, picture: bool) -> Path:
    """Four-channel ambisonic Opus: W, which hears all directions alike, then the three axes."""
    sound = np.zeros((2 * SOUND_RATE, 4), np.float32)
    sound[:, 0], sound[:, 1] = tone(2, 440.0), tone(2, 3000.0)
    options = {"picture": None} if not picture else {}
    return make_clip(
        path, 2, sound=sound, layout=AMBISONIC, audio_codec="libopus", sound_options={"mapping_family": "2"}, **options
    )


@pytest.mark.parametrize("picture", [True, False], ids=["with picture", "sound alone"])
def test_ambisonic_sound_is_heard_by_its_first_channel_and_that_is_said_before_it_is_read(tmp_path, picture):
    path = make_ambisonic(tmp_path / "a.mkv", picture)
    clip = open_clip(path)
    assert [sentence for sentence in clip.warnings if "cannot be mixed" in sentence] == [
        "The sound has 4 channels that cannot be mixed (ambisonic 1): the first of them alone was analysed."
    ]
    samples = heard(list(clip.seconds()))
    assert np.abs(np.fft.rfft(samples[:SAMPLE_RATE])).argmax() == 440
    assert loudness(samples) == pytest.approx(0.5 / math.sqrt(2), rel=0.05)
    assert clip.has_video == picture


def test_nine_channels_of_no_known_place_are_heard_by_the_first(tmp_path):
    path = tmp_path / "a.wav"
    values = np.zeros((SOUND_RATE, 9), np.int16)
    values[:, 0], values[:, 5] = tone(1, 440.0) * 32767, tone(1, 3000.0) * 32767
    header = struct.pack("<HHIIHH", 1, 9, SOUND_RATE, 18 * SOUND_RATE, 18, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", len(header)) + header + b"data" + struct.pack("<I", values.nbytes)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks) + values.nbytes) + chunks + values.tobytes())
    clip, seconds = read(path)
    assert np.abs(np.fft.rfft(seconds[0].samples)).argmax() == 440
    assert "9 channels that cannot be mixed" in " ".join(clip.warnings)


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
