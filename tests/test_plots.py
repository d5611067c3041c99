"""Figures are valid Plotly, their lanes share one axis in seconds, and no length of clip breaks them."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec import plots


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


def bars(figure: plots.Figure) -> list[dict]:
    return [trace for trace in figure["data"] if trace["type"] == "bar"]


@settings(deadline=None, max_examples=30)
@given(seconds=st.integers(1, 600), targets=st.integers(1, 5), with_attention=st.booleans())
def test_timeline_is_a_valid_figure_of_any_length(seconds: int, targets: int, with_attention: bool) -> None:
    figure = plots.timeline(
        {f"target {k}": made(seconds, attention=with_attention) for k in range(targets)},
        seconds,
        waveform=wave(seconds),
        duration=seconds - 0.4,
        partial=True,
    )
    go.Figure(json.loads(json.dumps(figure, allow_nan=False)))  # raises on anything that Plotly does not know
    assert figure["layout"]["xaxis"]["range"] == [0, seconds]
    assert all(trace["xaxis"] == "x" for trace in figure["data"])
    assert seconds / figure["layout"]["xaxis"]["dtick"] <= plots.MAX_TICKS
    points = [len(trace["x"]) for trace in figure["data"] if trace["type"] == "scatter"]
    assert max(points) <= max(plots.MAX_WAVE_POINTS, seconds)


def test_bar_covers_its_second() -> None:
    for trace in bars(plots.timeline({"arousal": made(12)}, 12)):
        assert trace["x"] == [i + 0.5 for i in range(12)]


def test_axes_are_titled_with_their_units() -> None:
    layout = plots.timeline({"arousal": made(8)}, 8, waveform=wave(8))["layout"]
    assert layout["xaxis"]["title"]["text"] == "time, s"
    assert all(layout[key]["title"]["text"] for key in layout if key.startswith("yaxis"))


def test_part_of_a_file_says_where_it_begins() -> None:
    layout = plots.timeline({"arousal": made(8)}, 8, start=12.5)["layout"]
    assert "12.5 s of the file" in layout["xaxis"]["title"]["text"]


def test_lanes_lie_above_one_another() -> None:
    figure = plots.timeline({"arousal": made(8), "valence": made(8)}, 8, waveform=wave(8))
    domains = [figure["layout"][key]["domain"] for key in figure["layout"] if key.startswith("yaxis")]
    assert len(domains) == 5
    for upper, lower in itertools.pairwise(domains):
        assert lower[1] < upper[0]
    assert domains[-1][0] == pytest.approx(0, abs=1e-9)


def test_sign_of_an_effect_is_colour_and_side() -> None:
    target = made(4)
    target.effect = np.array([0.2, -0.1, 0.0, -0.3])
    raises, lowers = bars(plots.timeline({"arousal": target}, 4))[1:3]
    assert raises["y"] == [0.2, None, 0.0, None]
    assert lowers["y"] == [None, -0.1, None, -0.3]
    assert raises["marker"]["color"] != lowers["marker"]["color"]
    axis = plots.timeline({"arousal": target}, 4)["layout"]["yaxis2"]["range"]
    assert axis[0] == -axis[1]  # zero in the middle


def test_attention_and_effects_compare_across_targets() -> None:
    figure = plots.timeline({"arousal": made(9, seed=1), "valence": made(9, seed=2)}, 9)
    assert figure["layout"]["yaxis"]["range"] == figure["layout"]["yaxis3"]["range"]
    assert figure["layout"]["yaxis2"]["range"] == figure["layout"]["yaxis4"]["range"]


def test_equal_share_is_dotted() -> None:
    lines = [s for s in plots.timeline({"arousal": made(8)}, 8)["layout"]["shapes"] if s["type"] == "line"]
    assert [(line["y0"], line["line"]["dash"]) for line in lines] == [(1 / 8, "dot")]


def test_partial_second_is_hatched_and_its_padding_shaded() -> None:
    figure = plots.timeline({"arousal": made(5)}, 5, duration=4.6, partial=True)
    for trace in bars(figure):
        assert trace["marker"]["pattern"]["shape"] == ["", "", "", "", "/"]
    (padding,) = [s for s in figure["layout"]["shapes"] if s["type"] == "rect"]
    assert (padding["x0"], padding["x1"]) == (4.6, 5)


def test_one_modality_has_nothing_to_tell_apart() -> None:
    names = {trace["name"] for trace in plots.timeline({"arousal": made(5)}, 5, has_audio=False)["data"]}
    assert not names & {"sound alone", "picture alone"}


def test_modalities_differ_in_symbol_and_not_in_colour_alone() -> None:
    alone = [t for t in plots.timeline({"arousal": made(5)}, 5)["data"] if t["name"].endswith("alone")]
    assert len({trace["marker"]["symbol"] for trace in alone}) == 2


def test_missing_numbers_become_gaps() -> None:
    target = made(4)
    target.effect_audio = np.array([0.1, np.nan, np.inf, 0.2])
    json.dumps(plots.timeline({"arousal": target}, 4), allow_nan=False)


def test_arrays_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="attention of arousal has 5 seconds, the timeline 4"):
        plots.timeline({"arousal": made(5)}, 4)
    with pytest.raises(ValueError, match="at least one second"):
        plots.timeline({"arousal": made(0)}, 0)


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
    assert sound[2 * 8 + 7] == "sound 875–1000 ms, coefficients 20–29"


@pytest.mark.parametrize(
    "colour", [plots.RAISES, plots.LOWERS, plots.SOUND, plots.PICTURE, plots.WAVE, *plots.ATTENTION]
)
def test_colours_hold_on_white_and_on_near_black(colour: str) -> None:
    def light(text: str) -> float:
        parts = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    assert 1.05 / (light(colour) + 0.05) >= 3
    assert (light(colour) + 0.05) / (light("#0b0f19") + 0.05) >= 3
