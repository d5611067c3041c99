"""Curves of an evaluation against scikit-learn and slow loops; the page that shows them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import sklearn.calibration
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from sec2sec.checkpoints import load_checkpoint
from sec2sec.datasets.table import Row, read_table
from sec2sec.evaluation.curves import BINS, calibration, curves_of, points, roc, worst
from sec2sec.evaluation.document import as_page, as_text
from sec2sec.evaluation.evaluate import evaluate_steps
from sec2sec.metrics import TrainingLabels
from sec2sec.plots.svg import Range, Series, chart, ranges
from sec2sec.progress import drain
from sec2sec.training.opening import OpenedData


def classed(seed: int, clips: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = (rng.random(clips) < 0.4).astype(float)
    return np.clip(0.5 * label + 0.6 * rng.random(clips), 0, 1).round(2), label  # rounded: with ties


def rows_of(count: int, groups: int = 7) -> list[Row]:
    return [Row(f"c{i}", Path(f"clips/{i}.mp4"), {}, "test", f"film{i % groups}") for i in range(count)]


@pytest.mark.parametrize("seed", range(4))
def test_the_roc_curve_is_scikit_learns(seed):
    said, label = classed(seed)
    found = roc(said, label)
    assert found is not None
    false, hit, threshold = sklearn.metrics.roc_curve(label, said)
    assert found["false_positive_rate"] == pytest.approx(false, abs=1e-6)
    assert found["true_positive_rate"] == pytest.approx(hit, abs=1e-6)
    assert found["threshold"][1:] == pytest.approx(threshold[1:])
    assert found["threshold"][0] > 1 or found["threshold"][0] > said.max()
    area = np.trapezoid(found["true_positive_rate"], found["false_positive_rate"])
    assert area == pytest.approx(sklearn.metrics.roc_auc_score(label, said), abs=1e-5)


def test_one_class_alone_has_no_roc_curve_and_a_constant_has_the_diagonal():
    assert roc(np.array([0.2, 0.8]), np.ones(2)) is None
    found = roc(np.full(4, 0.3), np.array([0.0, 1, 0, 1]))
    assert found is not None
    assert found["false_positive_rate"] == found["true_positive_rate"] == [0, 1]


@pytest.mark.parametrize("seed", range(4))
def test_calibration_is_the_definition_and_scikit_learns(seed):
    said, label = classed(seed)
    found = calibration(said, label, 0.4)
    slow = 0.0  # Guo et al. 2017, eq. 3, bin by bin
    for m in range(1, BINS + 1):
        inside = [i for i in range(len(said)) if (m - 1) / BINS < said[i] <= m / BINS or (m == 1 and said[i] == 0)]
        if inside:
            come_true = sum(label[i] for i in inside) / len(inside)
            slow += len(inside) / len(said) * abs(come_true - sum(said[i] for i in inside) / len(inside))
        assert found["bins"][m - 1]["clips"] == len(inside)
    assert found["ece"] == pytest.approx(slow, abs=1e-6)
    assert found["brier"] == pytest.approx(sklearn.metrics.brier_score_loss(label, said), abs=1e-6)
    assert found["trivial"]["brier"] == pytest.approx(((label - 0.4) ** 2).mean(), abs=1e-6)
    come_true, said_so = sklearn.calibration.calibration_curve(label, said, n_bins=BINS)  # of bins with clips
    clips = np.array([each["clips"] for each in found["bins"] if each["clips"]])
    assert found["ece"] == pytest.approx((clips * np.abs(come_true - said_so)).sum() / clips.sum(), abs=1e-6)


def test_predictions_that_come_true_as_often_as_they_say_have_almost_no_error_and_bold_ones_do():
    rng = np.random.default_rng(0)
    said = rng.random(20_000)
    label = (rng.random(20_000) < said).astype(float)
    assert calibration(said, label, 0.5)["ece"] < 0.015
    bold = (said > 0.5).astype(float)
    assert calibration(bold, label, 0.5)["ece"] == pytest.approx(0.25, abs=0.02)


def test_calibration_has_intervals_over_groups_and_none_with_one_group():
    said, label = classed(1)
    found = calibration(said, label, 0.4, [str(i // 5) for i in range(len(said))])
    low, high = found["interval"]["brier"]
    assert low < found["brier"] < high
    assert calibration(said, label, 0.4, ["film"] * len(said))["interval"] == {"ece": None, "brier": None}


def test_the_curves_of_a_score_are_its_points_and_of_a_class_its_roc_and_calibration():
    said, label = classed(0, 12)
    assert set(curves_of(TrainingLabels("binary", 9, 0.5, 0.5), said, rows_of(12), label)) == {"roc", "calibration"}
    found = curves_of(TrainingLabels("score", 9, 0.5, 0.5), said, rows_of(12), label)
    assert found == {"points": points(said, rows_of(12), label)}
    assert found["points"]["id"][3] == "c3"
    assert found["points"]["truth"] == label.tolist()
    assert found["points"]["prediction"] == said.tolist()


def test_the_worst_clips_come_largest_error_first_as_many_as_asked():
    said, label = np.array([0.9, 0.1, 0.5, 0.2]), np.array([1.0, 1.0, 0.0, 0.0])
    found = worst(said, rows_of(4), label, 3)
    assert [clip["id"] for clip in found] == ["c1", "c2", "c3"]
    assert found[0] == {
        "id": "c1",
        "path": str(Path("clips/1.mp4")),
        "group": "film1",
        "truth": 1.0,
        "prediction": 0.1,
        "error": 0.9,
    }
    assert worst(said, rows_of(4), label, 0) == []
    assert len(worst(said, rows_of(4), label, 99)) == 4


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    from tests.helpers.datasets import clip_folder
    from tests.helpers.models import save_tiny

    folder = tmp_path_factory.mktemp("evaluated")
    bundle = load_checkpoint(save_tiny(folder / "tiny", targets=("arousal", "calm")), "cpu")
    data = read_table(clip_folder(folder / "data"))
    end = drain(evaluate_steps(bundle, OpenedData(data), split="all", workers=0, listed=3))
    return json.loads(json.dumps(end.report, allow_nan=False))


def test_an_evaluation_holds_curves_and_the_worst_clips_of_classes_and_scores(report):
    arousal, calm = report["targets"]["arousal"], report["targets"]["calm"]
    assert sum(b["clips"] for b in arousal["curves"]["calibration"]["bins"]) == arousal["clips"] == 9
    assert len(calm["curves"]["points"]["id"]) == calm["clips"] == 10
    for found in (arousal, calm):
        errors = [clip["error"] for clip in found["worst"]]
        assert errors == sorted(errors, reverse=True)
        assert len(errors) == 3
        assert all(Path(clip["path"]).is_file() for clip in found["worst"])
    assert f"farthest off: {calm['worst'][0]['id']}" in as_text(report)
    assert "ECE" in as_text(report)


def test_what_the_model_learned_from_stands_wherever_its_figures_do(report):
    said = "Model tiny. Random weights, for tests."
    assert said in as_page(report)
    assert said in as_text(report)
    assert report["checkpoint"]["trained_on"] == "Random weights, for tests."


class Page(HTMLParser):
    """Tags that were opened and closed, and the texts of captions and titles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_needs_no_network_and_tells_each_chart_in_words(report):
    text = as_page(report)
    page = Page(text)
    assert page.open == []
    assert not re.search(r"(?:src|href)=|https?://|@import|url\(", text)
    assert len(text) < 300_000
    charts = [attributes for tag, attributes in page.seen if tag == "svg"]
    assert len(charts) == 3  # reliability and ROC of arousal, points of calm
    ids = [attributes["id"] for _, attributes in page.seen if attributes.get("id")]
    assert len(ids) == len(set(ids)) == 6
    assert all(set((chart["aria-labelledby"] or "").split()) <= set(ids) for chart in charts)
    tables = [tag for tag, _ in page.seen if tag == "table"]
    assert len(tables) == len([tag for tag, _ in page.seen if tag == "caption"]) > 3
    for name in ("arousal", "calm"):
        assert report["targets"][name]["worst"][0]["id"] in text


