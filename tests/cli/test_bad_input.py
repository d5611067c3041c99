"""Bad input at the command line: each ends with 2 and one clear line, nothing is half-written and nothing lost."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from sec2sec.cli import main
from tests.helpers.commands import full_disk, run
from tests.helpers.formats import change, make_liris, make_v1, make_v2, python_2_pickle, write_table
from tests.helpers.trainings import ROOT, SMALL
from tests.training.test_refusals import as_nobody, edited


def state_of(folder: Path) -> dict[str, str]:
    """Every file in a folder, and what is in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def refused(capsys, *arguments: object) -> str:
    """The one line with which a command ends with 2."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    out, told = capsys.readouterr()
    assert len(told.splitlines()) == 1, told
    assert "Traceback" not in out + told
    return told


def training(made: Path, out: Path, data: Path) -> list[object]:
    """The arguments of a small training."""
    chosen = SMALL | {"data": data, "init": made / "tiny", "epochs": 1, "out": out, "cache": made / "tokens"}
    chosen |= {"workers": 0, "device": "cpu"}
    return ["train", *(part for name, value in chosen.items() for part in (f"--{name}", value))]


def liris(folder: Path, file: str, old: str, new: str) -> Path:
    change(make_liris(folder) / file, old, new)
    return folder


def without(folder: Path, file: str) -> Path:
    (folder / file).unlink()
    return folder


def v2_in_two_splits(folder: Path) -> Path:
    shutil.copy(make_v2(folder) / "annotation_training.pkl", folder / "annotation_validation.pkl")
    return folder


def v2_with(folder: Path, value: float) -> Path:
    traits = ("extraversion", "agreeableness", "conscientiousness", "neuroticism", "openness")
    scores = {trait: {"a.000.mp4": value} for trait in traits}
    (make_v2(folder) / "annotation_training.pkl").write_bytes(python_2_pickle(scores))
    return folder


RANKING, SETS = "annotations/ACCEDEranking.txt", "annotations/ACCEDEsets.txt"
UNREADABLE: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    # what is wrong: (a folder with it, the file that is named, what is said)
    "missing annotation file": (lambda f: without(make_liris(f), SETS), "ACCEDEsets.txt", "not found; give the folder"),
    "missing pickle": (lambda f: without(make_v2(f), "annotation_validation.pkl"), "annotation_val", "not found; copy"),
    "missing table of V1": (lambda f: without(make_v1(f), "training_gt.csv"), "training_gt.csv", "not found; copy it"),
    "wrong column": (lambda f: liris(f, RANKING, "valenceValue", "v"), "ranking.txt", "column valenceValue is missing"),
    "score out of range": (lambda f: liris(f, RANKING, "1.400000000", "7"), "ranking.txt, line 2", "from 1 to 5"),
    "score of a trait out of range": (lambda f: v2_with(f, 1.5), "annotation_training.pkl", "is 1.5; expected"),
    "score of a table out of range": (lambda f: write_table(f, "a,a.mp4,2,train,g"), "line 2", "from 0 to 1"),
    "duplicate id": (
        lambda f: write_table(f, "a,a.mp4,1,train,g", "a,b.mp4,0,train,g"),
        "clips.csv, line 3",
        "'a' stands twice",
    ),
    "duplicate clip of LIRIS": (
        lambda f: liris(f, RANKING, "ACCEDE00001", "ACCEDE00000"),
        "ranking.txt, line 3",
        "stands twice; keep one",
    ),
    "clip in two splits": (
        lambda f: write_table(f, "a,a.mp4,1,train,g", "b,a.mp4,1,test,g"),
        "clips.csv, line 3",
        "in two splits, train and test",
    ),
    "clip of LIRIS in two splits": (
        lambda f: liris(f, SETS, "ACCEDE00004", "ACCEDE00003"),
        "ACCEDEsets.txt, line 6",
        "in two sets, 1 and 2",
    ),
    "clip of First Impressions in two splits": (v2_in_two_splits, "annotation_validation.pkl", "in two splits"),
    "NaN label": (lambda f: write_table(f, "a,a.mp4,NaN,train,g"), "clips.csv, line 2", "'NaN'; expected a number"),
    "NaN rating": (lambda f: liris(f, RANKING, "1.400000000", "nan"), "ranking.txt, line 2", "'nan'; expected"),
    "NaN trait": (lambda f: v2_with(f, float("nan")), "annotation_training.pkl", "is nan; expected a number"),
    "a zip that was not unpacked": (
        lambda f: Path(shutil.make_archive(str(f), "zip", ROOT / "sec2sec/datasets")),
        ".zip",
        "unpack",
    ),
}


@pytest.mark.parametrize("wrong", UNREADABLE)
def test_data_that_cannot_be_read_is_refused_by_every_command_and_left_alone(tmp_path, made, capsys, wrong):
    make, file, said = UNREADABLE[wrong]
    folder = make(tmp_path / "data")
    before = state_of(tmp_path)
    for arguments in (
        ["data", folder, "--json", tmp_path / "report.json"],
        ["extract", "--data", folder, "--init", made / "tiny", "--cache", tmp_path / "tokens"],
        training(made, tmp_path / "run", folder),
    ):
        told = refused(capsys, *arguments)
        assert file in told
        assert said in told
    assert state_of(tmp_path) == before


@pytest.mark.parametrize(
    ("wrong", "edit", "said", "found"),
    [
        ("one class", lambda rows: [r for r in rows if ",0," not in r], "arousal is 1 for every", "one class only"),
        ("no training", lambda rows: [r for r in rows if "train" not in r], "'train' cannot", "split train is empty"),
        (
            "no validation",
            lambda rows: [r for r in rows if "validation" not in r],
            "'validation' cannot",
            "split validation is empty",
        ),
    ],
)
def test_data_that_cannot_be_learned_from_is_refused_by_train_and_told_by_data(
    tmp_path, made, capsys, wrong, edit, said, found
):
    folder = edited(made, tmp_path / "data", edit)
    before = state_of(folder)
    assert said in refused(capsys, *training(made, tmp_path / "run", folder))
    assert not (tmp_path / "run").exists()
    assert main(["data", str(folder), "--no-probe"]) == 0
    assert found in capsys.readouterr().out
    assert state_of(folder) == before


def test_a_clip_that_is_absent_and_an_entry_that_was_cut_short_are_told_and_made_good(tmp_path, made, capsys):
    folder = edited(made, tmp_path / "data", lambda rows: [*rows, "gone,clips/gone.mp4,1,0.5,train,f"])
    cache = tmp_path / "tokens"
    extract = ["extract", "--data", folder, "--init", made / "tiny", "--cache", cache, "--workers", "0"]
    extract = [str(part) for part in [*extract, "--device", "cpu"]]
    assert main(extract) == 0
    out, told = capsys.readouterr()
    assert "11 clips: 10 encoded, 0 were there, 1 unusable" in out
    assert "clips/gone.mp4: cannot be read" in told.splitlines()[0]
    assert told.splitlines()[-1] == "1 clip could not be used"
    entry = next(cache.rglob("*.safetensors"))
    whole, others = load(entry.read_bytes()), state_of(cache)
    entry.write_bytes(entry.read_bytes()[:-50])
    assert main(extract) == 0
    assert "11 clips: 1 encoded, 9 were there, 1 unusable" in capsys.readouterr().out
    again = load(entry.read_bytes())  # not byte for byte: safetensors writes metadata in any order
    assert again.keys() == whole.keys()
    assert all(torch.equal(again[name], whole[name]) for name in whole)
    name = str(entry.relative_to(cache))
    assert {**state_of(cache), name: others[name]} == others


def test_a_full_disk_ends_an_extraction_with_one_line_and_keeps_what_is_there(tmp_path, made):
    cache = tmp_path / "tokens"
    arguments = [
        "--data",
        made / "data",
        "--init",
        made / "tiny",
        "--cache",
        cache,
        "--device",
        "cpu",
        "--workers",
        "1",
    ]
    with full_disk(2000):
        done = run("extract", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "the token cache cannot be written (File too large: ulimit -f)" in done.stderr
    assert {path.name for path in cache.rglob("*") if path.is_file()} == {"about.json", "lock"}


def test_a_full_disk_ends_the_making_of_clips_with_one_line_and_no_half_clip(tmp_path):
    with full_disk(20_000):
        done = run("make-clips", tmp_path / "made", "--clips", 1, "--workers", 1)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "File too large" in done.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["generator.json"]


def test_a_read_only_run_folder_is_refused_before_any_work(made, capsys):
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to nobody
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(made / "data", folder / "data")
        (folder / "run").mkdir()
        (folder / "run").chmod(0o555)
        before = state_of(folder)
        assert main(["data", str(folder / "data"), "--no-probe"]) == 0
        refused(capsys, *training(made, folder / "x", folder / "x"))  # nobody may not import what is not yet imported
        with as_nobody():
            told = refused(capsys, *training(made, folder / "run", folder / "data"))
        assert f"{folder / 'run'}: cannot be written (Permission denied)" in told
        assert state_of(folder) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [("speed: 1\n", "there is no setting speed"), ("rate: -0.1\n", "rate must be a number above 0, not -0.1")],
)
def test_settings_with_an_unknown_field_or_a_negative_rate_begin_nothing(tmp_path, made, capsys, text, said):
    (tmp_path / "own.yaml").write_text(text)
    told = refused(
        capsys, "train", "--config", tmp_path / "own.yaml", "--data", made / "data", "--out", tmp_path / "run"
    )
    assert "own.yaml" in told
    assert said in told
    assert not (tmp_path / "run").exists()


def test_a_run_folder_of_another_schema_is_refused_and_left_alone(tmp_path, made, capsys):
    run = tmp_path / "run"
    (run / "checkpoint").mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"schema": "sec2sec.run/9", "config": {}}))
    (run / "state.pt").write_bytes(b"weights")
    before = state_of(run)
    for more in ([], ["--resume"]):
        told = refused(capsys, *training(made, run, made / "data"), *more)
        assert "schema 'sec2sec.run/9'" in told
    assert state_of(run) == before
