"""The names of encoders, for --video-encoder and --audio-encoder. Nothing here imports torch: a help needs it."""

from __future__ import annotations

from sec2sec.config import COMPACT
from sec2sec.errors import SettingsError

R2PLUS1D, RESNET = "r2plus1d-18", "mfcc-resnet18"  # the paper's
TIMM, TRANSFORMERS = "timm", "transformers"
VIDEO_NAMES, VIDEO_FAMILIES = (COMPACT, R2PLUS1D), (TIMM, TRANSFORMERS)
AUDIO_NAMES, AUDIO_FAMILIES = (COMPACT, RESNET), (TRANSFORMERS,)


def check_names(video: str, audio: str) -> None:
    """Refuse what is no name of an encoder, before anything is loaded. Raises SettingsError."""
    for name, plain, families, option in (
        (video, VIDEO_NAMES, VIDEO_FAMILIES, "video_encoder"),
        (audio, AUDIO_NAMES, AUDIO_FAMILIES, "audio_encoder"),
    ):
        family, colon, rest = name.partition(":")
        if name and name not in plain and not (family in families and colon and rest):
            forms = ", ".join([*plain, *(f"{one}:NAME" for one in families)])
            raise SettingsError(f"{option} must be one of {forms}, not {name!r}; `sec2sec encoders` lists tested names")
