"""What each edit does to a plan of seconds, what it refuses, and what a browser may send."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec.edits import (
    EDITS,
    Blank,
    Blur,
    ClipTracks,
    Drop,
    EditError,
    Freeze,
    Mute,
    Picture,
    PlannedSecond,
    Remove,
    Reorder,
    ShiftSound,
    Soundtrack,
    edit_from_json,
    edit_to_json,
    first_plan,
    fold,
    in_words,
)
from sec2sec.edits.plan import duration

SECONDS = 5
TRACKS = ClipTracks(SECONDS, soundtracks={"other": 3})


def sounds(plan) -> list[object]:
    return [None if s.sound is None else s.sound.second if s.sound.kind == "play" else s.sound.kind for s in plan]


def pictures(plan) -> list[object]:
    return [
        (s.picture.kind, s.picture.second) if s.picture.kind == "freeze" else
        s.picture.second if s.picture.kind == "play" else s.picture.kind for s in plan
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "seen", "heard"),
    [
        (Mute((1, 2)), [0, 1, 2, 3, 4], [0, "silence", "silence", 3, 4]),
        (Blank((4,)), [0, 1, 2, 3, "black"], [0, 1, 2, 3, 4]),
        (Freeze((1, 2, 4)), [0, ("freeze", 1), ("freeze", 1), 3, ("freeze", 4)], [0, 1, 2, 3, 4]),
        (Drop((0, 3)), [1, 2, 4], [1, 2, 4]),
        (Remove((2,)), [0, 1, "mean", 3, 4], [0, 1, "mean", 3, 4]),
        (Remove((2,), "sound"), [0, 1, 2, 3, 4], [0, 1, "mean", 3, 4]),
        (ShiftSound(2), [0, 1, 2, 3, 4], ["silence", "silence", 0, 1, 2]),
        (ShiftSound(-1), [0, 1, 2, 3, 4], [1, 2, 3, 4, "silence"]),
        (Soundtrack("other"), [0, 1, 2, 3, 4], [0, 1, 2, "silence", "silence"]),
        (Reorder((4, 0, 1, 3, 2)), [4, 0, 1, 3, 2], [4, 0, 1, 3, 2]),
    ],
    ids=lambda value: in_words(value) if hasattr(value, "apply") else "",
)
def test_each_edit_does_what_its_docstring_says(edit, seen, heard):
    plan = edit.apply(first_plan(TRACKS), TRACKS)
    assert pictures(plan) == seen
    assert sounds(plan) == heard


def test_order_of_edits_matters_and_seconds_count_in_the_clip_as_it_stands():
    start = first_plan(TRACKS)
    assert sounds(fold([Drop((0,)), Mute((0,))], start, TRACKS)) == ["silence", 2, 3, 4]
    assert sounds(fold([Mute((0,)), Drop((0,))], start, TRACKS)) == [1, 2, 3, 4]


def test_two_blurs_add_their_variances_and_a_frozen_second_can_be_blurred():
    plan = fold([Blur((1,), 0.03), Blur((1,), 0.04), Freeze((1,))], first_plan(TRACKS), TRACKS)
    assert plan[1].picture == Picture("freeze", 1, 0.05)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Mute(()), "select"),
        (Blank((7,)), "no second 7–8 s"),
        (Drop((0, 1, 2, 3, 4)), "at least one"),
        (ShiftSound(0), "1 to 4"),
        (ShiftSound(5), "1 to 4"),
        (Soundtrack("nobody"), "not here"),
        (Reorder((0, 1, 2, 3)), "5 seconds"),
        (Reorder((0, 1, 2, 3, 3)), "5 seconds"),
    ],
)
def test_impossible_edits_say_why_in_a_sentence(edit, words):
    with pytest.raises(EditError, match=words):
        edit.apply(first_plan(TRACKS), TRACKS)


def test_the_sound_of_a_single_second_cannot_be_shifted():
    tracks = ClipTracks(1, 0.5)
    with pytest.raises(EditError, match="mute it instead"):
        ShiftSound(1).apply(first_plan(tracks), tracks)


def test_clips_without_sound_or_picture_refuse_what_needs_it():
    silent, blind = ClipTracks(3, has_audio=False, soundtracks={"x": 3}), ClipTracks(3, has_video=False)
    with pytest.raises(EditError, match="no sound"):
        Mute((0,)).apply(first_plan(silent), silent)
    for edit in (Blank((0,)), Freeze((0,)), Blur((0,))):
        with pytest.raises(EditError, match="no picture"):
            edit.apply(first_plan(blind), blind)
    assert sounds(Soundtrack("x").apply(first_plan(silent), silent)) == [0, 1, 2]


every_edit = st.one_of(
    *(
        st.builds(kind, st.lists(st.integers(0, 4), max_size=3).map(tuple))
        for kind in (Mute, Blank, Freeze, Blur, Drop)
    ),
    st.builds(Remove, st.tuples(st.integers(0, 4)), st.sampled_from(["both", "sound", "picture"])),
    st.builds(ShiftSound, st.integers(-6, 6)),
    st.builds(Soundtrack, st.sampled_from(["other", "nobody"])),
    st.builds(Reorder, st.permutations(range(5)).map(tuple)),
)


@given(every_edit)
def test_edits_survive_json(edit):
    assert edit_from_json(json.loads(json.dumps(edit_to_json(edit)))) == edit


@pytest.mark.parametrize(
    "sent",
    [None, [], {}, {"edit": "delete"}, {"edit": ["mute"]}, {"edit": "mute"}, {"edit": "mute", "seconds": "all"},
     {"edit": "mute", "seconds": [True]}, {"edit": "shift-sound", "by": 1.5},
     {"edit": "blur", "seconds": [0], "strength": 9}, {"edit": "remove", "seconds": [0], "what": "me"},
     {"edit": "soundtrack", "track": 3}],
)  # fmt: skip
def test_what_a_browser_sends_is_checked(sent):
    with pytest.raises(EditError):
        edit_from_json(sent)


@given(st.lists(every_edit, max_size=5))
@settings(max_examples=60)
def test_any_list_of_edits_gives_a_plan_or_a_sentence(edits):
    plan = first_plan(TRACKS)
    for edit in edits:
        try:
            plan = edit.apply(plan, TRACKS)
        except EditError:
            continue
        assert 1 <= len(plan) <= SECONDS
        assert all(isinstance(second, PlannedSecond) for second in plan)


def test_partial_last_second_keeps_its_length_only_at_the_end():
    tracks = ClipTracks(3, last=0.6)
    start = first_plan(tracks)
    assert duration(start, tracks) == pytest.approx(2.6)
    assert duration(Mute((2,)).apply(start, tracks), tracks) == pytest.approx(2.6)
    assert duration(Reorder((2, 0, 1)).apply(start, tracks), tracks) == 3
    assert duration(ShiftSound(1).apply(start, tracks), tracks) == 3  # a whole second of sound now lies there


def test_every_edit_is_listed_with_words():
    assert len(EDITS) == 9
    assert in_words(Mute((0, 1, 2, 4))) == "mute 0–3 s, 4–5 s"
    assert in_words(ShiftSound(-2)) == "sound 2 s earlier"
