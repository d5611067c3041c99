"""Clips that another process reads: the same seconds, and what a hostile one costs: that process and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sec2sec.config import MediaLimits
from sec2sec.media import MediaError, open_clip
from sec2sec.media.isolated import ABANDONED, Decoders, DecodingLimits, DecodingProcess
from tests.helpers.clips import damage, make_clip, make_huge, tone

ANY = MediaLimits(max_seconds=float("inf"))


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with closing(Decoders()) as decoders:
        decoders.prepare()
        yield decoders


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 3.4, fps=12, size=(96, 64))


@pytest.fixture(scope="module")
def long_gif(tmp_path_factory) -> Path:
    """A small file of many large frames, minutes to decode."""
    path = tmp_path_factory.mktemp("gif") / "long.gif"
    frames = [Image.new("P", (3000, 3000), index % 2) for index in range(2)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=20, loop=0)
    head, body = path.read_bytes(), b""
    first = head.index(b"\x21\xf9")
    body = head[first:-1]
    path.write_bytes(head[:first] + body * 3000 + b";")
    return path


def children() -> set[int]:
    """Processes of this one that decode."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return {int(line.split()[0]) for line in found.stdout.splitlines() if "sec2sec.media.child" in line}


def test_the_seconds_are_those_that_are_read_here(decoders, clip):
    own, other = open_clip(clip), decoders.open_clip(clip)
    assert (other.name, other.sha256, other.has_audio, other.has_video) == (own.name, own.sha256, True, True)
    assert (other.width, other.height) == (96, 64)
    pairs = list(zip(own.seconds(), other.seconds(), strict=True))
    assert len(pairs) == 3
    for mine, theirs in pairs:
        np.testing.assert_array_equal(mine.frames, theirs.frames)
        np.testing.assert_array_equal(mine.samples, theirs.samples)
        assert mine.still == theirs.still
        assert (mine.index, mine.partial) == (theirs.index, theirs.partial)
    assert other.duration == own.duration
    assert other.warnings == own.warnings


def test_what_a_clip_lacks_and_what_is_damaged_is_said_alike(decoders, tmp_path):
    silent = make_clip(tmp_path / "silent.mp4", 3, sound=None)
    broken = damage(make_clip(tmp_path / "broken.mp4", 6), 0.5, 0.9)
    for path in (silent, broken):
        own, other = open_clip(path), decoders.open_clip(path)
        assert [second.samples is None for second in own.seconds()] == [s.samples is None for s in other.seconds()]
        assert other.warnings == own.warnings


def test_an_error_is_the_same_sentence_and_the_process_serves_the_next_clip(decoders, clip, tmp_path):
    (tmp_path / "text.mp4").write_text("no clip")
    for path, options in (
        (tmp_path / "text.mp4", {}),
        (clip, {"start": 99.0}),
        (clip, {"limits": MediaLimits(max_seconds=1)}),
    ):
        with pytest.raises(MediaError) as own:
            list(open_clip(path, **options).seconds())
        before = children()
        with pytest.raises(MediaError) as other:
            list(decoders.open_clip(path, **options).seconds())
        assert str(other.value) == str(own.value)
        assert children() == before


def test_a_probe_says_what_a_page_has_to_know(decoders, clip):
    probed = decoders.probe(clip, ANY)
    assert probed.name == "clip.mp4"
    assert probed.duration == pytest.approx(3.4, abs=0.1)
    assert (probed.width, probed.height, probed.playable) == (96, 64, True)


def test_a_conversion_tells_how_far_it_is(decoders, tmp_path):
    path = make_clip(tmp_path / "clip.mkv", 4, video_codec="mpeg4", audio_codec="libmp3lame")
    told = list(decoders.convert(path, tmp_path / "out.mp4", start=0.0, end=None, limits=ANY))
    assert told == sorted(told)
    assert told[-1] >= 3
    assert open_clip(tmp_path / "out.mp4").duration == pytest.approx(4, abs=0.1)


def test_a_clip_that_is_left_ends_its_process_at_once(decoders, long_gif):
    clip = decoders.open_clip(long_gif, limits=ANY)
    seconds = clip.seconds()
    next(seconds)
    working = children()
    began = time.monotonic()
    seconds.close()
    assert time.monotonic() - began < 1
    assert len(children() & working) == len(working) - 1


