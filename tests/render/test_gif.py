"""The GIF for slides, decoded again: its length, the verdicts at its end, the second that counted most, its size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sec2sec.clip import explain
from sec2sec.media import MediaError
from sec2sec.outputs import is_ours
from sec2sec.render import gif
from sec2sec.render.annotated_frames import HEIGHT, PLAYHEAD, WIDTH, layout
from sec2sec.render.chart import Chart
from sec2sec.render.gif import CARD_SECONDS, FILM_SECONDS, window, write_gif
from tests.helpers import clips
from tests.helpers.models import tiny_bundle

SECONDS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gif")


@pytest.fixture(scope="module")
def path(folder):
    return clips.make_clip(folder / "clip.mp4", SECONDS, size=(160, 90))


@pytest.fixture(scope="module")
def explanation(path, folder):
    """With most of the effect in its eleventh second."""
    found = explain(path, tiny_bundle(folder / "tiny"))
    arousal = found.targets["arousal"]
    effect = np.full(SECONDS, 0.01)
    effect[10] = -0.3
    arousal = replace(arousal, effects=(replace(arousal.effects[0], whole=effect), *arousal.effects[1:]))
    return replace(found, targets={"arousal": arousal})


@pytest.fixture(scope="module")
def made(path, explanation, folder):
    write_gif(path, explanation, folder / "out.gif")
    return folder / "out.gif"


def shown(path: Path) -> list[tuple[float, np.ndarray]]:
    """How long each picture stands, s, and the picture."""
    with Image.open(path) as picture:
        out = []
        for number in range(picture.n_frames):
            picture.seek(number)
            out.append((picture.info["duration"] / 1000, np.asarray(picture.convert("RGB"))))
        return out


def playhead(frame: np.ndarray, chart: Chart) -> float:
    """Where it stands in the chart, s; NaN where it does not."""
    rows = slice(round(chart.box.top * len(frame) / HEIGHT), round(chart.bottom * len(frame) / HEIGHT))
    columns = (np.abs(frame[rows].astype(int) - PLAYHEAD).max(-1) < 40).mean(0)
    if columns.max() < 0.5:
        return float("nan")
    x = (columns.argmax() + 0.5) * WIDTH / frame.shape[1]
    return (x - chart.left) / (chart.right - chart.left) * chart.seconds


def test_it_lasts_ten_seconds_and_the_last_two_are_the_verdicts(made):
    durations = [duration for duration, _ in shown(made)]
    assert sum(durations) == pytest.approx(FILM_SECONDS + CARD_SECONDS)
    assert durations[-1] == CARD_SECONDS


def test_it_is_the_film_around_the_second_that_counted_most(made):
    """Of twelve seconds the last eight, with the playhead in each picture where that picture lies."""
    _, _, box, _ = layout(160 / 90, 1, 1)
    chart, time = Chart(box, SECONDS), SECONDS - FILM_SECONDS
    for duration, frame in shown(made)[:-1]:
        assert playhead(frame, chart) == pytest.approx(time + 0.05, abs=0.05)
        time += duration
    assert time == pytest.approx(SECONDS)
    assert np.isnan(playhead(shown(made)[-1][1], chart))


@pytest.mark.parametrize(
    ("seconds", "counted", "expected"),
    [(3, 1, (0, 3)), (20, 10, (6.5, 14.5)), (20, 0, (0, 8)), (20, 19, (12, 20)), (20, None, (0, 8))],
)
def test_the_window_holds_the_second_and_stays_within_the_clip(explanation, seconds, counted, expected):
    effect = np.zeros(seconds)
    if counted is not None:
        effect[counted] = -0.1
    target = explanation.targets["arousal"]
    target = replace(target, effects=(replace(target.effects[0], whole=effect),))
    assert window(target, float(seconds)) == expected


def test_it_plays_for_ever_and_says_what_made_it(made):
    with Image.open(made) as picture:
        assert picture.info["loop"] == 0
    assert is_ours(made)


def test_a_restless_clip_becomes_smaller_until_it_fits(folder, tmp_path, monkeypatch):
    short = clips.make_clip(tmp_path / "short.mp4", 1, size=(160, 90))
    explanation = explain(short, tiny_bundle(folder / "tiny"))
    write_gif(short, explanation, tmp_path / "large.gif")
    most = (tmp_path / "large.gif").stat().st_size // 2
    monkeypatch.setattr(gif, "MAX_BYTES", most)
    write_gif(short, explanation, tmp_path / "small.gif")
    assert (tmp_path / "small.gif").stat().st_size <= most
    assert shown(tmp_path / "small.gif")[0][1].shape[1] < gif.WIDTHS[0]
    monkeypatch.setattr(gif, "MAX_BYTES", 1000)
    with pytest.raises(MediaError, match="too restless"):
        write_gif(short, explanation, tmp_path / "none.gif")
    assert not (tmp_path / "none.gif").exists()


def test_noise_fits_into_the_limit(folder, tmp_path, monkeypatch):
    """The worst that a GIF can be given: no two pixels alike, in an upright picture, which has most room."""
    random = np.random.default_rng(0)

    def noise(_index: int, _time: float, width: int, height: int) -> np.ndarray:
        return random.integers(0, 256, (height, width, 3), np.uint8)

    clip = clips.make_clip(tmp_path / "noise.mp4", 2, size=(360, 640), picture=noise, options={"qp": "1"})
    monkeypatch.setattr(gif, "MAX_BYTES", gif.MAX_BYTES * 2 / FILM_SECONDS)  # its share of eight seconds
    write_gif(clip, explain(clip, tiny_bundle(folder / "tiny")), tmp_path / "noise.gif")
    assert 0.2 * gif.MAX_BYTES < (tmp_path / "noise.gif").stat().st_size <= gif.MAX_BYTES
