"""The Evaluate screen without a browser: which data sets are offered, what is shown, and what is never told."""

from __future__ import annotations

from pathlib import Path

import pytest

from sec2sec.datasets.learned_from import write_learned_from
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError
from sec2sec.evaluation.document import as_fragment, as_page, shown_clips
from sec2sec.evaluation.evaluate import Evaluated, evaluate_steps
from sec2sec.files import file_sha256
from sec2sec.paths import program_paths
from sec2sec.progress import drain
from sec2sec.training.opening import OpenedData
from sec2sec.ui import evaluate
from sec2sec.ui.models import models_in
from sec2sec.ui.settings import Settings
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


def test_every_wrong_clip_has_a_button_with_its_picture_and_none_that_is_right_has(
    ended: Evaluated, folder: Path
) -> None:
    stills = {clip["id"]: "data:image/jpeg;base64,AAAA" for clip in ended.report["targets"]["calm"]["worst"][:1]}
    drawn = as_fragment(evaluate.without_paths(ended.report, folder, "x"), [], stills)
    for name, target in ended.report["targets"].items():
        for rank, clip in enumerate(target["worst"]):
            is_wrong = name == "calm" or (clip["prediction"] > 0.5) != (clip["truth"] == 1)
            assert (f'data-target="{name}" data-rank="{rank}"' in drawn) == is_wrong
    assert drawn.count('<img src="data:image/jpeg;base64,AAAA" alt="">') >= 1


def test_ten_clips_at_most_are_listed_and_where_all_are_right_the_least_sure(ended: Evaluated) -> None:
    target = ended.report["targets"]["arousal"]
    wrong = {**target["worst"][0], "truth": 1.0, "prediction": 0.1, "error": 0.9}
    shown = shown_clips("arousal", {**target, "worst": [wrong] * 12}, {})
    assert (len(shown.ranks), shown.title) == (10, "arousal: the clips farthest off")
    right = {**wrong, "prediction": 0.7, "error": 0.3}
    shown = shown_clips("arousal", {**target, "clips": 12, "worst": [right] * 12}, {})
    assert (shown.ranks, "every clip is predicted right" in shown.title) == ([0, 1, 2], True)


def test_the_clips_that_come_with_the_program_are_offered_first_and_an_upload_before_them(tmp_path: Path) -> None:
    (tmp_path / "hosted").mkdir()
    settings = Settings(data_sets=tmp_path)
    bundled = (evaluate.BUNDLED_TITLE, evaluate.BUNDLED)
    assert evaluate.offered_data(settings) == [bundled, ("hosted", "hosted")]
    assert evaluate.offered_data(settings, "/x/mine.zip")[0] == ("mine.zip (uploaded)", evaluate.UPLOADED)
    assert f"({len(open_data(program_paths().known_truth).rows)} generated clips)" in evaluate.BUNDLED_TITLE


def test_classes_get_reliability_and_roc_and_scores_a_scatter(ended: Evaluated, folder: Path) -> None:
    drawn = as_fragment(evaluate.without_paths(ended.report, folder, "x"), [])
    for title in (
        "arousal: reliability",
        "arousal: ROC",
        "calm: predicted and true",
        "majority of the training set (trivial)",
    ):
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
    measured = drain(stream_from_thread(evaluate.evaluation(models, "tiny", request)))
    shown = as_fragment(measured.evaluated.report, [], measured.stills)
    assert "data:image/jpeg;base64," in shown
    assert "The checkpoint learned from 1 of these clips (1 for train)" in shown


def test_pairs_are_measured_where_the_box_is_ticked_and_stand_on_the_page() -> None:
    models, known_truth = models_in(program_paths().checkpoints, "cpu"), program_paths().known_truth

    def measured(clips: int) -> Evaluated:
        request = evaluate.Request(known_truth, "all", modalities=clips)
        return drain(stream_from_thread(evaluate.evaluation(models, "demo", request))).evaluated

    paired = measured(4)
    assert paired.report["modalities"]["clips"] == 4
    assert "sound and picture together? 4 clips of 24, each beside each" in as_fragment(paired.report, [])
    assert "modalities" not in measured(0).report