def test_a_file_that_takes_too_long_ends_its_process_with_one_sentence(long_gif):
    limits = DecodingLimits(processor=1.0)
    with closing(Decoders(limits)) as decoders, pytest.raises(MediaError, match=r"long\.gif: decoding takes too long"):
        list(decoders.open_clip(long_gif, limits=ANY).seconds())


def test_a_process_that_says_nothing_is_ended():
    process = DecodingProcess(DecodingLimits(waiting=0.5))
    os.kill(process._process.pid, 19)  # SIGSTOP
    with pytest.raises(MediaError, match=r"a\.mp4: decoding takes too long"):
        list(process.ask("probe", "a.mp4", path="a.mp4", limits={}))
    assert not process.alive


def test_a_picture_that_would_take_gigabytes_costs_its_process_no_more_than_allowed(tmp_path):
    path = make_huge(tmp_path / "huge.mov", 12_000, stated=64)
    with closing(Decoders(DecodingLimits(memory=1024**3))) as decoders:
        peak = [0]
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.01):
                for pid in children():
                    status = Path(f"/proc/{pid}/status")
                    text = status.read_text() if status.exists() else ""
                    peak[0] = max(peak[0], *(int(line.split()[1]) for line in text.splitlines() if "VmHWM" in line), 0)

        watcher = threading.Thread(target=watch)
        watcher.start()
        with pytest.raises(MediaError, match=r"^huge\.mov: "):
            decoders.probe(path, ANY)
        done.set()
        watcher.join()
    assert peak[0] < 1024**2  # kB


def test_a_process_that_dies_is_one_sentence_and_the_next_clip_is_read(clip):
    others = children()
    with closing(Decoders()) as decoders:
        opened = decoders.open_clip(clip)
        (child,) = children() - others
        os.kill(child, 11)
        with pytest.raises(MediaError, match=r"clip\.mp4: the decoder broke down on it"):
            list(opened.seconds())
        assert len(list(decoders.open_clip(clip).seconds())) == 3


def test_more_clips_than_places_wait_and_are_told_so(clip):
    with closing(Decoders(DecodingLimits(place=0.3), most=1)) as decoders:
        first = decoders.open_clip(clip)
        seconds = first.seconds()
        next(seconds)
        with pytest.raises(MediaError, match="reading other clips; try again in a moment"):
            decoders.probe(clip, ANY)
        seconds.close()
        assert decoders.probe(clip, ANY).name == "clip.mp4"


def test_a_machine_without_room_for_another_process_says_so_and_goes_on_later(clip, monkeypatch):
    def full(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with closing(Decoders()) as decoders:
        with monkeypatch.context() as patched:
            patched.setattr(subprocess, "Popen", full)
            decoders.prepare()  # one started ahead of need is nobody's: it is missing, and nothing is said
            with pytest.raises(MediaError, match=r"clip\.mp4: the server has no room to read it now"):
                decoders.probe(clip, ANY)
        assert decoders.probe(clip, ANY).name == "clip.mp4"


def test_processes_end_with_the_one_that_asked():
    code = (
        "import os, time\n"
        "from sec2sec.media.isolated import Decoders\n"
        "decoders = Decoders(); decoders.prepare()\n"
        "print(decoders._ready.get()._process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        child = Path("/proc", process.stdout.readline().strip())
        assert child.exists()
        process.kill()
    until = time.monotonic() + 20
    while child.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not child.exists()


def test_a_sound_file_has_samples_and_no_frames(decoders, tmp_path):
    path = make_clip(tmp_path / "sound.wav", 2, picture=None, sound=tone(2), audio_codec="pcm_s16le")
    first = next(iter(decoders.open_clip(path).seconds()))
    assert first.frames is None
    assert first.samples.shape == (16000,)


def test_a_visitor_who_leaves_ends_the_decoding_that_is_waited_for(decoders, long_gif):
    abandoned, ended = threading.Event(), threading.Event()

    def work() -> None:
        ABANDONED.set(abandoned)
        with pytest.raises(MediaError):
            list(decoders.open_clip(long_gif, limits=ANY).seconds())
        ended.set()

    threading.Thread(target=work).start()
    time.sleep(1)
    assert not ended.is_set()
    abandoned.set()
    assert ended.wait(1)
