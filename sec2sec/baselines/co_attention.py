"""Co-attention: the co-attention block of Sec2Sec over the whole clip at once, no LSTM (paper §4.3, "Co-attention").

The paper gives the name and a row of figures. Inferred: all of it; eqs. 1 and 2 with the tokens of every second side by
side, pooled over the clip, concatenated, FC. So that what differs from Sec2Sec SA-CA is the cut into seconds and the
LSTM.
"""

from __future__ import annotations

from torch import Tensor

from sec2sec.baselines.whole_clip import Pair, WholeClip
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.model import AttentionBlock


class CoAttention(WholeClip):
    """Self-attention in each modality, then each asks the other."""

    def __init__(self, config: ModelConfig, encoder: EncoderConfig) -> None:
        super().__init__(config, encoder)
        self.self_video, self.self_audio = AttentionBlock(config), AttentionBlock(config)
        self.second_video, self.second_audio = AttentionBlock(config), AttentionBlock(config)

    def mix(self, seen: Tensor, heard: Tensor, hidden: Pair, evidence: bool) -> tuple[Pair, Pair | None]:
        """Eqs. 1 and 2 over the whole clip."""
        seen = self.self_video(seen, seen, False, hidden[0])[0]
        heard = self.self_audio(heard, heard, False, hidden[1])[0]
        joined_seen, to_sound = self.second_video(seen, heard, evidence, hidden[1])
        joined_heard, to_picture = self.second_audio(heard, seen, evidence, hidden[0])
        return (joined_seen, joined_heard), (to_sound, to_picture) if evidence else None


def build(config: ModelConfig, encoder: EncoderConfig) -> CoAttention:
    """For the registry."""
    return CoAttention(config, encoder)
