"""The Sec2Sec Co-attention Transformer of Sun & Zhang, everything right of the tokens; reads like the paper's Fig. 1.

    eq. 1   I_v = FC(Norm(MultiHead(z_v, z_v, z_v)) + z_v)        and the same for sound
    eq. 2   F_v = FC(Norm(MultiHead(I_v, I_a, I_a)) + I_v)        and the mirror: F_a asks the picture
            F   = FC(concat(pool(F_v), pool(F_a)))                one vector per second
    eq. 3   h_t = LSTM(F_t, h_{t-1})                              then FC and sigmoid on the last real second
    attention-LSTM (Wang et al. 2016, without aspect; paper §4.4):
            α = softmax over real seconds of wᵀ tanh(W_h h_t);  r = Σ α_t h_t;  h* = tanh(W_p r + W_x h_N)
    attention-pooling-LSTM (an option of ours):  the same with h* = tanh(W_p r)

Where we differ from the authors' published code, and why, is in docs/decisions (pages 0001 to 0008): tokens are the
encoders' maps, not one vector per second, so that co-attention has something to choose from; FC is a residual
feed-forward (a literal Linear is an option); masked seconds get weight 0; one w per target, so that each target has its
own bars.

B clips, T seconds, N = B·T, V visual and A audio tokens in a second, C token channels, D width, H heads, K targets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from sec2sec.config import Bands, EncoderConfig, ModelConfig, crop_region

if TYPE_CHECKING:
    from sec2sec.encoders import Encoders

MOMENTS = 8  # terms of the cosine basis of time: tells eight moments of a second apart exactly


@dataclass(frozen=True)
class Output:
    """A prediction with its evidence. Maps are None where the system has none."""

    logits: Tensor  # (B, K); sigmoid once, at the edge
    second_weights: Tensor | None  # (B, K, T) attention over seconds: 0 on padding, rows sum to 1; None: plain LSTM
    video_from_audio: Tensor | None  # (B, T, H, V, A) rows over A sum to 1
    audio_from_video: Tensor | None  # (B, T, H, A, V) rows over V sum to 1
    joint: Tensor | None  # (B, T, D) one vector per second; None: a system that takes in the whole clip at once


def without_autocast(tensor: Tensor) -> torch.autocast:
    """A context that casts nothing on the tensor's device to half precision, whatever surrounds it."""
    return torch.autocast(tensor.device.type, enabled=False)


class LastLinear(nn.Linear):
    """The layer that makes the logits, outside autocast: three digits of bfloat16 would tie predictions and epochs."""

    def forward(self, input: Tensor) -> Tensor:
        """input (…, width) → logits (…, K)."""
        with without_autocast(input):
            return super().forward(input.to(self.weight.dtype))


def time_basis(count: int) -> Tensor:
    """Cosine (DCT-II) basis at the centres of `count` equal parts of a second → (count, MOMENTS), mean square 1.

    Orthogonal for count = MOMENTS, and defined for every count: grids of different lengths share one clock.
    """
    centre = (torch.arange(count) + 0.5) / count
    basis = torch.cos(math.pi * torch.outer(centre, torch.arange(MOMENTS, dtype=torch.float32)))
    return basis * torch.tensor([1.0] + [math.sqrt(2.0)] * (MOMENTS - 1))


class Positions(nn.Module):
    """Where a token lies: a moment on the clock that both modalities share, and its own place or band."""

    def __init__(self, video_grid: tuple[int, int, int], audio_grid: tuple[int, int], width: int) -> None:
        super().__init__()
        times, height, columns = video_grid
        bands, steps = audio_grid
        self.moment = nn.Linear(MOMENTS, width, bias=False)
        nn.init.normal_(self.moment.weight, std=MOMENTS**-0.5)  # mean square 1, as the normalised tokens have
        self.place = nn.Parameter(0.02 * torch.randn(height * columns, width))
        self.band = nn.Parameter(0.02 * torch.randn(bands, width))
        self.register_buffer("video_time", time_basis(times), persistent=False)
        self.register_buffer("audio_time", time_basis(steps), persistent=False)

    def video(self) -> Tensor:
        """(V, D), v = time · places + place."""
        moments: Tensor = self.moment(self.video_time)
        return rearrange(moments[:, None] + self.place[None], "t p d -> (t p) d")

    def audio(self) -> Tensor:
        """(A, D), a = band · times + time."""
        moments: Tensor = self.moment(self.audio_time)
        return rearrange(self.band[:, None] + moments[None], "b t d -> (b t) d")


