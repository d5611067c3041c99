"""Settings of media, encoders and models, with the paper's defaults. Nothing here imports torch or pydantic."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from sec2sec.errors import SettingsError
from sec2sec.fields import Setting, Validated

SAMPLE_RATE = 16_000  # Hz; every sound track is mixed to mono at this rate
RESIZE = (128, 171)  # height, width of a decoded frame: torchvision's Kinetics-400 preprocessing (aspect is not kept)
CROP = 112  # pixels; centre crop of a resized frame

Preset = Literal["paper", "compact"]
Attention = Literal["SA-CA", "SA-SA", "audio", "vision"]
Temporal = Literal["lstm", "attention-lstm"]
SystemName = Literal[  # in the order of the paper's tables
    "vit",
    "vivit",
    "vit-vivit",
    "cma",
    "avm",
    "co-attention",
    "sec2sec-audio",
    "sec2sec-vision",
    "sec2sec-sa-sa",
    "sec2sec-sa-ca",
]
Count = Annotated[int, Setting(ge=1)]
Above0 = Annotated[float, Setting(gt=0)]
SEC2SEC: dict[str, Attention] = {
    "sec2sec-audio": "audio",
    "sec2sec-vision": "vision",
    "sec2sec-sa-sa": "SA-SA",
    "sec2sec-sa-ca": "SA-CA",
}


def crop_region() -> tuple[float, float, float, float]:
    """The part of the picture that the model sees: (left, top, right, bottom) as fractions of the displayed frame."""
    height, width = RESIZE
    left, top = round((width - CROP) / 2.0), round((height - CROP) / 2.0)
    return left / width, top / height, (left + CROP) / width, (top + CROP) / height


@dataclass(frozen=True)
class MediaLimits(Validated):
    """What a clip may cost before it is refused; a server tightens these, a researcher loosens them."""

    max_bytes: Count = 2 * 1024**3  # size of the file
    max_seconds: Above0 = 900.0  # length of the part that is analysed, not of the file
    min_seconds: Above0 = 0.5  # a shorter clip has no second to speak of
    max_pixels: Count = 8192 * 4320  # size of one decoded frame


@dataclass(frozen=True)
class AudioConfig(Validated):
    """The MFCC image of one second (paper §3, audio encoder)."""

    n_fft: Count = 400  # samples, 25 ms
    hop: Count = SAMPLE_RATE // 100  # 160 samples, 10 ms
    n_mels: Count = 64  # mel bands
    n_mfcc: Count = 40  # coefficients
    delta_width: Annotated[int, Setting(ge=3)] = 9  # MFCC frames that a regression of Δ and ΔΔ runs over; odd

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_mfcc > self.n_mels:
            raise SettingsError(f"n_mfcc ({self.n_mfcc}) cannot exceed n_mels ({self.n_mels})")
        if self.delta_width % 2 == 0:
            raise SettingsError(f"delta_width must be odd, not {self.delta_width}")

    @property
    def steps(self) -> int:
        """MFCC frames in one second, both ends centred."""
        return SAMPLE_RATE // self.hop + 1  # 101


@dataclass(frozen=True)
class EncoderConfig(Validated):
    """Which encoders turn a second into tokens, and the grids of those tokens.

    "inputs" are no encoders: the tokens are the pixels and the coefficients themselves, for systems that take in a
    whole clip at once; "summaries" are one vector per clip, repeated in each second: what frozen backbones leave to
    learn.
    """

    preset: Literal["paper", "compact", "inputs", "summaries"] = "compact"
    frames_per_second: Count = 8  # M; 16 in the paper preset
    width: Count = 96  # channels of a token; 512 in the paper preset
    # (time, height, width) of the visual tokens of one second, and (coefficient band, time) of the audio tokens
    video_grid: Annotated[tuple[int, int, int], Setting(ge=1)] = (8, 3, 3)
    audio_grid: Annotated[tuple[int, int], Setting(ge=1)] = (4, 8)
    audio: AudioConfig = AudioConfig()
    sound: Literal["mfcc", "mel"] = "mfcc"  # inputs: the MFCC image, or a mel spectrogram in dB
    audio_width: Annotated[int, Setting(ge=0)] = 0  # channels of an audio token; 0: as many as of a visual one
    enlarge: Count = 1  # frames are decoded at this multiple of RESIZE

    def __post_init__(self) -> None:
        super().__post_init__()
        video_map, audio_map = self.maps
        if any(
            side > whole for side, whole in zip(self.video_grid + self.audio_grid, video_map + audio_map, strict=True)
        ):
            raise SettingsError(
                f"the token grids {self.video_grid} and {self.audio_grid} are finer than the encoders' maps "
                f"{video_map} and {audio_map}"
            )

    @property
    def maps(self) -> tuple[tuple[int, int, int], tuple[int, int]]:
        """The grids that the encoders give; a coarser grid of tokens is their average pooling."""
        if self.preset == "paper":
            return (math.ceil(self.frames_per_second / 8), 7, 7), (7, 7)
        return self.video_grid, self.audio_grid  # the other encoders pool to any grid

    @property
    def visual_tokens(self) -> int:
        """V: visual tokens in a second."""
        return math.prod(self.video_grid)

    @property
    def audio_tokens(self) -> int:
        """A: audio tokens in a second."""
        return math.prod(self.audio_grid)

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """The tokens of a second, by modality: (V, C) and (A, C)."""
        return {
            "video": (self.visual_tokens, self.width),
            "audio": (self.audio_tokens, self.audio_width or self.width),
        }

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of a decoded frame."""
        return RESIZE[0] * self.enlarge, RESIZE[1] * self.enlarge

    @staticmethod
    def paper() -> EncoderConfig:
        """R(2+1)D-18 on 16 frames a second (map 512×2×7×7) and ResNet-18 on the MFCC image (map 512×7×7)."""
        return EncoderConfig("paper", frames_per_second=16, width=512, video_grid=(2, 7, 7), audio_grid=(7, 7))

    @staticmethod
    def paper_pooled() -> EncoderConfig:
        """The paper's encoders with maps pooled to 2×3×3 and 4×2, both at 2 moments a second: trains 6 × faster."""
        return replace(EncoderConfig.paper(), video_grid=(2, 3, 3), audio_grid=(4, 2))

    @staticmethod
    def compact() -> EncoderConfig:
        """Small encoders for two CPU cores; the visual and the audio grid share 8 moments a second."""
        return EncoderConfig()


