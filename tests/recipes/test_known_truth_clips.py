"""The known-truth clips that come with the program: what their card says of them holds."""

from __future__ import annotations

import csv
from collections import Counter

import pytest

from recipes import known_truth_clips
from recipes.demo_checkpoint import Recipe
from sec2sec.checkpoints import load_checkpoint
from sec2sec.datasets.known_truth import LEVELS, TARGETS, planted_seconds, read_planted
from sec2sec.datasets.open import open_data
from sec2sec.evaluation.evaluate import seen_in_training
from sec2sec.paths import program_paths

FOLDER = program_paths().known_truth


@pytest.fixture(scope="module")
def rows():
    with (FOLDER / "clips.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_there_are_24_clips_of_all_levels_in_4_megabytes(rows):
    assert Counter(row["level"] for row in rows) == known_truth_clips.CLIPS
    assert (len(rows), list(known_truth_clips.CLIPS)) == (24, list(LEVELS))
    assert {row["path"] for row in rows} == {f"clips/{path.name}" for path in (FOLDER / "clips").iterdir()}
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 4_000_000


def test_no_bundled_checkpoint_learned_from_their_seed(rows):
    recipe = Recipe()
    learned = {clips.seed for clips in (*recipe.training, *recipe.validation)}
    assert {row["id"].split("-")[-2] for row in rows} == {str(known_truth_clips.SEED)}
    assert known_truth_clips.SEED not in learned
    for name in ("demo", "paper-structure", "wrong-attention"):
        bundle = load_checkpoint(program_paths().checkpoints / name, "cpu")
        assert seen_in_training(bundle, FOLDER, "test") is False
    assert f"Their seed, {known_truth_clips.SEED}," in (FOLDER / "README.md").read_text()


def test_each_class_has_nearly_half_of_the_clips_and_each_clip_its_decisive_seconds(rows):
    for target in TARGETS:
        assert 11 <= sum(row[target] == "1" for row in rows) <= 13
    planted = read_planted(FOLDER)
    assert [row["id"] for row in rows] == list(planted)
    assert all(1 <= clip.decisive.sum() < len(clip.decisive) for clip in planted.values())


def test_they_are_read_as_a_data_set_whose_clips_are_all_there_to_be_tested():
    table = open_data(FOLDER, inside=True)
    assert {row.split for row in table.rows} == {"test"}
    assert all(row.path.is_file() for row in table.rows)


def test_the_command_makes_their_truth_again(tmp_path, monkeypatch):
    monkeypatch.setattr(known_truth_clips, "CLIPS", {"plain": 1, "film": 1})
    known_truth_clips.main(["--out", str(tmp_path), "--workers", "1"])
    made, bundled = read_planted(tmp_path), read_planted(FOLDER)
    assert set(made) == {f"{level}-{known_truth_clips.SEED}-00000" for level in ("plain", "film")}
    for name, clip in made.items():
        assert clip.evidence["arousal"].tolist() == bundled[name].evidence["arousal"].tolist()
        assert (tmp_path / "clips" / f"{name}.mp4").stat().st_size > 0


def test_the_film_behind_them_is_attributed():
    text = " ".join((FOLDER / "README.md").read_text().split())
    assert "*Sintel*, © Blender Foundation" in text
    assert "https://creativecommons.org/licenses/by/3.0/" in text


def test_the_planted_seconds_of_a_clip_are_told_by_target():
    seconds = planted_seconds(FOLDER, "plain-3114-00003")
    assert (list(seconds), set(map(tuple, seconds.values()))) == (list(TARGETS), {(2, 3, 4)})
    assert planted_seconds(FOLDER, "unknown") == {}
    assert planted_seconds(program_paths().examples, "sintel-flight") == {}
