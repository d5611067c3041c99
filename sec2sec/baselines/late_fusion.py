"""What ViT, ViViT, ViT-ViViT and AVM share: a backbone per modality takes in the whole clip; one FC layer joins them.

A frozen backbone sees each clip once: `ClipEmbeddings` writes its vectors to the token cache, and
`LateFusion.learner` learns from them alone.

B clips, T seconds, V visual and A audio tokens in a second, C channels of a token, K targets.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.encoders import Encoders
from sec2sec.encoders.tokens import Tokens
from sec2sec.model import LastLinear, Model, Output

TYPICAL_SECONDS = 10  # how long the mean clip is that stands in for a missing modality when backbones are frozen


class Branch(nn.Module):
    """One modality of whole clips → one vector per clip."""

    width: int

    def forward(self, tokens: Tensor, mask: Tensor, evidence: bool) -> tuple[Tensor, Tensor | None]:
        """tokens (B, T, V, C), mask (B, T) → (B, width) and its attention to seconds (B, T), rows sum to 1, or None."""
        raise NotImplementedError


class StoredEmbedding(Branch):
    """A vector that was made before: the same in each second of a clip, one token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, tokens: Tensor, mask: Tensor, evidence: bool) -> tuple[Tensor, None]:
        """tokens (B, T, 1, width) → (B, width)."""
        return tokens[:, 0, 0], None


class LateFusion(Model):
    """concat(a vector of the picture, a vector of the sound) → one FC layer; or one of the two alone."""

    def __init__(self, config: ModelConfig, encoder: EncoderConfig, branches: Mapping[str, Branch]) -> None:
        """branches: "video", "audio" or both, in this order."""
        shapes = encoder.shapes
        super().__init__(config, encoder.video_grid, encoder.audio_grid, (shapes["video"][1], shapes["audio"][1]))
        self.branches = nn.ModuleDict(branches)
        self.dropout = nn.Dropout(config.dropout)
        self.predict = LastLinear(sum(branch.width for branch in branches.values()), len(config.targets))
        if config.backbone == "published":
            self.branches.requires_grad_(False)

    def forward(self, video: Tensor, audio: Tensor, mask: Tensor, evidence: bool = True) -> Output:
        """As every Model's. With evidence, the mean of its branches' attention to seconds, alike for all targets."""
        tokens = {"video": video, "audio": audio}
        outputs = [branch(tokens[name], mask, evidence) for name, branch in self.branches.items()]
        attention = [weights for _, weights in outputs if weights is not None]
        seconds = torch.stack(attention).mean(0) if attention else None
        return Output(
            logits=self.join({name: vector for name, (vector, _) in zip(self.branches, outputs, strict=True)}),
            second_weights=None if seconds is None else seconds[:, None].expand(-1, len(self.config.targets), -1),
            video_from_audio=None,
            audio_from_video=None,
            joint=None,
        )

    def join(self, vectors: Mapping[str, Tensor]) -> Tensor:
        """The vectors (B, width) of the branches → logits (B, K)."""
        logits: Tensor = self.predict(self.dropout(torch.cat([vectors[name] for name in self.branches], -1)))
        return logits

    def backbone(self) -> list[nn.Parameter]:
        """The branches', in the published size."""
        return list(self.branches.parameters()) if self.config.size == "published" else []

    def train(self, mode: bool = True) -> LateFusion:
        """Frozen backbones, and batch norms of published ones, stay in evaluation mode."""
        super().train(mode)
        if self.config.backbone == "published":
            self.branches.eval()
        elif self.config.size == "published":
            for module in self.branches.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()  # a batch holds few clips: its statistics would be worse than the published ones
        return self

    def cached_encoders(self, encoders: Encoders) -> Encoders:
        """With frozen backbones behind them."""
        return ClipEmbeddings(encoders, self.branches) if self.config.backbone == "published" else encoders

    def learner(self, cached: EncoderConfig) -> LateFusion:
        """The FC layer on vectors from the cache where the backbones are frozen; all of the model otherwise."""
        return self._head(cached) if self.config.backbone == "published" else self

    @torch.no_grad()
    def _head(self, cached: EncoderConfig) -> LateFusion:
        vectors = {name: StoredEmbedding(branch.width) for name, branch in self.branches.items()}  # type: ignore[arg-type]
        head = LateFusion(replace(self.config, backbone="own"), cached, vectors)
        head.predict = self.predict
        mask = torch.ones(1, TYPICAL_SECONDS, dtype=torch.bool, device=self.reference_video.device)
        for name, reference in zip(("video", "audio"), self.references(TYPICAL_SECONDS), strict=True):
            if name in self.branches:
                self.branches[name].eval()
                head.get_buffer(f"reference_{name}").copy_(self.branches[name](reference[None], mask, False)[0])
        return head


class ClipEmbeddings(Encoders):
    """Inputs, then frozen backbones: what the token cache keeps of a clip is one vector per modality."""

    def __init__(self, inputs: Encoders, branches: nn.ModuleDict) -> None:
        widths = {name: int(getattr(branches, name).width) if name in branches else 1 for name in ("video", "audio")}
        config = replace(
            inputs.config,
            preset="summaries",
            video_grid=(1, 1, 1),
            audio_grid=(1, 1),
            width=widths["video"],
            audio_width=widths["audio"],
        )
        super().__init__(config, inputs.video, inputs.audio)
        self.inputs, self.branches = inputs, branches

    def encode_video(self, frames: Tensor) -> Tensor:
        """The inputs' own."""
        return self.inputs.encode_video(frames)

    def encode_audio(self, samples: Tensor, image: Tensor | None = None) -> Tensor:
        """The inputs' own."""
        return self.inputs.encode_audio(samples, image)

    @torch.inference_mode()
    def summarise(self, tokens: Tokens) -> Tokens:
        """Inputs of a clip → its vectors, repeated in each second: (T, 1, width)."""
        vectors = self._embed(tokens)
        if self.precision != torch.float32 and not vectors.finite:
            vectors = self.in_float32()._embed(tokens)
        return vectors

    def _embed(self, tokens: Tokens) -> Tokens:
        """The same in the precision of the backbones."""

        def vector(name: str, own: Tensor | None) -> Tensor | None:
            if own is None:
                return None
            if name not in self.branches:
                return own.new_zeros(len(own), 1, 1)  # nothing reads it; it marks that the clip has the modality
            mask = torch.ones(1, len(own), dtype=torch.bool, device=own.device)
            with self.autocast(own.device):
                embedding: Tensor = self.branches[name](own[None], mask, False)[0].float()
            return embedding[:, None].expand(len(own), -1, -1)

        return Tokens(vector("video", tokens.video), vector("audio", tokens.audio))

    def folded(self) -> ClipEmbeddings:
        """The inputs folded, the backbones copied."""
        return ClipEmbeddings(self.inputs.folded(), copy.deepcopy(self.branches)).eval()
