"""The main lanes: which there are, on which scales, and which second is selected."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sec2sec.plots.style import round_below
from sec2sec.viewer import files
from tests.helpers.in_node import in_node

SCALES = files.HERE / "scales.js"


def target(effects: list[float | None], **more: object) -> dict[str, object]:
    return {"name": "arousal", "attention": None, "references": [{"reference": "mean", "whole": effects}], **more}


def payload(targets: list[dict[str, object]], planted: dict[str, list[int]] | None = None) -> dict[str, object]:
    lanes = [{"layout": {"meta": {"key": "sound"}}}]
    return {"lanes": lanes, "targets": targets} | ({} if planted is None else {"planted": planted})


def test_the_scale_holds_every_effect_and_leaves_room_above_zero() -> None:
    draws = [np.random.default_rng(seed).normal(shift, 0.1, 8).tolist() for seed in range(20) for shift in (-0.2, 0, 1)]
    for values, scale in zip(
        draws, in_node(SCALES, "({effectScale}, t) => effectScale([t])", [[target(v)] for v in draws]), strict=True
    ):
        assert scale["low"] <= min(values)
        assert max(values) <= scale["high"]
        assert scale["low"] < 0 < scale["high"]
        assert scale["high"] >= 0.3 * (scale["high"] - scale["low"])  # attention is drawn there


def test_noise_does_not_look_tall() -> None:
    assert in_node(SCALES, "({effectScale}, t) => effectScale([t]).high", [[target([1e-5, None])]]) == [0.02]


def test_ticks_are_round_and_signed() -> None:
    limits = [0.003, 0.02, 0.049, 0.1, 0.7, 3.0]
    ticks = in_node(
        SCALES, "({roundBelow, effectTick}, v) => [roundBelow(v), effectTick(roundBelow(v))]", [[v] for v in limits]
    )
    for limit, (value, words) in zip(limits, ticks, strict=True):
        assert value == pytest.approx(round_below(limit))
        assert math.isclose(float(words), value)
        assert words.startswith("+")
    assert in_node(SCALES, "({effectTick}, v) => effectTick(v)", [[-0.05], [0]]) == ["−0.05", "0"]


@pytest.mark.parametrize(
    ("one", "second"),
    [
        (target([0.1, -0.3, 0.2]), 1),
        (target([0.1, -0.3, 0.2], decisive=2), 2),  # the sentence's word counts
        (target([0.1, None, 0.2], decisive=None), 2),
        (target([0.0, 0.0]), None),
        (target([None, None]), None),
    ],
)
def test_the_second_that_counted_most_is_selected(one: dict[str, object], second: int | None) -> None:
    assert in_node(SCALES, "({decisiveSecond}, t) => decisiveSecond([t])", [[one]]) == [second]


def test_planted_seconds_have_a_lane_and_targets_with_the_same_ones_share_it() -> None:
    names = "({mainLanes}, p) => mainLanes(p).lanes.map(lane => [lane.kind, lane.name])"
    two = [target([0.1]), target([0.1], name="valence")]
    same, apart = {"arousal": [2], "valence": [2]}, {"arousal": [2], "valence": []}
    shown = in_node(SCALES, names, [[payload(two)], [payload(two, same)], [payload(two, apart)]])
    assert shown[0] == [["sound", "sound"], ["target", "arousal"], ["target", "valence"]]
    assert shown[1] == [["sound", "sound"], ["planted", "planted"], ["target", "arousal"], ["target", "valence"]]
    assert shown[2] == [
        ["sound", "sound"],
        ["planted", "planted: arousal"],
        ["target", "arousal"],
        ["planted", "planted: valence"],
        ["target", "valence"],
    ]


def test_lanes_lie_below_each_other() -> None:
    lanes = in_node(SCALES, "({mainLanes}, p) => mainLanes(p)", [[payload([target([0.1]), target([0.2])])]])[0]
    ends = np.cumsum([lane["height"] for lane in lanes["lanes"]]).tolist()
    assert [lane["top"] for lane in lanes["lanes"]] == [0, *ends[:-1]]
    assert lanes["height"] == ends[-1]
