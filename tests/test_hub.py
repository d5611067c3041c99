"""Checkpoints go to the Hugging Face Hub and come back, by the real client against a stand-in of the Hub."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import sec2sec
from sec2sec import DEMO
from sec2sec.checkpoint_files import FILES, OPTIONAL_FILES
from sec2sec.checkpoints import CheckpointError, identity, load_checkpoint
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.out_of_distribution import (
    TrainingSeconds,
    load_training_seconds,
    measure_training_seconds,
    save_training_seconds,
)
from sec2sec.hub.download import is_hub_name
from sec2sec.hub.push import prepare_upload, upload_checkpoint
from tests.helpers import clips
from tests.helpers.commands import run
from tests.helpers.hub import TOKEN, Repository, serve_hub
from tests.helpers.models import save_tiny

HUB = "https://huggingface.co"
# huggingface_hub uploads large files as `data`, which httpx2 has renamed
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
QUICK = 5.0  # s; the client's own retries would take half a minute


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The stand-in, which this process takes for the Hub, with an empty cache and a token that may write."""
    from huggingface_hub import constants

    with serve_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template.replace(HUB, server.url))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.chdir(tmp_path)
        yield server


def filled(hub, folder: Path, name: str = "user/tiny", private: bool = False, **more: bytes) -> Repository:
    """A repository with the files of a checkpoint."""
    repository = hub.repositories[name] = Repository(private)
    repository.commit({path.name: path.read_bytes() for path in folder.iterdir()} | more)
    return repository


def refused(name: str) -> str:
    began = time.monotonic()
    with pytest.raises(CheckpointError) as raised:
        load_checkpoint(name, "cpu")
    assert time.monotonic() - began < QUICK
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_checkpoint_comes_back_as_it_was_pushed(hub, checkpoint, tmp_path):
    done = run("push", checkpoint, "user/tiny", "--licence", "cc-by-4.0")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "to user/tiny (private, licence cc-by-4.0):"
    assert [line.split()[0] for line in lines[1:-1]] == ["README.md", *FILES]
    repository = hub.repositories["user/tiny"]
    commit = repository.branches["main"]
    assert lines[-1] == f"uploaded: {hub.url}/user/tiny/tree/{commit}"
    assert repository.private
    assert set(repository.commits[commit]) == {".gitattributes", "README.md", *FILES}
    assert list(hub.stored.values()) == [(checkpoint / "model.safetensors").read_bytes()]

    bundle = sec2sec.load("user/tiny", "cpu")
    assert bundle.summary.sha256 == identity(checkpoint)
    assert bundle.summary.name == f"user/tiny@{commit[:8]}"
    assert sorted(path.name for path in bundle.folder.iterdir()) == sorted(FILES)
    clip = clips.make_clip(tmp_path / "clip.mp4", seconds=2)
    there = run("explain", clip, "--model", "user/tiny", "--device", "cpu")
    here = run("explain", clip, "--checkpoint", checkpoint, "--device", "cpu")
    assert there.returncode == here.returncode == 0, there.stderr
    assert f"model: user/tiny@{commit[:8]}." in there.stdout
    assert [line for line in there.stdout.splitlines() if "arousal" in line] == [
        line for line in here.stdout.splitlines() if "arousal" in line
    ]


def test_training_seconds_stay_here_unless_they_are_asked_for_or_were_generated(tmp_path):
    own = save_tiny(tmp_path / "own")
    config = load_checkpoint(own, "cpu").encoders.config
    clips_of_somebody = (
        Tokens(torch.randn(3, config.visual_tokens, config.width), torch.randn(3, config.audio_tokens, config.width))
        for _ in range(12)
    )
    save_training_seconds(own, measure_training_seconds(clips_of_somebody), identity(own))
    kept = load_training_seconds(load_checkpoint(own, "cpu"))
    assert kept.sample is not None

    def uploaded(source: Path, **options) -> tuple[TrainingSeconds, str]:
        upload = prepare_upload(source, "user/tiny", **options)
        folder = tmp_path / "there"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in upload.files.items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        return load_training_seconds(load_checkpoint(folder, "cpu")), upload.as_text()

    there, said = uploaded(own)
    assert there.sample is None
    assert "without the training seconds" in said
    np.testing.assert_allclose(there.statistics["video"].quantiles, kept.statistics["video"].quantiles)
    there, said = uploaded(own, with_training_seconds=True)
    assert torch.equal(there.sample.tokens.video, kept.sample.tokens.video)
    assert "without the training seconds" not in said
    there, said = uploaded(DEMO)
    assert there.sample is not None
    assert "without the training seconds" not in said


