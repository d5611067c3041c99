"""Every figure of a benchmark's document and page, recomputed from what its trials predicted, by other libraries.

On clips in the form of LIRIS-ACCEDE, of First Impressions and of a table, with targets, rule and split of their own.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest

from sec2sec.benchmark.plan import requested
from sec2sec.benchmark.run import benchmark_steps
from sec2sec.datasets.splits import RANDOM_SPLIT
from sec2sec.progress import drain
from sec2sec.training.settings import train_config
from sec2sec.training.setup import load_data
from tests.helpers.datasets import clip_folder
from tests.helpers.formats import make_liris, make_v2
from tests.helpers.oracles import DRAWS, MAIN, Answers, Cells, cell, figures, interval, resampled, trivial

TWO = {"sec2sec-audio": "Sec2Sec Audio", "sec2sec-sa-ca": "Sec2Sec SA-CA"}
SEEDS = 2
COMPARISON_DRAWS = 10_000
WITHIN = 2e-6


@dataclass(frozen=True)
class Finished:
    """A benchmark's folder, its figures, and the test predictions of each system, seed by seed, of each target."""

    folder: Path
    results: dict[str, Any]
    answers: dict[str, dict[str, list[Answers]]]  # by target and system
    training: dict[str, np.ndarray]  # labels, by target

    def kind(self, target: str) -> str:
        return self.results["targets"][target]


def settings_of(name: str, folder: Path, clips: list[Path]) -> dict[str, Any]:
    if name == "first impressions":
        return {"data": str(make_v2(folder / "data", clips)), "interview": True, "targets": ["openness", "interview"]}
    if name == "table":
        return {"data": str(clip_folder(folder / "data", train=8, validation=4, test=12))}
    settings = {"data": str(make_liris(folder / "data", clips)), "liris_rule": "valence=rank,arousal=2.5"}
    return settings | {"split": RANDOM_SPLIT, "targets": ["arousal", "valence"]}


def answers_in(folder: Path, target: str) -> Answers:
    content = json.loads((folder / "predictions.json").read_text())
    k = content["targets"].index(target)
    rows = zip(*(content[key] for key in ("id", "group", "label", "probability")), strict=True)
    own = [(name, group, label[k], value[k]) for name, group, label, value in rows if label[k] is not None]
    ids, groups, label, value = zip(*own, strict=True)
    return Answers(ids, groups, np.array(label, float), np.array(value, float))


@pytest.fixture(scope="module", params=["liris", "first impressions", "table"])
def finished(request, made, machine, clips, tmp_path_factory) -> Finished:
    folder = tmp_path_factory.mktemp("printed")
    settings = settings_of(request.param, folder, clips)
    if request.param == "liris":  # a split whose test has clips of both classes
        splits = ({**settings, "split_seed": seed} for seed in range(1, 100))
        settings = next(s for s in splits if len(set(load_data(train_config(s))[0].values("arousal", "test"))) == 2)
    settings |= {"init": str(made / "tiny"), "width": 16, "heads": 2, "epochs": 1, "batch": 4}
    out = folder / "out"
    drain(benchmark_steps(requested(settings, ",".join(TWO), SEEDS), out, machine, jobs=0))
    results = json.loads((out / "results.json").read_text())
    trials = {name: [out / "trials" / f"{name}-{seed}" for seed in range(SEEDS)] for name in TWO}
    answers = {
        target: {name: [answers_in(trial, target) for trial in own] for name, own in trials.items()}
        for target in results["targets"]
    }
    table, _ = load_data(train_config(settings))
    labels = {target: np.array(table.values(target, "train")) for target in results["targets"]}
    return Finished(out, results, answers, labels)


def over_seeds(kind: str, trials: list[Answers], system: str) -> dict[str, tuple[float | None, list[float] | None]]:
    """Each metric: its mean over the trainings, and the interval over groups and trainings."""
    values = [figures(kind, trial.truth, trial.prediction) for trial in trials]
    drawn = [resampled(kind, trial, 0) for trial in trials]
    rng = np.random.default_rng([0, crc32(system.encode())])
    shares = rng.multinomial(len(trials), [1 / len(trials)] * len(trials), size=DRAWS) / len(trials)
    result = {}
    for metric in values[0]:
        if any(own[metric] is None for own in values):
            result[metric] = (None, None)
            continue
        spread = sum(shares[:, s] * own[metric] for s, own in enumerate(drawn))
        result[metric] = (float(np.mean([own[metric] for own in values])), interval(spread))
    return result


