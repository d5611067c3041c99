"""What is said first of a target: each number is one of the explanation, and no word claims more than its figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sec2sec.explanations import Explanation
from sec2sec.explanations.results import OutOfDistribution, SecondEffects
from sec2sec.explanations.sentences import answer, answers, decisive_second
from tests.helpers import synthetic

NUMBER = re.compile(r"[+−]?\d+\.\d\d+")
SPAN = re.compile(r"(\d+(?:\.\d+)?)–(\d+(?:\.\d+)?) s")


def made_up(
    effect: Sequence[float],
    *,
    sound: Sequence[float] | None = None,
    picture: Sequence[float] | None = None,
    attention: Sequence[float] | None = (),
    prediction: float = 0.95,
    baseline: float = 0.95,
    start: float = 0.0,
    unlike: Mapping[int, str] | None = None,
    **clip: Any,
) -> Explanation:
    """One target, arousal. Without `sound` and `picture` half of each effect is of each; () is even attention."""
    whole = np.array(effect, float)
    audio = whole / 2 if sound is None else np.array(sound, float)
    video = whole / 2 if picture is None else np.array(picture, float)
    weights = None if attention is None else np.array(attention or [1 / len(whole)] * len(whole), float)
    bare = synthetic.explanation(len(whole), targets=("arousal",), evidence=False)
    target = replace(
        bare.targets["arousal"],
        prediction=prediction,
        baseline=baseline,
        attention=weights,
        effects=(SecondEffects("training mean", whole, audio, video, whole - audio - video),),
    )
    kinds = tuple(OutOfDistribution(second, "unlike", words, 99.5) for second, words in (unlike or {}).items())
    summary = replace(bare.clip, start=start, **clip)
    return replace(bare, clip=summary, targets={"arousal": target}, out_of_distribution=kinds)


def said(explanation: Explanation) -> str:
    return answer(explanation, "arousal").text


def at(*seconds: int, of: int) -> list[float]:
    """Attention to these seconds alone, in equal parts."""
    return [1 / len(seconds) if second in seconds else 0.0 for second in range(of)]


def test_the_sentence_of_a_clear_answer() -> None:
    made = made_up([0, 0.02, 0, 0.09, 0], sound=[0, 0, 0, 0.04, 0], picture=[0, 0, 0, 0.05, 0], attention=at(3, of=5))
    assert said(made) == (
        "Arousal 0.95, very high. 3–4 s raised it most (+0.09), the sound nearly as much as the picture. The model's "
        "attention points there too."
    )
    assert decisive_second(made.targets["arousal"]) == 3


def test_attention_elsewhere_is_named() -> None:
    words = said(made_up([0, 0.02, 0, 0.09], attention=at(1, of=4)))
    assert words.endswith("The model's attention points at 1–2 s instead.")


def test_a_second_that_lowered_the_prediction() -> None:
    words = said(made_up([0.05, 0, -0.123, 0], attention=at(2, of=4), prediction=0.1))
    assert words.startswith("Arousal 0.10, very low. 2–3 s lowered it most (−0.12),")


@pytest.mark.parametrize(
    ("sound", "picture", "words"),
    [
        (0.09, 0.0, "by its sound alone"),
        (0.088, 0.002, "by its sound and hardly by its picture"),
        (0.095, -0.005, "by its sound and hardly by its picture"),
        (0.06, 0.03, "the sound more than the picture"),
        (0.04, 0.05, "the sound nearly as much as the picture"),
        (0.045, 0.045, "sound and picture about equally"),
        (0.08, 0.09, "and it took both its sound and its picture"),
        (0.09, 0.2, "and it took both its sound and its picture"),
        (-0.03, 0.12, "by its picture (+0.12) against its sound (−0.03)"),
        (0.01, 0.02, "by sound and picture together more than by either alone"),
        (-0.01, -0.02, "by sound and picture together more than by either alone"),
        (float("nan"), float("nan"), ""),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_sound_and_picture_of_the_decisive_second(sound: float, picture: float, words: str, sign: int) -> None:
    made = made_up([0, sign * 0.09, 0], sound=[0, sign * sound, 0], picture=[0, sign * picture, 0])
    if sign < 0:
        words = words.translate(str.maketrans("+−", "−+"))
    verb, figure = ("raised", "+0.09") if sign > 0 else ("lowered", "−0.09")
    assert f"1–2 s {verb} it most ({figure}){f', {words}' if words else ''}. " in said(made)


@pytest.mark.parametrize(
    ("lacks", "words"),
    [
        ({"has_audio": False}, "by its picture; the clip has no sound."),
        ({"has_video": False}, "by its sound; the clip has no picture."),
    ],
)
def test_one_modality_is_no_question(lacks: dict[str, bool], words: str) -> None:
    assert words in said(made_up([0, 0.09, 0], **lacks))


def test_seconds_that_did_equally_much_are_both_named() -> None:
    made = made_up([0.09, 0, 0.0901, 0], attention=at(2, of=4))
    assert "0–1 s and 2–3 s raised it most (+0.09 each). The model's attention points at 2–3 s too." in said(made)
    assert decisive_second(made.targets["arousal"]) == 2
    both = made_up([0.09, 0, 0.09, 0], attention=at(0, 2, of=4))
    assert said(both).endswith("The model's attention points there too.")
    assert decisive_second(both.targets["arousal"]) == 0


def test_seconds_that_did_equally_much_but_are_rounded_apart() -> None:
    assert "(+0.09 and +0.10)" in said(made_up([0.0949, 0, 0.0951]))
    assert "0–1 s and 2–3 s moved it most (+0.09 and −0.09)" in said(made_up([0.09, 0, -0.09]))


def test_of_many_equal_seconds_the_rest_is_counted() -> None:
    assert "0–1 s, 1–2 s and 2 more raised it most (+0.09 each)" in said(made_up([0.09] * 4 + [0]))


def test_where_nothing_moved_no_second_is_named() -> None:
    made = made_up([0.004, 0.0099, -0.002], attention=at(1, of=3), prediction=0.5, baseline=0.5)
    assert said(made) == (
        "Arousal 0.50, medium. No second moved it by 0.01 or more. The model's attention points at 1–2 s all the same."
    )
    assert decisive_second(made.targets["arousal"]) is None


def test_in_a_long_clip_small_effects_are_named_where_together_they_moved_it() -> None:
    made = made_up([0.001] * 40 + [0.0043, 0.0041], prediction=0.5, baseline=0.4)
    assert "40–41 s raised it most (+0.004)," in said(made)
    assert decisive_second(made.targets["arousal"]) == 40


def test_where_all_moved_alike_no_second_is_named() -> None:
    made = made_up([0.0502, 0.0498, 0.05])
    assert "All seconds raised it equally (+0.05 each). The model's attention is nearly even" in said(made)
    assert decisive_second(made.targets["arousal"]) is None


def test_one_second_has_nothing_beside_it() -> None:
    made = made_up([0.2])
    assert said(made) == "Arousal 0.95, very high. The clip has one second alone, so none can count more than another."
    assert decisive_second(made.targets["arousal"]) is None


def test_attention_that_is_even_or_absent() -> None:
    assert said(made_up([0, 0.09])).endswith("The model's attention is nearly even and points nowhere.")
    assert "attention" not in said(made_up([0, 0.09], attention=None))  # the verdict says that there is none


def test_unfamiliar_decisive_second_says_why() -> None:
    rare = "the {} is less typical than in 99.1 % of the training seconds"
    words = said(made_up([0, 0.09], unlike={1: rare.format("sound"), 0: rare.format("picture")}))
    assert words.endswith(f"1–2 s is unfamiliar to the model: {rare.format('sound')}.")
    assert "picture is less typical" not in words
    assert "unfamiliar" not in said(made_up([0, 0], unlike={1: rare}))


def test_a_part_of_a_file_is_told_in_the_time_of_the_file() -> None:
    words = said(made_up([0, 0.09, 0], start=4.0, attention=at(0, of=3)))
    assert "5–6 s raised it most" in words
    assert "points at 4–5 s instead" in words
    assert "5.5–6.5 s raised" in said(made_up([0, 0.09, 0], start=4.5))


def test_what_could_not_be_measured_is_said_to_be_so() -> None:
    nan = float("nan")
    assert said(made_up([nan, nan], prediction=nan)).startswith(
        "Arousal: the model gave no number. The effect of its seconds could not be measured."
    )
    some = made_up([nan, 0.09, 0.01])
    assert "1–2 s raised it most (+0.09)" in said(some)
    assert decisive_second(some.targets["arousal"]) == 1


def test_targets_without_a_truth_here_get_no_answer() -> None:
    made = synthetic.explanation()
    assert [words.split()[0] for words in answers(made)] == ["Arousal", "Valence"]
    assert answers(made)[0] == answer(made, "arousal").text


@given(st.data(), st.integers(1, 12), st.floats(0, 1), st.sampled_from([0.0, 4.0, 59.0]))
def test_every_number_is_one_of_the_explanation(data: Any, count: int, prediction: float, start: float) -> None:
    size = st.floats(-0.5, 0.5, width=32) | st.sampled_from([0.0, 0.01, -0.01, 0.09, float("nan")])
    rows = data.draw(arrays.arrays(float, (3, count), elements=size))
    whole, sound, picture = rows
    weights = data.draw(arrays.arrays(float, count, elements=st.floats(0, 1)))
    attention = (weights + 1e-9) / (weights + 1e-9).sum()
    made = made_up(
        list(whole),
        sound=list(sound),
        picture=list(picture),
        attention=list(attention),
        prediction=prediction,
        start=start,
    )
    one = answer(made, "arousal")
    assert float(NUMBER.findall(one.prediction)[0]) == round(prediction, 2)
    second = decisive_second(made.targets["arousal"])
    values = rows[np.isfinite(rows)]
    known = {round(value, 2 if abs(value) >= 0.01 else 3) for value in values} | {0.01}  # what counts as movement
    for number in NUMBER.findall(one.effect):
        assert float(number.replace("−", "-")) in known
    spans = [(float(a) - start, float(b) - start) for a, b in SPAN.findall(f"{one.effect} {one.attention}")]
    assert all(end == begin + 1 and begin in range(count) for begin, end in spans)
    if second is None:
        assert "most" not in one.effect
        return
    assert abs(whole[second]) == np.nanmax(np.abs(whole))
    first = int(spans[0][0])
    assert abs(whole[first]) > np.nanmax(np.abs(whole)) - 0.001
    told = {"raised": whole[first] > 0, "lowered": whole[first] < 0, "moved": True}
    assert told[one.effect.split(" it most")[0].split()[-1]]
    top = {s for s in range(count) if attention[s] > attention.max() - 0.001}
    most = np.nanmax(np.abs(whole))
    moved = {s for s in range(count) if abs(whole[s]) > most - (0.001 if most >= 0.01 else 0.0001)}
    if "points" in one.attention and "nowhere" not in one.attention:
        assert ("there too" in one.attention) == (top == moved)
        assert ("instead" in one.attention) == (not top & moved)
