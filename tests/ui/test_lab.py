"""What the Lab tab computes without a browser: the cache of clips, its payload, and what it makes of requests."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from sec2sec.clip import EncodedClip
from sec2sec.config import MediaLimits
from sec2sec.edits import EditError, Freeze, Mute, Soundtrack
from sec2sec.errors import UserError
from sec2sec.explanations.difference import explain_difference
from sec2sec.explanations.masker import masker_of
from sec2sec.media import MediaError
from sec2sec.ui.bounded_cache import ClipGoneError
from sec2sec.ui.clip_cache import ClipCache, ExplainedClip
from sec2sec.ui.lab import tab
from sec2sec.ui.lab.payload import encode
from sec2sec.ui.lab.why import answer
from sec2sec.ui.work import Channel
from tests.helpers import clips
from tests.helpers.explaining import encoded
from tests.helpers.models import tiny_bundle

LIMITS = MediaLimits()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def models(folder):
    bundle = tiny_bundle(folder / "tiny")
    return SimpleNamespace(get=lambda name: bundle, bundle=bundle)


@pytest.fixture(scope="module")
def encoded_clip(folder, models) -> EncodedClip:
    return encoded(clips.make_clip(folder / "clip.mp4", 4), models.bundle)


def explained(encoded_clip: EncodedClip, path: Path) -> ExplainedClip:
    return ExplainedClip(
        encoded_clip.explain(), encoded_clip.preview, encoded_clip.tokens.cpu(), path, (0.0, None), "tiny"
    )


@pytest.fixture
def clip(encoded_clip, folder, models) -> ExplainedClip:
    made = explained(encoded_clip, folder / "clip.mp4")
    tab.open_lab(models, made, {"other": folder / "other.mp4"})
    return made


# ---- the cache


def test_clip_is_found_by_its_id_alone(encoded_clip, folder):
    cache = ClipCache(60)
    first, second = explained(encoded_clip, folder), explained(encoded_clip, folder)
    a, b = cache.put(first), cache.put(second)
    assert cache.get(a) is first
    assert cache.get(b) is second
    cache.discard(a)
    cache.discard(None)
    for gone in (a, "guess", None):
        with pytest.raises(ClipGoneError, match="explain it again"):
            cache.get(gone)


def test_clips_expire_after_their_last_use(encoded_clip, folder):
    now = [0.0]
    cache = ClipCache(60, clock=lambda: now[0])
    key = cache.put(explained(encoded_clip, folder))
    for now[0] in (50.0, 100.0):
        cache.get(key)
    now[0] = 161.0
    with pytest.raises(ClipGoneError):
        cache.get(key)


def test_cache_is_bounded_in_bytes_and_forgets_what_was_used_longest_ago(encoded_clip, folder):
    size = explained(encoded_clip, folder).nbytes
    cache = ClipCache(60, max_bytes=2 * size)
    a, b = cache.put(explained(encoded_clip, folder)), cache.put(explained(encoded_clip, folder))
    cache.get(a)
    c = cache.put(explained(encoded_clip, folder))
    cache.get(a)
    cache.get(c)
    with pytest.raises(ClipGoneError):
        cache.get(b)
    alone = ClipCache(60, max_bytes=1)
    assert alone.get(alone.put(explained(encoded_clip, folder)))  # the newest is always kept


def test_a_hundred_visitors_each_keep_their_clip(encoded_clip, folder):
    cache = ClipCache(60)
    keys = [cache.put(explained(encoded_clip, folder)) for _ in range(100)]
    assert len({id(cache.get(key)) for key in keys}) == 100


def test_no_request_waits_for_a_slow_edit_of_the_same_clip(encoded_clip, folder):
    clip = explained(encoded_clip, folder)
    with clip.lock:
        began = time.monotonic()
        with pytest.raises(UserError, match="One moment"), clip.for_a_moment():
            pass
        assert time.monotonic() - began < 1
    with clip.for_a_moment():
        assert clip.lock.locked()
    assert not clip.lock.locked()


# ---- requests


def test_requests_of_a_browser_become_edits_and_undo(clip):
    assert tab.act(clip, {"edit": {"edit": "mute", "seconds": [1]}}) == ""
    assert [done.edit for done in clip.history.done] == [Mute((1,))]
    assert tab.act(clip, {"action": "undo"}) == ""
    assert clip.history.done == []
    assert tab.act(clip, {"action": "redo"}) == ""
    assert len(clip.history.done) == 1
    assert tab.act(clip, {"action": "clear"}) == ""
    assert clip.history.undone == []


@pytest.mark.parametrize(
    "sent",
    [None, 3, {}, {"action": "format"}, {"action": ["undo"]}, {"edit": {"edit": "mute", "seconds": [99]}},
     {"edit": {"edit": "soundtrack", "track": "/etc/passwd"}}, {"edit": {"edit": "freeze", "seconds": [0]}}],
)  # fmt: skip
def test_bad_requests_are_refused_in_a_sentence(clip, sent):
    assert len(tab.act(clip, sent)) > 10
    assert clip.history.done == []


def test_frozen_seconds_are_prepared_with_progress(clip, models):
    channel = Channel()
    tab.prepare(models, clip, Freeze((1, 2)), LIMITS, channel)
    assert [progress.fraction for progress in channel.messages.queue] == [1.0]
    assert len(clip.history.done) == 1
    tab.act(clip, {"action": "undo"})
    tab.act(clip, {"action": "redo"})
    assert clip.history.lab.made() == [clip.history.plan[1].picture]


def test_soundtracks_come_from_offered_clips_alone(clip, models, folder):
    with pytest.raises(MediaError, match="no such file"):
        tab.prepare(models, clip, Soundtrack("other"), LIMITS, Channel())
    clips.make_clip(folder / "other.mp4", 2)
    tab.prepare(models, clip, Soundtrack("other"), LIMITS, Channel())
    with pytest.raises(EditError):
        tab.prepare(models, clip, Soundtrack(str(folder / "clip.mp4")), LIMITS, Channel())
    (folder / "other.mp4").unlink()


def test_deleted_clip_says_so(encoded_clip, models, folder):
    made = explained(encoded_clip, folder / "deleted.mp4")
    tab.open_lab(models, made, {})
    with pytest.raises(MediaError, match="no such file"):
        tab.prepare(models, made, Freeze((0,)), LIMITS, Channel())
    assert tab.act(made, {"edit": {"edit": "blank", "seconds": [0]}}) == ""  # tokens are enough for this one


# ---- payload


def test_payload_says_what_the_history_says(clip):
    tab.act(clip, {"edit": {"edit": "mute", "seconds": [0]}})
    tab.act(clip, {"edit": {"edit": "reorder", "order": [3, 2, 1, 0]}})
    payload = json.loads(encode(clip, stills=True))
    assert [target["name"] for target in payload["targets"]] == ["arousal", "valence"]  # synchrony is a diagnostic
    for k, target in enumerate(payload["targets"]):
        assert target["before"] == clip.history.before.prediction[k]
        assert target["after"] == clip.history.after.prediction[k]
        assert sum(edit["changes"][k] for edit in payload["edits"]) == pytest.approx(
            target["after"] - target["before"], abs=1e-5
        )
        assert sum(target["attention"]) == pytest.approx(1, abs=1e-4)
    assert [second["still"] for second in payload["seconds"]] == [3, 2, 1, 0]
    assert payload["seconds"][3]["marks"] == ["was 0–1 s", "muted"]
    assert payload["seconds"][0]["from"] == "picture: 3–4 s; sound: 3–4 s"
    assert len(payload["stills"]) == 4
    again = json.loads(encode(clip))
    assert again["serial"] == payload["serial"] + 1
    assert "stills" not in again


# ---- why did it change?


def asked(clip: ExplainedClip, question: object) -> dict:
    return json.loads(encode(clip, why=answer(clip, question)))["why"]


def test_why_between_two_versions_is_told_of_the_targets_shown_and_sums_to_the_change(clip):
    assert json.loads(encode(clip))["why"] is None
    tab.act(clip, {"edit": {"edit": "mute", "seconds": [1]}})
    tab.act(clip, {"edit": {"edit": "blank", "seconds": [1, 2]}})
    for first, last in ((0, 2), (1, 2), (2, 0)):
        why = asked(clip, {"versions": [first, last]})
        expected = clip.history.difference(first, last)
        assert [target["name"] for target in why["targets"]] == ["arousal", "valence"]
        for target in why["targets"]:
            one = expected[target["name"]]
            assert target["sentence"] == one.sentence(target["name"])
            assert sum(target["sound"]) + sum(target["picture"]) == pytest.approx(target["change"], abs=1e-5)
            assert target["sound"] == pytest.approx(one.sound, abs=1e-6)
        assert why["refused"] == ""
        assert why["orders"] == 0
    assert why["changed"] == {"sound": [False, True, False, False], "picture": [False, True, True, False]}


def test_why_with_no_target_that_a_visitor_may_read_has_no_figures(clip, monkeypatch):
    tab.act(clip, {"edit": {"edit": "mute", "seconds": [1]}})
    monkeypatch.setattr(ExplainedClip, "shown_targets", [])
    assert asked(clip, {"versions": [0, 1]})["targets"] == []


def test_why_between_two_parts_of_the_edited_clip_is_that_of_two_clips(clip, encoded_clip):
    why = asked(clip, {"parts": [0, 2, 2]})
    tokens, model = encoded_clip.tokens, encoded_clip.model.model
    expected = explain_difference(masker_of(model, tokens.part(0, 2)), masker_of(model, tokens.part(2, 4)))
    for target in why["targets"]:
        assert target["sound"] == pytest.approx(expected[target["name"]].sound, abs=1e-5)
        assert target["picture"] == pytest.approx(expected[target["name"]].picture, abs=1e-5)


@pytest.mark.parametrize(
    ("question", "words"),
    [(None, "no question"), ({"versions": [0]}, "no question"), ({"versions": ["0", 1]}, "no question"),
     ({"versions": [True, 0]}, "no question"), ({"versions": [0, 9]}, "There are 1 edits"),
     ({"parts": [0, 3, 2]}, "do not lie in the edited clip, which has 3 s"), ({"parts": [0, 1, 0]}, "do not lie"),
     ({"parts": [-1, 1, 1]}, "do not lie"), ({"parts": [1, 1, 2]}, "the same second"),
     ({"versions": [0, 1]}, "no second was dropped")],
)  # fmt: skip
def test_why_is_refused_in_a_sentence_where_it_cannot_be_told(clip, question, words):
    tab.act(clip, {"edit": {"edit": "drop", "seconds": [0]}})
    why = asked(clip, question)
    assert words in why["refused"]
    assert set(why) == {"refused"}


def test_payload_names_removed_seconds_as_not_renderable(clip):
    tab.act(clip, {"edit": {"edit": "remove", "seconds": [2], "what": "sound"}})
    payload = json.loads(encode(clip))
    assert not payload["renderable"]
    assert payload["seconds"][2]["marks"] == ["no sound"]