def constant_answers(finished: Finished, target: str) -> dict[str, Answers]:
    one = finished.answers[target]["sec2sec-audio"][0]
    constants = trivial(finished.kind(target), finished.training[target])
    return {name: replace(one, prediction=np.full(len(one.truth), value)) for name, value in constants.items()}


TRIVIAL = {
    "majority": "majority of the training set",
    "always_positive": "always positive",
    "mean": "mean of the training set",
    "median": "median of the training set",
}


def expected_rows(finished: Finished, target: str) -> dict[str, dict[str, tuple[float | None, list[float] | None]]]:
    """Every row of a target's table by its title."""
    kind = finished.kind(target)
    rows = {TWO[name]: over_seeds(kind, trials, name) for name, trials in finished.answers[target].items()}
    for name, answers in constant_answers(finished, target).items():
        rows[TRIVIAL[name]] = over_seeds(kind, [answers], name)
    return rows


def test_every_cell_of_the_document_and_of_the_page_is_recomputed(finished):
    document = [
        [part.strip(" *") for part in line.strip("|").split(" | ")]
        for line in (finished.folder / "RESULTS.md").read_text().splitlines()
        if line.startswith("| ")
    ]
    page = Cells((finished.folder / "results.html").read_text()).rows
    for target in finished.results["targets"]:
        for title, metrics in expected_rows(finished, target).items():
            for rows in (document, page):
                cells = [row[2:] for row in rows if row[0] == title and len(row) > 2 and row[1] in INPUTS]
                assert any(holds_in_order(own, metrics) for own in cells), (target, title, cells, metrics)


INPUTS = ("audio", "audio and vision", "none")


def holds_in_order(cells: list[str], metrics: dict[str, tuple[float | None, list[float] | None]]) -> bool:
    """Whether the cells are these metrics; figures of the paper may stand between them."""
    left = iter(cells)
    return all(any(own == cell(value, between) for own in left) for value, between in metrics.values())


