"""Uploaded data sets are read by a process of its own, which may take so much and no more."""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from contextvars import copy_context
from pathlib import Path

import pytest

from sec2sec.datasets.isolated import ReadingLimits, limits_of_upload, open_uploaded
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError, TableLimits
from sec2sec.media.isolated import ABANDONED
from tests.helpers.formats import make_liris, make_v1, make_v2
from tests.helpers.public_sets import make_crema_d, make_emodb

MB = 1024**2
HEADER = "id,path,arousal,split,group\n"


def table_folder(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "clips.csv").write_text(text)
    return folder


@pytest.mark.parametrize("made", [make_liris, make_v1, make_v2, make_emodb, make_crema_d])
def test_what_another_process_reads_is_what_this_one_reads(tmp_path, made):
    folder = made(tmp_path / "set")
    assert open_uploaded(folder, TableLimits()) == open_data(folder, inside=True)


def test_words_accents_and_options_pass_to_the_other_process_and_back(tmp_path):
    folder = table_folder(tmp_path / "set", HEADER.replace("id", "id,title") + "\u00e9\U0001f3ac,x,a.mp4,.5,train,g\n")
    assert open_uploaded(folder, TableLimits()) == open_data(folder, inside=True)
    with pytest.raises(DataError, match="it is not LIRIS-ACCEDE, and the rule and the split"):
        open_uploaded(folder, TableLimits(), liris_rule="mean")
    with pytest.raises(DataError, match="the clip 'a' lies outside the folder"):
        open_uploaded(table_folder(folder, HEADER + "a,../a.mp4,1,train,g\n"), TableLimits())


@pytest.mark.parametrize("opcode", [b"}", b"]", b"("])
def test_eight_megabytes_of_a_hostile_pickle_cost_this_process_nothing(tmp_path, opcode):
    folder = make_v2(tmp_path / "set")
    (folder / "annotation_training.pkl").write_bytes(b"\x80\x02" + opcode * (8 * MB - 10) + b".")
    before, computed = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(DataError, match="is larger than any table of scores"):
        open_uploaded(folder, limits_of_upload(20_000))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024  # kB
    assert time.process_time() - computed < 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEADER + "".join(f"{n},{n}.mp4,1,train,\n" for n in range(300_000)), "more than 20,000 clips"),
        (HEADER + "\n" * (8 * MB - 100), "the table has no clips"),
        (HEADER.strip() + "," * (8 * MB - 100) + "x\n", "columns; a table of clips has at most"),
        (HEADER + '"' * (8 * MB - 100), "cannot be read as a table"),
        (HEADER + "x" * (8 * MB), "larger than 8 MB"),
    ],
    ids=["lines", "blank lines", "columns", "quotes", "bytes"],
)
def test_eight_megabytes_of_a_hostile_table_cost_this_process_nothing(tmp_path, text, words):
    folder = table_folder(tmp_path / "set", text)
    before, computed = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(DataError, match=words):
        open_uploaded(folder, limits_of_upload(20_000))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024  # kB
    assert time.process_time() - computed < 1


def long_table(folder: Path) -> Path:
    return table_folder(folder, HEADER + "".join(f"{n},{n}.mp4,1,train,\n" for n in range(200_000)))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (ReadingLimits(memory=110 * MB), "takes more memory than is allowed here; use fewer"),
        (ReadingLimits(processor=0.05), "takes more time than is allowed here; use fewer"),
        (ReadingLimits(waiting=0.3), "takes more time than is allowed here; use fewer"),
    ],
)
def test_a_process_that_takes_too_much_is_ended_and_says_what(tmp_path, limits, words):
    with pytest.raises(DataError, match=words):
        open_uploaded(long_table(tmp_path / "set"), TableLimits(), process=limits)


def test_a_machine_without_room_for_another_process_says_so_and_goes_on_later(tmp_path, monkeypatch):
    def full(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    folder = make_liris(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", full)
        with pytest.raises(DataError, match="the server has no room to read it now; try again in a moment"):
            open_uploaded(folder, TableLimits())
    assert open_uploaded(folder, TableLimits()).rows


def test_reading_ends_when_its_visitor_leaves(tmp_path):
    folder, abandoned, errors = long_table(tmp_path / "set"), threading.Event(), []

    def read() -> None:
        ABANDONED.set(abandoned)
        try:
            open_uploaded(folder, TableLimits())
        except DataError as error:
            errors.append(error)

    reader = threading.Thread(target=copy_context().run, args=(read,))
    reader.start()
    abandoned.set()
    began = time.monotonic()
    reader.join(30)
    assert time.monotonic() - began < 2
    assert len(errors) == 1
