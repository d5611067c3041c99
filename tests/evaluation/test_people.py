"""Checkpoints beside people who rated a film: sums of items, what is kept, and the tables that are printed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sec2sec.cli import main
from sec2sec.clip import encode
from sec2sec.datasets.table import DataError
from sec2sec.datasets.tracks import RatingTrack
from sec2sec.evaluation import people
from sec2sec.evaluation.people import COMPOSITION, check_people_steps, compose, in_windows
from sec2sec.progress import drain
from tests.helpers.clips import make_clip
from tests.helpers.models import save_tiny, tiny_bundle

SECONDS = 50
ITEMS = list(dict.fromkeys(item for terms in COMPOSITION.values() for item in terms))
pytestmark = pytest.mark.usefixtures("one_thread")


def film_folder(folder: Path, seconds: int = SECONDS) -> Path:
    """Emo-FilM's ratings of one film, and the film, two seconds longer."""
    folder.mkdir()
    make_clip(folder / "some_film_96x64.mp4", seconds=seconds + 2, fps=8)
    values = np.random.default_rng(0).normal(size=(seconds, len(ITEMS))).cumsum(0)
    lines = ["\t".join(f"{value:.6f}" for value in row) for row in values]
    (folder / "Annot_SomeFilm_stim.tsv").write_text("\n".join(lines) + "\n")
    about = {"SamplingFrequency": 1.0, "StartTime": 0, "Columns": ITEMS}
    (folder / "Annot_SomeFilm_stim.json").write_text(json.dumps(about))
    return folder


def test_arousal_and_valence_are_the_sums_that_are_written_down():
    rng = np.random.default_rng(1)
    track = RatingTrack(np.arange(9.0), {item: rng.normal(size=9) for item in ITEMS}, "a.tsv")
    z = {item: (values - values.mean()) / values.std() for item, values in track.values.items()}
    arousal = z["IntenseEmotion"] + z["Alert"] - z["Calm"] - z["AtEase"]
    valence = z["Good"] - z["Bad"] + z["PleasantOther"] + z["Happiness"] - z["Sad"] - z["Anger"]
    np.testing.assert_allclose(compose(track, "arousal"), arousal)
    np.testing.assert_allclose(compose(track, "valence"), valence)
    with pytest.raises(DataError, match=r"a\.tsv: Calm is missing or constant; arousal is z\(IntenseEmotion\)"):
        compose(RatingTrack(track.times, {**track.values, "Calm": np.ones(9)}, "a.tsv"), "arousal")


def test_effect_and_attention_are_means_over_the_windows_that_hold_a_second(tmp_path):
    model = tiny_bundle(tmp_path / "tiny")
    clip = encode(make_clip(tmp_path / "a.mp4", seconds=9, fps=8), model)
    effect, attention = drain(in_windows(clip, 4, "tiny"))
    windows = [(first, clip.part(first, first + 4).masker.occlusion) for first in range(6)]
    for second in (0, 3, 5, 8):
        holding = [(second - first, found) for first, found in windows if 0 <= second - first < 4]
        np.testing.assert_allclose(effect[:, second], np.mean([o.effect[:, at] for at, o in holding], 0), atol=1e-6)
        assert attention is not None
        np.testing.assert_allclose(
            attention[:, second], np.mean([o.attention[:, at] for at, o in holding], 0), atol=1e-6
        )


def test_a_film_is_encoded_once_for_each_pair_of_encoders(tmp_path, monkeypatch):
    folder = film_folder(tmp_path / "films")
    models = [save_tiny(tmp_path / name, seed=0, attention=kind) for name, kind in (("a", "SA-CA"), ("b", "SA-SA"))]
    report = drain(check_people_steps(folder, models, tmp_path / "cache", "cpu"))
    assert [(one.model, one.window, one.absent) for one in report.checked] == [("a", 10, ""), ("b", 10, "")]
    assert report.seconds == {"SomeFilm": SECONDS}
    kept = list((tmp_path / "cache" / "films").iterdir())
    assert len(kept) == 1

    def never(*_args, **_options):
        raise AssertionError("encoded again")

    monkeypatch.setattr(people, "encode_steps", never)
    again = drain(check_people_steps(folder, models, tmp_path / "cache", "cpu"))
    assert json.dumps(again.as_json()) == json.dumps(report.as_json())
    kept[0].write_bytes(b"damaged")
    with pytest.raises(AssertionError, match="encoded again"):
        drain(check_people_steps(folder, models, tmp_path / "cache", "cpu"))


def test_the_tables_name_sums_windows_and_yardsticks(tmp_path, capsys):
    folder = film_folder(tmp_path / "films")
    model = save_tiny(tmp_path / "mine")
    out = [tmp_path / "people.json", tmp_path / "people.md"]
    command = ["check-people", str(folder), "--checkpoint", str(model), "--cache", str(tmp_path / "cache")]
    assert main([*command, "--json", str(out[0]), "--markdown", str(out[1])]) == 0
    printed = capsys.readouterr().out
    assert "SomeFilm, 50 rated seconds: arousal" in printed
    assert "mine: prediction curve of arousal" in printed
    assert "motion (no model), 10 s" in printed
    assert "arousal = z(IntenseEmotion) + z(Alert) − z(Calm) − z(AtEase)" in printed
    written = json.loads(out[0].read_text())
    assert written["schema"] == "sec2sec.people/1"
    fits = written["checked"][0]["ratings"][0]["fits"]
    assert [fit["series"] for fit in fits] == ["prediction curve", "effect", "attention", "loudness", "motion"]
    assert "| mine: attention of valence |" in out[1].read_text()
    assert main([*command, "--json", str(out[0])]) == 0, "what this program wrote is replaced"


def test_a_folder_without_the_film_is_refused_in_one_line(tmp_path, capsys):
    folder = film_folder(tmp_path / "films")
    (folder / "some_film_96x64.mp4").unlink()
    assert main(["check-people", str(folder)]) == 2
    assert "has ratings and none of the films (SomeFilm.mp4); copy a film there" in capsys.readouterr().err


def test_a_model_of_something_else_is_named_and_left_out(tmp_path):
    folder = film_folder(tmp_path / "films")
    model = save_tiny(tmp_path / "other", targets=("speed",))
    report = drain(check_people_steps(folder, [model], tmp_path / "cache", "cpu"))
    assert report.tables() == []
    assert report.notes()[-1] == "other: predicts neither arousal nor valence"
