"""The Evaluate screen without a browser: which data sets are offered, what is shown, and what is never told."""

from __future__ import annotations

from pathlib import Path

import pytest

from sec2sec.datasets.learned_from import write_learned_from
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError
from sec2sec.evaluation.document import as_fragment, as_page
from sec2sec.evaluation.evaluate import Evaluated, evaluate_steps
from sec2sec.files import file_sha256
from sec2sec.progress import drain
from sec2sec.training.opening import OpenedData
from sec2sec.ui import evaluate
from sec2sec.ui.models import models_in
from sec2sec.ui.work import stream_from_thread
from tests.helpers.datasets import clip_folder
from tests.helpers.models import tiny_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_folder(tmp_path_factory.mktemp("host") / "secret place", train=3, validation=1, test=2)


@pytest.fixture(scope="module")
def ended(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    bundle = tiny_bundle(tmp_path_factory.mktemp("model") / "tiny", targets=("arousal", "calm"))
    (folder / "clips" / "5.mp4").write_bytes(b"broken")
    return drain(evaluate_steps(bundle, OpenedData(open_data(folder)), split="all", workers=0))


def test_only_visible_folders_are_data_sets(tmp_path: Path) -> None:
    assert evaluate.data_sets_in(tmp_path / "nowhere") == []
    for name in ("b", "a", ".cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "file.csv").write_text("")
    assert evaluate.data_sets_in(tmp_path) == ["a", "b"]


def test_report_tells_nothing_of_where_the_server_keeps_its_data(ended: Evaluated, folder: Path) -> None:
    public = evaluate.without_paths(ended.report, folder, "their data")
    drawn = as_fragment(public, [evaluate._named(line, folder) for line in ended.unusable])
    for told in (drawn, as_page(public), str(public)):
        assert "secret place" not in told
        assert str(folder.parent) not in told
        assert "their data" in told
    assert public["targets"]["calm"]["worst"][0]["path"].startswith("clips/")
    assert "clips could not be used" in drawn
    assert "Model tiny. Random weights, for tests." in drawn


def test_every_worst_clip_has_a_button_that_says_which_it_is(ended: Evaluated, folder: Path) -> None:
    drawn = as_fragment(evaluate.without_paths(ended.report, folder, "x"), [])
    for name, target in ended.report["targets"].items():
        errors = [clip["error"] for clip in target["worst"]]
        assert errors == sorted(errors, reverse=True)
        for rank, clip in enumerate(target["worst"]):
            assert f'data-target="{name}" data-rank="{rank}">{clip["id"]}</button>' in drawn


def test_classes_get_reliability_and_roc_and_scores_a_scatter(ended: Evaluated, folder: Path) -> None:
    drawn = as_fragment(evaluate.without_paths(ended.report, folder, "x"), [])
    for title in ("arousal: reliability", "arousal: ROC", "calm: predicted and true", "majority (trivial)"):
        assert title in drawn
    assert "calm: ROC" not in drawn


def test_names_from_a_table_cannot_become_markup(ended: Evaluated) -> None:
    evil = "<img src=x onerror=alert(1)>"
    found = ended.report["targets"]["calm"]
    worst = [{**found["worst"][0], "id": evil}]
    report = {**ended.report, "data": evil, "targets": {evil: {**found, "worst": worst}}}
    assert "<img" not in as_fragment(report, [evil])


def test_clips_that_another_process_decodes_give_the_same_report(
    ended: Evaluated, folder: Path, tmp_path: Path
) -> None:
    bundle = tiny_bundle(tmp_path / "tiny", targets=("arousal", "calm"))
    isolated = drain(evaluate_steps(bundle, OpenedData(open_data(folder)), split="all", workers=0, isolated=True))
    assert isolated.report["targets"] == ended.report["targets"]
    assert len(isolated.unusable) == len(ended.unusable) == 1


def test_clips_that_the_model_learned_from_are_refused_until_the_box_is_ticked(folder: Path, tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "models" / "tiny", targets=("arousal", "calm"))
    row = open_data(folder).split("test")[0]
    write_learned_from(tmp_path / "models" / "tiny", {"train": [file_sha256(row.path)]})
    models = models_in(tmp_path / "models", "cpu")
    with pytest.raises(DataError, match=r"learned from 1 of these 2 clips .*tick “Include clips that"):
        drain(stream_from_thread(evaluate.evaluation(models, "tiny", evaluate.Request(folder, "test"))))
    request = evaluate.Request(folder, "test", include_seen=True)
    evaluated, _ = drain(stream_from_thread(evaluate.evaluation(models, "tiny", request)))
    shown = as_fragment(evaluated.report, [])
    assert "The checkpoint learned from 1 of these clips (1 for train)" in shown
