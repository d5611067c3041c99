"""What is trained: a model, and its encoders where they are tuned; and its predictions of a split.

B clips, K targets, T seconds, V visual and A audio tokens in a second, C channels of a token, M frames in a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sec2sec.encoders import CHUNK_SECONDS, Encoders
from sec2sec.model import Model
from sec2sec.training.batches import Batch, Source, batches_of


class TrainModule(nn.Module):
    """What is trained: the model, and the encoders where they are tuned.

    Batch in; logits (B, K) and attention over seconds (B, K, T) or None out, in float32: Fabric refuses a frozen
    Output. The autocast is its own and begins where batches have arrived: Fabric's would cast frames and samples before
    the MFCC is made of them, and cached tokens from float16 to fewer digits.
    """

    def __init__(
        self,
        model: Model,
        encoders: Encoders | None = None,
        norms_learn: bool = False,
        precision: torch.dtype = torch.float32,
    ) -> None:
        """norms_learn: batch norms follow the batches; only for encoders that start from nothing.

        precision: of matrix products and convolutions in training mode; in evaluation mode it is float32, so that the
        score that chooses an epoch is that of its checkpoint.
        """
        super().__init__()
        self.model, self.encoders, self.norms_learn, self.precision = model, encoders, norms_learn, precision

    def train(self, mode: bool = True) -> TrainModule:
        """Encoders that keep their batch norms stay in evaluation mode."""
        super().train(mode)
        if self.encoders is not None and not self.norms_learn:
            self.encoders.eval()  # a batch holds few clips: its statistics would be worse than the published ones
        return self

    def new_parameters(self) -> list[nn.Parameter]:
        """What starts from nothing."""
        published = {id(parameter) for parameter in self.model.backbone()}
        return [p for p in self.model.parameters() if p.requires_grad and id(p) not in published]

    def tuned_parameters(self) -> list[nn.Parameter]:
        """What brings weights along, and learns at a lower rate."""
        encoders = [] if self.encoders is None else list(self.encoders.parameters())
        return [p for p in self.model.backbone() if p.requires_grad] + encoders

    def forward(self, batch: Batch, hide: float = 0.0) -> tuple[Tensor, Tensor | None]:
        """hide: share of clips whose sound, and as many whose picture, is taken away as if they had none."""
        low = self.training and self.precision != torch.float32
        with torch.autocast(batch.mask.device.type, self.precision if low else None, enabled=low):
            if self.encoders is not None:
                batch = self.encode(batch)
            video, audio, seen, heard = batch.video.float(), batch.audio.float(), batch.seen, batch.heard
            if hide:
                lot, both = torch.rand(len(seen), device=seen.device), seen & heard
                seen, heard = seen & ~(both & (lot < hide)), heard & ~(both & (lot > 1 - hide))
            video = torch.where(seen[:, None, None, None], video, self.model.reference_video)
            audio = torch.where(heard[:, None, None, None], audio, self.model.reference_audio)
            output = self.model(video, audio, batch.mask, evidence=False)
        return output.logits, output.second_weights

    def encode(self, batch: Batch) -> Batch:
        """Frames and samples of the real seconds → tokens (float32) at their places."""
        assert self.encoders is not None
        shapes, device = self.encoders.config.shapes.values(), batch.mask.device
        video, audio = (torch.zeros(*batch.mask.shape, *shape, device=device) for shape in shapes)
        if len(batch.video):
            at = (batch.mask & batch.seen[:, None])[..., None, None]
            video = video.masked_scatter(at, self.encode_video(batch.video))
        if len(batch.audio):
            at = (batch.mask & batch.heard[:, None])[..., None, None]
            audio = audio.masked_scatter(at, self.encode_audio(batch.audio))
        return batch._replace(video=video, audio=audio)

    def encode_video(self, frames: Tensor) -> Tensor:
        """Frames (N, M, h, w, 3) → (N, V, C); in one pass where batch norms learn: their batch is all of it."""
        assert self.encoders is not None
        if self.training and self.norms_learn:
            visual: Tensor = self.encoders.video(self.encoders.video.prepare(frames)).float()
            return visual
        if not (torch.is_grad_enabled() and self.encoders.config.preset != "compact"):
            return self.encoders.encode_video(frames)
        # R(2+1)D keeps 0.45 GB per second for the way back: only a few seconds' worth here, computed twice
        see = partial(
            checkpoint, self.encoders.encode_video, use_reentrant=False, preserve_rng_state=False
        )  # no dropout inside
        return torch.cat([see(some) for some in frames.split(CHUNK_SECONDS)])

    def encode_audio(self, samples: Tensor) -> Tensor:
        """Samples (N, 16000) → (N, A, C); the same."""
        assert self.encoders is not None
        if self.training and self.norms_learn:
            audible: Tensor = self.encoders.audio(self.encoders.mfcc(samples)).float()
            return audible
        return self.encoders.encode_audio(samples)


@dataclass(frozen=True)
class Predictions:
    """Logits of every clip of a split, and its attention over seconds where the system has any."""

    logits: np.ndarray  # (N, K)
    attention: list[np.ndarray] | None  # of each clip (K, T), real seconds alone

    @property
    def probability(self) -> np.ndarray:
        """(N, K) in 0..1."""
        probability: np.ndarray = 1 / (1 + np.exp(-self.logits))
        return probability


@torch.no_grad()
def predict(
    trainee: nn.Module, source: Source, batch: int, device: torch.device, fabric: Fabric | None = None
) -> Predictions:
    """Every clip of a split once. With `fabric`, each of its processes predicts a share, and all get the whole.

    The repetitions that fill the last batches of processes are dropped after gathering, before anything is computed.
    """
    trainee.eval()
    seconds = source.clips.seconds
    longest, targets = int(seconds.max()), source.clips.labels.shape[1]
    rank, processes = (fabric.global_rank, fabric.world_size) if fabric else (0, 1)
    rows: list[Tensor] = []
    attends = True
    for loaded in source.load(batches_of(seconds, batch, seed=None, rank=rank, processes=processes)):
        moved = loaded.to(device)
        logits, weights = trainee(moved)
        attends = weights is not None
        if weights is None:
            weights = logits.new_zeros(len(logits), targets, 0)
        padded = nn.functional.pad(weights.double(), (0, longest - weights.shape[-1]))
        # one table, so that one gathering serves all
        rows.append(torch.cat([moved.clip_indices[:, None].double(), logits.double(), padded.flatten(1)], 1))
    table = torch.cat(rows)
    if fabric and processes > 1:
        table = torch.as_tensor(fabric.all_gather(table)).flatten(0, 1)
    table = table[table[:, 0] >= 0].cpu()
    assert len(table) == len(seconds), (len(table), len(seconds))
    table = table[table[:, 0].argsort()]
    logits, weights = table[:, 1 : 1 + targets], table[:, 1 + targets :].unflatten(1, (targets, longest))
    attention = [w[:, :t].numpy() for w, t in zip(weights, seconds.tolist(), strict=True)]
    return Predictions(logits.numpy(), attention if attends else None)
