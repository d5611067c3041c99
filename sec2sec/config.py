"""Settings of media, encoders and models, with the paper's defaults. Nothing here imports torch or pydantic."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sec2sec.errors import SettingsError
from sec2sec.fields import Validated, setting

SAMPLE_RATE = 16_000  # Hz; every sound track is mixed to mono at this rate
RESIZE = (128, 171)  # height, width of a decoded frame: torchvision's Kinetics-400 preprocessing (aspect is not kept)
CROP = 112  # pixels; centre crop of a resized frame

COMPACT = "compact"  # the name of both encoders of that preset
Bands = Literal["mfcc", "mel", "none"]  # of an audio token: of MFCC, of a mel spectrogram, or it has no band
NAMED_FIELDS = ("video_encoder", "audio_encoder")

Preset = Literal["paper", "compact"]
Attention = Literal["SA-CA", "SA-SA", "audio", "vision"]
Temporal = Literal["lstm", "attention-lstm", "attention-pooling-lstm"]
SystemName = Literal[  # in the order of help and app; sec2sec/benchmark/paper.py has that of the paper's rows
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

    max_bytes: int = setting(2 * 1024**3, ge=1)  # size of the file
    max_seconds: float = setting(900.0, gt=0)  # length of the part that is analysed, not of the file
    min_seconds: float = setting(0.5, gt=0)  # a shorter clip has no second to speak of
    max_pixels: int = setting(8192 * 4320, ge=1)  # size of one decoded frame
    max_decoded: float = setting(math.inf, gt=0)  # pixels of all the frames that are decoded of the part
    isolated: bool = setting(False)  # decode in a process of its own, which has limits and can be killed


@dataclass(frozen=True)
class TrackChoice:
    """Which tracks of a file are used, by their number among those of their kind, from 1; None: the file's default."""

    video: int | None = None
    audio: int | None = None


DEFAULT_TRACKS = TrackChoice()


