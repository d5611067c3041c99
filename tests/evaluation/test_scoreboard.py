"""The scoreboard: figures by hand and by slow loops, and planted seconds are found by what should find them."""

from __future__ import annotations

import csv
import io
import itertools
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sec2sec import DEMO, load
from sec2sec.cli import main
from sec2sec.clip import explain
from sec2sec.datasets.known_truth import make_clips, read_planted
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_seconds
from sec2sec.evaluation.scoreboard import as_csv, as_markdown, score, scoreboard_steps, winner, write_scoreboard
from sec2sec.evaluation.scoreboard.cumulative import cumulative_differences
from sec2sec.evaluation.scoreboard.score import COLUMNS, DECIDING, NO_MODEL, deletion_gaps, figures
from sec2sec.evaluation.yardsticks import ABOUT, measure_cues, yardstick_scores
from sec2sec.explanations.curves import curve_steps, curves, measure_chance, most_attended_first, random_orders
from sec2sec.explanations.masker import masker_of
from sec2sec.explanations.methods import METHODS, SIGNED, YARDSTICKS
from sec2sec.media import open_clip
from sec2sec.metrics import pointing
from sec2sec.progress import drain
from tests.helpers.datasets import clip_folder
from tests.helpers.explaining import full_pass
from tests.helpers.models import ENCODER, save_tiny, tiny_bundle


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Four easy known-truth clips."""
    folder = tmp_path_factory.mktemp("planted")
    list(make_clips(folder, 4, 77, workers=1))
    return folder


@pytest.fixture(scope="module")
def board(planted):
    """The demo checkpoint's report on them; beside it stands the same checkpoint as if trained again."""
    bundle = load(DEMO, "cpu")
    scored = drain(scoreboard_steps(bundle, open_data(planted), others=[bundle], split="all", workers=0))
    return scored.report


def test_the_figures_of_one_target_are_what_a_hand_reckons():
    scores, evidence = np.array([0.1, -0.5, 0.3, 0.1]), np.array([0.0, -0.9, -1.1, 0.02])
    decisive = np.array([False, True, True, False])
    decoy = np.array([True, False, False, False])
    found = figures(scores, evidence, decisive, decoy, signed=True)
    assert found["pointing"] == 1
    assert found["mass"] == pytest.approx(0.8)
    assert found["order"] == 0  # 0.5 > 0.3, though the other is stronger
    assert found["sign"] == 0.5
    # ranks of |scores| 1.5 4 3 1.5, of |evidence| 1 3 4 2
    assert found["strength"] == pytest.approx(np.corrcoef([1.5, 4, 3, 1.5], [1, 3, 4, 2])[0, 1])
    assert found["decoy"] == 1
    assert figures(scores[::-1], evidence, decisive, decoy[::-1], signed=True)["decoy"] == 1
    blank = figures(np.zeros(4), evidence, decisive, decoy, signed=False)
    assert blank["decoy"] == 0  # a tie stands above nothing
    assert blank["mass"] == 0.5
    assert blank["order"] == 0.5  # says neither
    assert np.isnan(blank["strength"])
    assert np.isnan(blank["sign"])
    single = figures(scores, evidence, np.array([False, True, False, False]), ~decisive & ~decoy, signed=False)
    assert np.isnan(single["order"])
    assert np.isnan(figures(scores, evidence, decisive, np.zeros(4, bool), signed=False)["decoy"])


def test_the_deletion_gap_is_random_area_minus_own_area_by_slow_loops(tmp_path, monkeypatch):
    monkeypatch.setattr(score, "random_orders", lambda seconds: random_orders(seconds)[:20])
    model = tiny_bundle(tmp_path / "tiny").model
    generator = torch.Generator().manual_seed(0)
    video = torch.randn(4, ENCODER.visual_tokens, ENCODER.width, generator=generator)
    audio = torch.randn(4, ENCODER.audio_tokens, ENCODER.width, generator=generator)
    scores = {"one": torch.randn(3, 4, generator=generator).numpy(), "ones": np.ones((3, 4))}
    found = deletion_gaps(masker_of(model, Tokens(video, audio)), scores)
    mean_video, mean_audio = model.references(4)

    def area(order, target) -> float:
        values = []
        for count in curve_steps(4):
            seen, heard = video.clone(), audio.clone()
            gone = list(order[:count])
            seen[gone], heard[gone] = mean_video[gone], mean_audio[gone]
            with torch.no_grad():
                logits = model(seen[None], heard[None], torch.ones(1, 4, dtype=torch.bool)).logits
            values.append(float(logits.sigmoid()[0, target]))
        ends.append((values[0], values[-1]))
        return float(sum((one + other) / 2 / 4 for one, other in itertools.pairwise(values)))

    for target in (0, 2):
        ends: list[tuple[float, float]] = []
        by_chance = np.mean([area(order, target) for order in random_orders(4)[:20]])
        for name, order in (("one", np.argsort(-np.abs(scores["one"][target]))), ("ones", range(4))):
            gap = np.sign(ends[0][0] - ends[0][1]) * (by_chance - area(order, target))
            assert found[name][target] == pytest.approx(gap, abs=1e-5)