def test_the_files_for_programs_hold_those_figures(finished):
    by_title = {row["title"]: row["targets"] for row in finished.results["systems"]}
    for target, kind in finished.results["targets"].items():
        for title, metrics in expected_rows(finished, target).items():
            plain = finished.results["trivial"][target].get({words: name for name, words in TRIVIAL.items()}.get(title))
            ours = by_title[title][target] if title in by_title else plain
            for metric, (value, between) in metrics.items():
                assert ours[metric]["value"] == (None if value is None else pytest.approx(value, abs=WITHIN))
                expected = None if between is None else pytest.approx(between, abs=WITHIN)
                assert ours[metric]["interval"] == expected, (target, title, metric)
        number = {"binary": 1, "score": 2}[kind]
        with (finished.folder / f"table-{number}.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["target"] == target and row["system"] in TWO]
        for row in rows:
            value, _ = expected_rows(finished, target)[TWO[row["system"]]][row["metric"]]
            assert (row["value"] == "") == (value is None)
            assert value is None or float(row["value"]) == pytest.approx(value, abs=WITHIN)


def differences_of(finished: Finished, target: str, pair: tuple[str, str], best: str) -> tuple[float, float, list]:
    """A − B in the main metric over the same draws of groups, each system with its own draws of seeds; p, interval."""
    kind = finished.kind(target)
    rivals = {name: [own] for name, own in constant_answers(finished, target).items()}
    names = sorted(set(rivals[best][0].groups))
    rng = np.random.default_rng(0)
    times = rng.multinomial(len(names), [1 / len(names)] * len(names), size=COMPARISON_DRAWS)
    sides, values = [], []
    for system in pair:
        trials = rivals[best] if system.startswith("trivial: ") else finished.answers[target][system]
        values.append(np.mean([figures(kind, t.truth, t.prediction)[MAIN[kind]] for t in trials]))
        of_seeds = np.random.default_rng([0, crc32(system.encode())])
        shares = of_seeds.multinomial(len(trials), [1 / len(trials)] * len(trials), size=COMPARISON_DRAWS)
        total = np.zeros(COMPARISON_DRAWS)
        for s, trial in enumerate(trials):
            weight = times[:, [names.index(group) for group in trial.groups]]
            error = np.abs(trial.truth - trial.prediction)
            scores = 1 - error if kind == "score" else (trial.truth == (trial.prediction > 0.5)).astype(float)
            total += shares[:, s] / len(trials) * np.average(np.tile(scores, (len(weight), 1)), axis=1, weights=weight)
        sides.append(total)
    gap = sides[0] - sides[1]
    beyond = min(np.sum(gap <= 1e-12), np.sum(gap >= -1e-12))
    return values[0] - values[1], min(1.0, 2 * (beyond + 1) / (len(gap) + 1)), np.percentile(gap, [2.5, 97.5]).tolist()


def test_differences_p_values_and_holms_correction_are_recomputed_and_printed(finished):
    text = (finished.folder / "RESULTS.md").read_text()
    for target, pairs in finished.results["comparisons"].items():
        best = pairs[-1]["b"].removeprefix("trivial: ")
        expected = [differences_of(finished, target, (pair["a"], pair["b"]), best) for pair in pairs]
        order = sorted(range(len(pairs)), key=lambda i: expected[i][1])
        corrected, largest = {}, 0.0
        for rank, place in enumerate(order):
            largest = max(largest, min(1.0, expected[place][1] * (len(pairs) - rank)))
            corrected[place] = largest
        for place, (pair, (difference, p, between)) in enumerate(zip(pairs, expected, strict=True)):
            assert pair["difference"] == pytest.approx(difference, abs=WITHIN)
            assert pair["p"] == pytest.approx(p, abs=1e-9)
            assert pair["p_holm"] == pytest.approx(corrected[place], abs=WITHIN)
            assert pair["interval"] == pytest.approx(between, abs=WITHIN)
            span = f"[{cell(between[0])}, {cell(between[1])}]"
            figure = "0.000" if abs(difference) < 0.0005 else f"{difference:+.3f}"
            line = f"{figure} {span} | {p:.4f} | {corrected[place]:.4f}"
            assert line in text, (target, pair, line)


def test_the_trivial_row_that_is_compared_is_the_best_one(finished):
    for target, pairs in finished.results["comparisons"].items():
        main = MAIN[finished.kind(target)]
        rivals = {
            name: figures(finished.kind(target), own.truth, own.prediction)[main]
            for name, own in constant_answers(finished, target).items()
        }
        assert rivals[pairs[-1]["b"].removeprefix("trivial: ")] == pytest.approx(max(rivals.values()))


def test_times_epochs_and_sizes_of_the_cost_table_are_those_of_the_trials(finished):
    for row in finished.results["systems"]:
        trials = [finished.folder / "trials" / f"{row['name']}-{seed}" for seed in range(SEEDS)]
        measured = [json.loads((trial / "measured.json").read_text()) for trial in trials]
        metrics = [json.loads((trial / "checkpoint" / "metrics.json").read_text()) for trial in trials]
        for name in ("ms", "encoder_ms"):
            times = sorted(one["cost"][name] for one in measured)
            spread = row["cost"][name]
            assert (spread["low"], spread["high"]) == pytest.approx((times[0], times[-1]), abs=1e-4)
            steady = times[-1] <= 2 * times[0]
            assert spread["median"] == (pytest.approx(np.median(times), abs=1e-4) if steady else None)
        assert row["epochs"] == [one["epochs"] for one in metrics]
        assert row["best_epochs"] == [one["best_epoch"] for one in metrics]
        assert math.isclose(
            finished.results["minutes"],
            sum(
                json.loads((folder / "measured.json").read_text())["wall_seconds"]
                for folder in (finished.folder / "trials").iterdir()
            )
            / 60,
            abs_tol=0.051,
        )
