"""CMA: cascaded modules of cross-modal attention, then self-attention (paper §4.3, "CMA").

Cheng et al. 2020, "Look, Listen, and Attend: Co-Attention Network for Self-Supervised Audio-Visual Representation
Learning" (arXiv 2008.05789). Faithful: a module is an audio-guided and a visual-guided cross-attention block followed
by a self-attention block in each modality, and modules are cascaded; so the order is cross → self, where Sec2Sec's is
self → cross. Inferred, for their widths are not published with the paper: D = 512, 8 heads (--heads 8), 2 modules, mean
pool, concat, FC; and the encoder tokens that all systems here share. Left out: their pre-training on audio-visual
synchrony.
"""

from __future__ import annotations

from torch import Tensor, nn

from sec2sec.baselines.whole_clip import Pair, WholeClip
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.model import AttentionBlock


class CrossModal(nn.Module):
    """One module: each modality asks the other, then itself."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.cross_video, self.cross_audio = AttentionBlock(config), AttentionBlock(config)
        self.self_video, self.self_audio = AttentionBlock(config), AttentionBlock(config)

    def forward(self, seen: Tensor, heard: Tensor, hidden: Pair, evidence: bool) -> tuple[Pair, Pair | None]:
        """As `WholeClip.mix`."""
        joined_seen, to_sound = self.cross_video(seen, heard, evidence, hidden[1])
        joined_heard, to_picture = self.cross_audio(heard, seen, evidence, hidden[0])
        seen = self.self_video(joined_seen, joined_seen, False, hidden[0])[0]
        heard = self.self_audio(joined_heard, joined_heard, False, hidden[1])[0]
        return (seen, heard), (to_sound, to_picture) if evidence else None


class CMA(WholeClip):
    """The modules one after the other; its maps are those of the last module's cross-attention."""

    def __init__(self, config: ModelConfig, encoder: EncoderConfig) -> None:
        super().__init__(config, encoder)
        self.blocks = nn.ModuleList(CrossModal(config) for _ in range(config.layers))

    def mix(self, seen: Tensor, heard: Tensor, hidden: Pair, evidence: bool) -> tuple[Pair, Pair | None]:
        """Through all modules."""
        maps = None
        for number, block in enumerate(self.blocks, start=1):
            (seen, heard), maps = block(seen, heard, hidden, evidence and number == len(self.blocks))
        return (seen, heard), maps


def build(config: ModelConfig, encoder: EncoderConfig) -> CMA:
    """For the registry."""
    return CMA(config, encoder)
