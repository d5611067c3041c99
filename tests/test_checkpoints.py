"""Checkpoint folders: what goes in comes out, and what is damaged is refused in one line."""

from __future__ import annotations

import json
import pickle

import pytest
import torch

from sec2sec.checkpoints import FILES, CheckpointError, load_checkpoint, save_checkpoint
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.encoders import build_encoders
from sec2sec.model import Sec2Sec
from tests.helpers.models import save_tiny


@pytest.fixture
def folder(tmp_path):
    return save_tiny(tmp_path / "tiny")


def refused(folder) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder, "cpu")
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


@torch.no_grad()
def test_a_loaded_checkpoint_predicts_what_the_saved_model_predicts(tmp_path):
    torch.manual_seed(0)
    encoder = EncoderConfig(width=16)
    encoders = build_encoders(encoder).eval()
    model = Sec2Sec(ModelConfig(("a",), input_width=16, width=16, heads=2, hidden=8), (8, 3, 3), (4, 8)).eval()
    model.reference_audio.normal_()
    save_checkpoint(tmp_path / "c", encoders=encoders, model=model, trained_on="x", card="", metrics={})
    loaded = load_checkpoint(tmp_path / "c", "cpu")
    frames = torch.randint(0, 256, (3, 8, 128, 171, 3), dtype=torch.uint8)
    samples = torch.randn(3, 16000) / 4
    seen, heard = encoders.encode_video(frames), encoders.encode_audio(samples)
    torch.testing.assert_close(loaded.encoders.encode_video(frames), seen, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(loaded.encoders.encode_audio(samples), heard, atol=1e-4, rtol=1e-4)
    mask = torch.ones(1, 3, dtype=torch.bool)
    torch.testing.assert_close(
        loaded.model(seen[None], heard[None], mask).logits, model(seen[None], heard[None], mask).logits
    )
    torch.testing.assert_close(loaded.model.reference_audio, model.reference_audio)


def test_the_summary_names_the_folder_and_a_hash_that_follows_the_weights(tmp_path):
    first = load_checkpoint(save_tiny(tmp_path / "one", seed=0), "cpu").summary
    again = load_checkpoint(save_tiny(tmp_path / "two", seed=0), "cpu").summary
    other = load_checkpoint(save_tiny(tmp_path / "three", seed=1), "cpu").summary
    assert (first.name, first.trained_on, first.diagnostics) == ("one", "Random weights, for tests.", ("synchrony",))
    assert first.sha256 == again.sha256 != other.sha256


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert f"{name} is missing" in refused(folder)


@pytest.mark.parametrize("name", ["config.json", "metrics.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe\x00"])
def test_a_damaged_json_file_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    assert name in refused(folder)


def test_weights_cut_short_are_named(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "model.safetensors is damaged" in refused(folder)


def test_another_schema_is_refused_with_both_names(folder):
    path = folder / "config.json"
    path.write_text(path.read_text().replace("sec2sec.checkpoint/1", "sec2sec.checkpoint/9"))
    message = refused(folder)
    assert "sec2sec.checkpoint/9" in message
    assert "sec2sec.checkpoint/1" in message


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("model", "width", 32),
        ("model", "heads", 5),
        ("model", "heads", "four"),
        ("model", "colour", 1),
        ("encoder", "preset", "huge"),
        ("encoder", "audio", {"mels": 64}),
    ],
)
def test_a_configuration_that_does_not_fit_the_weights_is_refused(folder, part, field, value):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config[part][field] = value
    path.write_text(json.dumps(config))
    refused(folder)


def test_a_folder_that_does_not_exist_is_said_to_be_missing(tmp_path):
    assert "no such checkpoint folder" in refused(tmp_path / "nowhere")


def test_weights_that_are_a_pickle_run_no_code(folder, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
    refused(folder)
    assert not (tmp_path / "ran").exists()


def test_cuda_is_refused_in_words_where_there_is_none(folder):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ValueError, match="cuda"):
        load_checkpoint(folder, "cuda")