def test_the_page_on_the_hub_has_the_card_and_the_metadata(hub, checkpoint, tmp_path):
    trained = tmp_path / "trained"
    shutil.copytree(checkpoint, trained)
    config = json.loads((trained / "config.json").read_text())
    config["provenance"] |= {"data": [{"name": "LIRIS-ACCEDE", "clips": 7}], "encoders_from": "the checkpoint demo"}
    (trained / "config.json").write_text(json.dumps(config))
    figures = {"kind": "binary", "accuracy": 0.61234567, "f1": 0.5, "balanced_accuracy": None}
    (trained / "metrics.json").write_text(json.dumps({"test": {"targets": {"arousal": figures}}}))
    upload = prepare_upload(trained, "user/tiny", datasets=["user/liris"])
    front, _, card = upload.files["README.md"].decode().removeprefix("---\n").partition("---\n")
    metadata = yaml.safe_load(front)
    assert metadata["license"] == "other"
    assert metadata["library_name"] == "sec2sec"
    assert metadata["datasets"] == ["user/liris"]
    assert metadata["metrics"] == ["accuracy", "f1"]
    assert {"sec2sec", "sec2sec-sa-ca", "affective-computing"} <= set(metadata["tags"])
    (result,) = metadata["model-index"][0]["results"]
    assert result["dataset"] == {"type": "user/liris", "name": "LIRIS-ACCEDE"}
    assert result["metrics"][0] == {"type": "accuracy", "name": "accuracy of arousal", "value": 0.6123}
    assert "# Random" in card
    assert 'sec2sec.load("user/tiny")' in card
    from huggingface_hub import ModelCard

    parsed = ModelCard(upload.files["README.md"].decode())
    assert [(one.metric_type, one.metric_value) for one in parsed.data.eval_results] == [
        ("accuracy", 0.6123),
        ("f1", 0.5),
    ]


def test_the_demo_says_that_its_clips_were_generated_and_may_be_passed_on():
    assert prepare_upload(sec2sec.DEMO, "user/demo").licence == "apache-2.0"


