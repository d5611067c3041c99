"""Whatever comes: any clip gives its seconds, any bytes a result or a MediaError."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec.config import MediaLimits
from sec2sec.media import MediaError
from tests.helpers.clips import flash, make_clip, tone
from tests.helpers.reading import FASTSTART, REAL, REORDER, numbers, read


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
