"""Half precision on a GPU, emulated on the CPU: what it moves, when it is left, and where it is not used at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from sec2sec import DEMO
from sec2sec.baselines.late_fusion import ClipEmbeddings
from sec2sec.benchmark.cost import encode_both
from sec2sec.checkpoints import load_checkpoint
from sec2sec.clip import explain
from sec2sec.config import EncoderConfig, MediaLimits
from sec2sec.datasets import extract
from sec2sec.datasets.table import Row
from sec2sec.encoders import build_encoders
from sec2sec.encoding import encode_seconds
from sec2sec.media import open_clip
from sec2sec.media.track import Track
from sec2sec.paths import program_paths
from tests.helpers import clips
from tests.helpers.models import tiny_bundle
from tests.helpers.systems import built, inputs_of

CPU = torch.device("cpu")
EXAMPLES = sorted(program_paths().examples.glob("*.mp4"))


@pytest.fixture(scope="module")
def demo():
    return load_checkpoint(DEMO, "cpu")


@pytest.fixture
def seconds(tmp_path):
    return list(open_clip(clips.make_clip(tmp_path / "clip.mp4", seconds=3)).seconds())


def halved(bundle):
    """The bundle as a GPU would run it, but on the CPU."""
    return replace(bundle, encoders=bundle.encoders.in_float32().in_precision(torch.float16))


@pytest.mark.parametrize("clip", EXAMPLES, ids=lambda path: path.stem)
def test_float16_encoders_move_no_prediction_by_half_a_thousandth(demo, clip):
    exact, half = explain(clip, demo, end=12), explain(clip, halved(demo), end=12)
    for name, target in exact.targets.items():
        other = half.targets[name]
        assert abs(other.prediction - target.prediction) <= 0.0005
        assert np.abs(other.effect - target.effect).max() <= 0.001
        assert other.verdict.word == target.verdict.word


def test_tokens_of_two_precisions_differ_by_less_than_a_thousandth(demo):
    some = list(open_clip(EXAMPLES[0], end=4).seconds())
    exact, half = (encode_seconds(some, bundle.encoders, CPU) for bundle in (demo, halved(demo)))
    for one, other in ((exact.video, half.video), (exact.audio, half.audio)):
        assert float((one - other).norm() / one.norm()) < 0.001
        assert not torch.equal(one, other)  # or nothing was emulated


def test_the_mfcc_is_the_same_in_every_precision(demo, seconds):
    exact, half = (encode_seconds(seconds, bundle.encoders, CPU).mfcc for bundle in (demo, halved(demo)))
    assert torch.equal(exact, half)
    assert half.dtype is torch.float32


def test_only_convolutions_and_linear_layers_are_cast_and_only_once(demo):
    encoders = halved(demo).encoders
    for module in encoders.modules():
        expected = torch.float16 if isinstance(module, _ConvNd | nn.Linear) else torch.float32
        own = (*module.parameters(recurse=False), *module.buffers(recurse=False))
        assert {tensor.dtype for tensor in own if tensor.is_floating_point()} <= {expected}
    assert encoders.precision is torch.float16
    assert demo.encoders.precision is torch.float32


def test_seconds_that_overflow_in_half_precision_are_encoded_in_float32(tmp_path, seconds):
    bundle = tiny_bundle(tmp_path / "tiny")
    with torch.no_grad():
        bundle.encoders.video.leave.weight.mul_(60000 / bundle.encoders.video.leave.weight.abs().max())
    exact = encode_seconds(seconds, bundle.encoders, CPU)
    assert exact.video.abs().max() > 65504  # or nothing would overflow
    half = encode_seconds(seconds, halved(bundle).encoders, CPU)
    assert half.finite
    torch.testing.assert_close(half.video, exact.video, rtol=0.01, atol=float(exact.video.abs().max()) * 0.002)


def test_weights_that_do_not_fit_stay_in_float32(tmp_path):
    encoders = tiny_bundle(tmp_path / "tiny").encoders
    with torch.no_grad():
        encoders.video.leave.weight[0, 0] = 1e6
    assert encoders.in_precision(torch.float16).precision is torch.float32
    assert {parameter.dtype for parameter in encoders.parameters()} == {torch.float32}


def test_the_papers_encoders_stay_within_the_range_of_float16():
    exact = build_encoders(EncoderConfig.paper(), pretrained=False, seed=0).for_inference(CPU)
    half, largest = exact.in_float32(), 0.0

    def rounded(x: torch.Tensor) -> torch.Tensor:
        """What a GPU keeps between layers; its sums are float32, and a CPU has no fast 3-D convolution for less."""
        nonlocal largest
        largest = max(largest, float(x.abs().max()))
        return x.half().float()

    for layer in half.modules():
        if isinstance(layer, _ConvNd):
            layer.weight.data, layer.bias.data = rounded(layer.weight.data), rounded(layer.bias.data)
            layer.register_forward_pre_hook(lambda _, inputs: (rounded(inputs[0]),))
            layer.register_forward_hook(lambda _, inputs, output: rounded(output))
    frames = torch.randint(0, 256, (1, 16, 128, 171, 3), dtype=torch.uint8)
    samples = 0.1 * torch.randn(1, 16000)
    for one, other in zip(encode_both(exact, frames, samples), encode_both(half, frames, samples), strict=True):
        assert 0 < float((one - other).norm() / one.norm()) < 0.005
    assert 0 < largest < 65504


def test_cost_is_measured_in_the_precision_that_the_app_uses(tmp_path, seconds, monkeypatch):
    encoders = halved(tiny_bundle(tmp_path / "tiny")).encoders
    active: list[bool] = []
    see = encoders.encode_video

    def noted(frames: torch.Tensor) -> torch.Tensor:
        active.append(torch.is_autocast_enabled("cpu"))
        return see(frames)

    monkeypatch.setattr(encoders, "encode_video", noted)
    encode_both(encoders, torch.from_numpy(seconds[0].frames[None]), torch.from_numpy(seconds[0].samples[None]))
    assert active == [True]


def test_a_bundle_moves_to_another_device_and_the_first_stays_as_it_is(demo, monkeypatch):
    monkeypatch.setattr("sec2sec.checkpoints.inference_dtype", lambda device: torch.float16)
    copy = demo.to(torch.device("cpu", 0))
    assert copy.encoders.precision is torch.float16
    assert copy.device == torch.device("cpu", 0)
    assert demo.encoders.precision is torch.float32
    own, other = dict(demo.model.named_parameters()), dict(copy.model.named_parameters())
    assert all(torch.equal(own[name], other[name]) and own[name] is not other[name] for name in own)


def test_a_clips_vectors_from_frozen_backbones_are_made_in_the_same_precision(seconds):
    exact = ClipEmbeddings(build_encoders(inputs_of("vivit")), built("vivit").branches).for_inference(CPU)
    half = exact.in_float32().in_precision(torch.float16)
    one, other = (encoders.summarise(encode_seconds(seconds, encoders, CPU)).video for encoders in (exact, half))
    assert 0 < float((one - other).norm() / one.norm()) < 0.005


def test_a_decoding_process_beside_others_takes_one_thread(tmp_path, monkeypatch):
    path = clips.make_clip(tmp_path / "clip.mp4", seconds=1)
    data = extract.Decoded([Row("clip", path, {}, "train", "")], EncoderConfig.compact(), len, MediaLimits())
    counts: list[int] = []
    opened = Track._open

    def noted(track: Track) -> None:
        opened(track)
        if track.kind == "video":
            counts.append(track.stream.codec_context.thread_count)

    monkeypatch.setattr(Track, "_open", noted)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert data[0] == 1
    assert set(counts) == {3}
    counts.clear()
    monkeypatch.setattr(extract, "get_worker_info", object)
    assert data[0] == 1
    assert set(counts) == {1}
