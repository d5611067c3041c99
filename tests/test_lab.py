"""What the Lab tab computes without a browser: the shelf of kept clips, its payload, and what it makes of requests."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from sec2sec.clip import EncodedClip
from sec2sec.config import MediaLimits
from sec2sec.edits import EditError, Freeze, Mute, Soundtrack
from sec2sec.media import MediaError
from sec2sec.ui.lab import tab
from sec2sec.ui.lab.payload import encode
from sec2sec.ui.shelf import ClipCache, ClipGoneError, Kept
from tests import clips
from tests.explaining import encoded
from tests.models import tiny_bundle

LIMITS = MediaLimits()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def models(folder):
    bundle = tiny_bundle(folder / "tiny")
    return SimpleNamespace(get=lambda name: bundle, bundle=bundle)


@pytest.fixture(scope="module")
def found(folder, models) -> EncodedClip:
    return encoded(clips.make_clip(folder / "clip.mp4", 4), models.bundle)


def keep(found: EncodedClip, path: Path) -> Kept:
    return Kept(found.explain(), found.preview, found.tokens.cpu(), path, (0.0, None), "tiny")


@pytest.fixture
def kept(found, folder, models) -> Kept:
    made = keep(found, folder / "clip.mp4")
    tab.open_lab(models, made, {"other": folder / "other.mp4"})
    return made


class Told:
    """A visitor's job that only listens."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def tell(self, step: object) -> None:
        self.heard.append(step)


# ---- the shelf


def test_kept_clip_is_found_by_its_id_alone(found, folder):
    shelf = ClipCache(60)
    first, second = keep(found, folder), keep(found, folder)
    a, b = shelf.put(first), shelf.put(second)
    assert shelf.get(a) is first
    assert shelf.get(b) is second
    shelf.drop(a)
    shelf.drop(None)
    for gone in (a, "guess", None):
        with pytest.raises(ClipGoneError, match="explain it again"):
            shelf.get(gone)


def test_clips_expire_after_their_last_use(found, folder):
    now = [0.0]
    shelf = ClipCache(60, clock=lambda: now[0])
    key = shelf.put(keep(found, folder))
    for now[0] in (50.0, 100.0):
        shelf.get(key)
    now[0] = 161.0
    with pytest.raises(ClipGoneError):
        shelf.get(key)


def test_shelf_is_bounded_in_bytes_and_forgets_what_was_used_longest_ago(found, folder):
    size = keep(found, folder).nbytes
    shelf = ClipCache(60, max_bytes=2 * size)
    a, b = shelf.put(keep(found, folder)), shelf.put(keep(found, folder))
    shelf.get(a)
    c = shelf.put(keep(found, folder))
    shelf.get(a)
    shelf.get(c)
    with pytest.raises(ClipGoneError):
        shelf.get(b)
    alone = ClipCache(60, max_bytes=1)
    assert alone.get(alone.put(keep(found, folder)))  # the newest is always kept


# ---- requests


def test_requests_of_a_browser_become_edits_and_undo(kept):
    assert tab.act(kept, {"edit": {"edit": "mute", "seconds": [1]}}) == ""
    assert [done.edit for done in kept.history.done] == [Mute((1,))]
    assert tab.act(kept, {"action": "undo"}) == ""
    assert kept.history.done == []
    assert tab.act(kept, {"action": "redo"}) == ""
    assert len(kept.history.done) == 1
    assert tab.act(kept, {"action": "clear"}) == ""
    assert kept.history.undone == []


@pytest.mark.parametrize(
    "sent",
    [None, 3, {}, {"action": "format"}, {"action": ["undo"]}, {"edit": {"edit": "mute", "seconds": [99]}},
     {"edit": {"edit": "soundtrack", "track": "/etc/passwd"}}, {"edit": {"edit": "freeze", "seconds": [0]}}],
)  # fmt: skip
def test_bad_requests_are_refused_in_a_sentence(kept, sent):
    assert len(tab.act(kept, sent)) > 10
    assert kept.history.done == []


def test_frozen_seconds_are_prepared_with_progress(kept, models):
    told = Told()
    tab.prepare(models, kept, Freeze((1, 2)), LIMITS, told)
    assert told.heard == [1.0]
    assert len(kept.history.done) == 1
    tab.act(kept, {"action": "undo"})
    tab.act(kept, {"action": "redo"})
    assert kept.history.lab.made() == [kept.history.plan[1].picture]


def test_soundtracks_come_from_offered_clips_alone(kept, models, folder):
    with pytest.raises(MediaError, match="no such file"):
        tab.prepare(models, kept, Soundtrack("other"), LIMITS, Told())
    clips.make_clip(folder / "other.mp4", 2)
    tab.prepare(models, kept, Soundtrack("other"), LIMITS, Told())
    with pytest.raises(EditError):
        tab.prepare(models, kept, Soundtrack(str(folder / "clip.mp4")), LIMITS, Told())
    (folder / "other.mp4").unlink()


def test_deleted_clip_says_so(found, models, folder):
    made = keep(found, folder / "deleted.mp4")
    tab.open_lab(models, made, {})
    with pytest.raises(MediaError, match="no such file"):
        tab.prepare(models, made, Freeze((0,)), LIMITS, Told())
    assert tab.act(made, {"edit": {"edit": "blank", "seconds": [0]}}) == ""  # tokens are enough for this one


# ---- payload


def test_payload_says_what_the_history_says(kept):
    tab.act(kept, {"edit": {"edit": "mute", "seconds": [0]}})
    tab.act(kept, {"edit": {"edit": "reorder", "order": [3, 2, 1, 0]}})
    said = json.loads(encode(kept, stills=True))
    assert [target["name"] for target in said["targets"]] == ["arousal", "valence"]  # synchrony is a diagnostic
    for k, target in enumerate(said["targets"]):
        assert target["before"] == kept.history.before.prediction[k]
        assert target["after"] == kept.history.after.prediction[k]
        assert sum(edit["changes"][k] for edit in said["edits"]) == pytest.approx(
            target["after"] - target["before"], abs=1e-5
        )
        assert sum(target["attention"]) == pytest.approx(1, abs=1e-4)
    assert [second["still"] for second in said["seconds"]] == [3, 2, 1, 0]
    assert said["seconds"][3]["marks"] == ["was 1", "muted"]
    assert said["seconds"][0]["from"] == "picture: second 4; sound: second 4"
    assert len(said["stills"]) == 4
    again = json.loads(encode(kept))
    assert again["serial"] == said["serial"] + 1
    assert "stills" not in again


def test_payload_names_removed_seconds_as_not_renderable(kept):
    tab.act(kept, {"edit": {"edit": "remove", "seconds": [2], "what": "sound"}})
    said = json.loads(encode(kept))
    assert not said["renderable"]
    assert said["seconds"][2]["marks"] == ["no sound"]