def test_cpd_and_cpp_are_sums_of_single_steps_by_slow_loops(tmp_path):
    model = tiny_bundle(tmp_path / "tiny").model
    generator = torch.Generator().manual_seed(0)
    video = torch.randn(5, ENCODER.visual_tokens, ENCODER.width, generator=generator)
    audio = torch.randn(5, ENCODER.audio_tokens, ENCODER.width, generator=generator)
    scores = {"one": torch.randn(3, 5, generator=generator).numpy(), "ones": np.ones((3, 5))}
    found = cumulative_differences(masker_of(model, Tokens(video, audio)), scores)
    mean_video, mean_audio = model.references(5)

    def mean_over_counts(order, target) -> float:
        values = []
        for count in range(6):
            seen, heard = video.clone(), audio.clone()
            gone = list(order[:count])
            seen[gone], heard[gone] = mean_video[gone], mean_audio[gone]
            values.append(full_pass(model, seen, heard)[target])
        sums = [sum(abs(values[k] - values[k + 1]) for k in range(count)) for count in range(6)]
        return sum((one + other) / 2 / 5 for one, other in itertools.pairwise(sums))

    for target in range(3):
        for name, order in (("one", np.argsort(-np.abs(scores["one"][target]))), ("ones", np.arange(5))):
            cpd, cpp = found[name][:, target]
            assert cpd == pytest.approx(mean_over_counts(order, target), abs=1e-6)
            assert cpp == pytest.approx(mean_over_counts(order[::-1], target), abs=1e-6)


def masker_with(weights: np.ndarray) -> Any:
    """A clip whose seconds add their weights to a logit, as far as a masked predictor is asked."""

    def predictor(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-((picture & sound) @ weights.T)))

    return SimpleNamespace(
        predictor=predictor, seconds=weights.shape[1], targets=("arousal", "valence")[: len(weights)]
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), seconds=st.integers(2, 12))
def test_where_all_effects_have_one_sign_cpd_and_cpp_rank_methods_as_the_signed_curves_do(seed, seconds):
    rng = np.random.default_rng(seed)
    weights = rng.exponential(size=(2, seconds)) * np.array([[1.0], [-1.0]])  # one target that rises, one that falls
    scores = {f"method {i}": rng.normal(size=(2, seconds)) for i in range(6)} | {"right": weights}
    masker = masker_with(weights)
    cumulative, gaps = cumulative_differences(masker, scores), deletion_gaps(masker, scores)
    chance = measure_chance(masker.predictor, seconds)
    everything = np.ones((1, seconds), dtype=bool)
    prediction = masker.predictor(everything, everything)[0]
    signs = np.array([1, -1])
    for k in range(2):
        deleted, inserted = [], []
        for name, own in scores.items():
            deletion, insertion = curves(masker.predictor, most_attended_first(np.abs(own)), signs, chance)[k]
            cpd, cpp = cumulative[name][:, k]
            assert cpd == pytest.approx(abs(prediction[k] - deletion.area), abs=1e-9)
            assert cpp == pytest.approx(abs(prediction[k] - insertion.area), abs=1e-9)
            deleted.append((cpd, signs[k] * -deletion.area, gaps[name][k]))
            inserted.append((-cpp, signs[k] * insertion.area))
        for rows in (deleted, inserted):
            ahead = np.array(rows)[:, None] - np.array(rows)[None]  # of each method over each other, by each figure
            differ = np.abs(ahead[..., 0]) > 1e-9
            assert (np.sign(ahead[differ]) == np.sign(ahead[differ][:, :1])).all()
            assert np.abs(ahead[~differ]).max() < 1e-8


