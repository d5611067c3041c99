"""The three stages by which known-truth clips teach a model, each a generator of epoch reports.

1. encoders learn the planted state of each second; 2. co-attention learns what a second's sound and picture say
together; 3. the layer over seconds learns the targets of whole clips. Trained all at once on whole clips, synchrony is
never found (docs/decisions/0049-excerpts-teach-synchrony.md has the figures).

S seconds of all clips, B clips, T seconds of a clip, V visual and A audio tokens in a second, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from sec2sec.datasets.known_truth.states import SOFT_TARGET_SLOPE
from sec2sec.encoders import Encoders
from sec2sec.encoders.compact import CompactAudio, CompactVideo
from sec2sec.features import KINETICS_MEAN, KINETICS_STD
from sec2sec.model import AttentionLSTM, Sec2Sec
from sec2sec.training.losses import clip_loss

VISUAL_STATES = ("motion", "saturation", "brightness", "warmth")
AUDIBLE_STATES = ("loudness", "rate", "pitch", "harmony")
MODALITY_DROPOUT = 0.1  # share of clips whose sound, and as many whose picture, is the training mean
LARGEST_NEUTRAL = 0.3  # |evidence|; every decisive second has more
LARGEST_SHARE_TAKEN = 0.6  # of a clip's seconds, that are taken away
NEUTRAL_CLIPS, LONGEST_NEUTRAL, NEUTRAL_WEIGHT = 8, 64, 0.5  # clips beside each batch; s; beside the loss of clips
SLOTS = 8  # eighths of a second in which a flash or a beat can fall
Report = dict[str, Any]


@dataclass(frozen=True)
class SecondsData:
    """Every second of the training clips with what was planted in it."""

    frames: Tensor  # (S, M, 56, 56, 3) uint8, cropped and shrunk
    mfcc: Tensor  # (S, 3, n_mfcc, steps) float16
    visual: Tensor  # (S, 4) VISUAL_STATES in 0..1
    audible: Tensor  # (S, 4) AUDIBLE_STATES in 0..1
    flashes: Tensor  # (S, SLOTS) 0 or 1
    beats: Tensor  # (S, SLOTS)


def normal_frames(frames: Tensor) -> Tensor:
    """uint8 (N, M, h, w, 3) → (N, 3, M, h, w) with Kinetics statistics."""
    mean, std = torch.tensor(KINETICS_MEAN), torch.tensor(KINETICS_STD)
    return rearrange((frames.float() / 255 - mean) / std, "n m h w c -> n c m h w")


def schedule(
    parameters: list[nn.Parameter], rate: float, steps: int, weight_decay: float = 1e-2
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.OneCycleLR]:
    """AdamW with one cycle of the learning rate: up over the first tenth, then down to nothing."""
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=weight_decay)
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)


class StateHeads(nn.Module):
    """Throw-away heads: states of a second from the mean token, onsets of each slot from that moment's tokens."""

    def __init__(self, encoders: Encoders) -> None:
        super().__init__()
        width = encoders.config.width
        self.grids = encoders.config.video_grid, encoders.config.audio_grid
        self.visual, self.audible = nn.Linear(width, len(VISUAL_STATES)), nn.Linear(width, len(AUDIBLE_STATES))
        self.flash, self.beat = nn.Linear(width, 1), nn.Linear(width, 1)

    def forward(self, video: Tensor, audio: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Tokens of seconds → their visual and audible states, flashes and beats."""
        (times, *_), (bands, steps) = self.grids
        assert times == steps == SLOTS
        seen = rearrange(video, "n (t p) c -> n t p c", t=times).mean(2)
        heard = rearrange(audio, "n (b t) c -> n t b c", b=bands).mean(2)
        return (
            self.visual(seen.mean(1)),
            self.audible(heard.mean(1)),
            self.flash(seen).squeeze(-1),
            self.beat(heard).squeeze(-1),
        )


def teach_encoders(
    encoders: Encoders, data: SecondsData, *, epochs: int, batch: int, rate: float, seed: int
) -> Iterator[Report]:
    """Stage 1: the planted states of each second from its frames and its MFCC image. Changes `encoders` in place."""
    video, audio = encoders.video, encoders.audio
    assert isinstance(video, CompactVideo)
    assert isinstance(audio, CompactAudio)
    image = data.mfcc.float()
    audio.mean.copy_(image.mean((0, 3), keepdim=False)[..., None])
    audio.std.copy_(image.std((0, 3))[..., None].clamp_min(1e-3))
    heads = StateHeads(encoders)
    count = len(data.frames)
    steps = epochs * (count // batch)
    generator = torch.Generator().manual_seed(seed)
    optimiser, plan = schedule([*encoders.parameters(), *heads.parameters()], rate, steps)
    encoders.train()
    for epoch in range(epochs):
        sums: dict[str, float] = {}
        order = torch.randperm(count, generator=generator)[: count // batch * batch]
        for rows in order.split(batch):
            seen = video.from_small(normal_frames(data.frames[rows]))
            heard = audio(image[rows])
            visual, audible, flash, beat = heads(seen, heard)
            losses = {
                "visual": F.mse_loss(visual, data.visual[rows]),
                "audible": F.mse_loss(audible, data.audible[rows]),
                "flashes": F.binary_cross_entropy_with_logits(flash, data.flashes[rows]),
                "beats": F.binary_cross_entropy_with_logits(beat, data.beats[rows]),
            }
            # States have variances near .05 and onsets cross-entropies near .3: 5 × brings them to one scale.
            loss = 5 * (losses["visual"] + losses["audible"]) + losses["flashes"] + losses["beats"]
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(encoders.parameters(), 1.0)
            optimiser.step()
            plan.step()
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach()) * len(rows) / len(order)
        yield {"stage": "encoders", "epoch": epoch + 1, **{k: round(v, 4) for k, v in sums.items()}}
    encoders.eval()


@dataclass(frozen=True)
class TokenData:
    """Every clip as tokens, seconds one after the other; what whole clips and single seconds are worth."""

    video: Tensor  # (S, V, C) float16
    audio: Tensor  # (S, A, C) float16
    first: Tensor  # (B,) index of each clip's first second
    length: Tensor  # (B,) seconds
    soft: Tensor  # (B, K) target in 0..1; NaN where a clip has none
    evidence: Tensor  # (S, K) planted; a clip's soft target is the sigmoid of SOFT_TARGET_SLOPE times its sum
    synchrony: Tensor  # (S,) 1, 0, 0.5 where some coincide, or NaN where there are no flashes and beats to compare


def teach_seconds(
    model: Sec2Sec, data: TokenData, *, epochs: int, batch: int, rate: float, seed: int
) -> Iterator[Report]:
    """Stage 2: from the joint vector of one second, its planted evidence and whether its flashes and beats coincide."""
    heads = nn.Linear(model.config.width, 3)
    generator = torch.Generator().manual_seed(seed)
    compared = torch.nonzero(~data.synchrony.isnan()).squeeze(1)
    others = torch.nonzero(data.synchrony.isnan()).squeeze(1)
    # Half of each batch are seconds with flashes and beats: they are few, and synchrony is the harder lesson.
    half = batch // 2
    rounds = max(len(compared) // half, 1)
    joined = [p for n, p in model.named_parameters() if not n.startswith("temporal.")]
    optimiser, plan = schedule([*joined, *heads.parameters()], rate, epochs * rounds)
    model.train()
    for epoch in range(epochs):
        total = right = seen = 0.0
        order = compared[torch.randperm(len(compared), generator=generator)]
        for step in range(rounds):
            some = others[torch.randint(len(others), (half,), generator=generator)]
            rows = torch.cat([order[step * half : (step + 1) * half], some])
            joint, _, _ = model.encode_second(data.video[rows].float(), data.audio[rows].float(), evidence=False)
            outputs = heads(joint)
            truth = data.synchrony[rows]
            defined = ~truth.isnan()
            loss = F.binary_cross_entropy_with_logits(outputs[defined, 2], truth[defined])
            loss = loss + F.mse_loss(outputs[:, :2], data.evidence[rows, :2])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(joined, 1.0)
            optimiser.step()
            plan.step()
            total += float(loss.detach()) / rounds
            clear = defined & (truth != 0.5)
            right += float(((outputs[clear, 2] > 0) == (truth[clear] > 0.5)).sum())
            seen += int(clear.sum())
        yield {"stage": "seconds", "epoch": epoch + 1, "loss": round(total, 4), "synchrony": round(right / seen, 4)}
    model.eval()


@dataclass(frozen=True)
class EmbeddedClips:
    """Every clip as second embeddings, with both modalities, without picture, without sound, and with neither."""

    joint: Tensor  # (4, S, D)
    data: TokenData

    def decisive(self, clips: Tensor) -> Tensor:
        """(B,) whether some second of a clip says more than a neutral one may."""
        index, mask = places(self.data, clips)
        return ((self.data.evidence[index].abs().amax(-1) > LARGEST_NEUTRAL) & mask).any(1)

    def gather(self, clips: Tensor, kind: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Some clips, padded to the longest: joint (B, T, D), evidence (B, T, K), mask (B, T).

        kind: (B, T) which of the four each second is.
        """
        index, mask = places(self.data, clips)
        return self.joint[kind, index], self.data.evidence[index].where(mask[..., None], torch.zeros(())), mask


@torch.inference_mode()
def embed(model: Sec2Sec, data: TokenData, batch: int = 64) -> EmbeddedClips:
    """All seconds through co-attention; what a model has not is the training mean."""
    neither = model.encode_second(model.reference_video[None], model.reference_audio[None], evidence=False)[0]
    kinds: list[list[Tensor]] = [[], [], []]
    for video, audio in zip(data.video.split(batch), data.audio.split(batch), strict=True):
        seen, heard = video.float(), audio.float()
        no_video, no_audio = model.reference_video.expand_as(seen), model.reference_audio.expand_as(heard)
        for pair, found in zip(((seen, heard), (no_video, heard), (seen, no_audio)), kinds, strict=True):
            found.append(model.encode_second(*pair, evidence=False)[0])
    joint = [torch.cat(found) for found in kinds]
    return EmbeddedClips(torch.stack([*joint, neither.expand_as(joint[0])]).clone(), data)


BOTH, NO_PICTURE, NO_SOUND, NEITHER = range(4)


def places(data: TokenData, clips: Tensor) -> tuple[Tensor, Tensor]:
    """Where the seconds of some clips stand, padded to the longest: index (B, T) and mask (B, T)."""
    length = data.length[clips]
    step = torch.arange(int(length.max()))
    mask = step < length[:, None]
    return (data.first[clips][:, None] + step).where(mask, data.first[clips][:, None]), mask


def gather(data: TokenData, clips: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Some clips, padded to the longest: video (B, T, V, C), audio (B, T, A, C), mask (B, T)."""
    index, mask = places(data, clips)
    return data.video[index].float(), data.audio[index].float(), mask


def teach_clips(
    model: Sec2Sec,
    data: TokenData,
    validation: TokenData,
    *,
    epochs: int,
    batch: int,
    rate: float,
    seed: int,
    contrast: float = 0.0,
) -> Iterator[Report]:
    """Stage 3: the layer over seconds learns the targets of whole clips; co-attention stays as stage 2 left it.

    Keeps the weights with the lowest validation loss (paper §4.2). contrast: of the loss that asks for the middle where
    a clip with decisive seconds is read with equal weights, so that it is the attention that finds them.
    """
    embedded, there = embed(model, data), embed(model, validation)
    generator = torch.Generator().manual_seed(seed)
    count, temporal = len(data.first), model.temporal
    if not isinstance(temporal, AttentionLSTM):
        raise TypeError("the recipe teaches models with attention over seconds")
    optimiser, plan = schedule(list(temporal.parameters()), rate, epochs * (count // batch))
    best_loss, best_weights = float("inf"), temporal.state_dict()
    for epoch in range(epochs):
        temporal.train()
        total = 0.0
        order = torch.randperm(count, generator=generator)[: count // batch * batch]
        for clips in order.split(batch):
            joint, soft, mask = lesson(embedded, clips, generator)
            states = temporal.lstm(joint)[0]
            loss = soft_loss(temporal.attend(states, mask)[0], soft)
            loss = loss + contrast * equal_loss(temporal, states, mask, embedded.decisive(clips))
            loss = loss + NEUTRAL_WEIGHT * neutral_loss(temporal, embedded.joint[NEITHER, :1], generator)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(temporal.parameters(), 1.0)
            optimiser.step()
            plan.step()
            total += float(loss.detach()) * batch / len(order)
        loss_there, accuracy = check(temporal, there)
        if loss_there < best_loss:
            best_loss = loss_there
            best_weights = {name: tensor.clone() for name, tensor in temporal.state_dict().items()}
        yield {
            "stage": "clips",
            "epoch": epoch + 1,
            "loss": round(total, 4),
            "validation_loss": round(loss_there, 4),
            **{name: round(value, 4) for name, value in zip(model.config.targets, accuracy, strict=True)},
        }
    temporal.load_state_dict(best_weights)
    model.eval()


def lesson(embedded: EmbeddedClips, clips: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Some clips as they are taught: joint (B, T, D), soft targets (B, K), mask (B, T).

    Of some clips the picture, of others the sound is the training mean, so that a clip without one is no stranger. Of
    half of them some seconds are, and what remains says what the clip is worth: to take a second away is then no
    stranger either, and its effect is what was planted.
    """
    lot = torch.rand(len(clips), generator=generator)[:, None]
    _, mask = places(embedded.data, clips)
    kind = torch.zeros(mask.shape, dtype=torch.long)
    kind = kind.masked_fill(lot < MODALITY_DROPOUT, NO_PICTURE).masked_fill(lot > 1 - MODALITY_DROPOUT, NO_SOUND)
    share = LARGEST_SHARE_TAKEN * torch.rand(len(clips), generator=generator)[:, None]
    share = share * (torch.rand(len(clips), generator=generator)[:, None] < 0.5)
    taken = torch.rand(mask.shape, generator=generator) < share
    joint, evidence, _ = embedded.gather(clips, kind.masked_fill(taken, NEITHER))
    left = torch.sigmoid(SOFT_TARGET_SLOPE * evidence.masked_fill(taken[..., None], 0.0).sum(1))
    soft = embedded.data.soft[clips]
    return joint, torch.where(taken.any(1, keepdim=True) & ~soft.isnan(), left, soft), mask


def equal_loss(temporal: AttentionLSTM, states: Tensor, mask: Tensor, decisive: Tensor) -> Tensor:
    """How far equal weights are from the middle: states (B, T, hidden), mask (B, T), decisive (B,) bool."""
    equal = (mask / mask.sum(1, keepdim=True))[:, None].expand(-1, len(temporal.predict_bias), -1)
    logits: Tensor = temporal.decide(states, equal, mask)
    return (logits.square().mean(1) * decisive).sum() / decisive.sum().clamp_min(1)


def neutral_loss(temporal: nn.Module, neutral: Tensor, generator: torch.Generator) -> Tensor:
    """How far clips of one neutral second (1, D) again and again are from the middle, up to LONGEST_NEUTRAL."""
    lengths = torch.exp(torch.rand(NEUTRAL_CLIPS, generator=generator) * math.log(LONGEST_NEUTRAL)).round().long()
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    logits: Tensor = temporal(neutral.expand(*mask.shape, -1), mask)[0]
    return logits.square().mean()


def soft_loss(logits: Tensor, soft: Tensor) -> Tensor:
    """Mean cross-entropy over the soft targets that a clip has."""
    total, count = clip_loss(logits, soft, ["binary"] * soft.shape[1])
    return total / count


@torch.inference_mode()
def check(temporal: nn.Module, clips: EmbeddedClips, batch: int = 64) -> tuple[float, list[float]]:
    """Validation loss, and accuracy of each target over clips whose soft target is clear (beyond .25 of .5)."""
    temporal.eval()
    soft, logits = clips.data.soft, []
    for some in torch.arange(len(clips.data.first)).split(batch):
        joint, _, mask = clips.gather(some, torch.zeros(places(clips.data, some)[1].shape, dtype=torch.long))
        logits.append(temporal(joint, mask)[0])
    found = torch.cat(logits)
    clear = (soft - 0.5).abs() > 0.25
    right = ((found > 0) == (soft > 0.5)) & clear
    return float(soft_loss(found, soft)), (right.sum(0) / clear.sum(0).clamp_min(1)).tolist()
