"""What is sent to the browser and written for spreadsheets: all of it, within its rounding, whatever is missing."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sec2sec.explanations import Explanation
from sec2sec.export.as_table import columns, tidy, to_csv, to_frame
from sec2sec.viewer import payload
from tests.helpers import synthetic


def sent_of(made: Explanation, **options: bool) -> dict:
    return json.loads(payload.encode(made, synthetic.preview(made), **options))  # type: ignore[no-any-return]


@given(arrays.arrays(np.float32, (2, 3, 5, 7), elements=st.floats(0, 1, width=32)))
def test_weights_survive_within_the_step_of_their_row(weights: np.ndarray) -> None:
    back = payload.dequantise(*payload.quantise(weights))
    assert (np.abs(back - weights) <= weights.max(-1, keepdims=True) / 510 + 1e-6).all()


def test_browser_reads_back_the_maps() -> None:
    made = synthetic.explanation(seconds=6)
    sent = json.loads(payload.encode(made, synthetic.preview(made)))["maps"]["audio"]
    shape = sent["shape"]
    steps = np.frombuffer(base64.b64decode(sent["data"]), np.uint8).reshape(shape)
    scale = np.frombuffer(base64.b64decode(sent["scale"]), "<f4").reshape(shape[:-1])
    true = made.co_attention.audio_from_video
    assert true is not None
    assert shape == list(true.shape)
    assert np.abs(payload.dequantise(steps, scale) - true).max() <= true.max() / 510 + 1e-6


def test_entropy_is_that_of_the_map_shown() -> None:
    made = synthetic.explanation(seconds=4, flat=(1,))
    sent = json.loads(payload.encode(made, synthetic.preview(made)))["maps"]["video"]["entropy"]
    weights = made.co_attention.video_from_audio
    assert weights is not None
    assert np.array(sent).shape == (4, 5)  # the average first, then four heads
    assert sent[2][1:] == pytest.approx(payload.entropy(weights[2]), abs=1e-5)
    assert sent[2][0] == pytest.approx(payload.entropy(weights[2].mean(0)), abs=1e-5)
    assert sent[1][0] > 0.97 > sent[2][0]


def test_entropy_of_one_cell_and_of_a_uniform_map() -> None:
    assert payload.entropy(np.eye(4)) == pytest.approx(0)
    assert payload.entropy(np.full((3, 8), 1 / 8)) == pytest.approx(1)
    assert payload.entropy(np.ones((3, 1))) == 1  # constant by construction


def test_long_clip_sends_heads_averaged_and_says_so() -> None:
    made = synthetic.explanation(seconds=61, flat=())
    sent = json.loads(payload.encode(made, synthetic.preview(made)))["maps"]
    assert sent["video"]["shape"][1] == 1
    assert "averaged" in sent["note"]
    assert np.array(sent["video"]["entropy"]).shape == (61, 1)


def test_diagnostics_are_left_out_unless_asked_for() -> None:
    made = synthetic.explanation()
    seen = synthetic.preview(made)
    names = [t["name"] for t in json.loads(payload.encode(made, seen))["targets"]]
    assert names == ["arousal", "valence"]
    names = [t["name"] for t in json.loads(payload.encode(made, seen, diagnostics=True))["targets"]]
    assert names == ["arousal", "valence", "synchrony"]


def test_payload_of_one_modality_says_why_there_are_no_maps() -> None:
    made = synthetic.explanation(has_audio=False, absent="There is no sound.")
    sent = json.loads(payload.encode(made, synthetic.preview(made)))
    assert sent["maps"]["absent"] == "There is no sound."
    assert "video" not in sent["maps"]
    assert sent["maps"]["video_grid"] == [8, 3, 3]  # single places are measured without maps too
    assert sent["mfcc"] is None
    assert "entropy" not in [column["name"] for column in sent["columns"]]


def test_mfcc_image_keeps_half_precision_and_constant_coefficients() -> None:
    image = np.full((3, 40, 101), -800.0, np.float16)
    image[:, 1] = np.linspace(-1, 1, 101, dtype=np.float16)
    sent = payload.mfcc_image(image)
    assert sent is not None
    levels = np.frombuffer(base64.b64decode(sent["data"]), np.uint8).reshape(sent["shape"])
    assert levels[0, 0, 0] in (127, 128)
    assert levels[0, 1, 0] < levels[0, 1, 50] < levels[0, 1, 100]


def test_ten_seconds_stay_small() -> None:
    made = synthetic.explanation(seconds=10)
    assert len(payload.encode(made, synthetic.preview(made))) < 1_500_000


# ---- evidence


CASES = [
    {},
    {"evidence": False},
    {"seconds": 1, "flat": ()},
    {"attention": False},
    {"has_audio": False, "absent": "There is no sound."},
    {"has_video": False, "absent": "There is no picture."},
    {"duration": 9.4, "stable": True},
    {"seconds": 120, "flat": ()},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_kind_of_clip_is_sent(case: dict) -> None:
    made = synthetic.explanation(**case)
    sent = sent_of(made)
    seconds = made.clip.seconds
    keys = [lane["layout"]["meta"]["key"] for lane in sent["lanes"]]
    assert len(set(keys)) == len(keys)
    assert {lane["layout"]["meta"]["group"] for lane in sent["lanes"]} <= {key for key, _ in sent["groups"]}
    assert all(len(column["values"]) == seconds for column in sent["columns"])
    assert sum(key.startswith("attention ") for key in keys) == (2 if case.get("attention", True) else 0)
    everything = case.get("evidence", True) and not case.get("absent")
    assert sum(key.startswith("tug ") for key in keys) == (2 if everything else 0)
    assert bool(sent["relevance"]) == everything
    assert len(sent["csv"].splitlines()) == 2 * seconds + 1  # of two targets


def test_lanes_beyond_attention_and_effect_are_folded_at_first() -> None:
    for lane in sent_of(synthetic.explanation(stable=True))["lanes"]:
        meta = lane["layout"]["meta"]
        assert meta["open"] == (meta["group"] != "more")


def test_cues_that_go_with_an_effect_are_marked() -> None:
    found = [lane["layout"]["meta"] for lane in sent_of(synthetic.explanation())["lanes"]]
    assert [meta["title"] for meta in found if meta.get("along")] == ["loudness", "brightness"]


def test_effects_are_sent_under_each_reference() -> None:
    made = synthetic.explanation()
    (arousal, _) = sent_of(made)["targets"]
    true = made.targets["arousal"].effects
    assert [r["reference"] for r in arousal["references"]] == ["training mean", "neighbouring second"]
    for said, effects in zip(arousal["references"], true, strict=True):
        assert said["interaction"] == pytest.approx(effects.interaction, abs=1e-6)
    (alone,) = sent_of(synthetic.explanation(evidence=False))["targets"][0]["references"]
    assert (alone["reference"], alone["whole"]) == ("training mean", pytest.approx(true[0].whole, abs=1e-6))


def test_relevance_survives_within_the_step_of_its_second() -> None:
    made = synthetic.explanation(seconds=4)
    gradients = made.targets["valence"].gradients
    assert gradients is not None
    true = gradients.relevance_audio
    assert true is not None
    (said,) = [r for r in sent_of(made)["relevance"] if r["target"] == "valence"]
    steps = np.frombuffer(base64.b64decode(said["audio"]["data"]), np.uint8).reshape(said["audio"]["shape"])
    scale = np.frombuffer(base64.b64decode(said["audio"]["scale"]), "<f4")
    assert np.abs(payload.dequantise(steps, scale) - true).max() <= true.max() / 510 + 1e-6


def test_only_a_failed_sanity_check_warns_on_its_lane() -> None:
    sent = sent_of(synthetic.explanation())
    assert [bool(found["warning"]) for found in sent["sanity"]] == [False, True]
    warned = [lane["layout"]["meta"]["key"] for lane in sent["lanes"] if lane["layout"]["meta"].get("warning")]
    assert warned == ["attention valence"]


@pytest.mark.parametrize("part", ["attention", "effect"])
def test_the_lane_that_random_weights_leave_alone_is_the_one_that_warns(part: str) -> None:
    made = synthetic.explanation()
    target = made.targets["arousal"]
    assert target.randomisation is not None
    similar = replace(target.randomisation, **{part: np.array([0.2, 0.9, 0.7, 0.5])})
    sent = sent_of(replace(made, targets={"arousal": replace(target, randomisation=similar)}))
    warned = [lane["layout"]["meta"]["key"] for lane in sent["lanes"] if lane["layout"]["meta"].get("warning")]
    assert warned == [f"{part} arousal"]


def test_partial_second_is_named_but_keeps_its_own_hatching() -> None:
    unfamiliar = sent_of(synthetic.explanation(duration=9.4))["unfamiliar"]
    assert unfamiliar["seconds"] == [3, 6]
    assert "9–10 s: only a part of it is clip" in unfamiliar["words"]
    assert sent_of(synthetic.explanation(evidence=False))["unfamiliar"] == {"seconds": [], "words": []}


def test_the_decisive_second_is_sent_and_none_where_there_is_none() -> None:
    made = synthetic.explanation()
    sent = sent_of(made)["targets"]
    assert [one["decisive"] for one in sent] == [int(np.abs(made.targets[one["name"]].effect).argmax()) for one in sent]
    assert sent_of(synthetic.explanation(1))["targets"][0]["decisive"] is None


def test_the_glossary_has_the_words_that_are_shown_and_no_others() -> None:
    full = sent_of(synthetic.explanation(stable=True))["glossary"]
    assert {"Arousal", "Valence", "Effect", "Attention", "Stability", "Co-attention"} <= set(full)
    bare = synthetic.explanation(targets=("interest",), evidence=False, attention=False, absent="none", has_audio=False)
    assert list(sent_of(bare)["glossary"]) == ["Prediction", "Baseline", "Effect", "Training average"]


def test_evidence_costs_less_than_the_page_weighed_before() -> None:
    plain = synthetic.explanation(evidence=False)
    full = synthetic.explanation(stable=True)
    before = len(payload.encode(plain, synthetic.preview(plain)))
    assert len(payload.encode(full, synthetic.preview(full))) < 1.5 * before


def test_csv_has_a_row_per_target_and_second_with_the_very_figures_of_the_frame() -> None:
    made = synthetic.explanation(stable=True, duration=9.4)
    made = replace(made, clip=replace(made.clip, start=4.0))
    rows = list(csv.DictReader(io.StringIO(to_csv(made, list(made.targets)))))
    frame = to_frame(made)
    assert [row["target"] for row in rows] == list(frame["target"])
    assert [int(row["second"]) for row in rows] == list(frame["second"])
    assert list(rows[0]) == list(frame.columns)
    assert all(re.fullmatch(r"[a-z_]+", head) for head in rows[0])
    for head in frame.columns.difference(["target", "verdict", "out_of_distribution"]):
        written = [float(row[head]) if row[head] else np.nan for row in rows]
        np.testing.assert_allclose(written, frame[head].astype(float), rtol=1e-6, err_msg=head)
    assert rows[0]["start"] == "4"  # of the file, as on the axis
    assert rows[9]["end"] == "13.4"
    assert "unlike 99 %" in rows[3]["out_of_distribution"]


def test_every_column_of_the_table_is_explained_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "table.md").read_text(encoding="utf-8")
    made = synthetic.explanation(stable=True)
    (block,) = tidy(made, ["arousal"])
    assert [head for head in block if f"`{head}`" not in page] == []


def test_csv_leaves_out_no_figure_of_the_screen() -> None:
    made = synthetic.explanation(stable=True)
    shown = [column for column in columns(made, ["arousal"]) if column.unit != "words"]
    (block,) = tidy(made, ["arousal"])
    written = [np.asarray(values, float) for head, values in block.items() if not isinstance(values[0], str)]
    for column in shown:
        values = np.asarray(column.values, float)
        assert any(np.array_equal(values, own, equal_nan=True) for own in written), column.name


def test_csv_has_only_the_targets_that_are_shown() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(synthetic.explanation(), ["valence"]))))
    assert {row["target"] for row in rows} == {"valence"}
    assert len(rows) == 10


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1"])
def test_csv_never_begins_a_cell_with_what_a_spreadsheet_runs(name: str) -> None:
    made = synthetic.explanation(targets=(name,))
    cells = [cell for row in csv.reader(io.StringIO(to_csv(made, [name]))) for cell in row]
    assert f"'{name}" in cells
    formulas = [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert all(re.fullmatch(r"-[\d.e-]+", cell) for cell in formulas)  # negative numbers alone
