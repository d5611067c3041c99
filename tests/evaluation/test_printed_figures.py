"""Every figure that `evaluate` and `train` print, recomputed from the predictions on disk by other libraries.

On clips in the form of LIRIS-ACCEDE, of First Impressions and of a table, each with a rule, a split, targets and a seed
that are not the defaults.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import auc, mean_squared_error, roc_curve

from sec2sec.datasets.splits import RANDOM_SPLIT
from sec2sec.metrics import BASELINES
from sec2sec.progress import drain
from sec2sec.training.setup import load_data
from sec2sec.training.train import train_steps
from tests.helpers.commands import run
from tests.helpers.datasets import clip_folder
from tests.helpers.formats import make_liris, make_v2
from tests.helpers.oracles import (
    MAIN,
    Answers,
    Cells,
    cell,
    differing,
    figures,
    group_draws,
    interval,
    read_answers,
    resampled,
    trivial,
)
from tests.helpers.trainings import settings

DATA = ("liris", "first impressions", "table")
WITHIN = 2e-6  # figures of single precision


@dataclass(frozen=True)
class Measured:
    """A training, and what `evaluate` wrote of its test clips."""

    folder: Path
    seed: int
    printed: str
    report: dict[str, Any]
    answers: dict[str, Answers]  # by target
    training: dict[str, np.ndarray]  # labels, by target

    @property
    def targets(self) -> list[tuple[str, dict[str, Any], Answers]]:
        return [(name, report, self.answers[name]) for name, report in self.report["targets"].items()]


def options_of(name: str, folder: Path, clips: list[Path]) -> dict[str, Any]:
    if name == "first impressions":
        data = make_v2(folder / "data", clips)
        return {"data": str(data), "interview": True, "targets": ("openness", "interview"), "seed": 3}
    if name == "table":
        data = clip_folder(folder / "data", train=8, validation=4, test=12)
        return {"data": str(data), "targets": ("calm", "arousal"), "seed": 4, "class_weights": "balanced"}
    rule = {"liris_rule": "valence=rank,arousal=2.5", "split": RANDOM_SPLIT, "seed": 2}
    return {"data": str(make_liris(folder / "data", clips)), **rule}


@pytest.fixture(scope="module", params=DATA)
def measured(request, made, machine, clips, tmp_path_factory) -> Measured:
    folder = tmp_path_factory.mktemp("printed")
    config = settings(made, epochs=3, **options_of(request.param, folder, clips))
    if request.param == "liris":  # a split whose test has clips of both classes
        splits = (replace(config, split_seed=seed) for seed in range(1, 100))
        config = next(own for own in splits if len(set(load_data(own)[0].values("arousal", "test"))) == 2)
    drain(train_steps(folder / "run", config, machine))
    hardware = ("--workers", 0, "--device", "cpu", "--cache", made / "tokens")
    common = ("evaluate", "--checkpoint", folder / "run" / "checkpoint", "--data", config.data, *hardware)
    files = {name: folder / f"e.{name}" for name in ("json", "html", "tex", "csv")}
    options = ("--json", files["json"], "--report", files["html"], "--latex", files["tex"])
    done = run(*common, *options, "--predictions", files["csv"], "--figures", folder / "figures")
    assert done.returncode == 0, done.stderr
    seen = run(*common, "--split", "train", "--include-seen", "--predictions", folder / "train.csv")
    assert seen.returncode == 0, seen.stderr
    training = {name: answers.truth for name, answers in read_answers(folder / "train.csv", "train").items()}
    report = json.loads(files["json"].read_text())
    return Measured(folder, config.seed, done.stdout, report, read_answers(files["csv"]), training)


def test_every_metric_and_its_interval_is_that_of_other_libraries(measured):
    for name, report, answers in measured.targets:
        assert differing(figures(report["kind"], answers.truth, answers.prediction), report, WITHIN) == {}, name
        drawn = resampled(report["kind"], answers, seed=0)
        for metric, values in drawn.items():
            expected, ours = interval(values), report["interval"][metric]
            assert (expected is None) == (ours is None), (name, metric)
            assert expected is None or ours == pytest.approx(expected, abs=WITHIN), (name, metric)
        assert report["clips"] == len(answers.truth)
        assert report["groups"] == len(set(answers.groups))
        mean = report["positive"] if report["kind"] == "binary" else report["mean"]
        assert mean == pytest.approx(answers.truth.mean(), abs=WITHIN)


def gain_of(kind: str, answers: Answers, training: np.ndarray, seed: int) -> tuple[str, float, list[float] | None]:
    """Over which trivial baseline, by how much, and the interval of that."""
    constants = trivial(kind, training)
    rivals = {name: replace(answers, prediction=np.full(len(answers.truth), c)) for name, c in constants.items()}
    main = MAIN[kind]
    scores = {name: figures(kind, rival.truth, rival.prediction)[main] for name, rival in rivals.items()}
    best = max(scores, key=lambda name: scores[name])
    gap = resampled(kind, answers, seed)[main] - resampled(kind, rivals[best], seed)[main]
    return best, figures(kind, answers.truth, answers.prediction)[main] - scores[best], interval(gap)


def test_trivial_rows_and_gains_are_those_of_the_training_labels(measured):
    for name, report, answers in measured.targets:
        constants = trivial(report["kind"], measured.training[name])
        assert set(report["trivial"]) == set(constants)
        for baseline, constant in constants.items():
            expected = figures(report["kind"], answers.truth, np.full(len(answers.truth), constant))
            ours = report["trivial"][baseline]
            assert differing({key: expected[key] for key in ours}, ours, WITHIN) == {}, (name, baseline)
        best, value, between = gain_of(report["kind"], answers, measured.training[name], seed=0)
        assert report["gain"]["over"] == best
        assert report["gain"]["value"] == pytest.approx(value, abs=WITHIN)
        assert report["gain"]["interval"] == pytest.approx(between, abs=WITHIN)


def calibration_of(truth: np.ndarray, prediction: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """ECE over ten equally wide bins and Brier score, of clips that count `weight` times."""
    place = np.digitize(prediction, np.arange(1, 10) / 10, right=True)
    inside = [place == number for number in range(10)]
    gaps = [abs(np.sum(weight[own] * (truth[own] - prediction[own]))) for own in inside]
    return sum(gaps) / weight.sum(), mean_squared_error(truth, prediction, sample_weight=weight)


def test_calibration_is_that_of_the_predictions_bin_by_bin(measured):
    for name, report, answers in measured.targets:
        if report["kind"] != "binary":
            continue
        ours, truth, prediction = report["curves"]["calibration"], answers.truth, answers.prediction
        once = np.ones(len(truth))
        assert (ours["ece"], ours["brier"]) == pytest.approx(calibration_of(truth, prediction, once), abs=WITHIN)
        share = np.full(len(truth), measured.training[name].mean())
        trivial_scores = ours["trivial"]["ece"], ours["trivial"]["brier"]
        assert trivial_scores == pytest.approx(calibration_of(truth, share, once), abs=WITHIN)
        drawn = [calibration_of(truth, prediction, weight) for weight in group_draws(answers.groups, 0)]
        for number, metric in enumerate(("ece", "brier")):
            expected = interval(np.array([values[number] for values in drawn]))
            assert ours["interval"][metric] == pytest.approx(expected, abs=WITHIN)
        for own in ours["bins"]:
            inside = (prediction > own["from"]) & (prediction <= own["to"])
            assert own["clips"] == inside.sum()
            if own["clips"]:
                means = prediction[inside].mean(), truth[inside].mean()
                assert (own["prediction"], own["positive"]) == pytest.approx(means, abs=WITHIN)


def test_curves_and_the_clips_farthest_off_are_those_of_the_predictions(measured):
    for _, report, answers in measured.targets:
        if report["kind"] == "binary":
            ours = report["curves"]["roc"]
            false, true, _ = roc_curve(answers.truth, answers.prediction, drop_intermediate=False)
            points = set(zip(np.round(false, 5), np.round(true, 5), strict=True))
            drawn = zip(ours["false_positive_rate"], ours["true_positive_rate"], strict=True)
            assert {(round(x, 5), round(y, 5)) for x, y in drawn} <= points
            area = auc(ours["false_positive_rate"], ours["true_positive_rate"])
            assert area == pytest.approx(auc(false, true), abs=1e-5)
        else:
            ours = report["curves"]["points"]
            assert ours["id"] == list(answers.ids)
            assert ours["truth"] == pytest.approx(answers.truth, abs=WITHIN)
            assert ours["prediction"] == pytest.approx(answers.prediction, abs=WITHIN)
        error = np.abs(answers.truth - answers.prediction)
        order = np.argsort(-error, kind="stable")
        assert [clip["id"] for clip in report["worst"]] == [answers.ids[i] for i in order]
        assert [clip["error"] for clip in report["worst"]] == pytest.approx(error[order], abs=WITHIN)


def test_the_terminal_prints_those_figures(measured):
    printed = re.sub(r" {2,}", "  ", measured.printed)
    for name, report, answers in measured.targets:
        expected = figures(report["kind"], answers.truth, answers.prediction)
        line = "  ".join([name, *(cell(value) for value in expected.values()), str(len(answers.truth))])
        assert f"\n{line}\n" in printed, printed
        low, high = interval(resampled(report["kind"], answers, 0)[MAIN[report["kind"]]])
        assert f"{line}\n  95 % over groups  {low:.3f}–{high:.3f}\n" in printed
        for baseline, constant in trivial(report["kind"], measured.training[name]).items():
            of_constant = figures(report["kind"], answers.truth, np.full(len(answers.truth), constant))
            cells = [cell(of_constant[metric]) for metric in report["trivial"][baseline]]
            assert "  ".join([f"  {BASELINES.get(baseline, baseline).replace('_', ' ')} (trivial)", *cells]) in printed
        if report["kind"] == "binary":
            share = np.full(len(answers.truth), measured.training[name].mean())
            once = np.ones(len(answers.truth))
            ece, brier = calibration_of(answers.truth, answers.prediction, once)
            of_share = calibration_of(answers.truth, share, once)[1]
            words = f"ECE {ece:.3f}, Brier {brier:.3f} (the training share alone {of_share:.3f})"
            assert words in printed
        far = int(np.argmax(np.abs(answers.truth - answers.prediction)))
        truth, prediction = f"{answers.truth[far]:.3g}", f"{answers.prediction[far]:.3f}"
        assert f"farthest off: {answers.ids[far]}, truth {truth}, prediction {prediction}\n" in printed + "\n"


def test_page_and_latex_print_them_with_their_intervals(measured):
    page = Cells((measured.folder / "e.html").read_text()).rows
    latex = (measured.folder / "e.tex").read_text()
    for name, report, answers in measured.targets:
        drawn = resampled(report["kind"], answers, 0)
        expected = figures(report["kind"], answers.truth, answers.prediction)
        cells = [cell(value, interval(drawn[metric])) for metric, value in expected.items()]
        row = [name, *cells, str(len(answers.truth))]
        assert row in page
        assert " & ".join(row).replace("−", "$-$") + r" \\" in latex
    assert latex.startswith("% made with sec2sec; \\usepackage{booktabs}\n")
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") >= 1
    body = "\n".join(line for line in latex.splitlines() if not line.startswith("%"))
    assert not re.search(r"(?<!\\)[%#_]", body)


def test_every_curve_is_a_figure_as_svg_and_pdf(measured):
    kinds = {name: report["kind"] for name, report, _ in measured.targets}
    drawings = {"binary": ("reliability", "roc"), "score": ("scores",)}
    stems = [f"figure-{name}-{drawing}" for name, kind in kinds.items() for drawing in drawings[kind]]
    files = sorted(file.name for file in (measured.folder / "figures").iterdir())
    assert files == sorted(f"{stem}.{suffix}" for stem in stems for suffix in ("svg", "pdf"))


def test_figures_of_somebody_else_are_not_replaced(measured, made, tmp_path):
    (tmp_path / "figure-mine.pdf").write_bytes(b"%PDF-1.7 drawn by hand")
    run_folder = measured.folder / "run"
    data = json.loads((run_folder / "config.json").read_text())["config"]["data"]
    hardware = ("--workers", 0, "--device", "cpu", "--cache", made / "tokens")
    common = ("evaluate", "--checkpoint", run_folder / "checkpoint", "--data", data, *hardware)
    done = run(*common, "--figures", tmp_path)
    assert done.returncode == 2
    assert "figure-mine.pdf: exists and was not written by sec2sec" in done.stderr
    assert run(*common, "--figures", measured.folder / "figures").returncode == 0, "ours may be replaced"


def test_what_a_training_prints_is_recomputed_with_its_own_seed(measured):
    answers = read_answers(measured.folder / "run" / "predictions.csv")
    metrics = json.loads((measured.folder / "run" / "checkpoint" / "metrics.json").read_text())
    for name, report in metrics["test"]["targets"].items():
        own = answers[name]
        assert differing(figures(report["kind"], own.truth, own.prediction), report, WITHIN) == {}, name
        best, value, between = gain_of(report["kind"], own, measured.training[name], measured.seed)
        assert report["gain"]["over"] == best
        assert report["gain"]["value"] == pytest.approx(value, abs=WITHIN)
        assert report["gain"]["interval"] == pytest.approx(between, abs=WITHIN)
        for metric, values in resampled(report["kind"], own, measured.seed).items():
            expected, ours = interval(values), report["interval"][metric]
            assert ours == (None if expected is None else pytest.approx(expected, abs=1e-5)), (name, metric)
