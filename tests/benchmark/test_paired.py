"""`compare`: two models on the same clips, against scipy and slow loops."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, false_discovery_control

from sec2sec.benchmark.compare import holm
from sec2sec.benchmark.paired import compare_predictions, mcnemar
from sec2sec.datasets.table import DataError, Row
from sec2sec.predictions import LabelledPredictions, predictions_csv, read_predictions
from tests.helpers.commands import run


def answers(seed: int, right: float, clips: int = 300, groups: int = 30) -> LabelledPredictions:
    """A model that is right about a share of the clips."""
    truth = (np.random.default_rng(0).random(clips) < 0.5).astype(float)
    correct = np.random.default_rng(seed + 1).random(clips) < right
    ids, of_groups = tuple(f"c{i}" for i in range(clips)), tuple(f"g{i % groups}" for i in range(clips))
    return LabelledPredictions(ids, of_groups, truth, np.where(correct, truth, 1 - truth) * 0.8 + 0.1)


def write(file: Path, predictions: LabelledPredictions, target: str = "arousal") -> Path:
    rows = [
        Row(name, Path(name), {target: label}, "test", group)
        for name, group, label in zip(predictions.ids, predictions.groups, predictions.label.tolist(), strict=True)
    ]
    file.write_text(predictions_csv([target], rows, predictions.prediction[:, None].tolist(), 7))
    return file


@pytest.mark.parametrize(("a", "b"), [(0, 0), (5, 1), (40, 22), (1, 30)])
def test_mcnemars_test_is_scipys_exact_binomial_test(a, b):
    right_a, right_b = np.array([True] * a + [False] * b + [True] * 9), np.array([False] * a + [True] * b + [True] * 9)
    test = mcnemar(right_a, right_b)
    assert (test["only_a"], test["only_b"]) == (a, b)
    assert test["p"] == pytest.approx(binomtest(a, a + b).pvalue if a + b else 1.0)


def test_holms_correction_is_its_definition_and_never_below_benjamini_and_hochbergs():
    p = [0.04, 0.001, 0.03, 0.2, 0.001]
    slow = []
    for value in p:
        smaller = [other for other in p if other <= value]
        slow.append(max(min(1.0, (len(p) - sum(o < other for o in p)) * other) for other in smaller))
    assert holm(p) == pytest.approx(slow)
    assert all(np.array(holm(p)) >= false_discovery_control(p) - 1e-12)
    assert holm([]) == []


def test_a_planted_difference_holds():
    real = compare_predictions({"x": answers(0, 0.9)}, {"x": answers(1, 0.7)})["x"]
    assert real["holds"] is True
    assert real["interval"][0] > 0
    assert real["mcnemar"]["p"] < 1e-4


def test_where_there_is_none_one_in_twenty_holds():
    held = [
        compare_predictions({"x": answers(2 * i, 0.8)}, {"x": answers(2 * i + 1, 0.8)})["x"]["holds"] for i in range(60)
    ]
    assert sum(held) <= 8  # 3 are expected; more than 8 of 60 come about once in 150 times


def test_the_interval_is_a_bootstrap_of_pairs_over_groups():
    a, b = answers(0, 0.9, 60, 6), answers(1, 0.7, 60, 6)
    result = compare_predictions({"x": a}, {"x": b})["x"]
    gain = ((a.prediction > 0.5) == (a.label > 0.5)).astype(float) - ((b.prediction > 0.5) == (b.label > 0.5))
    assert result["difference"] == pytest.approx(gain.mean(), abs=1e-6)
    by_group = np.array([gain[np.array(a.groups) == f"g{g}"].mean() for g in range(6)])  # ten clips in each
    rng = np.random.default_rng(3)
    slow = [by_group[rng.integers(0, 6, 6)].mean() for _ in range(20_000)]
    assert result["interval"] == pytest.approx(np.percentile(slow, (2.5, 97.5)), abs=0.02)


def test_p_values_are_corrected_over_the_targets():
    names = ("u", "v", "w")
    a = {name: answers(i, 0.85) for i, name in enumerate(names)}
    b = {name: answers(i + 10, 0.8) for i, name in enumerate(names)}
    results = compare_predictions(a, b)
    assert [results[name]["p_holm"] for name in names] == holm([results[name]["p"] for name in names])


def test_only_clips_that_both_predicted_count():
    whole, part = answers(0, 0.9), answers(1, 0.9, 100)
    assert compare_predictions({"x": whole}, {"x": part})["x"]["clips"] == 100


def test_another_truth_of_the_same_clip_is_refused():
    a, b = answers(0, 0.9), answers(1, 0.9)
    b.label[3] = 1 - b.label[3]
    with pytest.raises(DataError, match="the truth of 1 clips differs between A and B, first of 'c3'"):
        compare_predictions({"x": a}, {"x": b})


def test_nothing_in_common_is_refused():
    with pytest.raises(DataError, match="no clip was predicted by both"):
        compare_predictions({"x": answers(0, 0.9)}, {"y": answers(0, 0.9)})


def test_a_table_of_predictions_is_read_as_it_was_written(tmp_path):
    predictions = answers(0, 0.9, 20)
    read = read_predictions(write(tmp_path / "p.csv", predictions))["arousal"]
    assert (read.ids, read.groups) == (predictions.ids, predictions.groups)
    assert np.array_equal(read.label, predictions.label)
    assert np.array_equal(read.prediction, predictions.prediction)


def test_the_command_prints_the_table_what_it_says_and_a_file(tmp_path):
    a, b = write(tmp_path / "a.csv", answers(0, 0.9)), write(tmp_path / "b.csv", answers(1, 0.7))
    done = run("compare", a, b, "--json", tmp_path / "c.json")
    assert done.returncode == 0, done.stderr
    assert "arousal: A is better; chance alone gives such a difference rarely." in done.stdout
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["targets"]["arousal"] == json.loads(
        json.dumps(compare_predictions(read_predictions(a), read_predictions(b))["arousal"])
    )


def test_the_latex_table_holds_every_cell_of_the_printed_one_and_may_be_written_again(tmp_path):
    a, b = write(tmp_path / "a.csv", answers(0, 0.9)), write(tmp_path / "b.csv", answers(1, 0.7))
    for _ in range(2):
        done = run("compare", a, b, "--latex", tmp_path / "c.tex")
        assert done.returncode == 0, done.stderr
    text = (tmp_path / "c.tex").read_text()
    line = next(line for line in done.stdout.splitlines() if line.startswith("arousal  "))
    cells = [cell.replace("−", "$-$").replace("<", "$<$") for cell in line.split("  ") if cell]
    assert " & ".join(cell.strip() for cell in cells) + r" \\" in text
    assert text.startswith("% made with sec2sec; \\usepackage{booktabs}\n")
    assert f"% A: {a}" in text
    assert "% arousal: A is better; chance alone gives such a difference rarely." in text
    (tmp_path / "mine.tex").write_text("% a table of my own")
    assert run("compare", a, b, "--latex", tmp_path / "mine.tex").returncode == 2


def test_few_groups_are_said(tmp_path):
    a, b = (write(tmp_path / f"{i}.csv", answers(i, 0.8, 40, 4)) for i in (0, 1))
    assert "of 4 groups alone; an interval over so few groups says little" in run("compare", a, b).stdout


def test_two_checkpoints_need_data_and_are_compared_on_its_test_clips(made, tmp_path):
    done = run("compare", made / "tiny", made / "tiny")
    assert done.returncode == 2
    assert "a checkpoint takes --data as well" in done.stderr
    hardware = ("--cache", made / "tokens", "--workers", 0, "--device", "cpu")
    asked = ("compare", made / "tiny", made / "tiny", "--data", made / "data", "--json", tmp_path / "c.json")
    done = run(*asked, *hardware)
    assert done.returncode == 0, done.stderr
    targets = json.loads((tmp_path / "c.json").read_text())["targets"]
    assert {name: (target["clips"], target["difference"]) for name, target in targets.items()} == {"arousal": (2, 0.0)}


def test_a_damaged_table_is_refused_with_its_line(tmp_path):
    file = write(tmp_path / "p.csv", answers(0, 0.9, 5))
    file.write_text(file.read_text().replace("0.9", "nine", 1))
    done = run("compare", file, file)
    assert done.returncode == 2
    assert "line 2: prediction is 'nine" in done.stderr or "line" in done.stderr
