"""ViT and ViViT from transformers: published weights, and what their class token looks at.

B clips, N patches or tubelets, H heads, D width.
"""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from sec2sec.encoders import EncoderError
from sec2sec.encoders.published import hub_answers


class ClassToken(nn.Module):
    """A vision transformer without its pooler: pixels → class token after the last norm, and where it looked last."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor, evidence: bool) -> tuple[Tensor, Tensor | None]:
        """pixels as the network wants them → (B, D) and, if evidence, (B, N), rows sum to 1.

        The weights are those of the last layer from the class token to the patches, mean over heads, without its weight
        on itself. They are computed beside the forward, which keeps its fused kernel: all weights of ViViT-B, 3137²
        for each of 144 heads, would fill 6 GB. Attention of one layer is a glimpse, not a cause (Jain & Wallace 2019).
        """
        entering = hidden = self.network.embeddings(pixels)
        for layer in self.network.layers:
            entering, hidden = hidden, layer(hidden)
        weights = self._class_attention(entering) if evidence else None
        return self.network.layernorm(hidden[:, 0]), weights

    def _class_attention(self, entering: Tensor) -> Tensor:
        """Tokens (B, 1 + N, D) that enter the last layer → (B, N)."""
        last = self.network.layers[-1]
        attention = last.attention
        normal = last.layernorm_before(entering)
        split = {"pattern": "b n (h d) -> b h n d", "h": attention.num_attention_heads}
        query, key = rearrange(attention.q_proj(normal[:, :1]), **split), rearrange(attention.k_proj(normal), **split)
        weights = (query @ key.transpose(-1, -2) * attention.scaling).float().softmax(-1)  # (B, H, 1, 1 + N)
        patches: Tensor = weights.mean(1)[:, 0, 1:]
        return patches / patches.sum(-1, keepdim=True)


def published_network(kind: Any, repository: str) -> Any:
    """`kind` (ViTModel, VivitModel) with the weights of a Hugging Face repository, or of a folder.

    Downloaded once when online, found in HF_HOME otherwise; safetensors alone, and no code of the repository is run.
    Raises EncoderError.
    """
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # the classifier that it leaves out is no news
    logging.disable_progress_bar()
    try:
        network, loading = kind.from_pretrained(
            repository,
            add_pooling_layer=False,
            use_safetensors=True,
            output_loading_info=True,
            dtype=torch.float32,
            local_files_only=not hub_answers(),
        )
    except Exception as error:  # the hub, safetensors and transformers have many
        line = " ".join(str(error).split())[:160]
        raise EncoderError(
            f"the published size of this system needs config.json and model.safetensors of {repository}, which are "
            f"neither in HF_HOME nor could be downloaded ({line}). Go online once; or run `hf download {repository}` "
            "where there is a network, and set HF_HOME to the folder it filled; or use --init random --encoders tuned"
        ) from error
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
    if missing := sorted(loading["missing_keys"]):
        raise EncoderError(
            f"the weights of {repository} lack {missing[0]} and {len(missing) - 1} more: they are not those of "
            f"{kind.__name__}; delete them from HF_HOME, so that they are downloaded again"
        )
    return network
