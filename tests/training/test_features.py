"""Features of other programs are learned from, evaluated, compared and explained as our own tokens are."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

import sec2sec
from sec2sec.benchmark.plan import requested
from sec2sec.benchmark.run import benchmark_steps
from sec2sec.checkpoints import load_checkpoint
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.extract import extract_steps
from sec2sec.datasets.open import open_data
from sec2sec.encoders import EncoderError, build_encoders
from sec2sec.encoders.imported import NO_CLIPS
from sec2sec.errors import SettingsError
from sec2sec.progress import drain
from sec2sec.training.export_features import export_steps
from sec2sec.training.settings import TrainConfig
from sec2sec.training.train import train_steps
from sec2sec.ui.messages import message_for
from tests.helpers.commands import run
from tests.helpers.features import feature_folder
from tests.helpers.trainings import CPU, SMALL, settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return feature_folder(tmp_path_factory.mktemp("features") / "data")


@pytest.fixture(scope="module")
def trained(folder, machine, tmp_path_factory):
    """A run folder."""
    run_folder = tmp_path_factory.mktemp("run") / "clip-and-vggish"
    drain(train_steps(run_folder, of_features(folder), machine))
    return run_folder


def of_features(folder, **other) -> TrainConfig:
    return TrainConfig(**{"data": str(folder), "epochs": 40, **SMALL, "rate": 1e-2, **other})


def test_a_system_learns_from_features_with_channels_of_their_own(trained, folder):
    bundle = load_checkpoint(trained / "checkpoint", "cpu")
    assert bundle.encoders.config.shapes == {"video": (4, 6), "audio": (1, 5)}
    assert bundle.metrics["validation"]["targets"]["arousal"]["accuracy"] == 1.0
    features = bundle.config["provenance"]["features"]
    assert (features["name"], features["video"], features["audio"]) == ("CLIP and VGGish", [4, 6], [1, 5])
    assert features["table_sha256"] == open_data(folder).features.sha256
    assert "Reads features that another program computed, and no clips: CLIP and VGGish" in bundle.card
    assert "encoders" not in bundle.card.split("## ")[0].lower()


@pytest.mark.parametrize("system", ["cma", "co-attention", "sec2sec-audio", "sec2sec-vision", "sec2sec-sa-sa"])
def test_every_system_that_reads_tokens_takes_them(folder, machine, tmp_path, system):
    result = drain(train_steps(tmp_path / "run", of_features(folder, system=system, epochs=1), machine))
    assert load_checkpoint(result.checkpoint, "cpu").summary.sha256


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"system": "vit"}, "holds features, and ViT reads clips itself; the systems that read tokens are cma, co-att"),
        ({"video_grid": (1, 1, 1)}, "bring no encoders; leave out init, encoders, video_grid and audio_grid"),
        ({"encoders": "tuned"}, "bring no encoders"),
    ],
)
def test_settings_that_make_no_sense_for_features_are_refused_without_a_folder(
    folder, machine, tmp_path, other, message
):
    with pytest.raises(SettingsError, match=message):
        drain(train_steps(tmp_path / "run", of_features(folder, **other), machine))
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_features_has_no_encoders_to_start_from(trained, made, machine, tmp_path):
    with pytest.raises(SettingsError, match="reads features of another program and has no encoders; choose another"):
        drain(train_steps(tmp_path / "run", settings(made, init=str(trained / "checkpoint")), machine))


def test_features_of_one_modality_are_for_the_system_that_reads_it(machine, tmp_path):
    alone = feature_folder(tmp_path / "data", audio=())
    with pytest.raises(SettingsError, match="of video alone, and Sec2Sec SA-CA reads audio as well; choose sec2sec-vi"):
        drain(train_steps(tmp_path / "run", of_features(alone), machine))
    drain(train_steps(tmp_path / "run", of_features(alone, system="sec2sec-vision", epochs=1), machine))


def test_evaluate_measures_what_the_training_measured(trained, folder, tmp_path):
    out = tmp_path / "out.json"
    done = run("evaluate", "--data", folder, "--checkpoint", trained / "checkpoint", "--json", out, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    learned = json.loads((trained / "checkpoint" / "metrics.json").read_text())["test"]["targets"]
    for target in ("arousal", "calm"):
        assert report["targets"][target]["clips"] == learned[target]["clips"] == 2
        main = learned[target]["gain"]["metric"]
        assert report["targets"][target][main] == pytest.approx(learned[target][main], abs=1e-5)
    seen = run("evaluate", "--data", folder, "--checkpoint", trained / "checkpoint", "--split", "train")
    assert (seen.returncode, "learned from 6 of these 6 clips" in seen.stderr) == (2, True)


def test_features_and_clips_are_not_taken_for_each_other(trained, folder, made, tmp_path):
    clips = run("evaluate", "--data", made / "data", "--checkpoint", trained / "checkpoint")
    assert f"{made / 'data'}: holds clips, and clip-and-vggish reads features of CLIP and VGGish" in clips.stderr
    other = run("evaluate", "--data", folder, "--checkpoint", made / "tiny")
    assert "holds features, and tiny reads clips: give the folder of the clips" in other.stderr
    wider = feature_folder(tmp_path / "wider", video=(4, 7))
    shapes = run("evaluate", "--data", wider, "--checkpoint", trained / "checkpoint")
    assert "per second are video 4 x 7, audio 1 x 5, and those that clip-and-vggish learned from video 4 x 6" in (
        shapes.stderr
    )
    assert {clips.returncode, other.returncode, shapes.returncode} == {2}


def test_a_clip_is_refused_in_one_line_and_a_row_is_explained(trained, folder, tmp_path):
    checkpoint = trained / "checkpoint"
    with pytest.raises(EncoderError, match="clip-and-vggish cannot explain a clip: it reads features that another pro"):
        sec2sec.explain("assets/clips/sintel-flight.mp4", checkpoint)
    in_app = message_for(EncoderError(f"clip-and-vggish cannot explain a clip: {NO_CLIPS}"))
    assert "explain its row with `sec2sec explain ID --features DIR`" in in_app
    out = tmp_path / "out.json"
    done = run("explain", "c9", "--features", folder, "--checkpoint", checkpoint, "--json", out, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    written = json.loads(out.read_text())
    predicted = json.loads((trained / "predictions.json").read_text())
    own = predicted["probability"][predicted["id"].index("c9")]
    assert written["targets"]["arousal"]["prediction"] == pytest.approx(own[0], abs=1e-4)
    assert written["clip"]["name"] == "c9"
    for arguments, message in (
        (["c77"], "has no features with the id 'c77'; there are c0, c1"),
        (["c9", "--report", tmp_path / "out.html"], "--report needs a clip: features have no file to show"),
    ):
        refused = run("explain", *arguments, "--features", folder, "--checkpoint", checkpoint)
        assert (refused.returncode, message in refused.stderr) == (2, True), refused.stderr


def test_search_profile_and_compare_take_features_as_they_take_clips(trained, folder, machine, tmp_path):
    search = tmp_path / "search.json"
    search.write_text(json.dumps({"base": {"data": str(folder), **SMALL, "epochs": 1}, "grid": {"heads": [1, 2]}}))
    flags = ("--cache", machine.cache, "--device", "cpu")
    searched = run("search", search, "--out", tmp_path / "out", *flags, "--workers", 0)
    assert searched.returncode == 0, searched.stderr
    assert json.loads((tmp_path / "out" / "best.json").read_text())["heads"] in (1, 2)
    profiled = run("profile", "--data", folder, "--checkpoint", trained / "checkpoint", *flags)
    assert (profiled.returncode, "over 10 clips" in profiled.stdout) == (0, True), profiled.stderr
    other = tmp_path / "out" / "trial-000" / "checkpoint"
    compared = run("compare", trained / "checkpoint", other, "--data", folder, *flags)
    assert (compared.returncode, "split: test" in compared.stdout) == (0, True), compared.stderr


def test_a_benchmark_compares_systems_and_claims_no_cost_of_encoders(folder, machine, tmp_path):
    values = {"data": str(folder), "epochs": 1, **SMALL}
    with pytest.raises(SettingsError, match="ViT reads clips itself"):
        drain(benchmark_steps(requested(values, "all", 1), tmp_path / "all", machine, jobs=0))
    assert not (tmp_path / "all").exists()
    out = tmp_path / "out"
    drain(benchmark_steps(requested(values, "cma,sec2sec-sa-ca", 1), out, machine, jobs=0))
    text = (out / "RESULTS.md").read_text()
    assert "Its clips are features, computed elsewhere: CLIP and VGGish." in text
    assert "features of CLIP and VGGish, computed elsewhere; the model from random weights" in text
    assert text.count("not known") == 6
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["data"]["features"]["table_sha256"] == open_data(folder).features.sha256


# --- export


@pytest.fixture(scope="module", params=["npz", "npy", "h5"])
def exported(request, made, machine, tmp_path_factory):
    """The tokens of the clips of `made` as features."""
    out = tmp_path_factory.mktemp("export") / "features"
    drain(export_steps(settings(made), machine, out, request.param))
    return out


def test_what_is_exported_and_imported_again_is_the_same_bit_for_bit(exported, made, machine):
    table, clips = open_data(exported), open_data(made / "data")
    assert [(row.id, row.targets, row.split, row.group) for row in table.rows] == [
        (row.id, row.targets, row.split, row.group) for row in clips.rows
    ]
    encoders = build_encoders(table.features.encoder)
    cache = TokenCache(machine.cache, encoders)
    extraction = drain(extract_steps(table.rows, encoders, cache, device=CPU))
    assert not extraction.unusable
    own = TokenCache(machine.cache, sec2sec_encoders(made))
    for row, clip in zip(table.rows, clips.rows, strict=True):
        imported, ours = cache.read(extraction.sha256[row.id]), own.read(clip.content_sha256())
        for name in ("video", "audio"):
            first, second = getattr(imported, name), getattr(ours, name)
            assert (first is None) == (second is None)
            assert first is None or torch.equal(first, second)
    again = drain(extract_steps(table.rows, encoders, cache, device=CPU))
    assert (again.reused, again.encoded) == (10, 0)


def sec2sec_encoders(made):
    from sec2sec.checkpoints import load_encoders

    return load_encoders(made / "tiny")


def test_a_training_on_exported_features_ends_with_the_weights_of_one_on_clips(exported, made, machine, tmp_path):
    drain(train_steps(tmp_path / "clips", settings(made), machine))
    drain(train_steps(tmp_path / "features", settings(made, data=str(exported), init=""), machine))
    clips, features = (
        load_file(tmp_path / name / "checkpoint" / "model.safetensors") for name in ("clips", "features")
    )
    assert set(features) == {name for name in clips if name.startswith("model.")}
    assert all(torch.equal(weights, clips[name]) for name, weights in features.items())


def test_export_writes_all_or_nothing_and_over_nothing(made, machine, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    flags = ("--data", made / "data", "--init", made / "tiny", "--cache", made / "tokens", "--workers", 0)
    for arguments, message in (
        (("--export", "npz", tmp_path / "mine"), "is there already, and not an empty folder; give another name"),
        (("--export", "csv", tmp_path / "new"), "--export takes npz, npy, h5 and a folder, not 'csv'"),
        (("--export", "npz", tmp_path / "new", "--part", "1/2"), "--export takes all clips: leave --part out"),
        (("--export", "npz", tmp_path / "new", "--system", "avm"), "avm reads no tokens of encoders"),
    ):
        own_flags = flags if "avm" not in arguments else ("--data", made / "data")
        refused = run("extract", *own_flags, *arguments)
        assert (refused.returncode, message in refused.stderr) == (2, True), refused.stderr
    monkeypatch.setattr("sec2sec.training.export_features.write_features", fail)
    with pytest.raises(OSError, match="disk"):
        drain(export_steps(settings(made), machine, tmp_path / "new", "npz"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]
    monkeypatch.undo()
    done = run("extract", *flags, "--export", "npz", tmp_path / "new")
    assert done.stdout.splitlines()[-1] == f"exported: 10 clips to {tmp_path / 'new'}/features.csv"


def fail(*_):
    raise OSError(28, "the disk is full")