@dataclass(frozen=True)
class ModelConfig(Validated):
    """Everything right of the tokens (paper §3), of any system; a system ignores what it has no use for."""

    targets: tuple[str, ...] = ("arousal", "valence")
    attention: Attention = "SA-CA"  # SA-SA: the second attention keeps its own keys and values
    temporal: Temporal = "attention-lstm"  # paper §4.4; "lstm" is eq. 3 with the last real step
    input_width: Count = 96  # channels of an incoming token
    width: Count = 96  # D
    heads: Count = 4  # H
    hidden: Count = 96  # LSTM state
    dropout: Annotated[float, Setting(ge=0, lt=1)] = 0.3
    feed_forward: Literal["residual", "linear"] = "residual"  # the equations' FC; "linear" is the literal reading
    system: Literal[SystemName, ""] = ""  # its name in the tables; empty: the Sec2Sec system that `attention` says
    layers: Count = 2  # modules of CMA
    size: Literal["small", "published"] = "small"  # of the systems that take in whole clips
    backbone: Literal["own", "published"] = "own"  # published: frozen at weights that no checkpoint stores

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.system:
            object.__setattr__(self, "system", f"sec2sec-{self.attention}".lower())
        object.__setattr__(self, "attention", SEC2SEC.get(self.system, self.attention))
        if not self.targets or len(set(self.targets)) != len(self.targets):
            raise SettingsError(f"targets must be a list of different names, and one at least, not {self.targets}")
        if self.width % self.heads:
            raise SettingsError(f"width ({self.width}) must be a multiple of heads ({self.heads})")
