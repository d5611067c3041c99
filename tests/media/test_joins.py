"""Recordings that were joined end to end: all of them are analysed, or it is said that they are not."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from sec2sec.config import SAMPLE_RATE
from sec2sec.media import open_clip
from sec2sec.media.joins import restarts
from sec2sec.media.playback import browser_can_play, convert_for_browser
from tests.helpers.clips import clicks, flash, grey, join, make_clip, tone, truncate
from tests.helpers.reading import heard, read

DVD = {"video_codec": "mpeg2video", "audio_codec": "mp2", "fps": 25}
WEB = {"video_codec": "libvpx", "audio_codec": "libopus"}
OPUS = {"picture": None, "audio_codec": "libopus"}
JOINABLE = {
    "a.ts": {},
    "a.vob": DVD,
    "a.mpg": {**DVD, "video_codec": "mpeg1video"},
    "a.ogg": OPUS,
    "a.mkv": {},
    "a.webm": WEB,
    "live.webm": {**WEB, "container_options": {"live": "1"}},
    "a.flac": {"picture": None, "audio_codec": "flac"},
}
LOST = {
    "a.mp4": {},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}, "gop": 24},
    "a.flv": {"rate": 44_100},
    "a.wav": {"picture": None, "audio_codec": "pcm_s16le"},
}


def two_recordings(folder: Path, name: str, options: dict, *, swapped: bool = False) -> Path:
    """Two seconds of dark picture and a low tone, then three of bright picture and a high one, in one file."""
    parts = [(2, 60, 440.0), (3, 200, 880.0)]
    paths = []
    for number, (seconds, level, frequency) in enumerate(parts):
        own = {"sound": tone(seconds, frequency, rate=options.get("rate", 48_000)), **options}
        own.setdefault("picture", grey(level))
        paths.append(make_clip(folder / f"{number}-{name}", seconds, **own))
    return join(folder / name, *(paths[::-1] if swapped else paths))


@pytest.mark.parametrize("name", JOINABLE)
def test_all_recordings_of_a_file_are_analysed_in_their_order_and_that_is_said(tmp_path, name):
    options = JOINABLE[name]
    clip, seconds = read(two_recordings(tmp_path, name, options))
    assert len(seconds) == 5
    assert clip.duration == pytest.approx(5, abs=0.12)
    assert any(sentence.startswith("The file holds 2 recordings, joined end to end") for sentence in clip.warnings)
    pitches = [int(np.abs(np.fft.rfft(second.samples)).argmax()) for second in seconds]
    assert pitches[0] == 440
    assert pitches[3:] == pytest.approx([880, 880], abs=1)
    if options.get("picture", "drawn") is not None:
        levels = [second.frames.mean() for second in seconds]
        assert levels[:1] + levels[3:] == pytest.approx([60, 200, 200], abs=4)


def test_the_length_of_joined_recordings_is_known_before_they_are_read(tmp_path):
    clip = open_clip(two_recordings(tmp_path, "a.ts", {}))
    assert clip.duration == pytest.approx(5, abs=0.12)
    assert not browser_can_play(clip)


def test_flash_and_click_stay_in_step_in_the_second_recording(tmp_path):
    parts = [
        make_clip(tmp_path / f"{i}.ts", 3, fps=100, size=(64, 48), picture=flash(at), sound=clicks(3, at), b_frames=2)
        for i, at in enumerate(([0.5, 2.1], [0.8, 1.9]))
    ]
    _, seconds = read(join(tmp_path / "a.ts", *parts), frames_per_second=100)
    light = np.concatenate([second.frames.mean(axis=(1, 2, 3)) for second in seconds])
    lit = (np.flatnonzero((light[1:] > 127) & (light[:-1] <= 127)) + 1) / 100
    loud = np.flatnonzero(np.abs(heard(seconds)) > 0.1)
    onsets = loud[np.concatenate([[True], np.diff(loud) > 0.05 * SAMPLE_RATE])] / SAMPLE_RATE
    assert len(lit) == len(onsets) == 4
    assert np.abs(lit - onsets).max() < 0.03
    assert lit[2] - lit[1] == pytest.approx(0.9 + 0.8, abs=0.06)


@pytest.mark.parametrize("start", [1.0, 2.5, 4.0])
@pytest.mark.parametrize("name", ["a.ts", "a.ogg", "a.flac"])
def test_a_part_of_joined_recordings_is_the_same_part_of_the_whole(tmp_path, name, start):
    path = two_recordings(tmp_path, name, JOINABLE[name])
    whole, part = heard(read(path)[1]), heard(read(path, start=start, end=start + 1)[1])
    own = whole[round(start * SAMPLE_RATE) : round((start + 1) * SAMPLE_RATE)]
    assert np.abs(part - own)[400:].max() < 0.02


def test_a_second_recording_whose_clock_is_ahead_follows_without_a_hole(tmp_path):
    """Recordings off the air begin at any time of their sender's clock."""
    later = {"container_options": {"output_ts_offset": "3600"}}
    first = make_clip(tmp_path / "1.ts", 2, picture=grey(60))
    second = make_clip(tmp_path / "2.ts", 3, picture=grey(200), **later)
    clip, seconds = read(join(tmp_path / "a.ts", first, second))
    assert clip.duration == pytest.approx(5, abs=0.12)
    assert seconds[4].frames.mean() == pytest.approx(200, abs=4)


