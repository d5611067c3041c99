"""Where a file has no picture or no sound, something else is shown or heard, and that is said."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.clips import grey, make_clip, tone
from tests.helpers.reading import even, read


def test_a_clip_that_begins_late_says_so_for_picture_and_sound(tmp_path):
    clip, seconds = read(make_clip(tmp_path / "a.mkv", 3, picture_delay=2.0, sound_delay=2.0))
    assert len(seconds) == 5
    assert clip.warnings == [
        "The picture begins only at 2.0 s: its first frame was shown before that.",
        "The sound begins only at 2.0 s: silence was put before it.",
    ]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_sound_that_begins_late_is_said(tmp_path, suffix):
    clip, _ = read(make_clip(tmp_path / f"a{suffix}", 3, sound_delay=1.0))
    assert clip.warnings[:1] == ["The sound begins only at 1.0 s: silence was put before it."]


def test_a_part_behind_a_late_beginning_says_nothing_of_it(tmp_path):
    clip, _ = read(make_clip(tmp_path / "a.mkv", 4, picture_delay=1.0, sound_delay=1.0), start=2.0)
    assert clip.warnings == []


def test_a_hole_in_the_picture_is_held_and_said(tmp_path):
    frames = [time for time in even(8, 6) if not 2 <= time < 4]
    clip, _ = read(make_clip(tmp_path / "a.mkv", 6, times=frames))
    assert clip.warnings == ["The file has no picture from 1.9 to 4.0 s: the frame before was held."]


def sound_with_holes(path: Path, holes: list[float], length: float) -> Path:
    """Half a second of tone at each of these times."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for begin in holes:
            values = (tone(length) * 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(values, "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, round(begin * 48_000), Fraction(1, 48_000)
            out.mux(stream.encode(frame))
    return path


def test_a_hole_in_the_sound_is_silence_and_said(tmp_path):
    clip, _ = read(sound_with_holes(tmp_path / "a.mkv", [0.0, 2.2], 1.0))
    assert "The file has no sound from 1.0 to 2.2 s: silence was put there." in clip.warnings


def test_many_holes_are_counted_not_listed(tmp_path):
    clip, _ = read(sound_with_holes(tmp_path / "a.mkv", [float(i) for i in range(7)], 0.5))
    assert sum("no sound" in sentence for sentence in clip.warnings) == 4
    assert clip.warnings[-1] == (
        "The file has no sound at 3 further places either, 1.5 s in all: silence was put there."
    )


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".ts"])
def test_an_ordinary_clip_has_nothing_to_say(tmp_path, suffix):
    codecs = {"video_codec": "libvpx", "audio_codec": "libopus"} if suffix == ".webm" else {}
    assert read(make_clip(tmp_path / f"a{suffix}", 4, picture=grey(90), **codecs))[0].warnings == []


def test_one_frame_a_second_is_no_hole(tmp_path):
    assert read(make_clip(tmp_path / "a.mp4", 5, fps=1))[0].warnings == []


def test_sound_whose_clock_goes_back_is_cut_and_said(tmp_path):
    clip, seconds = read(sound_with_holes(tmp_path / "a.mkv", [0.0, 0.2, 1.2], 1.0))
    assert len(seconds) == 2
    assert "The clock of the sound goes back: 0.8 s of sound lie in the past and were left out." in clip.warnings
