"""The paper's equations, rewritten in slow loops, against the model; masks, gradients and the order of tokens."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from sec2sec.config import ModelConfig, Temporal
from sec2sec.model import AttentionBlock, Sec2Sec, time_basis

VIDEO_GRID, AUDIO_GRID = (2, 1, 2), (2, 2)
V, A, C, D, H = 4, 4, 6, 16, 2
VARIANTS = [(a, t) for a in ("SA-CA", "SA-SA", "audio", "vision") for t in get_args(Temporal)]


def tiny(attention: str = "SA-CA", temporal: str = "attention-lstm", **changes) -> Sec2Sec:
    torch.manual_seed(0)
    config = ModelConfig(
        ("arousal", "valence", "openness"), attention, temporal, input_width=C, width=D, heads=H, hidden=D, **changes
    )
    model = Sec2Sec(config, VIDEO_GRID, AUDIO_GRID)
    for parameter in model.parameters():  # biases start at 0, where a forgotten one would not show
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def tokens(clips: int = 2, seconds: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    mask = torch.ones(clips, seconds, dtype=torch.bool)
    return torch.randn(clips, seconds, V, C), torch.randn(clips, seconds, A, C), mask


def slow_attention(block: AttentionBlock, query: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """FC(Norm(MultiHead(query, source, source)) + query) for one second, one head and one token at a time."""
    mha, size = block.attend, D // H
    w_q, w_k, w_v = mha.in_proj_weight.split(D)
    b_q, b_k, b_v = mha.in_proj_bias.split(D)
    weights = torch.zeros(H, len(query), len(source))
    out = torch.zeros(len(query), D)
    for i, q_token in enumerate(query):
        heads = []
        for h in range(H):
            part = slice(h * size, (h + 1) * size)
            q = w_q[part] @ q_token + b_q[part]
            scores = torch.stack([q @ (w_k[part] @ s + b_k[part]) / math.sqrt(size) for s in source])
            weights[h, i] = scores.exp() / scores.exp().sum()
            values = torch.stack([w_v[part] @ s + b_v[part] for s in source])
            heads.append(sum(w * v for w, v in zip(weights[h, i], values, strict=True)))
        attended = mha.out_proj.weight @ torch.cat(heads) + mha.out_proj.bias
        x = block.norm(attended) + q_token
        layers = block.feed_forward.layers
        if block.feed_forward.residual:
            inner = torch.relu(layers[1].weight @ layers[0](x) + layers[1].bias)
            out[i] = x + layers[4].weight @ inner + layers[4].bias
        else:
            out[i] = layers.weight @ x + layers.bias
    return out, weights


def slow_lstm(lstm: nn.LSTM, joint: Tensor) -> list[Tensor]:
    """Eq. 3, gate by gate; torch's order of gates is update (input), forget, cell, output."""
    hidden = D
    h = c = torch.zeros(hidden)
    states = []
    for f in joint:
        gates = lstm.weight_ih_l0 @ f + lstm.bias_ih_l0 + lstm.weight_hh_l0 @ h + lstm.bias_hh_l0
        u, forget, cell, o = gates.split(hidden)
        c = torch.sigmoid(forget) * c + torch.sigmoid(u) * torch.tanh(cell)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return states


