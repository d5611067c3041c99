"""Comparing systems: agreement, where they differ, what they share, and what a screen is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from sec2sec import comparison as comparing
from sec2sec.clip import explain
from sec2sec.comparison import Comparison, compare_steps, encoder_hash
from sec2sec.explanations import Explanation, TargetExplanation
from sec2sec.explanations.agreement import (
    Agreement,
    agreement,
    compare_target,
    rank_correlation,
    shared_targets,
)
from sec2sec.explanations.effects import as_second_effects
from sec2sec.explanations.results import Verdict
from sec2sec.media import MediaError
from sec2sec.progress import Progress, drain
from sec2sec.scales import Scale
from sec2sec.ui.bounded_cache import BoundedCache, ClipGoneError
from sec2sec.ui.chosen_clip import WHOLE, ChosenClip, ClipResult
from sec2sec.ui.clip_cache import ClipCache
from sec2sec.ui.compare import layout, payload, tab, words
from sec2sec.ui.compare.board import Board, ResultKey
from sec2sec.ui.compare.payload import Side
from sec2sec.ui.explained import Explained
from sec2sec.ui.known_clips import KnownClips
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from tests.helpers import synthetic
from tests.helpers.clips import make_clip
from tests.helpers.models import tiny_bundle

SIDES = [Side("one", "compare-player-a", 0.0), Side("two", "compare-player-a", 0.0)]


def target(effect: list[float], attention: list[float] | None = None) -> TargetExplanation:
    effects = as_second_effects("training mean", *[np.array([effect], dtype=float)] * 3)
    verdict = Verdict("nothing to judge", "", (), float("nan"), float("nan"))
    return TargetExplanation(0.5, 0.5, None if attention is None else np.array(attention), tuple(effects), verdict)


def with_targets(**targets: TargetExplanation) -> Explanation:
    seconds = len(next(iter(targets.values())).effect)
    return replace(synthetic.explanation(seconds=seconds), targets=targets)


# ---- agreement


def test_rank_correlation_is_spearmans() -> None:
    scipy = pytest.importorskip("scipy.stats")
    r = np.random.default_rng(0)
    for _ in range(20):
        a, b = r.integers(0, 5, 12).astype(float), r.normal(size=12)  # with ties
        assert rank_correlation(a, b) == pytest.approx(scipy.spearmanr(a, b).statistic)


@pytest.mark.parametrize(
    ("a", "b", "word", "rho"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 400], "agree", 1.0),
        ([1, 2, 3, 4], [2, 1, 4, 3], "agree", 0.6),  # on the threshold
        ([1, 2, 3, 4], [3, 1, 2, 4], "partly", 0.4),
        ([1, 2, 3, 4], [4, 3, 2, 1], "disagree", -1.0),
        ([1, 2, 3], [1, 2, 3], "short", None),
        ([1, 2, 3, 4], [0, 0, 0, 0], "unknown", None),
        ([1, 2, 3, np.nan], [1, 2, 3, 4], "unknown", None),
    ],
)
def test_agreement_in_a_word(a: list[float], b: list[float], word: str, rho: float | None) -> None:
    found = agreement(np.array(a, dtype=float), np.array(b, dtype=float))
    assert found.word == word
    assert np.isnan(found.rho) if rho is None else found.rho == pytest.approx(rho)


def test_seconds_are_ranked_by_the_size_of_their_difference_and_keep_its_sign() -> None:
    r = np.random.default_rng(1)
    first, second = r.normal(size=9), r.normal(size=9)
    second[4] = first[4] + 0.5
    second[7] = first[7] - 0.5  # a tie, once up and once down
    found = compare_target(target(first.tolist()), target(second.tolist()))
    slow = sorted(range(9), key=lambda t: (-round(abs(second[t] - first[t]), 12), t))
    assert [round(abs(found.difference[t]), 12) for t in found.order] == [
        round(abs(second[t] - first[t]), 12) for t in slow
    ]
    assert found.difference.tolist() == (second - first).tolist()
    assert sorted(found.order.tolist()) == list(range(9))


def test_signed_effects_are_compared_not_their_sizes() -> None:
    found = compare_target(target([0.1, 0.2, 0.3, 0.4]), target([-0.1, -0.2, -0.3, -0.4]))
    assert found.effect == Agreement("disagree", pytest.approx(-1.0))


def test_system_without_attention_is_compared_by_effects_alone() -> None:
    found = compare_target(target([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4]), target([1, 2, 3, 4]))
    assert found.attention is None
    assert found.effect.word == "agree"
    assert words.agreement_words(found.attention, ["B"]) == "B has none"
    assert words.agreement_words(None, ["A", "B"]) == "A and B have none"


def test_explanations_of_different_clips_are_refused() -> None:
    with pytest.raises(ValueError, match="3 and 4 s"):
        compare_target(target([1, 2, 3]), target([1, 2, 3, 4]))


def test_shared_targets_keep_the_first_ones_order() -> None:
    shared, others = shared_targets([("arousal", "valence", "fear"), ("valence", "arousal", "joy")])
    assert shared == ["arousal", "valence"]
    assert others == {"fear": [0], "joy": [1]}
    assert shared_targets([("a",), ("b",)]) == ([], {"a": [0], "b": [1]})


# ---- the same clip through several checkpoints


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {
        "crossed": tiny_bundle(folder / "crossed"),
        "plain": tiny_bundle(folder / "plain", attention="SA-SA", temporal="lstm"),  # no attention, no maps
        "other": tiny_bundle(folder / "other", attention="audio", seed=1),  # encoders of its own
    }


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 5)


def compared(path: Path, *bundles) -> Comparison:
    return drain(compare_steps(path, bundles))


def explanations(comparison: Comparison) -> list[Explanation]:
    return [clip.explain() for clip in comparison.clips]


def same(found: Explanation, alone: Explanation) -> None:
    assert found.checkpoint == alone.checkpoint
    assert found.clip == alone.clip
    for name, expected in alone.targets.items():
        assert found.targets[name].prediction == pytest.approx(expected.prediction, abs=1e-6)
        np.testing.assert_allclose(found.targets[name].effect, expected.effect, atol=1e-6)


def test_same_encoders_share_one_encoding_and_change_nothing(bundles: dict, clip: Path) -> None:
    found = compared(clip, bundles["crossed"], bundles["plain"])
    assert found.encoded == 1
    assert encoder_hash(bundles["crossed"]) == encoder_hash(bundles["plain"])
    for explanation, name in zip(explanations(found), ("crossed", "plain"), strict=True):
        same(explanation, explain(clip, bundles[name]))


def test_other_encoders_encode_for_themselves_and_order_is_kept(bundles: dict, clip: Path) -> None:
    found = compared(clip, bundles["crossed"], bundles["other"], bundles["plain"])
    assert found.encoded == 2
    assert encoder_hash(bundles["crossed"]) != encoder_hash(bundles["other"])
    for explanation, name in zip(explanations(found), ("crossed", "other", "plain"), strict=True):
        same(explanation, explain(clip, bundles[name]))


def test_clip_is_decoded_once_for_shared_encoders(bundles: dict, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    whole = comparing.encode_steps
    monkeypatch.setattr(comparing, "encode_steps", lambda *a, **k: calls.append(a) or whole(*a, **k))
    compared(clip, bundles["crossed"], bundles["plain"])
    assert len(calls) == 1


def test_progress_never_goes_back_and_names_the_model(bundles: dict, clip: Path) -> None:
    steps: list[Progress] = []
    drain(compare_steps(clip, [bundles["crossed"], bundles["other"]]), steps.append)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0
    assert fractions[-1] < 1
    assert steps[0].message.startswith("crossed: ")
    assert steps[-1].message.startswith("other: ")


def test_unusable_clip_says_what_is_wrong(bundles: dict, tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"no clip")
    with pytest.raises(MediaError, match=r"no\.mp4"):
        compared(tmp_path / "no.mp4", bundles["crossed"], bundles["plain"])


# ---- what the screen is sent


def test_lanes_of_every_model_lie_on_one_axis(bundles: dict, clip: Path) -> None:
    found = compared(clip, bundles["crossed"], bundles["plain"])
    lanes = payload.side_by_side_lanes(explanations(found), ["arousal", "valence"])
    assert list(lanes.targets) == ["arousal · A", "arousal · B", "valence · A", "valence · B"]
    assert lanes.targets["valence · B"] is explanations(found)[1].targets["valence"]
    assert lanes.targets["arousal · B"].attention is None
    assert lanes.co_attention.absent


def test_payload_ranks_as_computed_and_is_json(bundles: dict, clip: Path) -> None:
    sides = explanations(compared(clip, bundles["crossed"], bundles["plain"]))
    sent = json.loads(payload.compare_models(sides, [["arousal"], ["arousal", "valence"]], SIDES))
    (pair,) = sent["pairs"]
    (only,) = pair["targets"]
    assert (pair["first"], pair["second"], only["name"]) == (0, 1, "arousal")
    effects = [e.targets["arousal"].effect for e in sides]
    assert only["difference"] == pytest.approx((effects[1] - effects[0]).tolist(), abs=1e-6)
    sizes = [abs(only["difference"][t]) for t in only["order"]]
    assert sizes == sorted(sizes, reverse=True)
    assert only["attention"] == "B has none"
    assert "Not compared: valence, which only B predicts." in sent["notes"]


def test_three_models_are_compared_pair_by_pair() -> None:
    made = [with_targets(arousal=target([0.1 * i, 0.2, 0.3, 0.5])) for i in range(3)]
    sent = json.loads(payload.compare_models(made, [["arousal"]] * 3, [*SIDES, SIDES[0]]))
    assert [(p["first"], p["second"]) for p in sent["pairs"]] == [(0, 1), (0, 2), (1, 2)]
    assert [side["letter"] for side in sent["sides"]] == ["A", "B", "C"]


def test_short_clip_is_too_short_to_judge() -> None:
    made = [with_targets(arousal=target([0.1, 0.2, 0.3])) for _ in range(2)]
    sent = json.loads(payload.compare_models(made, [["arousal"]] * 2, SIDES))
    assert sent["pairs"][0]["targets"][0]["effect"] == "too short to judge (under 4 s)"


def test_models_without_a_shared_target_are_told_so() -> None:
    made = [with_targets(arousal=target([1, 2, 3, 4])), with_targets(openness=target([1, 2, 3, 4]))]
    sent = json.loads(payload.compare_models(made, [["arousal"], ["openness"]], SIDES))
    assert sent["pairs"][0]["targets"] == []
    assert sent["notes"][0] == "They share no target, so nothing can be compared."


def test_two_clips_have_no_agreement_and_it_says_so() -> None:
    made = [with_targets(arousal=target([1, 2, 3, 4])), with_targets(arousal=target([1, 2, 3]))]
    sent = json.loads(payload.compare_clips(made, SIDES))
    assert sent["pairs"] == []
    assert "not defined for two clips" in sent["notes"][0]


def test_predictions_stand_side_by_side_and_names_cannot_become_markup() -> None:
    evil = "<img src=x onerror=alert(1)>"
    made = [with_targets(**{evil: target([1, 2, 3, 4])}), with_targets(arousal=target([1, 2, 3, 4]))]
    made[1] = replace(made[1], checkpoint=replace(made[1].checkpoint, name=evil, trained_on=evil))
    drawn = words.side_by_side(made, [[evil], ["arousal"]], clips=False)
    assert "<img" not in drawn
    assert drawn.count("not predicted") == 2
    assert drawn.count("<small>baseline") == 2


def test_each_models_verdict_stands_under_its_prediction() -> None:
    made = [with_targets(arousal=target([1, 2, 3, 4])) for _ in range(2)]
    weak = Verdict("do not trust", "It is as the weakest reason says.", ("a reason",), 0.1, 0.5)
    made[1] = replace(made[1], targets={"arousal": replace(made[1].targets["arousal"], verdict=weak)})
    drawn = " ".join(words.side_by_side(made, [["arousal"]] * 2, clips=False).split())
    assert "∅</span> Nothing to judge.</b>" in drawn
    assert "✘</span> Do not trust.</b> It is as the weakest reason says." in drawn


# ---- what the tab opens with


def test_it_opens_ready_with_a_clip_of_known_truth_and_two_bundled_models(tmp_path: Path) -> None:
    settings = Settings(runs=tmp_path)
    models = Models(settings.checkpoints, "cpu")
    (example,) = layout.known_example()
    board = layout.first_board([example], models, settings)
    assert (board.ready, board.models) == (True, ("demo", "wrong-attention"))
    assert board.words() == "film-3114-00002.mp4, 9.0 s. Press Compare."
    assert {name: title for title, name in models.shared()}["wrong-attention"] == "attention wrong on purpose"


def test_the_same_model_twice_cannot_be_submitted_and_it_says_why(tmp_path: Path) -> None:
    own = compare_tab(tmp_path)
    board = replace(Board(), clips=(ChosenClip("a.mp4", True), None), names=("a.mp4", ""), models=("one", "two"))
    shown = own.choose_models(board, "one", "one")
    assert not shown[own.layout.compare]["interactive"]
    assert "the same model" in shown[own.layout.status]
    shown = own.choose_models(shown[own.layout.board], "one", "two")
    assert shown[own.layout.compare]["interactive"]
    assert "Press Compare" in shown[own.layout.status]
    assert "one model here" in own.choose_models(board, "one", None)[own.layout.status]


# ---- what is kept in memory


def result() -> ClipResult:
    made = synthetic.explanation(duration=9.4)
    return ClipResult(made, synthetic.preview(made), "the CPU")


def compare_tab(tmp_path: Path, delete_after: float = 60.0) -> tab.CompareTab:
    settings = Settings(checkpoints=tmp_path, examples=tmp_path, delete_after=delete_after)
    models = Models(tmp_path, "cpu")
    with gr.Blocks():
        known = KnownClips(Explained(tmp_path / "explained", models, []), models, ClipCache(60), [])
        return tab.CompareTab(tab.Layout(settings, models, [], Board()), settings, models, [], known)


def keys(clip: str, count: int) -> list[ResultKey]:
    return [ResultKey(clip, WHOLE, f"model {number}") for number in range(count)]


def test_a_board_holds_ids_and_its_results_go_when_its_visitor_leaves(tmp_path: Path) -> None:
    own = compare_tab(tmp_path)
    both = keys("a.mp4", 2)
    board = own.keep(Board(), both, {key: result() for key in both})
    assert all(isinstance(name, str) for name in board.results.values())
    assert list(own.held(board, both)) == both
    own.layout.forget(board)
    assert own.held(board, both) == {}


def test_results_that_a_visitor_has_no_room_for_leave_the_memory(tmp_path: Path) -> None:
    own, board = compare_tab(tmp_path), Board()
    first = keys("first.mp4", 4)
    board = own.keep(board, first, {key: result() for key in first})
    for clip in ("second.mp4", "third.mp4"):
        board = own.keep(board, keys(clip, 4), {key: result() for key in keys(clip, 4)})
    assert len(board.results) == len(own.results._results) == 8
    assert own.held(board, first) == {}


def test_a_comparison_that_is_gone_is_said_and_takes_the_views_off_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = compare_tab(tmp_path)
    both = keys("a.mp4", 2)
    board = replace(Board(), clips=(ChosenClip("a.mp4", True), None), names=("a.mp4", ""))
    board = own.keep(board, both, {key: result() for key in both})
    shown = own.show_board(board, "as told")
    assert (shown[own.layout.status], shown[own.layout.board].keys) == ("as told", tuple(both))
    assert shown[own.layout.views[0]]
    own.layout.forget(board)
    shown = own.show_board(board, "as told")
    assert "no longer in memory" in shown[own.layout.status]
    assert shown[own.layout.board].keys == ()
    assert shown[own.layout.views[0]] is None


def test_results_of_all_visitors_are_bounded_by_bytes_and_age(tmp_path: Path) -> None:
    now, size = [0.0], result().nbytes
    cache: BoundedCache[ClipResult] = BoundedCache(60, 10 * size, clock=lambda: now[0])
    names = [cache.put(result()) for _ in range(50)]
    assert len(cache._results) == 10
    now[0] = 61.0
    with pytest.raises(ClipGoneError):
        cache.get(names[-1])
    assert cache._results == {}


def of_scale(prediction: float, *scales: Scale) -> Explanation:
    """A made-up explanation whose arousal is that, on people's scale if one is given."""
    made = synthetic.explanation(4, targets=("arousal",))
    targets = {"arousal": replace(made.targets["arousal"], prediction=prediction)}
    return replace(made, targets=targets, checkpoint=replace(made.checkpoint, scales=scales))


def test_the_late_average_is_the_plain_mean_and_says_so():
    shown = [["arousal"]] * 2
    said = words.late_average([of_scale(0.2), of_scale(0.6)], shown)
    assert said.startswith("Late average of A and B: arousal 0.40. It is the plain mean of their predictions. No model")
    seven = Scale("arousal", 1, 7)
    assert "arousal 3.4 of 1–7." in words.late_average([of_scale(0.2, seven), of_scale(0.6, seven)], shown)
    mixed = words.late_average([of_scale(0.2, seven), of_scale(0.6)], shown)
    assert "arousal 0.40. " in mixed
    assert "each counts as a share of its own" in mixed
    assert words.late_average([of_scale(0.2), of_scale(0.6)], [["arousal"], ["valence"]]) == ""
