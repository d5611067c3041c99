"""Does a model lean on what people lean on? Votes of CREMA-D against the parts of a prediction."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score

from sec2sec.encoders.tokens import Tokens
from sec2sec.evaluation.leaning import MODEL, PEOPLE, Leaning, parts_of, people_leaned, plate_of
from sec2sec.explanations.masker import masker_of
from tests.helpers.commands import run
from tests.helpers.models import save_tiny, tiny_bundle
from tests.helpers.public_sets import make_crema_d

REAL = os.environ.get("SEC2SEC_REAL_DATA", "")


def votes(voice: str, face: str, both: str) -> dict[str, str]:
    return {"voice_vote": voice, "face_vote": face, "both_vote": both}


@pytest.mark.parametrize(
    ("columns", "leaned"),
    [
        (votes("anger", "fear", "fear"), "followed the face"),
        (votes("anger", "fear", "anger"), "followed the voice"),
        (votes("anger", "fear", "sadness"), "needed both"),
        (votes("anger", "anger", "sadness"), "needed both"),
        (votes("anger", "anger", "anger"), None),
        (votes("anger:fear", "fear", "fear"), None),
        (votes("anger", "fear", "fear:sadness"), None),
        ({"voice_vote": "anger"}, None),
    ],
)
def test_people_followed_whom_they_agreed_with(columns, leaned):
    place = people_leaned(columns)
    assert (None if place is None else PEOPLE[place]) == leaned


@pytest.mark.parametrize("attention", ["SA-CA", "SA-SA"])
def test_the_parts_are_those_of_four_whole_runs_and_sum_to_the_change(tmp_path, attention):
    model = tiny_bundle(tmp_path / attention, attention=attention).model
    torch.manual_seed(0)
    tokens = Tokens(torch.randn(4, 72, 16), torch.randn(4, 32, 16))
    mean_video, mean_audio = model.references(4)

    def predict(video: torch.Tensor, audio: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            logits = model(video[None], audio[None], torch.ones(1, 4, dtype=torch.bool)).logits[0]
        return logits.sigmoid().numpy()

    nothing, both = predict(mean_video, mean_audio), predict(tokens.video, tokens.audio)
    picture, sound = predict(tokens.video, mean_audio) - nothing, predict(mean_video, tokens.audio) - nothing
    parts = parts_of(masker_of(model, tokens))
    np.testing.assert_allclose(parts, np.stack([picture, sound, both - nothing - picture - sound], 1), atol=1e-5)
    np.testing.assert_allclose(parts.sum(1), both - nothing, atol=1e-5)


def leanings(pairs: list[tuple[int, int]], actors: int = 5) -> list[Leaning]:
    """Clips of which people and model leaned on these."""
    return [Leaning(f"c{i}", f"a{i % actors}", p, np.eye(3)[[m]] * -0.4) for i, (p, m) in enumerate(pairs)]


def test_the_plate_counts_and_its_agreement_is_scikit_learns():
    rng = np.random.default_rng(3)
    pairs = [(int(p), int(p if rng.random() < 0.6 else rng.integers(3))) for p in rng.integers(3, size=90)]
    plate = plate_of(leanings(pairs), 0)
    counted = Counter(pairs)
    assert plate["counts"] == [[counted[p, m] for m in range(3)] for p in range(3)]
    people, model = zip(*pairs, strict=True)
    assert plate["agreement"] == pytest.approx(np.mean(np.equal(people, model)))
    assert plate["kappa"] == pytest.approx(cohen_kappa_score(people, model))
    low, high = plate["interval"]
    assert low < plate["agreement"] < high


def test_an_interval_over_actors_is_wider_than_one_over_clips_that_repeat_them():
    right, wrong = [(0, 0)] * 12, [(0, 1)] * 12
    clips = [Leaning(f"c{i}", f"a{i // 12}", p, np.eye(3)[[m]]) for i, (p, m) in enumerate(right + wrong)]
    alone = [Leaning(f"c{i}", f"c{i}", p, np.eye(3)[[m]]) for i, (p, m) in enumerate(right + wrong)]
    assert np.ptp(plate_of(clips, 0)["interval"]) > np.ptp(plate_of(alone, 0)["interval"])
    assert plate_of([clip for clip in clips if clip.group == "a0"], 0)["interval"] is None
    assert plate_of(clips[:3], 0)["kappa"] is None, "all alike: chance agrees always"


def test_the_command_compares_the_clips_that_are_there_and_says_what_it_left_out(tmp_path):
    folder = make_crema_d(tmp_path / "crema")
    summary = folder / "processedResults" / "summaryTable.csv"
    before = '"1001_IEO_SAD_LO","N","64.75","S","64.75","N:S","64.75:61.50"'
    text = summary.read_text()
    assert before in text
    summary.write_text(text.replace(before, '"1001_IEO_SAD_LO","N","64.75","S","64.75","S","64.75"'))
    done = run("check-modalities", "--data", folder, "--json", tmp_path / "lean.json")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "lean.json").read_text())
    there = {path.stem for path in (folder / "VideoFlash").iterdir()}
    assert {clip["clip"] for clip in report["each"]} <= there
    assert report["clips"] + report["agreed"] + report["tied"] == len(there)
    assert report["tied"] >= 1
    assert report["actors"] == 1
    assert set(report["targets"]) == {"arousal", "valence"}
    for plate in report["targets"].values():
        assert np.sum(plate["counts"]) == report["clips"]
        assert plate["interval"] is None
    assert f"Left out: {report['agreed']} where voice, face and both were judged alike" in done.stdout
    assert "So few actors (1) say nothing about others." in done.stdout
    assert all(f"model: {part}" in done.stdout for part in MODEL)


def test_another_data_set_and_a_model_of_one_modality_are_refused_in_one_line(tmp_path):
    folder = make_crema_d(tmp_path / "crema")
    save_tiny(tmp_path / "deaf", attention="vision")
    done = run("check-modalities", "--data", folder, "--checkpoint", tmp_path / "deaf")
    assert done.returncode == 2
    assert "reads one modality alone" in done.stderr
    done = run("check-modalities", "--data", Path("assets/known-truth"))
    assert done.returncode == 2
    assert "give a folder of CREMA-D" in done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="SEC2SEC_REAL_DATA names no folder of real data sets")
def test_the_public_table_has_the_shares_that_are_told_of_it():
    from sec2sec.datasets.crema_d import read_crema_d

    summary = next(Path(REAL).rglob("summaryTable.csv"))
    table = read_crema_d(summary.parent)
    untied = [
        row for row in table.rows if ":" not in "".join(row.columns[f"{of}_vote"] for of in ("voice", "face", "both"))
    ]
    leaned = Counter(people_leaned(row.columns) for row in untied)
    shares = [leaned[place] / len(untied) for place in (None, 0, 1, 2)]
    assert shares == pytest.approx([0.502, 0.312, 0.091, 0.094], abs=0.001)
    with summary.open(newline="") as text:
        assert len(untied) == sum(":" not in "".join(list(cells.values())[2::2]) for cells in csv.DictReader(text))