def slow_joint(model: Sec2Sec, video: Tensor, audio: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
    maps: list[Tensor | None] = [None, None]
    if model.sees:
        seen, _ = slow_attention(model.self_video, *[model.enter_video(video) + model.positions.video()] * 2)
    if model.hears:
        heard, _ = slow_attention(model.self_audio, *[model.enter_audio(audio) + model.positions.audio()] * 2)
    if model.sees and model.hears:
        crosses = model.config.attention == "SA-CA"
        out_seen, map_seen = slow_attention(model.second_video, seen, heard if crosses else seen)
        out_heard, map_heard = slow_attention(model.second_audio, heard, seen if crosses else heard)
        pooled = torch.cat([sum(out_seen) / V, sum(out_heard) / A])
        maps = [map_seen, map_heard] if crosses else maps
    else:
        pooled = sum(seen) / V if model.sees else sum(heard) / A
    norm, linear, _ = model.combine
    return torch.relu(linear.weight @ norm(pooled) + linear.bias), maps[0], maps[1]


@pytest.mark.parametrize("feed_forward", ["residual", "linear"])
@pytest.mark.parametrize(("attention", "temporal"), VARIANTS)
@torch.no_grad()
def test_output_equals_the_equations_in_slow_loops(attention, temporal, feed_forward):
    model = tiny(attention, temporal, feed_forward=feed_forward)
    video, audio, mask = tokens(clips=1)
    found = model(video, audio, mask)
    joints = []
    for t in range(3):
        joint, video_from_audio, audio_from_video = slow_joint(model, video[0, t], audio[0, t])
        joints.append(joint)
        if attention == "SA-CA":
            torch.testing.assert_close(found.video_from_audio[0, t], video_from_audio, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(found.audio_from_video[0, t], audio_from_video, atol=1e-5, rtol=1e-4)
        else:
            assert found.video_from_audio is None
            assert found.audio_from_video is None
    torch.testing.assert_close(found.joint[0], torch.stack(joints), atol=1e-5, rtol=1e-4)
    last = model.temporal
    states = slow_lstm(last.lstm, torch.stack(joints))
    for k in range(3):
        if temporal == "lstm":
            logit = last.predict.weight[k] @ states[-1] + last.predict.bias[k]
            assert found.second_weights is None
        else:
            scores = [last.score.weight[k] @ torch.tanh(last.project_states.weight @ h) for h in states]
            alpha = torch.stack(scores).exp() / torch.stack(scores).exp().sum()
            r = sum(a * h for a, h in zip(alpha, states, strict=True))
            through_last = 0 if temporal == "attention-pooling-lstm" else last.project_last.weight @ states[-1]
            star = torch.tanh(last.project_summary.weight @ r + through_last)
            logit = last.predict_weight[k] @ star + last.predict_bias[k]
            torch.testing.assert_close(found.second_weights[0, k], alpha, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found.logits[0, k], logit, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("attention", "temporal"), VARIANTS)
def test_gradient_reaches_every_parameter(attention, temporal):
    model = tiny(attention, temporal, dropout=0.0).train()
    model(*tokens(), evidence=False).logits.square().sum().backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize(("attention", "temporal"), VARIANTS)
@torch.no_grad()
def test_padding_changes_nothing(attention, temporal):
    model = tiny(attention, temporal)
    video, audio, mask = tokens(clips=1, seconds=3)
    alone = model(video, audio, mask)
    junk_video, junk_audio = 50 * torch.randn(1, 2, V, C), 50 * torch.randn(1, 2, A, C)
    padded = model(
        torch.cat([video, junk_video], 1), torch.cat([audio, junk_audio], 1), torch.tensor([[True] * 3 + [False] * 2])
    )
    torch.testing.assert_close(padded.logits, alone.logits, atol=1e-6, rtol=1e-5)
    if alone.second_weights is not None:
        torch.testing.assert_close(padded.second_weights[..., :3], alone.second_weights, atol=1e-6, rtol=1e-5)
        assert (padded.second_weights[..., 3:] == 0).all()


@torch.no_grad()
def test_every_map_and_every_attention_sums_to_one_and_has_the_stated_shape():
    found = tiny()(*tokens())
    assert found.logits.shape == (2, 3)
    assert found.second_weights.shape == (2, 3, 3)
    assert found.video_from_audio.shape == (2, 3, H, V, A)
    assert found.audio_from_video.shape == (2, 3, H, A, V)
    assert found.joint.shape == (2, 3, D)
    for weights in (found.second_weights, found.video_from_audio, found.audio_from_video):
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


@torch.no_grad()
def test_evidence_changes_no_prediction():
    model, data = tiny(), tokens()
    torch.testing.assert_close(model(*data, evidence=False).logits, model(*data).logits, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("planted", range(A))
@torch.no_grad()
def test_a_planted_audio_token_lights_its_own_column(planted):
    """Keys that answer to one direction alone: the audio token that carries it is where every visual token looks."""
    model = tiny()
    for module in (model.self_video, model.self_audio):  # identity blocks: I = z
        nn.init.zeros_(module.norm.weight)
        nn.init.zeros_(module.norm.bias)
        nn.init.zeros_(module.feed_forward.layers[4].weight)
        nn.init.zeros_(module.feed_forward.layers[4].bias)
    nn.init.zeros_(model.positions.moment.weight)
    nn.init.zeros_(model.positions.band)
    mha = model.second_video.attend
    direction = torch.randn(D)
    mha.in_proj_weight[:D].zero_()
    mha.in_proj_bias[:D].fill_(1.0)  # every query is the same
    mha.in_proj_weight[D : 2 * D].copy_(direction.expand(D, D))
    audio = torch.randn(1, 1, A, C)
    audio_like = torch.randn(4000, C)
    entered = model.enter_audio(audio_like)
    best, worst = (entered @ direction).argmax(), (entered @ direction).argmin()
    audio[0, 0] = audio_like[worst]
    audio[0, 0, planted] = audio_like[best]
    found = model(torch.randn(1, 1, V, C), audio, torch.ones(1, 1, dtype=torch.bool))
    assert (found.video_from_audio[0, 0].argmax(-1) == planted).all()


@pytest.mark.parametrize("count", [1, 2, 7, 8])
def test_moments_share_one_clock_whatever_the_grid(count):
    basis = time_basis(count)
    middle = time_basis(2 * count + 1)
    assert basis.shape == (count, 8)
    if count == 8:  # orthogonal: eight moments are told apart exactly
        torch.testing.assert_close(basis @ basis.T / 8, torch.eye(8), atol=1e-5, rtol=0)
    if count == 1:  # the middle of a second is the same moment in a grid of one and of three
        torch.testing.assert_close(basis[0], middle[1], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "wrong",
    [{"targets": ()}, {"targets": ("a", "a")}, {"attention": "CA"}, {"width": 10, "heads": 4}, {"dropout": 1.0}],
)
def test_a_configuration_that_cannot_work_is_refused(wrong):
    with pytest.raises(ValueError):
        ModelConfig(**wrong)
