"""What the calibration of the verdict is made of: clips, models, wrong attention, and how it counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import recipes.calibrate_verdict as calibration
from recipes.calibrate_verdict import (
    MAX_WRONG,
    MEMORYLESS,
    MIN_RIGHT,
    OWN_RIGHT,
    REPEATED,
    WITH_MEMORY,
    Scene,
    Table,
    added,
    count,
    is_wrong,
    masker_of_clip,
    run_part,
)
from recipes.calibration_kinds import PlantedSeconds, attention_of_each_kind, is_used
from recipes.calibration_models import (
    cut_off,
    new_model,
    place_attention,
    temporal_of,
    train,
    with_random_attention,
    with_random_head,
)
from recipes.calibration_seconds import TARGETS, Pool, batches, compose
from sec2sec import DEMO
from sec2sec.checkpoints import load_checkpoint
from sec2sec.explanations.results import Occlusion
from sec2sec.explanations.verdict import Evidence, under_other_weights

WIDTH = 8


def pool(seconds: int = 180) -> Pool:
    """Random seconds, of which two in three are decisive."""
    r = np.random.default_rng(3)
    decisive = np.arange(seconds) % 3 != 0
    evidence = r.choice([-1.0, 1.0], (seconds, len(TARGETS))) * decisive[:, None]
    both = r.standard_normal((seconds, WIDTH)) + np.pad(evidence, ((0, 0), (0, WIDTH - len(TARGETS))))
    return Pool(both, np.zeros(WIDTH), evidence, decisive)


@pytest.mark.parametrize("seconds", [5, 12, 60])
def test_a_clip_has_decisive_seconds_of_one_sign_or_opposed_among_neighbours(seconds):
    some, chance = pool(), np.random.default_rng(0)
    neutral = np.flatnonzero(~some.decisive)
    agreements: dict[bool, list[float]] = {False: [], True: []}
    for opposed in (False, True):
        for _ in range(20):
            chosen = compose(some, seconds, opposed, chance)
            decisive = some.decisive[chosen]
            assert len(chosen) == seconds
            assert 1 + opposed <= decisive.sum() <= max(3, 3 * seconds // 10)
            ranks = np.searchsorted(neutral, chosen[~decisive]) - np.flatnonzero(~decisive)
            assert len(set(ranks % len(neutral))) == 1  # each neutral second stands as far on as its place
            signs = some.evidence[chosen[decisive]]
            agreements[opposed].append(np.abs(signs.mean(0)).mean())
    assert np.mean(agreements[False]) > np.mean(agreements[True]) + 0.1


def test_a_model_that_must_attend_reads_nothing_but_its_attention_and_without_memory_each_second_alone():
    joint, mask = torch.randn(1, 6, WIDTH), torch.ones(1, 6, dtype=torch.bool)
    changed = joint.clone()
    changed[:, 2] += 1
    for kind in (MEMORYLESS, WITH_MEMORY):
        model = train(new_model(WIDTH, TARGETS, kind, 1), batches({"some": pool()}, 20, 8, 1), 20)
        temporal = temporal_of(model)
        assert temporal.project_last is None
        moved = (temporal.lstm(joint)[0] - temporal.lstm(changed)[0]).abs().amax((0, 2)) > 1e-6
        assert moved.tolist() == [False, False, True, *[kind == WITH_MEMORY] * 3]
        unused = under_other_weights(masker_of_clip(cut_off(model), pool(), np.arange(6)))
        np.testing.assert_allclose(np.stack(unused), 0, atol=1e-6)
        with torch.no_grad():
            own, random = model.temporal(joint, mask), with_random_head(model, 2).temporal(joint, mask)
            untrained = with_random_attention(model, 2).temporal(joint, mask)
        assert not torch.allclose(own[0], random[0])
        assert not torch.allclose(own[1], untrained[1])


def test_untrained_attention_stays_as_it_began_while_the_rest_learns():
    model = new_model(WIDTH, TARGETS, "untrained attention", 1)
    before = {name: value.clone() for name, value in model.temporal.state_dict().items()}
    train(model, batches({"some": pool()}, 5, 8, 1), 5)
    changed = {name for name, value in model.temporal.state_dict().items() if not torch.equal(value, before[name])}
    assert {"score.weight", "project_states.weight"}.isdisjoint(changed)
    assert {"project_last.weight", "project_summary.weight", "predict_weight"} <= changed


@pytest.mark.parametrize(("kind", "top"), [("last second", 6), ("first second", 0), ("ramp", 0)])
def test_fixed_attention_is_the_same_for_every_clip(kind, top):
    model = new_model(WIDTH, TARGETS, kind, 1)
    with torch.no_grad():
        attention = model.temporal(torch.randn(3, 7, WIDTH), torch.ones(3, 7, dtype=torch.bool))[1]
    np.testing.assert_allclose(attention, np.tile(place_attention(kind, 7), (3, len(TARGETS), 1)), atol=1e-6)
    assert attention[0, 0].argmax() == top
    assert attention.sum(-1).numpy() == pytest.approx(1)


def test_attention_of_every_kind_sums_to_one_and_is_what_its_name_says():
    r = np.random.default_rng(2)
    effect = r.standard_normal((2, 9))
    attention = r.dirichlet(np.ones(9), 2)
    own = Occlusion(np.ones(2), np.zeros(2), attention, effect, effect, effect, attention)
    planted = PlantedSeconds(np.abs(effect), np.arange(9) < 3)
    kinds = attention_of_each_kind(own, planted, attention[:, ::-1], r)
    for name, occlusion in kinds.items():
        assert occlusion.attention.sum(1) == pytest.approx(1), name
        np.testing.assert_array_equal(occlusion.effect, effect)
    least = kinds["90 % on the least second"].attention
    assert (least.argmax(1) == np.abs(effect).argmin(1)).all()
    assert least.max(1) == pytest.approx(0.9)
    flat = kinds["flat to .1 %, in the right order"].attention
    assert (flat.argsort(1) == np.abs(effect).argsort(1)).all()
    assert flat.max() / flat.min() < 1.0011
    np.testing.assert_allclose(kinds["shifted, 1 s later"].attention[:, 1:], attention[:, :-1])
    np.testing.assert_allclose(kinds["oracle"].attention, np.abs(effect) / np.abs(effect).sum(1, keepdims=True))
    assert is_used(effect, np.ones(9, bool)).all()
    assert not is_used(effect, np.zeros(9, bool)).any()


def evidence(trusted: bool) -> Evidence:
    some = np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    curve = type("Curve", (), {"earlier_than_random": 1.0})()
    p = 0.001 if trusted else 0.9
    return Evidence(some, some, 0.5, curve, curve, 1.0, 1.0, (0.9, p), (0.9, p))


def test_a_wrong_kind_is_counted_by_clips_with_any_trusted_target_and_a_right_one_by_targets():
    words: calibration.Words = {}
    count(words, "permuted", [evidence(k == 1) for k in range(5)])
    count(words, "oracle", [evidence(k == 1) for k in range(5)], np.arange(5) < 2)
    words = added([words, words])
    scene = Scene("generated", False, 8)
    table = Table({scene.name: words})
    assert [table.trusted(scene.name, "permuted", family) for family in "125"] == [(0.5, 4), (1.0, 2), (1.0, 2)]
    assert [table.trusted(scene.name, "oracle", family) for family in "125"] == [(0.5, 4), (0.5, 4), (0.5, 4)]
    assert table.misses(scene, "permuted", "2")
    assert table.misses(scene, "oracle", "2")
    assert not table.holds
    assert "| permuted | **50** · **100** · **100** | 4–4 |" in table.as_markdown()


def test_a_cell_is_missed_beyond_its_limit_alone_and_right_ones_from_eight_seconds_on():
    def table(kind: str, trusted: int, seconds: int) -> bool:
        cell = {"trust": trusted, "careful": 100 - trusted, "any": trusted, "families": 100}
        scene = Scene("film", True, seconds)
        return Table({scene.name: {kind: {"1": cell, "2": cell, "5": cell}}}).misses(scene, kind, "1")

    assert not table("permuted", int(100 * MAX_WRONG), 8)
    assert table("permuted", int(100 * MAX_WRONG) + 1, 8)
    assert not table(OWN_RIGHT, int(100 * MIN_RIGHT), 8)
    assert table(OWN_RIGHT, int(100 * MIN_RIGHT) - 1, 8)
    assert not table(OWN_RIGHT, 0, 5)
    assert is_wrong(REPEATED)


def test_a_part_of_the_table_has_every_kind_and_the_same_words_each_time(monkeypatch):
    monkeypatch.setattr(calibration, "PART", 3)
    models = {kind: new_model(WIDTH, TARGETS, kind, 1) for kind in (MEMORYLESS, WITH_MEMORY)}
    models["attention cut off"] = cut_off(new_model(WIDTH, TARGETS, "as in the paper", 1))
    parts = [run_part(Scene("generated", True, 6), pool(), models, 0) for _ in range(2)]
    assert parts[0] == parts[1]
    assert {"permuted", "another clip's", "oracle", OWN_RIGHT, "attention cut off", REPEATED} <= set(parts[0])
    assert parts[0]["attention cut off"]["1"].get("trust", 0) == 0
    assert {word for word in parts[0][REPEATED]["1"] if word not in ("any", "families")} == {"nothing to judge"}


@pytest.mark.slow
def test_thresholds_hold_on_clips_of_another_seed(tmp_path, monkeypatch):
    """What the committed table says, on generated clips of ten seconds that nobody has looked at: minutes to make."""
    monkeypatch.setattr("recipes.calibration_seconds.SEEDS", {"learn": 5151, "judge": 5252})
    monkeypatch.setattr(calibration, "CLIPS", 40)
    scene = Scene("generated", True, 10)
    table = calibration.calibrate(tmp_path, load_checkpoint(DEMO, "cpu"), 50, [scene], print)
    print(table.as_markdown())
    cells = [table.trusted(scene.name, kind, "1") for kind in table.scenes[scene.name] if is_wrong(kind)]
    assert sum(share * cases for share, cases in cells) / sum(cases for _, cases in cells) <= MAX_WRONG
    assert table.trusted(scene.name, OWN_RIGHT, "1")[0] >= MIN_RIGHT
