"""The bench of generated clips: its rows, its limits, and the twins without their cues."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import quality
from bench.quality import evaluate_level, moved_row, rows_of_level, seed_of
from bench.row import Row
from bench.unedited import pointing_where_moved, predict_unedited
from sec2sec.datasets.known_truth import LEVELS, read_planted
from sec2sec.datasets.table import Row as Clip
from sec2sec.explanations.results import Occlusion
from sec2sec.media import open_clip
from tests.helpers.models import tiny_bundle

YARDSTICKS = ("last second", "middle second", "loudness + motion", "odd one out")


def report(low: float, auroc: float = 0.89) -> dict:
    """What `evaluate` found on a level."""
    figures = {"accuracy": 0.94, "auroc": auroc, "trivial": {"majority": {"accuracy": 0.51}}}
    return {
        "clips": 500,
        "targets": {"arousal": figures, "synchrony": figures},
        "pointing": {"occlusion": 0.9, "chance": 0.2, "odd one out": 0.8},
        "pointing_gains": [
            {"metric": "pointing", "over": "loudness + motion", "value": 0.0, "interval": [-0.1, 0.1]},
            {"metric": "pointing", "over": "odd one out", "value": 0.1, "interval": [low, 0.15]},
        ],
    }


def broken(level: str, low: float = 0.05, **figures: float) -> list[str]:
    return [row.name.strip() for row in rows_of_level(level, report(low, **figures)) if row.holds is False]


def test_each_level_has_its_limits_and_on_each_occlusion_must_beat_the_odd_one_out():
    assert broken("plain") == ["plain: accuracy of arousal", "plain: pointing, occlusion"]
    assert broken("cluttered") == broken("opposed") == broken("film") == []
    assert broken("unseen-timbre") == ["unseen-timbre: AUROC of synchrony (chance .5)"]
    assert broken("unseen-timbre", auroc=0.9) == []
    for level in LEVELS:
        assert "lower end of its 95 % interval, paired over clips" in broken(level, low=0.0), "0 is no difference"
    assert len({seed_of(level) for level in LEVELS}) == len(LEVELS)


def test_a_figure_that_must_be_above_its_limit_may_not_equal_it():
    assert [Row("x", value, "", 0.0, "above").holds for value in (-0.1, 0.0, 1e-9)] == [False, False, True]
    assert [Row("x", value, "", 0.0, "at least").holds for value in (-0.1, 0.0)] == [False, True]


def test_rows_show_the_yardsticks_and_name_a_command_that_makes_the_clips_and_measures():
    rows = list(rows_of_level("cluttered", report(0.05)))
    assert {"cluttered: pointing, odd one out", "cluttered: pointing, chance"} <= {row.name for row in rows}
    (command,) = {row.command for row in rows}
    assert f"make-clips build/bench/cluttered --clips 500 --seed {seed_of('cluttered')} --level cluttered" in command
    assert "evaluate --data build/bench/cluttered --split all" in command


def test_pointing_counts_where_the_edit_moved_the_prediction_and_nowhere_else():
    def clip(name: str, predictions: list[float], effects: list[list[float]]) -> tuple[Clip, Occlusion]:
        own = np.array(effects)
        occlusion = Occlusion(np.array(predictions), np.zeros(2), None, own, own, own)
        return Clip(name, Path(name), {}, "test", name), occlusion

    predicted = [
        clip("a", [0.9, 0.5], [[0.1, -0.8, 0.2], [0.3, 0.1, 0.2]]),  # target 0 moved, and its top second is planted
        clip("b", [0.2, 0.9], [[0.1, 0.8, 0.2], [0.3, 0.1, 0.2]]),  # target 0 moved down, and points elsewhere
    ]
    decisive = {"a": [False, True, False], "b": [False, False, True]}
    planted = {name: type("Truth", (), {"decisive": np.array(seconds)}) for name, seconds in decisive.items()}
    unedited = {"a": np.array([0.5, 0.45]), "b": np.array([0.35, 0.85])}
    assert pointing_where_moved(predicted, unedited, planted, [0, 1]) == (0.5, 2)
    assert pointing_where_moved(predicted, unedited, planted, [1])[1] == 0
    assert Row("x", pointing_where_moved(predicted, unedited, planted, [1])[0], "", 0.7, "at least").holds is False


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A random model's evaluation of two clips with film behind them, and the folder of the bench."""
    build = tmp_path_factory.mktemp("bench")
    bundle = tiny_bundle(build / "tiny")
    return bundle, evaluate_level(bundle, "film", 2, build, workers=0), build / "film"


def test_a_level_is_evaluated_with_its_yardsticks_and_its_report_is_kept(film):
    _, evaluated, folder = film
    assert {"occlusion", "attention", "chance", *YARDSTICKS} == set(evaluated.report["pointing"])
    assert (folder / "report.json").is_file()
    assert len(evaluated.predicted) == len(read_planted(folder)) == 2


def test_the_unedited_twin_is_the_clip_but_for_its_decisive_seconds(film):
    bundle, evaluated, folder = film
    planted = read_planted(folder)
    unedited = predict_unedited(bundle, folder, 2, seed_of("film"), "film", workers=0)
    assert set(unedited) == set(planted)
    for name, truth in planted.items():
        pair = [list(open_clip(place / "clips" / f"{name}.mp4").seconds()) for place in (folder, folder / "unedited")]
        assert len(pair[0]) == len(pair[1]) == len(truth.decisive)
        apart = np.array([np.abs(a.frames.astype(float) - b.frames).mean() for a, b in zip(*pair, strict=True)])
        assert apart[truth.decisive].mean() > 3 * apart[~truth.decisive].mean(), apart
    made = {file: file.stat().st_mtime_ns for file in (folder / "unedited" / "clips").iterdir()}
    row = moved_row(bundle, evaluated, folder, workers=0)
    assert {file: file.stat().st_mtime_ns for file in made} == made, "twins are rendered once"
    assert row.limit == quality.LIMITS["film"].pointing_where_moved
