"""The list of several clips: one event at a time, and nothing of an old one."""

from __future__ import annotations

import json

import pytest

from sec2sec.errors import UserError
from sec2sec.ui.several.clip_list import MAX_CLIPS, ClipList


def test_two_events_never_explain_at_once_and_an_old_one_does_nothing():
    clips = ClipList()
    assert clips.add(["/x/a.mp4", "/x/b.mp4"], "demo")
    old, new = clips.next_turn(), clips.next_turn()
    assert clips.begin(old) is None
    line = clips.begin(new)
    assert line is not None
    assert (line.name, line.state) == ("a.mp4", "running")
    assert clips.begin(new) is None, "one runs"
    assert not clips.add(["/y/a.mp4"], "demo"), "what runs goes on to it"
    clips.stop()
    assert clips.begin(new) is None, "it was stopped"
    assert [one.state for one in clips.lines] == ["waiting"] * 3


def test_clips_of_one_name_are_told_apart():
    clips = ClipList()
    clips.add(["/x/a.mp4", "/y/a.mp4", "/z/a.mp4"], None)
    assert [line.name for line in clips.lines] == ["a.mp4", "a.mp4 (2)", "a.mp4 (3)"]


def test_a_browser_is_told_no_path_and_every_telling_is_newer():
    clips = ClipList()
    clips.add(["/secret/folder/a.mp4"], "demo")
    first, second = clips.as_json("x"), clips.as_json("x")
    assert second["serial"] > first["serial"]
    assert "secret" not in json.dumps(first)


def test_a_list_has_an_end():
    clips = ClipList()
    clips.add([f"/x/{i}.mp4" for i in range(MAX_CLIPS)], None)
    with pytest.raises(UserError, match="at most 200 clips"):
        clips.add(["/x/one-more.mp4"], None)
    assert len(clips.lines) == MAX_CLIPS


@pytest.mark.parametrize("index", [-1, 1, True, None, "0", 0.0])
def test_a_line_that_a_browser_made_up_is_refused(index):
    clips = ClipList()
    clips.add(["/x/a.mp4"], None)
    with pytest.raises(UserError, match="no such clip"):
        clips.line(index)