class FeedForward(nn.Module):
    """The equations' FC. Residual: x + W₂ relu(W₁ Norm(x)); linear: the literal reading, W x."""

    def __init__(self, width: int, dropout: float, kind: str) -> None:
        super().__init__()
        self.residual = kind == "residual"
        if self.residual:
            self.layers: nn.Module = nn.Sequential(
                nn.LayerNorm(width),
                nn.Linear(width, 2 * width),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(2 * width, width),
            )
        else:
            self.layers = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x (…, D) → (…, D)."""
        mixed: Tensor = self.layers(x)
        return x + mixed if self.residual else mixed


class AttentionBlock(nn.Module):
    """FC(Norm(MultiHead(query, source, source)) + query): eq. 1 with source = query, eq. 2 with the other modality."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(config.width, config.heads, batch_first=True)
        self.norm = nn.LayerNorm(config.width)
        self.feed_forward = FeedForward(config.width, config.dropout, config.feed_forward)

    def forward(
        self, query: Tensor, source: Tensor, evidence: bool, hidden: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """query (N, Q, D), source (N, S, D) → (N, Q, D) and, if evidence, weights (N, H, Q, S).

        hidden: (N, S) True where the source is padding. Without evidence torch uses its fused kernel, which cannot
        return the weights; results agree to rounding.
        """
        attended, weights = self.attend(
            query, source, source, key_padding_mask=hidden, need_weights=evidence, average_attn_weights=False
        )
        return self.feed_forward(self.norm(attended) + query), weights


# Both temporal modules compute outside autocast. Under it cuDNN runs an LSTM in float16, whatever the autocast says
# (aten's cudnn/AutocastRNN.cpp), and the gradient of W_hh loses its small parts. They are a fiftieth of the work.
class LSTM(nn.Module):
    """Eq. 3 and the predictor on the last real second."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.lstm = nn.LSTM(config.width, config.hidden, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.predict = nn.Linear(config.hidden, len(config.targets))

    def forward(self, joint: Tensor, mask: Tensor) -> tuple[Tensor, None]:
        """joint (B, T, D), mask (B, T) → logits (B, K); no attention."""
        with without_autocast(joint):
            states = self.lstm(joint.to(self.predict.weight.dtype))[0]
            return self.predict(self.dropout(last_real(states, mask))), None


class AttentionLSTM(nn.Module):
    """LSTM with attention over seconds (Wang et al. 2016 without aspect), one attention vector per target.

    As the paper has it, the last state has a path of its own to the prediction (W_x). A training may then leave the
    attention unused: equal weights moved the predictions of such a model by a hundredth of what its clips do
    (docs/verdict-table.md). With attention pooling alone that path is left out, and whatever the clip does to the
    prediction goes through the weights. That makes them matter; whether they name the right seconds is measured.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        hidden, targets = config.hidden, len(config.targets)
        self.lstm = nn.LSTM(config.width, hidden, batch_first=True)
        self.project_states = nn.Linear(hidden, hidden, bias=False)  # W_h
        self.score = nn.Linear(hidden, targets, bias=False)  # w, one row per target
        self.project_summary = nn.Linear(hidden, hidden, bias=False)  # W_p
        self.project_last: nn.Linear | None = None
        if config.temporal == "attention-lstm":
            self.project_last = nn.Linear(hidden, hidden, bias=False)  # W_x
        self.dropout = nn.Dropout(config.dropout)
        self.predict_weight = nn.Parameter(torch.empty(targets, hidden))
        self.predict_bias = nn.Parameter(torch.zeros(targets))
        nn.init.xavier_uniform_(self.predict_weight)

    def forward(self, joint: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """joint (B, T, D), mask (B, T) → logits (B, K) and attention (B, K, T)."""
        with without_autocast(joint):
            return self.attend(self.lstm(joint.to(self.predict_weight.dtype))[0], mask)

    def attend(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """states (B, T, hidden), mask (B, T) → logits (B, K) and attention (B, K, T)."""
        scores = self.score(torch.tanh(self.project_states(states)))  # (B, T, K)
        scores = scores.masked_fill(~mask[..., None], -torch.inf)
        weights = rearrange(scores.softmax(1), "b t k -> b k t")
        return self.decide(states, weights, mask), weights

    def decide(self, states: Tensor, weights: Tensor, mask: Tensor) -> Tensor:
        """The predictor under any weights: states (B, T, hidden), weights (B, K, T), mask (B, T) → logits (B, K)."""
        summary = torch.einsum("bkt,bth->bkh", weights, states.masked_fill(~mask[..., None], 0.0))
        gathered = self.project_summary(summary)  # (B, K, hidden)
        if self.project_last is not None:
            gathered = gathered + self.project_last(last_real(states, mask))[:, None]
        combined = torch.tanh(gathered)
        logits: Tensor = (self.dropout(combined) * self.predict_weight).sum(-1) + self.predict_bias
        return logits


def last_real(states: Tensor, mask: Tensor) -> Tensor:
    """(B, T, hidden) → (B, hidden): the state at each clip's last real second."""
    last = mask.long().sum(1) - 1
    return states[torch.arange(len(states), device=states.device), last]


class Model(nn.Module):
    """What every system of the paper's tables is: tokens in, Output out, and a reference for what is taken away."""

    reference_video: Tensor
    reference_audio: Tensor

    def __init__(
        self,
        config: ModelConfig,
        video_grid: tuple[int, int, int],
        audio_grid: tuple[int, int],
        channels: tuple[int, int] | None = None,
    ) -> None:
        """channels: of a visual and of an audio token; config.input_width for both if None."""
        super().__init__()
        self.config, self.video_grid, self.audio_grid = config, video_grid, audio_grid
        self.region = crop_region()  # the part of the picture that the visual tokens cover
        self.bands: Bands = "mfcc"  # what the bands of an audio token are; as EncoderConfig has both
        of_video, of_audio = channels or (config.input_width, config.input_width)
        # What stands in for a second or a modality that is taken away: the mean token of the training set.
        self.register_buffer("reference_video", torch.zeros(math.prod(video_grid), of_video))
        self.register_buffer("reference_audio", torch.zeros(math.prod(audio_grid), of_audio))

    def forward(self, video: Tensor, audio: Tensor, mask: Tensor, evidence: bool = True) -> Output:
        """video (B, T, V, C), audio (B, T, A, C), mask (B, T) True where a real second is → Output.

        Real seconds come first in every row; each clip has at least one. evidence=False leaves out what training has
        no use for.
        """
        raise NotImplementedError

    @property
    def channels(self) -> tuple[int, int]:
        """C of a visual and of an audio token."""
        return self.reference_video.shape[1], self.reference_audio.shape[1]

    def backbone(self) -> list[nn.Parameter]:
        """Parameters that start from published weights; none unless a system says so."""
        return []

    def cached_encoders(self, encoders: Encoders) -> Encoders:
        """What makes the tokens that a training caches and learns from; of a frozen backbone, its outputs."""
        return encoders

    def learner(self, cached: EncoderConfig) -> Model:
        """The part that learns from cached tokens. It is this model's own: what it learns, this model has learned."""
        return self

    def references(self, seconds: int) -> tuple[Tensor, Tensor]:
        """The training mean as tokens of `seconds` seconds: (T, V, C), (T, A, C)."""
        return (
            repeat(self.reference_video, "v c -> t v c", t=seconds),
            repeat(self.reference_audio, "a c -> t a c", t=seconds),
        )


class Sec2Sec(Model):
    """Tokens of each second → prediction and evidence (paper Fig. 1).

    `forward` is `encode_second`, then `temporal`. The two stand alone because everything within a second
    is independent of the others: an explanation that changes one second recomputes that second and the LSTM, no more.
    """

    def __init__(
        self,
        config: ModelConfig,
        video_grid: tuple[int, int, int],
        audio_grid: tuple[int, int],
        channels: tuple[int, int] | None = None,
    ) -> None:
        """channels: as of every Model."""
        super().__init__(config, video_grid, audio_grid, channels)
        width, (of_video, of_audio) = config.width, self.channels
        self.sees, self.hears = config.attention != "audio", config.attention != "vision"
        self.positions = Positions(video_grid, audio_grid, width)
        if self.sees:
            self.enter_video = nn.Sequential(nn.LayerNorm(of_video), nn.Linear(of_video, width), nn.LayerNorm(width))
            self.self_video = AttentionBlock(config)
        else:
            del self.positions.place
        if self.hears:
            self.enter_audio = nn.Sequential(nn.LayerNorm(of_audio), nn.Linear(of_audio, width), nn.LayerNorm(width))
            self.self_audio = AttentionBlock(config)
        else:
            del self.positions.band
        if self.sees and self.hears:
            self.second_video = AttentionBlock(config)  # SA-CA: asks the sound; SA-SA: its own picture
            self.second_audio = AttentionBlock(config)
        pooled = width * (self.sees + self.hears)
        self.combine = nn.Sequential(nn.LayerNorm(pooled), nn.Linear(pooled, width), nn.ReLU())
        self.temporal = LSTM(config) if config.temporal == "lstm" else AttentionLSTM(config)

    def forward(self, video: Tensor, audio: Tensor, mask: Tensor, evidence: bool = True) -> Output:
        """As every Model's; evidence=False leaves out the maps."""
        clips, seconds = mask.shape
        joint, video_from_audio, audio_from_video = self.encode_second(
            rearrange(video, "b t v c -> (b t) v c"), rearrange(audio, "b t a c -> (b t) a c"), evidence
        )
        joint = rearrange(joint, "(b t) d -> b t d", b=clips)
        logits, weights = self.temporal(joint, mask)

        def by_clip(maps: Tensor | None) -> Tensor | None:
            return None if maps is None else rearrange(maps, "(b t) h q s -> b t h q s", t=seconds)

        return Output(logits, weights, by_clip(video_from_audio), by_clip(audio_from_video), joint)

    def encode_second(
        self, video: Tensor, audio: Tensor, evidence: bool = True
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """One second at a time: video (N, V, C), audio (N, A, C) → joint (N, D) and the two co-attention maps."""
        return self.co_attend(self.self_attend_video(video), self.self_attend_audio(audio), evidence)

    def self_attend_video(self, video: Tensor) -> Tensor | None:
        """Eq. 1 for the picture: (N, V, C) → I_v (N, V, D); None for a model that does not see."""
        if not self.sees:
            return None
        z = self.enter_video(video) + self.positions.video()
        attended: Tensor = self.self_video(z, z, False)[0]
        return attended

    def self_attend_audio(self, audio: Tensor) -> Tensor | None:
        """Eq. 1 for the sound: (N, A, C) → I_a (N, A, D); None for a model that does not hear."""
        if not self.hears:
            return None
        z = self.enter_audio(audio) + self.positions.audio()
        attended: Tensor = self.self_audio(z, z, False)[0]
        return attended

    def co_attend(
        self, seen: Tensor | None, heard: Tensor | None, evidence: bool = True
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Eq. 2 and F: I_v (N, V, D), I_a (N, A, D) → joint (N, D) and the two co-attention maps."""
        if seen is None or heard is None:
            alone = seen if heard is None else heard
            assert alone is not None
            return self.combine(alone.mean(1)), None, None
        crosses = self.config.attention == "SA-CA"
        joined_seen, video_from_audio = self.second_video(seen, heard if crosses else seen, evidence and crosses)  # F_v
        joined_heard, audio_from_video = self.second_audio(heard, seen if crosses else heard, evidence and crosses)
        pooled = torch.cat([joined_seen.mean(1), joined_heard.mean(1)], -1)
        return self.combine(pooled), video_from_audio, audio_from_video


def build(config: ModelConfig, encoder: EncoderConfig) -> Sec2Sec:
    """The Sec2Sec systems, for the registry."""
    return Sec2Sec(config, encoder.video_grid, encoder.audio_grid, encoder.channels)
