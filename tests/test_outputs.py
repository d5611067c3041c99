"""Outputs are never inputs, nor a file that is not ours; and every refusal comes before the work."""

from __future__ import annotations

import os
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from sec2sec.errors import FileError
from sec2sec.files import write_atomically
from sec2sec.outputs import Outputs, is_ours


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "own.mp4"
    path.write_bytes(b"a recording")
    return path


def refused(path: Path, *inputs: Path, overwrite: bool = False) -> str:
    with pytest.raises(FileError) as error:
        Outputs(inputs, overwrite).claim(path)
    return str(error.value)


@pytest.mark.parametrize("how", ["itself", "relative", "link", "hard link", "capital"])
def test_the_clip_that_is_read_is_never_written_to_even_with_overwrite(clip, tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    named = {"itself": clip, "relative": Path("own.mp4"), "capital": Path("./x/../own.mp4")}.get(
        how, tmp_path / "other"
    )
    (tmp_path / "x").mkdir()
    if how == "link":
        named.symlink_to(clip)
    if how == "hard link":
        os.link(clip, named)
    assert "which is read here and would be lost" in refused(named, clip, overwrite=True)


def test_a_file_that_is_not_ours_is_kept_unless_somebody_says_overwrite(tmp_path):
    table = tmp_path / "clips.csv"
    table.write_text("clip,valence\na.mp4,0.5\n")
    assert "was not written by sec2sec; give another name, or --overwrite" in refused(table)
    assert Outputs(overwrite=True).claim(table) == table


@pytest.mark.parametrize(
    "content",
    [
        b'{"schema": "sec2sec.explanation/1", "clip": {}}',
        b'<!doctype html>\n<html><head><meta name="generator" content="sec2sec">',
        b'second,"from, s","to, s",attention (share)\n',
        b"method,target,column,value,low,high,clips\nattention,all,mass,1,,,\n",
        b"<!-- made with sec2sec -->\n4 clips",
        b"clip,target,second,score,video,audio,method,checkpoint\nplain-0-00000,arousal,0,1,,,attention,demo\n",
        b'{"schema": "sec2sec.suite/1", "scores": "mine.csv"}',
        b"",
    ],
)
def test_what_we_wrote_is_replaced_and_an_empty_file_too(tmp_path, content):
    path = tmp_path / "out"
    path.write_bytes(content)
    assert is_ours(path) or not content
    assert Outputs().claim(path) == path


@pytest.mark.parametrize(
    "content",
    [
        b"All figures were made with sec2sec, see the appendix.",
        b'Our JSON begins with {"schema": "sec2sec.explanation/1"',
        b'{"mine": 1, "copied": {"schema": "sec2sec.explanation/1"}}',
        b'# how to\n<meta name="generator" content="sec2sec">',
        b'{"schema": "sec2sec.checkpoint/1", "encoder": {}}',
        b'{"schema": "sec2sec.run/1", "config": {}}',
        b"My notes\n<!-- made with sec2sec -->\n",
        b"clip,target,second,score,video,audio\nplain-0-00000,arousal,0,1,,\n",
        b'{"schema": "sec2sec.suite-folder/1", "settings": {}}',
    ],
)
def test_a_text_that_speaks_of_us_is_not_ours(tmp_path, content):
    path = tmp_path / "notes"
    path.write_bytes(content)
    assert "was not written by sec2sec" in refused(path)


def test_two_outputs_of_one_name_are_refused(tmp_path):
    outputs = Outputs()
    outputs.claim(tmp_path / "out.json")
    with pytest.raises(FileError, match="two outputs have this name"):
        outputs.claim(tmp_path / "x" / ".." / "out.json")


def test_places_that_cannot_be_written_are_refused_with_the_true_reason(tmp_path, monkeypatch):
    assert "is a folder; give a file name" in refused(tmp_path)
    assert f"the folder {tmp_path / 'none'} does not exist" in refused(tmp_path / "none" / "out.json")
    assert "the name is too long for this disk (at most 255 bytes)" in refused(tmp_path / ("é" * 130))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 10, 0))
    assert "the disk has less than 1 MB left" in refused(tmp_path / "out.json")


def test_the_longest_name_that_a_disk_takes_is_written(tmp_path):
    path = Outputs().claim(tmp_path / ("a" * 255))
    write_atomically(path, b"x")
    assert path.read_bytes() == b"x"


def test_dash_is_standard_output_any_number_of_times():
    outputs = Outputs()
    assert outputs.claim(Path("-")) == outputs.claim(Path("-")) == Path("-")


def test_pipes_and_devices_are_written_to_and_links_stay_links(tmp_path):
    assert Outputs().claim(Path("/dev/null")) == Path("/dev/null")
    write_atomically(Path("/dev/null"), b"x")
    assert not Path("/dev/null").is_file()
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_atomically(Outputs().claim(pipe), b"through the pipe")
    reader.join(10)
    assert read == [b"through the pipe"]
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "real" / "out.json")
    write_atomically(Outputs().claim(link), b"x")
    assert link.is_symlink()
    assert (tmp_path / "real" / "out.json").read_bytes() == b"x"


def test_a_link_to_a_persons_file_counts_as_that_file(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "out.json").symlink_to(tmp_path / "notes.txt")
    assert "was not written by sec2sec" in refused(tmp_path / "out.json")
