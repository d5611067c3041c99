"""A computation takes as many threads as other processes leave cores free, and leaves other threads alone."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from sec2sec import threads
from sec2sec.threads import CoreWatch, Reading, core_watch, on_free_cores


def reading(monkeypatch: pytest.MonkeyPatch, instant: float, whole: float, own: float) -> None:
    monkeypatch.setattr(Reading, "now", staticmethod(lambda: Reading(instant, whole, own)))


@pytest.mark.parametrize(
    ("whole", "own", "free"), [(1.9, 1.9, 4), (3.0, 2.0, 3), (4.0, 1.0, 1), (9.0, 1.0, 1), (0, 1, 4)]
)
def test_cores_are_free_that_other_processes_left_idle(monkeypatch, whole, own, free):
    reading(monkeypatch, 0, 0, 0)
    watch = CoreWatch(4)
    reading(monkeypatch, 1, whole, own)
    assert watch.free_cores() == free


def test_too_short_a_look_repeats_the_last_answer(monkeypatch):
    reading(monkeypatch, 0, 0, 0)
    watch = CoreWatch(4)
    reading(monkeypatch, 1, 3, 0)
    assert watch.free_cores() == 1
    reading(monkeypatch, 1.01, 3, 0)
    assert watch.free_cores() == 1
    reading(monkeypatch, 2, 3, 0)
    assert watch.free_cores() == 4


def test_the_time_before_a_restart_does_not_count(monkeypatch):
    reading(monkeypatch, 0, 0, 0)
    watch = CoreWatch(4)
    reading(monkeypatch, 9, 30, 0)
    watch.restart()
    reading(monkeypatch, 10, 30, 0)
    assert watch.free_cores() == 4


def test_the_system_counts_what_another_process_takes_and_not_what_this_one_does():
    if core_watch() is None:
        return  # only Linux tells
    before = Reading.now()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 1: pass"], check=True)
    after = Reading.now()
    assert (after.whole - before.whole) - (after.own - before.own) > 0.8  # s
    assert after.own - before.own < 0.5


def test_the_calling_thread_alone_computes_on_fewer_cores(monkeypatch):
    def started_meanwhile() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    watch = CoreWatch(3)
    monkeypatch.setattr(threads, "core_watch", lambda: watch)
    before, others = torch.get_num_threads(), started_meanwhile()
    torch.set_num_threads(3)
    try:
        for free in (1, 2, 3):
            monkeypatch.setattr(watch, "free_cores", lambda free=free: free)
            watch.free = free
            with on_free_cores():
                assert (torch.get_num_threads(), started_meanwhile()) == (free, 3)
            assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert started_meanwhile() == others


def test_the_library_leaves_the_environment_of_its_process_alone():
    code = "import os; before = dict(os.environ)\nimport sec2sec.clip\nassert dict(os.environ) == before"
    subprocess.run([sys.executable, "-c", code], check=True)
