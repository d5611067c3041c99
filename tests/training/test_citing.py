"""What a training leaves to cite: a manifest of all that its figures depend on, and BibTeX; `evaluate` names it."""

from __future__ import annotations

import json
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from sec2sec.checkpoints import code_version, identity
from sec2sec.progress import drain
from sec2sec.training.citing import PAPER, code_commit, find_manifest, sources
from sec2sec.training.train import train_steps
from tests.helpers.commands import run
from tests.helpers.formats import make_liris
from tests.helpers.trainings import settings


@pytest.fixture(scope="module")
def trained(made, machine, clips, tmp_path_factory) -> Path:
    """The run folder of a training with settings of its own, on clips in the form of LIRIS-ACCEDE."""
    folder = tmp_path_factory.mktemp("citing")
    config = settings(made, data=str(make_liris(folder / "liris", clips)), epochs=1, seed=7, liris_rule="2.5")
    drain(train_steps(folder / "run", config, machine))
    return folder / "run"


def test_a_training_notes_all_that_its_figures_depend_on(trained):
    manifest = json.loads((trained / "manifest.json").read_text())
    noted = json.loads((trained / "data.json").read_text())
    assert manifest["code"] == code_version()
    assert manifest["settings"] == json.loads((trained / "config.json").read_text())["config"]
    assert manifest["seeds"] == [7]
    assert manifest["data"]["sha256"] == noted["sha256"]
    assert "Creative Commons" in manifest["data"]["licence"]
    assert manifest["data"]["clips"] == {"train": 4, "validation": 2, "test": 3}
    assert manifest["checkpoint"] == {"sha256": identity(trained / "checkpoint"), "encoders": noted["encoders"]}
    assert manifest["hardware"]["device"] == "CPU"
    assert manifest["hardware"]["precision"] == "32-true"
    assert manifest["hardware"]["threads"] >= 1
    for library in ("torch", "scikit-learn", "lightning-fabric", "numpy"):
        assert manifest["versions"][library] == metadata.version(library)


def test_its_references_are_the_paper_and_the_data_set(trained):
    keys = re.findall(r"@\w+\{(\w+),", (trained / "references.bib").read_text())
    assert keys == [PAPER, "baveye2015liris"]
    named = sources("a table", ["sec2sec-sa-ca"], "paper", ["timm:tf_efficientnet_lite0", "mfcc-resnet18"])
    assert named[1:] == ["wightman2019timm", "tan2019efficientnet", "he2016deep"]
    assert sources("First Impressions V2", ["avm"], "paper")[1:3] == ["poncelopez2016chalearn", "escalante2020modeling"]


def test_the_commit_is_the_one_that_git_names_and_nothing_without_a_checkout(monkeypatch, tmp_path):
    class Paths:
        checkout: Path | None = None

    monkeypatch.setattr("sec2sec.training.citing.program_paths", Paths)
    assert code_commit() is None
    git = ("git", "-c", "user.name=a", "-c", "user.email=b", "-C", str(tmp_path))
    (tmp_path / "file").write_text("1")
    for command in (("init", "-q"), ("add", "file"), ("commit", "-qm", "x")):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    Paths.checkout = tmp_path
    assert code_commit() == head
    (tmp_path / "file").write_text("2")
    assert code_commit() == f"{head}-dirty"


def test_evaluate_names_the_manifest_in_text_json_page_and_latex(trained, made, tmp_path):
    hardware = ("--workers", 0, "--device", "cpu", "--cache", made / "tokens")
    files = ("--json", tmp_path / "e.json", "--report", tmp_path / "e.html", "--latex", tmp_path / "e.tex")
    data = ("--checkpoint", trained / "checkpoint", "--data", trained.parent / "liris")
    done = run("evaluate", *data, *hardware, *files)
    assert done.returncode == 0, done.stderr
    file = str(trained / "manifest.json")
    assert f"Manifest of the training: {file}" in done.stdout
    assert json.loads((tmp_path / "e.json").read_text())["manifest"] == file
    for name in ("e.html", "e.tex"):
        assert file in (tmp_path / name).read_text()


def test_a_manifest_of_another_checkpoint_is_not_named(trained, tmp_path):
    assert find_manifest(trained / "checkpoint", identity(trained / "checkpoint")) == trained / "manifest.json"
    assert find_manifest(trained / "checkpoint", "0" * 64) is None
    assert find_manifest(tmp_path / "checkpoint", "0" * 64) is None
    (tmp_path / "manifest.json").write_text('["a file of somebody else"]')
    assert find_manifest(tmp_path / "checkpoint", "0" * 64) is None