def test_what_a_chart_is_given_is_text_and_never_markup():
    evil = '<script>alert("x")</script>'
    drawn = chart(evil, evil, evil, [Series(evil, "dot", [0.5], [0.5])], evil)
    drawn += ranges(evil, evil, [Range(evil, 0.5, (0.4, 0.6), 0.5)], evil, evil)
    assert "<script" not in drawn
    assert drawn.count("&lt;script&gt;") > 8


def test_dots_stand_where_their_values_are():
    drawn = chart("t", "x", "y", [Series("s", "dot", [0, 1], [0, 1])], "text")
    (x0, y0), (x1, y1) = [
        tuple(map(float, found)) for found in re.findall(r'class="dot" cx="([\d.]+)" cy="([\d.]+)" r="3"', drawn)
    ]
    ticks = [float(x) for x in re.findall(r'<text class="tick" x="([\d.]+)" y="[\d.]+" text-anchor="middle"', drawn)]
    assert (x0, x1) == (ticks[0], ticks[-1])
    assert y0 > y1


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=4),
    st.sampled_from([1.0, 1e-3, 100.0]),
)
def test_an_axis_of_ranges_has_round_ticks_that_hold_every_value_in_its_place(made, size):
    rows = [Range("r", size * v, (size * (v - low), size * (v + high)), None) for v, low, high in made]
    drawn = ranges("t", "x", rows, "m", "text")
    ticks = re.findall(r'class="tick" x="([\d.]+)"[^>]*>([^<]+)<', drawn)
    at = [float(x) for x, _ in ticks]
    told = [float(words.replace("−", "-")) for _, words in ticks]
    assert 2 <= len(ticks) <= 6
    assert np.diff(told) == pytest.approx(np.full(len(told) - 1, told[1] - told[0]))
    assert f"{told[1] - told[0]:.3e}"[:4] in ("1.00", "2.00", "2.50", "5.00")
    scale = (at[-1] - at[0]) / (told[-1] - told[0])
    for row, (left, right) in zip(
        rows, re.findall(r'class="range" d="M([-\d.]+) [\d.]+H([-\d.]+)', drawn), strict=True
    ):
        assert at[0] - 0.02 <= float(left) <= float(right) <= at[-1] + 0.02
        assert float(left) == pytest.approx(at[0] + scale * (row.interval[0] - told[0]), abs=0.03)
