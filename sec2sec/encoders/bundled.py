"""Published encoders that a bundled checkpoint carries: they are there without a network, for other models as well."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sec2sec.config import EncoderConfig, VideoEncoderConfig
from sec2sec.encoders.published import CONFIG, WEIGHTS
from sec2sec.paths import program_paths

PREFIX = "video."  # of the visual encoder's weights in a checkpoint


@dataclass(frozen=True)
class BundledVideo:
    """A visual encoder in a bundled checkpoint."""

    folder: Path
    config: VideoEncoderConfig
    width: int

    def weights(self) -> dict[str, Tensor]:
        """Its weights, as the encoder names them."""
        state = load_file(self.folder / WEIGHTS)
        return {name.removeprefix(PREFIX): tensor for name, tensor in state.items() if name.startswith(PREFIX)}


def find_bundled(name: str, sha256: str = "") -> BundledVideo | None:
    """The visual encoder of that name in the first bundled checkpoint that carries one. sha256: of the only one meant.

    A checkpoint that cannot be read has none: whoever opens that checkpoint is told what is wrong with it.
    """
    for file in sorted(program_paths().checkpoints.glob(f"*/{CONFIG}")):
        try:
            encoder = json.loads(file.read_text(encoding="utf-8"))["encoder"]
            if encoder.get("video_encoder", {}).get("name") != name:
                continue
            config = EncoderConfig.from_mapping(encoder)
            found = BundledVideo(file.parent, config.video_encoder, config.width)
            if sha256 in ("", found.config.sha256) and found.weights():
                return found
        except (OSError, ValueError, KeyError, AttributeError, SafetensorError):
            continue
    return None