def test_where_effects_oppose_each_other_cpd_counts_what_the_signed_curve_cancels():
    weights = np.array([[2.0, -2.0, 0.1, 0.0, 0.0, 0.0]])
    masker = masker_with(weights)
    scores = {"by size": weights, "one sign": np.array([[2.0, 0.01, 0.1, 0.0, 0.0, 0.0]])}
    cumulative, gaps = cumulative_differences(masker, scores), deletion_gaps(masker, scores)
    assert cumulative["by size"][0, 0] > cumulative["one sign"][0, 0]
    assert cumulative["by size"][1, 0] < cumulative["one sign"][1, 0]
    assert gaps["by size"][0] < gaps["one sign"][0], "once both are gone, nothing has changed"


def test_planted_seconds_are_found_by_effect_and_gradients_and_not_by_the_yardsticks(board):
    for name in ("occlusion (training mean)", "integrated gradients"):
        assert board["methods"][name]["pointing"]["value"] == 1
        assert board["methods"][name]["mass"]["value"] > 0.7
        assert board["methods"][name]["sign"]["value"] > 0.9
        assert board["methods"][name]["deletion"]["value"] > 0.05
    for name in YARDSTICKS:
        assert board["methods"][name]["pointing"]["value"] < 0.6
        assert abs(board["methods"]["random"]["deletion"]["value"]) < 0.03
    assert board["methods"]["random"]["mass"]["value"] == pytest.approx(board["chance"], abs=0.05)
    assert board["winner"] not in YARDSTICKS
    best, chance = (board["methods"][name] for name in ("occlusion (training mean)", "random"))
    assert best["cpd"]["value"] > chance["cpd"]["value"]
    assert best["cpp"]["value"] < chance["cpp"]["value"]


def test_what_needs_no_model_is_scored_beside_the_methods_and_cannot_win(board, planted):
    truth, rows = read_planted(planted), open_data(planted).rows
    seconds = {row.id: list(open_clip(row.path).seconds()) for row in rows}
    for name in NO_MODEL:
        tops = [yardstick_scores(len(own), measure_cues(own))[name] for own in seconds.values()]
        hits = [pointing(top, truth[row.id].decisive) for top, row in zip(tops, rows, strict=True)]
        own = board["methods"][name]
        assert own["pointing"]["value"] == pytest.approx(np.mean(hits))
        assert own["milliseconds"] is None
        assert own["retraining"]["value"] is None, "it has no training"
        assert f"- {name}: {ABOUT[name]}." in as_markdown(board)
    best = {name: {column: {"value": 1.0} for column in DECIDING} for name in NO_MODEL}
    worst = {"attention": {column: {"value": 0.0} for column in DECIDING}}
    assert winner(best | worst) == "attention"


def test_the_same_weights_agree_with_themselves_and_chance_does_not(board):
    for name in METHODS:
        assert board["methods"][name]["retraining"]["value"] == pytest.approx(1)
    assert abs(board["methods"]["random"]["retraining"]["value"]) < 0.2


def test_intervals_hold_their_value_and_the_targets_make_the_mean(board):
    for found in board["methods"].values():
        for column in COLUMNS:
            one = found[column]
            if one["value"] is None:
                continue
            low, high = one["interval"]
            assert low - 1e-6 <= one["value"] <= high + 1e-6
        targets = [found["by_target"][name]["pointing"] for name in board["targets"]]
        assert np.mean(targets) == pytest.approx(found["pointing"]["value"], abs=1e-5)
    assert board["methods"]["attention"]["sign"]["value"] is None
    assert {name for name, found in board["methods"].items() if found["sign"]["value"] is not None} == set(SIGNED)


def test_methods_score_as_the_explanation_shows(planted):
    bundle = load(DEMO, "cpu")
    path = open_data(planted).rows[0].path
    seconds = list(open_clip(path, frames_per_second=8).seconds())
    tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
    shown, masker = explain(path, bundle), masker_of(bundle.model, tokens)
    for k, target in enumerate(shown.targets.values()):
        np.testing.assert_allclose(METHODS["attention"](masker)[k], target.attention, atol=1e-4)
        scores = METHODS["occlusion (training mean)"](masker)
        np.testing.assert_allclose(scores[k], target.effect, atol=1e-4)
    assert all(method(masker).shape == (3, len(seconds)) for method in METHODS.values())


