"""Lanes are valid Plotly on one axis in seconds, curves are valid SVG, and no length of clip breaks them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec import plots
from sec2sec.explanations.results import OrderCurve
from sec2sec.plots.svg import order_curve


@dataclass
class Made:
    attention: np.ndarray | None
    effect: np.ndarray
    effect_audio: np.ndarray
    effect_video: np.ndarray


def made(seconds: int, *, attention: bool = True, seed: int = 0) -> Made:
    r = np.random.default_rng(seed)
    share = r.random(seconds)
    effects = (r.normal(0, 0.1, seconds) for _ in range(3))
    return Made(share / share.sum() if attention else None, *effects)


def wave(seconds: int, steps: int = 50) -> np.ndarray:
    loud = np.random.default_rng(0).random((seconds, steps, 1))
    return np.concatenate([-loud, loud], -1)


@dataclass
class Effects:
    whole: np.ndarray
    audio: np.ndarray
    video: np.ndarray
    interaction: np.ndarray


def bars(figure: plots.Figure) -> list[dict]:
    return [trace for trace in figure["data"] if trace["type"] == "bar"]


def part(figure: plots.Figure, name: str) -> dict:
    (found,) = [trace for trace in figure["data"] if trace.get("meta", {}).get("part") == name]
    return found


def effect_lane(target: Made, seconds: int, **options: object) -> plots.Figure:
    return plots.effect("arousal", target, plots.Seconds(seconds), 0.5, **options)  # type: ignore[arg-type]


def every_lane(count: int, partial: bool = False) -> list[plots.Figure]:
    seconds, one = plots.Seconds(count, partial), made(count)
    assert one.attention is not None
    effects = Effects(one.effect, one.effect_audio, one.effect_video, one.effect)
    gaps = np.where(np.arange(count) % 2, np.nan, one.effect)
    return [
        plots.sound(wave(count), seconds),
        plots.attention("arousal", one.attention, seconds, 0, 1.0),
        plots.effect("arousal", one, seconds, 0.5, references=[effects], spread=np.stack([one.effect, gaps])),
        plots.tug_of_war("arousal", one.effect_audio, gaps, np.arange(count) % 3 == 0, seconds, 0.5),
        plots.integrated("arousal", one.effect * 9, float("nan"), seconds),
        plots.position("arousal", gaps, one.effect, seconds, 1),
        plots.cue("loudness", "dB", gaps * 40 - 60, "goes along", seconds),
        plots.cue("speech", "share", np.full(count, np.nan), "", seconds),
        plots.stability("arousal", "attention", "cuts", one.attention, gaps, one.attention, seconds),
        plots.stability("arousal", "effect", "cuts", one.effect, gaps, one.effect, seconds),
    ]


@settings(deadline=None, max_examples=20)
@given(count=st.integers(1, 600), partial=st.booleans())
def test_lanes_are_valid_figures_of_any_length(count: int, partial: bool) -> None:
    for figure in every_lane(count, partial):
        go.Figure(json.loads(json.dumps(figure, allow_nan=False)))  # raises on anything that Plotly does not know
        assert all((trace["xaxis"], trace["yaxis"]) == ("x", "y") for trace in figure["data"])
        points = [len(trace["x"]) for trace in figure["data"] if trace["type"] == "scatter"]
        assert max(points, default=0) <= max(plots.MAX_WAVE_POINTS, 3 * count)


def test_lanes_are_named_once_and_their_axes_titled() -> None:
    found = every_lane(9)
    keys = [figure["layout"]["meta"]["key"] for figure in found]
    assert len(set(keys)) == len(keys)
    for figure in found:
        assert figure["layout"]["yaxis"]["title"]["text"]
        assert figure["layout"]["meta"]["title"]
        assert figure["layout"]["height"] >= 30


def test_bar_covers_its_second() -> None:
    for trace in bars(effect_lane(made(12), 12)):
        assert trace["x"] == [i + 0.5 for i in range(12)]


def test_sign_of_an_effect_is_colour_and_side() -> None:
    target = made(4)
    target.effect = np.array([0.2, -0.1, 0.0, -0.3])
    figure = effect_lane(target, 4)
    raises, lowers = part(figure, "raises"), part(figure, "lowers")
    assert raises["y"] == [0.2, None, 0.0, None]
    assert lowers["y"] == [None, -0.1, None, -0.3]
    assert raises["marker"]["color"] != lowers["marker"]["color"]
    axis = figure["layout"]["yaxis"]["range"]
    assert axis[0] == -axis[1]  # zero in the middle


def test_attention_has_one_colour_whatever_its_effect() -> None:
    figure = plots.attention("arousal", np.array([0.7, 0.2, 0.1]), plots.Seconds(3), 0, 1.0)
    (trace,) = bars(figure)
    assert isinstance(trace["marker"]["color"], str)
    assert trace["marker"]["color"] not in (plots.RAISES, plots.LOWERS)


def test_axes_reach_the_largest_of_all_targets() -> None:
    assert plots.tallest([made(9, seed=1), made(9, attention=False)], 9) > made(9, seed=1).attention.max()  # type: ignore[union-attr]
    assert plots.tallest([made(4, attention=False)], 4) >= 1 / 4
    assert plots.reach(np.array([0.1, np.nan, -0.4]), np.array([np.inf])) == pytest.approx(0.448)
    assert plots.reach(np.zeros(3)) == 0.02  # noise must not look tall


@pytest.mark.parametrize("size", [0.003, 0.02, 0.049, 0.5, 0.999, 2.9, 70.0])
def test_signed_axis_labels_zero_and_both_sides(size: float) -> None:
    axis = plots.integrated("arousal", np.array([size, -size / 3]), 0.0, plots.Seconds(2))["layout"]["yaxis"]
    low, zero, high = axis["tickvals"]
    assert zero == 0
    assert high == -low
    assert axis["range"][1] / 2.6 <= high <= axis["range"][1]


@pytest.mark.parametrize("size", [0.003, 0.021, 0.035, 0.0444, 0.089, 0.3, 0.61, 0.95])
def test_labels_of_the_effect_axis_stand_apart(size: float) -> None:
    found = made(4)
    bars = replace(found, effect=np.array([size, -size / 3, 0, 0]))
    axis = plots.effect("arousal", bars, plots.Seconds(4), plots.reach(bars.effect))["layout"]["yaxis"]
    ticks = np.array(axis["tickvals"])
    np.testing.assert_allclose(ticks, -ticks[::-1])
    low, high = axis["range"]
    assert high / 2.6 <= ticks[-1] <= high
    assert np.diff(ticks).min() / (high - low) * 74 > 12  # px of a lane; the labels are 11 px high


def test_equal_share_is_dotted() -> None:
    figure = plots.attention("arousal", np.full(8, 1 / 8), plots.Seconds(8), 0, 1.0)
    lines = [s for s in figure["layout"]["shapes"] if s["type"] == "line"]
    assert [(line["y0"], line["line"]["dash"]) for line in lines] == [(1 / 8, "dot")]


def test_partial_second_is_hatched() -> None:
    for figure in every_lane(5, partial=True):
        for trace in bars(figure):
            assert trace["marker"]["pattern"]["shape"] == ["", "", "", "", "/"]


def test_whisker_spans_the_references() -> None:
    low, high = np.array([-0.1, 0.0, np.nan]), np.array([0.2, 0.1, 0.3])
    trace = part(effect_lane(made(3), 3, spread=np.stack([low, high])), "whisker")
    assert trace["x"] == [0.5, 0.5, 0.5, 1.5, 1.5, 1.5, 2.5, 2.5, 2.5]
    assert trace["y"] == [-0.1, 0.2, None, 0.0, 0.1, None, None, 0.3, None]


def test_one_modality_has_nothing_to_tell_apart() -> None:
    assert [trace["type"] for trace in effect_lane(made(5), 5, both=False)["data"]] == ["bar", "bar"]


def test_modalities_differ_in_symbol_and_not_in_colour_alone() -> None:
    one = made(5)
    effects = Effects(one.effect, one.effect_audio, one.effect_video, one.effect)
    figure = effect_lane(one, 5, references=[effects])
    assert len({part(figure, p)["marker"]["symbol"] for p in ("audio", "video", "interaction")}) == 3


def test_tug_of_war_marks_the_seconds_in_conflict() -> None:
    conflict = np.array([False, True, False, True])
    figure = plots.tug_of_war("arousal", np.ones(4), -np.ones(4), conflict, plots.Seconds(4), 1.0)
    sound, picture, mark = figure["data"]
    assert mark["x"] == [1.5, 3.5]
    assert all(s < c < p for s, c, p in zip(sound["x"], [0.5, 1.5, 2.5, 3.5], picture["x"], strict=True))  # beside it
    calm = plots.tug_of_war("arousal", np.ones(4), np.ones(4), np.zeros(4, bool), plots.Seconds(4), 1.0)
    assert len(calm["data"]) == 2


def test_cue_keeps_its_unit_and_its_gaps() -> None:
    figure = plots.cue("loudness", "dB", np.array([-20.0, np.nan, -30.0]), "", plots.Seconds(3))
    assert "dB" in figure["layout"]["meta"]["detail"]
    assert figure["data"][0]["y"] == [-20.0, None, -30.0]
    low, high = figure["layout"]["yaxis"]["range"]
    assert low < -30 < -20 < high < 0  # decibels have no bottom to stand on
    assert plots.cue("motion", "share", np.array([2.0, 3.0]), "", plots.Seconds(2))["layout"]["yaxis"]["range"][0] == 0


def test_curve_draws_what_it_was_given_and_says_it_in_words() -> None:
    steps = np.arange(5)
    values = np.array([0.8, 0.4, np.nan, 0.3, 0.2])
    line = np.linspace(0.8, 0.2, 5)
    curve = OrderCurve(steps, values, 0.4, line - 0.1, line + 0.1, 0.5, line, 0.5, 0.9, 0.9)
    drawn = order_curve("Deletion of <b>", curve, "seconds taken away")
    root = ElementTree.fromstring(drawn)
    own = next(e for e in root.iter() if e.get("class") == "own")
    points = [tuple(map(float, p.split(","))) for p in (own.get("points") or "").split()]
    assert len(points) == 4  # what is not known is left out
    assert [p[1] for p in points] == sorted(p[1] for p in points)  # it falls: y grows downwards
    assert {e.text for e in root.iter("text")} >= {"prediction", "seconds taken away"}
    assert "from 0.80 to 0.20" in (root.get("aria-label") or "")
    assert "Deletion of <b>" in (root.get("aria-label") or "")  # as text, not as markup


def test_arrays_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="attention of arousal has 5 seconds, the timeline 4"):
        plots.attention("arousal", np.ones(5), plots.Seconds(4), 0, 1.0)
    with pytest.raises(ValueError, match="effect of arousal has 5 seconds, the timeline 4"):
        effect_lane(made(5), 4)
    with pytest.raises(ValueError, match="at least one second"):
        plots.Seconds(0)


@pytest.mark.parametrize("rows", ["video", "audio"])
def test_co_attention_names_every_token(rows: str) -> None:
    figure = plots.co_attention((8, 3, 3), (4, 8), rows, 40)  # type: ignore[arg-type]
    go.Figure(figure)
    meta = figure["layout"]["meta"]
    lengths = (72, 32) if rows == "video" else (32, 72)
    assert (len(meta["rows"]), len(meta["columns"])) == lengths
    assert meta["uniform"] == 1 / lengths[1]
    assert "row sums to 1" in figure["data"][0]["colorbar"]["title"]["text"]


def test_words_follow_the_order_of_tokens() -> None:
    picture, sound = plots.video_words((8, 3, 3)), plots.audio_words((4, 8), 40)
    assert picture[(5 * 3 + 1) * 3 + 2] == "picture 625–750 ms, row 2, column 3"
    assert sound[2 * 8 + 7] == "sound 875–1000 ms, texture 20–29"


@pytest.mark.parametrize(
    "colour", [plots.RAISES, plots.LOWERS, plots.SOUND, plots.PICTURE, plots.INTERACTION, plots.WAVE, *plots.ATTENTION]
)
def test_colours_hold_on_white_and_on_near_black(colour: str) -> None:
    def light(text: str) -> float:
        parts = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    assert 1.05 / (light(colour) + 0.05) >= 3
    assert (light(colour) + 0.05) / (light("#0b0f19") + 0.05) >= 3