def test_a_recording_without_sound_goes_before_one_with_sound(tmp_path):
    first = make_clip(tmp_path / "1.ts", 2, picture=grey(60), sound=None)
    second = make_clip(tmp_path / "2.ts", 3, picture=grey(200))
    clip, seconds = read(join(tmp_path / "a.ts", first, second))
    assert clip.duration == pytest.approx(5, abs=0.12)
    assert seconds[4].frames.mean() == pytest.approx(200, abs=4)


@pytest.mark.parametrize("name", LOST)
def test_what_a_container_cannot_hold_is_said_before_it_is_read(tmp_path, name):
    lost = "Another recording follows behind the first in this file, which its format cannot hold: it was left out."
    clip = open_clip(two_recordings(tmp_path, name, LOST[name]))
    assert lost in clip.warnings
    assert len(list(clip.seconds())) == 2
    assert not any("damaged" in sentence for sentence in clip.warnings)


@pytest.mark.parametrize("name", {**JOINABLE, **LOST})
def test_of_one_recording_nothing_is_said(tmp_path, name):
    clip, _ = read(make_clip(tmp_path / name, 3, **{**JOINABLE, **LOST}[name]))
    assert not any("recording" in sentence for sentence in clip.warnings)


def test_joined_recordings_are_converted_for_playback_whole(tmp_path):
    path = two_recordings(tmp_path, "a.ts", {})
    convert_for_browser(path, tmp_path / "out.mp4")
    clip, seconds = read(tmp_path / "out.mp4")
    assert clip.duration == pytest.approx(5, abs=0.15)
    assert seconds[4].frames.mean() == pytest.approx(200, abs=4)


def test_frames_of_joined_recordings_rise(tmp_path):
    clip = open_clip(two_recordings(tmp_path, "a.vob", DVD))
    with closing(clip.track("video")) as track:
        times = [shown.time for shown in track.frames()]
    assert times == sorted(times)
    assert len(times) == 125


def test_a_cut_off_second_recording_is_read_as_far_as_it_goes(tmp_path):
    path = truncate(two_recordings(tmp_path, "a.ts", {}), 0.8)
    clip, seconds = read(path)
    assert 3 <= len(seconds) <= 4
    assert clip.duration < 4.6


def test_a_clock_starts_again_where_several_packets_agree():
    assert restarts([0, 1, 2, 0, 1, 2], leaps=False) == [3]
    assert restarts([0, 1, 2, 0, 3, 4], leaps=False) == [], "one damaged time stamp"
    assert restarts([0, 1, 2, 100, 101, 102], leaps=False) == []
    assert restarts([0, 1, 2, 100, 101, 102], leaps=True) == [3]
    assert restarts([0, 1, 2, 0, 1, 2, 0, 1, 2], leaps=False) == [3, 6]
    assert restarts([], leaps=True) == []
