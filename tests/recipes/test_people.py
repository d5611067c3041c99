"""From judgements to a published checkpoint: the recipe's way on small clips, and what stands in the bundled ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recipes import photos, voices
from recipes.people import MAX_BYTES, PeopleRecipe, make_steps, run
from sec2sec.checkpoints import identity, load_checkpoint
from sec2sec.datasets.table import read_table
from sec2sec.errors import FileError
from sec2sec.explanations.out_of_distribution import load_training_seconds
from sec2sec.paths import program_paths
from sec2sec.progress import Steps, drain
from sec2sec.scales import Scale
from sec2sec.training.hardware import Hardware
from sec2sec.training.people import Judgements, left_out_of
from tests.helpers.trainings import SMALL

JUDGEMENTS = Judgements(
    "It learned from {clips} clips what nine people said.",
    ("Nine people.",),
    "Ours, CC0.",
    ("Not for anything.",),
    (Scale("arousal", 1, 9),),
)
BUNDLED = (photos.RECIPE, voices.RECIPE)


def as_it_is(data: Path, _work: Path) -> Steps[Path]:
    yield from ()
    return data


@pytest.fixture(scope="module")
def published(made, tmp_path_factory) -> tuple[Path, Path]:
    """The checkpoint of a small recipe, and its work folder."""
    work = tmp_path_factory.mktemp("work")
    drain(
        make_steps(
            recipe_of(made), made / "data", work / "out", work / "work", Hardware(made / "tokens", "cpu", workers=0)
        )
    )
    return work / "out" / "small", work / "work"


def recipe_of(made: Path) -> PeopleRecipe:
    settings = {**SMALL, "init": str(made / "tiny"), "epochs": 1, "targets": ("arousal",)}
    return PeopleRecipe("small", settings, "3", JUDGEMENTS, as_it_is)


def test_what_is_published_says_who_judged_and_on_which_scale(published):
    folder, _ = published
    bundle = load_checkpoint(folder, "cpu")
    clips = bundle.metrics["training"]["arousal"]["clips"]
    assert bundle.summary.trained_on == f"It learned from {clips} clips what nine people said."
    assert bundle.summary.scales == (Scale("arousal", 1, 9),)
    for part in (
        "# The checkpoint small",
        "## Who judged what",
        "from 1 to 9",
        "CC0",
        "## What it must not be used for",
    ):
        assert part in bundle.card
    assert bundle.card.index("Nine people.") < bundle.card.index("## On groups that a training had not seen")


def test_weights_and_seconds_are_those_of_the_training(published):
    folder, work = published
    trained = work / "training" / "checkpoint"
    assert (folder / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()
    assert identity(folder) != identity(trained)
    known = load_training_seconds(load_checkpoint(folder, "cpu"))
    assert known is not None


def test_no_path_of_this_machine_is_published(published, made):
    folder, work = published
    for file in ("config.json", "card.md", "metrics.json"):
        text = (folder / file).read_text()
        assert str(made / "data") not in text, file
        assert str(work) not in text, file
    assert json.loads((folder / "config.json").read_text())["provenance"]["command"].endswith(
        "recipes.small DATA_FOLDER OUT"
    )


def test_every_clip_of_the_figures_was_left_out_once(published, made):
    folder, _ = published
    report = left_out_of(folder)["targets"]["arousal"]
    tested = [group for fold in report["folds"] for group in fold["groups"]]
    assert sorted(tested) == sorted({row.group for row in read_table(made / "data").rows})  # each once
    assert report["clips"] == sum(fold["clips"] for fold in report["folds"])


def test_a_folder_of_something_else_is_left_as_it_is(published, made, tmp_path):
    _, work = published
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "mine.txt").write_text("mine")
    with pytest.raises(FileError, match="no checkpoint of this recipe"):
        drain(make_steps(recipe_of(made), made / "data", tmp_path, work, Hardware(made / "tokens", "cpu", workers=0)))
    assert [path.name for path in (tmp_path / "small").iterdir()] == ["mine.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_data_that_are_not_there_are_one_line(tmp_path, capsys):
    assert run(voices.RECIPE, "", [str(tmp_path / "no"), str(tmp_path / "out"), "--work", str(tmp_path / "work")]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("recipe", BUNDLED, ids=lambda recipe: recipe.name)
def test_the_bundled_checkpoint_is_that_of_its_recipe(recipe):
    folder = program_paths().checkpoints / recipe.name
    bundle = load_checkpoint(folder, "cpu")
    assert sum(file.stat().st_size for file in folder.iterdir()) <= MAX_BYTES
    assert bundle.summary.scales == recipe.judgements.scales
    for sentence in (*recipe.judgements.judged, recipe.judgements.source, *recipe.judgements.not_for):
        assert sentence in bundle.card
    settings = bundle.config["provenance"]["config"]
    wanted = json.loads(json.dumps(dict(recipe.settings)))
    assert {name: settings[name] for name in wanted} == wanted
    assert settings["data"] == ""
    assert load_training_seconds(bundle) is not None