def test_a_system_without_attention_is_scored_by_the_other_methods(planted, tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny", attention="audio", temporal="lstm")
    scored = drain(scoreboard_steps(bundle, open_data(planted), split="all", clips=1, workers=0))
    assert scored.report["clips"] == 1
    assert "attention" not in scored.report["methods"]
    assert "gradient × attention" not in scored.report["methods"]
    assert scored.report["methods"]["integrated gradients"]["retraining"]["value"] is None


def test_the_best_mean_rank_wins_and_a_yardstick_never_does():
    def method(*values: float) -> dict:
        return {column: {"value": value} for column, value in zip(DECIDING, values, strict=True)}

    methods = {
        "a": method(0.9, 0.5, 0.5, 0.5, 0.9),
        "b": method(0.9, 0.6, 0.6, 0.6, 0.2),
        "random": method(1, 1, 1, 1, 1),
    }
    assert winner(methods) == "b"


def test_the_report_cites_where_cpd_and_cpp_come_from(board):
    assert board["references"].startswith("@inproceedings{jang2025timing,")
    assert "Jang, Hyeongwon and Kim, Changhun and Yang, Eunho" in board["references"]
    text = as_markdown(board)
    for column in ("cpd", "cpp"):
        assert f"- {column}: cumulative prediction" in text
        assert f"{board['methods']['attention']['by_target']['valence'][column]:.3f}" in text


def test_the_table_is_written_as_markdown_csv_and_json(board, tmp_path):
    write_scoreboard(tmp_path / "out", board)
    text = (tmp_path / "out" / "explanations.md").read_text()
    assert text == f"<!-- made with sec2sec -->\n{as_markdown(board)}"
    assert f"| **{board['winner']}** |" in text
    value = board["methods"]["attention"]["by_target"]["valence"]["mass"]
    assert f"{value:.3f}" in text
    rows = list(csv.DictReader(io.StringIO(as_csv(board))))
    row = next(r for r in rows if (r["method"], r["target"], r["column"]) == ("attention", "valence", "mass"))
    assert float(row["value"]) == value
    written = json.loads((tmp_path / "out" / "explanations.json").read_text())
    assert written == {"schema": "sec2sec.explanations/1", **json.loads(json.dumps(board))}


def test_data_without_a_truth_and_checkpoints_that_differ_are_refused_in_one_line(planted, tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    with pytest.raises(DataError, match=r"planted.csv: not found; make the clips with"):
        drain(scoreboard_steps(bundle, open_data(clip_folder(tmp_path / "data")), workers=0))
    with pytest.raises(DataError, match="no clip with planted seconds in the split 'test'"):
        drain(scoreboard_steps(bundle, open_data(planted), workers=0))
    save_tiny(tmp_path / "other")
    other = load(tmp_path / "other", "cpu")
    object.__setattr__(other.model.config, "targets", ("calm",))
    with pytest.raises(DataError, match="other: other targets"):
        drain(scoreboard_steps(bundle, open_data(planted), others=[other], split="all", workers=0))


def test_the_command_writes_the_table_and_says_what_is_wrong_in_one_line(tmp_path, capsys):
    folder = save_tiny(tmp_path / "tiny")
    tested = tmp_path / "tested"
    list(make_clips(tested, 2, 77, workers=1, shares=(1, 0, 1)))
    out = tmp_path / "out"
    more = ["benchmark", "--explanations", "--out", str(out), "--workers", "0", "--device", "cpu"]
    assert main([*more, "--checkpoint", str(folder), "--data", str(tested)]) == 0
    assert "| method | pointing |" in capsys.readouterr().out
    assert (out / "explanations.json").is_file()
    assert main([*more, "--checkpoint", str(folder), "--data", str(tested)]) == 0, "what it wrote it may write again"
    capsys.readouterr()
    for name in ("explanations.md", "explanations.csv", "explanations.json"):
        before = (out / name).read_bytes()
        (out / name).write_text("mine")
        assert main([*more, "--checkpoint", str(folder), "--data", str(tested)]) == 2
        assert f"{name}: exists and was not written by sec2sec; give another name, or --over" in capsys.readouterr().err
        assert (out / name).read_text() == "mine"
        (out / name).write_bytes(before)
    assert main([*more, "--checkpoint", str(tmp_path / "none"), "--data", str(tested)]) == 2
    assert capsys.readouterr().err.startswith(f"sec2sec: {tmp_path / 'none'}: no such checkpoint folder")