@dataclass(frozen=True)
class AudioConfig(Validated):
    """The MFCC image of one second (paper §3, audio encoder)."""

    n_fft: int = setting(400, ge=1)  # samples, 25 ms
    hop: int = setting(SAMPLE_RATE // 100, ge=1)  # 160 samples, 10 ms
    n_mels: int = setting(64, ge=1)  # mel bands
    n_mfcc: int = setting(40, ge=1)  # coefficients
    delta_width: int = setting(9, ge=3)  # MFCC frames that a regression of Δ and ΔΔ runs over; odd

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
class VideoEncoderConfig(Validated):
    """A visual encoder of the preset "named", with what its own configuration says of its input."""

    name: str = ""  # compact, r2plus1d-18, or FAMILY:NAME as sec2sec/encoder_names.py has them
    architecture: str = ""  # the network without its weights, as JSON
    revision: str = ""  # of the published weights
    sha256: str = ""  # of the published file
    grid: tuple[int, int, int] = setting((1, 1, 1), ge=1)  # (time, height, width) of its map of a second
    resize: tuple[int, int] = setting(RESIZE, ge=1)  # height and width of a decoded frame
    crop: int = setting(CROP, ge=1)  # pixels; side of the square in the middle that it sees
    mean: tuple[float, float, float] = setting((0.5, 0.5, 0.5))  # red, green, blue, of values in [0, 1]
    std: tuple[float, float, float] = setting((0.5, 0.5, 0.5), gt=0)

    @property
    def region(self) -> tuple[float, float, float, float]:
        """The part of the picture that it sees: (left, top, right, bottom) as fractions of the displayed frame."""
        height, width = self.resize
        left, top = round((width - self.crop) / 2.0), round((height - self.crop) / 2.0)
        return left / width, top / height, (left + self.crop) / width, (top + self.crop) / height


@dataclass(frozen=True)
class AudioEncoderConfig(Validated):
    """An audio encoder of the preset "named", with what its own configuration says of its input."""

    name: str = ""  # compact, mfcc-resnet18, or FAMILY:NAME
    architecture: str = ""  # the network without its weights, as JSON
    revision: str = ""
    sha256: str = ""
    grid: tuple[int, int] = setting((1, 1), ge=1)  # (band, time) of its map of a second; one band: no frequency axis
    sample_rate: int = setting(SAMPLE_RATE, ge=1)  # Hz that it learned from; sound is resampled to it
    bands: Bands = "mfcc"  # what its bands are


@dataclass(frozen=True)
class EncoderConfig(Validated):
    """Which encoders turn a second into tokens, and the grids of those tokens.

    "inputs" are no encoders: the tokens are the pixels and the coefficients themselves, for systems that take in a
    whole clip at once; "summaries" are one vector per clip, repeated in each second: what frozen backbones leave to
    learn; "features" are tokens that another program computed; "named" are a visual and an audio encoder, each chosen
    by its name.
    """

    preset: Literal["paper", "compact", "inputs", "summaries", "features", "named"] = "compact"
    frames_per_second: int = setting(8, ge=1)  # M; 16 in the paper preset
    width: int = setting(96, ge=1)  # channels of a token; 512 in the paper preset
    video_grid: tuple[int, int, int] = setting(
        (8, 3, 3), ge=1
    )  # (time, height, width) of the visual tokens of a second
    audio_grid: tuple[int, int] = setting((4, 8), ge=1)  # (coefficient band, time) of the audio tokens of a second
    audio: AudioConfig = AudioConfig()
    sound: Literal["mfcc", "mel"] = "mfcc"  # inputs: the MFCC image, or a mel spectrogram in dB
    audio_width: int = setting(0, ge=0)  # channels of an audio token; 0: as many as of a visual one
    enlarge: int = setting(1, ge=1)  # frames are decoded at this multiple of RESIZE
    video_encoder: VideoEncoderConfig = VideoEncoderConfig()  # of the preset "named", as the next
    audio_encoder: AudioEncoderConfig = AudioEncoderConfig()

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
        if self.preset == "named":  # the compact encoders pool to any grid
            video, audio = self.video_encoder, self.audio_encoder
            return (
                self.video_grid if video.name == COMPACT else video.grid,
                self.audio_grid if audio.name == COMPACT else audio.grid,
            )
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
    def channels(self) -> tuple[int, int]:
        """C of a visual and of an audio token."""
        return self.width, self.audio_width or self.width

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of a decoded frame."""
        if self.preset == "named":
            return self.video_encoder.resize
        return RESIZE[0] * self.enlarge, RESIZE[1] * self.enlarge

    @property
    def region(self) -> tuple[float, float, float, float]:
        """The part of the picture that the model sees, as `crop_region` gives it."""
        return self.video_encoder.region if self.preset == "named" else crop_region()

    @property
    def bands(self) -> Bands:
        """What the bands of an audio token are."""
        return self.audio_encoder.bands if self.preset == "named" else "mfcc"

    def as_json(self) -> dict[str, Any]:
        """The settings for a file: of presets without names, what those were before there were names."""
        settings = asdict(self)
        return {k: v for k, v in settings.items() if self.preset == "named" or k not in NAMED_FIELDS}

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
    # attention-lstm: paper §4.4; lstm: eq. 3 with the last real step; attention-pooling-lstm: §4.4 without W_x h_N
    temporal: Temporal = "attention-lstm"
    input_width: int = setting(96, ge=1)  # channels of an incoming token
    width: int = setting(96, ge=1)  # D
    heads: int = setting(4, ge=1)  # H
    hidden: int = setting(96, ge=1)  # LSTM state
    dropout: float = setting(0.3, ge=0, lt=1)
    feed_forward: Literal["residual", "linear"] = "residual"  # the equations' FC; "linear" is the literal reading
    system: Literal[SystemName, ""] = ""  # its name in the tables; empty: the Sec2Sec system that `attention` says
    layers: int = setting(2, ge=1)  # modules of CMA
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