def test_a_folder_with_anything_else_is_refused_before_anything_is_sent(hub, checkpoint, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(checkpoint, other)
    (other / "notes.txt").write_text("private")
    (other / "clips").mkdir()
    for source, name, message in (
        (other, "user/tiny", "holds clips, notes.txt as well, which is no part of a checkpoint; move it elsewhere"),
        (tmp_path / "none", "user/tiny", "no such run or checkpoint folder"),
        (checkpoint, "tiny", "tiny: a checkpoint on the Hub is called user/name"),
        (checkpoint, "user/tiny@v1", "is called user/name"),
    ):
        done = run("push", source, name)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert message in done.stderr
    assert run("push", checkpoint, "user/tiny", "--dry-run").stdout.splitlines()[-1] == "nothing was uploaded"
    assert hub.requests == []


def test_what_the_hub_does_not_allow_is_one_line(hub, checkpoint, monkeypatch):
    refusal = run("push", checkpoint, "stranger/tiny")
    assert (refusal.returncode, "you have no permission for that" in refusal.stderr) == (2, True), refusal.stderr
    filled(hub, checkpoint, private=False)
    before = dict(hub.repositories["user/tiny"].branches)
    refusal = run("push", checkpoint, "user/tiny")
    assert "user/tiny: is there already and public, and private was asked for" in refusal.stderr
    assert hub.repositories["user/tiny"].branches == before
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    refusal = run("push", checkpoint, "user/other")
    assert "user/other: the Hub does not know you: `hf auth login`, or set HF_TOKEN" in refusal.stderr


def test_only_the_files_of_a_checkpoint_are_downloaded(hub, checkpoint, tmp_path):
    extra = dict.fromkeys(("modeling.py", "pytorch_model.bin", "weights.pkl", "sub/config.json"), b"print('run')")
    filled(hub, checkpoint, **extra)
    bundle = load_checkpoint("user/tiny", "cpu")
    assert sorted(path.name for path in bundle.folder.rglob("*")) == sorted(FILES)
    asked = {request.rpartition("/")[2] for request in hub.requests if "/resolve/" in request}
    assert asked <= {*FILES, *OPTIONAL_FILES}


def test_a_revision_is_a_branch_or_a_commit(hub, checkpoint, tmp_path):
    repository = filled(hub, checkpoint)
    first = repository.branches["main"]
    other = save_tiny(tmp_path / "other", seed=1)
    repository.commit({path.name: path.read_bytes() for path in other.iterdir()}, "second")
    assert load_checkpoint("user/tiny@second", "cpu").summary.sha256 == identity(other)
    assert load_checkpoint(f"user/tiny@{first}", "cpu").summary.sha256 == identity(checkpoint)
    assert "user/tiny@third: has no such revision; leave out what follows @, or name a branch" in refused(
        "user/tiny@third"
    )


def test_what_is_absent_private_or_incomplete_is_said_at_once(hub, checkpoint, monkeypatch):
    assert "user/none: no such folder here, and no such checkpoint on the Hugging Face Hub, or a private" in refused(
        "user/none"
    )
    filled(hub, checkpoint, private=True)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "user/tiny: no such folder here, and no such checkpoint" in refused("user/tiny")
    hub.repositories["user/empty"] = Repository(False)
    hub.repositories["user/empty"].commit({"README.md": b"nothing"})
    lacks = "user/empty: is no checkpoint of sec2sec: on the Hub it lacks model.safetensors, config.json, card.md, metr"
    assert lacks in refused("user/empty")
    hub.repositories["user/half"] = Repository(False)
    hub.repositories["user/half"].commit({"config.json": (checkpoint / "config.json").read_bytes()})
    assert "user/half: is no checkpoint of sec2sec: on the Hub it lacks model.safetensors, card.md" in refused(
        "user/half"
    )


def test_what_was_loaded_once_loads_without_a_network(hub, checkpoint, monkeypatch):
    from huggingface_hub import constants

    filled(hub, checkpoint)
    load_checkpoint("user/tiny", "cpu")
    with socket.socket() as free:  # a port at which nobody listens
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    for offline in (False, True):  # nobody listens, or HF_HUB_OFFLINE
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        assert load_checkpoint("user/tiny", "cpu").summary.sha256 == identity(checkpoint)
        assert "user/other: no such folder here, and the Hugging Face Hub cannot be reached" in refused("user/other")


def test_a_hub_that_does_not_answer_is_given_up_in_time(hub, checkpoint, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr("sec2sec.hub.download.LOOK_UP_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never says a word
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "user/tiny: no such folder here, and the Hugging Face Hub cannot be reached" in refused("user/tiny")


def test_a_folder_here_is_never_looked_for_on_the_hub(hub, checkpoint, tmp_path):
    (tmp_path / "runs").mkdir()
    for name in ("runs/frist", "./user/tiny", "user", "user/tiny/checkpoint", str(tmp_path / "tiny"), "../x/y"):
        assert not is_hub_name(name), name
        assert "no such checkpoint folder" in refused(name)
    assert is_hub_name(Path("user/tiny@v1.0"))
    assert hub.requests == []


def test_without_the_package_it_is_one_line_that_names_the_extra(hub, checkpoint, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for arguments in (["push", checkpoint, "user/tiny"], ["explain", "clip.mp4", "--model", "user/tiny"]):
        done = run(*arguments)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "[hub]" in done.stderr


def test_a_training_starts_from_encoders_of_the_hub_and_says_which(hub, made, machine, tmp_path):
    from sec2sec.progress import drain
    from sec2sec.training.train import train_steps
    from tests.helpers.trainings import settings

    commit = filled(hub, made / "tiny").branches["main"]
    drain(train_steps(tmp_path / "run", settings(made, init="user/tiny", epochs=1), machine))
    bundle = load_checkpoint(tmp_path / "run" / "checkpoint", "cpu")
    assert f"the checkpoint user/tiny@{commit[:8]} " in bundle.config["provenance"]["encoders_from"]
    uploaded = upload_checkpoint(prepare_upload(tmp_path / "run", "user/trained"))
    assert uploaded.startswith(f"{hub.url}/user/trained/tree/")
    names = set(hub.repositories["user/trained"].commits[uploaded.rpartition("/")[2]])
    assert names >= {*FILES, *OPTIONAL_FILES}


def test_hf_endpoint_and_hf_home_hold_for_the_command(checkpoint, tmp_path):
    import subprocess

    with serve_hub() as hub:
        filled(hub, checkpoint)
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_XET": "1",
        }
        clip = clips.make_clip(tmp_path / "clip.mp4", seconds=2)
        command = [sys.executable, "-m", "sec2sec", "explain", str(clip), "--model", "user/tiny", "--device", "cpu"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "model: user/tiny@" in done.stdout
    assert (tmp_path / "home" / "hub" / "models--user--tiny").is_dir()
