"""No encoders: features that another program computed are the tokens, and clips cannot be read."""

from __future__ import annotations

import copy
from typing import NoReturn

from torch import Tensor

from sec2sec.config import EncoderConfig
from sec2sec.encoders import Encoders
from sec2sec.encoders.base import AudioEncoder, EncoderError, VideoEncoder

NO_CLIPS = (
    "it reads features that another program computed, and no clips: put features of the clip into a table "
    "(docs/how-to/features.md) and explain its row with `sec2sec explain ID --features DIR`"
)


class ImportedFeatures(Encoders):
    """The shapes of features, behind the interface of encoders: the token cache and checkpoints are alike for both."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config, VideoEncoder(), AudioEncoder())

    def encode_video(self, frames: Tensor) -> NoReturn:
        """Raises EncoderError."""
        raise EncoderError(f"this model cannot encode a picture: {NO_CLIPS}")

    def encode_audio(self, samples: Tensor, image: Tensor | None = None) -> NoReturn:
        """Raises EncoderError."""
        raise EncoderError(f"this model cannot encode sound: {NO_CLIPS}")

    def folded(self) -> ImportedFeatures:
        """A copy: there is nothing to fold."""
        return copy.deepcopy(self).eval()
