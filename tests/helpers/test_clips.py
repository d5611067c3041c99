"""The clips that tests make leave the process that makes them as it was."""

from __future__ import annotations

import os

import pytest

from tests.helpers.clips import make_clip


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="only Linux has scheduling policies")
def test_encoding_av1_leaves_the_thread_its_scheduling(tmp_path):
    before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    make_clip(tmp_path / "a.mp4", 0.5, fps=8, video_codec="libsvtav1", sound=None)
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before
