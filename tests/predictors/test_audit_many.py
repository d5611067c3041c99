"""`audit FOLDER`: a predictor that is not ours, on every clip, into one table that goes on where it ended."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from sec2sec.cli import main
from sec2sec.cli.explain_many import SOME_FAILED
from tests.helpers import predictors
from tests.helpers.clips import make_clip

ASKED = ["--python", "tests.helpers.predictors:loudness", "--reference", "silence-black"]


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "clips").mkdir()
    for seconds, name in ((1, "a.mp4"), (2, "b.mp4")):
        make_clip(tmp_path / "clips" / name, seconds, fps=8, size=(32, 32))
    return tmp_path / "clips"


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_is_audited_into_one_table_with_a_page_of_each_clip(folder, tmp_path, capsys):
    out, pages = tmp_path / "out.csv", tmp_path / "pages"
    assert main(["audit", str(folder), *ASKED, "--csv", str(out), "--report", str(pages)]) == 0
    assert "2 clips: 2 explained" in capsys.readouterr().out
    table = rows(out)
    assert [(row["clip"], row["target"], row["second"]) for row in table] == [
        ("a.mp4", "loudness", "0"),
        ("b.mp4", "loudness", "0"),
        ("b.mp4", "loudness", "1"),
    ]
    (measured,) = predictors.loudness([folder / "a.mp4"])
    assert float(table[0]["prediction"]) == pytest.approx(measured["loudness"], rel=0.05)  # it was encoded again
    assert float(table[0]["effect_audio"]) == pytest.approx(float(table[0]["prediction"]), rel=0.01)
    assert len(list((pages / "clips").glob("*.html"))) == 2


def test_what_was_audited_is_not_asked_again_and_a_damaged_clip_costs_itself(folder, tmp_path, monkeypatch, capsys):
    asked = []
    loudness = predictors.loudness
    monkeypatch.setattr(predictors, "loudness", lambda clips: [asked.extend(clips), loudness(clips)][1])
    once_more = ["audit", str(folder), *ASKED, "--predictor-version", "1", "--csv", str(tmp_path / "out.csv")]
    assert main(once_more) == 0
    questions = len(asked)
    assert questions > 0
    (folder / "broken.mp4").write_bytes(b"no film")
    assert main(once_more) == SOME_FAILED
    assert len(asked) == questions
    shown = capsys.readouterr()
    assert "2 explained before, 1 could not be used" in shown.out
    assert "broken.mp4" in shown.out + shown.err
    assert len(rows(tmp_path / "out.csv")) == 3


def test_many_clips_without_a_table_are_refused_in_a_line(folder, capsys):
    assert main(["audit", str(folder), *ASKED]) == 2
    assert "many clips need --csv FILE" in capsys.readouterr().err
