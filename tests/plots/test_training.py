"""The curves of a training: axes that stay put, and lines that differ by more than colour."""

from __future__ import annotations

import pytest

from sec2sec.plots.training import losses, scores


def test_the_axis_of_epochs_grows_in_steps_and_the_score_keeps_its_scale() -> None:
    ends = []
    for done in range(1, 60):
        figure = scores([0.5] * done, {"a": [0.5] * done}, [0.4] * done, 250, 1)
        assert figure["layout"]["yaxis"]["range"] == [0, 1.03]
        ends.append(figure["layout"]["xaxis"]["range"][1])
        assert ends[-1] >= done
    assert len(set(ends)) <= 6
    assert ends == sorted(ends)
    assert scores([0.5] * 3, {}, [0.4] * 3, 4, 1)["layout"]["xaxis"]["range"] == [0.5, 4.5]  # never past the last epoch


@pytest.mark.parametrize("highest", [0.0, 1e-3, 0.69, 1.0, 9.99, 10.0, 123.0, float("inf")])
def test_losses_fit_under_a_round_top(highest: float) -> None:
    top = losses([highest], [highest / 2], 10)["layout"]["yaxis"]["range"][1]
    assert top >= highest or highest == float("inf")
    assert top <= max(2 * highest, 1.0)


def test_the_trivial_baseline_is_a_dashed_line_and_no_line_differs_by_colour_alone() -> None:
    figure = scores([0.5, 0.6], {"a": [0.5, 0.6], "b": [None, 0.6]}, [0.4, 0.4], 20, 2)
    lines = {line["name"]: line for line in figure["data"]}
    assert lines["best trivial answer"]["line"]["dash"] == "dash"
    assert lines["best trivial answer"]["y"] == [0.4, 0.4]
    assert lines["weights that are kept"]["x"] == [2]
    marks = [(line.get("line", {}).get("dash"), line["marker"]["symbol"], line["mode"]) for line in figure["data"]]
    assert len(set(marks)) == len(marks)
