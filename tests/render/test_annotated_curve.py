"""An annotated film shows the curve of its windows where attention over one piece would stand."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageColor

from sec2sec.clip import encode
from sec2sec.curve import prediction_curve
from sec2sec.explanations.results import Curve
from sec2sec.render.annotated_frames import AnnotatedFrames, open_explained
from sec2sec.render.chart import INK, LEVEL, point_at
from tests.helpers import clips
from tests.helpers.models import tiny_bundle

SECONDS = 6


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return clips.make_clip(tmp_path_factory.mktemp("film") / "clip.mp4", SECONDS, fps=8)


@pytest.fixture(scope="module")
def clip(path, tmp_path_factory):
    return encode(path, tiny_bundle(tmp_path_factory.mktemp("model") / "tiny"), start=1.0)


def frame(path, explanation) -> tuple[np.ndarray, AnnotatedFrames]:
    with closing(
        AnnotatedFrames(open_explained(path, explanation, None), explanation, ["arousal"], None, False)
    ) as film:
        return film.at(2.5), film


def is_colour(picture: np.ndarray, colour: str) -> np.ndarray:
    return (np.abs(picture.astype(int) - ImageColor.getrgb(colour)) < 40).all(-1)


def test_the_line_goes_through_the_prediction_of_each_window(path, clip):
    values = np.array([0.1, 0.9, 0.5, 0.3])
    starts = np.arange(4.0) + 1
    curve = Curve(2.0, 1.0, starts, starts + 2, {"arousal": values}, {"arousal": np.stack([values, values])})
    picture, film = frame(path, replace(clip.explain(), curve=curve))
    chart = film.chart
    top, height = chart.box.top, (chart.bottom - chart.box.top - 8) / 2
    for value, time in zip(values, curve.times - 1.0, strict=True):
        column = round(chart.x(time))
        row = top + height * (1 - value)
        assert is_colour(picture[round(row) - 3 : round(row) + 4, column], INK).any(), (value, time)


def test_the_panel_has_the_window_around_the_second_that_plays(path, clip):
    curve = prediction_curve(clip, window=2)
    point = point_at(curve, 1.0 + 2.5)
    assert curve.times[point] in (3.0, 4.0)
    levels = []
    for value in (0.25, 0.75):
        shown = replace(curve, values=curve.values | {"arousal": np.full(len(curve.starts), value)})
        picture, film = frame(path, replace(clip.explain(), curve=shown))
        panel = picture[film.panel.top : film.panel.top + film.panel.height, film.panel.left :]
        levels.append(int(is_colour(panel, LEVEL).any(0).sum()))
    assert levels[1] == pytest.approx(3 * levels[0], abs=5)
