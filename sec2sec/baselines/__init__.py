"""Every system of the paper's tables by its name: what it reads, what it can say of itself, and how to build it.

Nothing here imports torch: the command line reads its choices from this table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Literal, get_args

from sec2sec.config import SEC2SEC, EncoderConfig, ModelConfig, Preset, SystemName
from sec2sec.extras import Extra, require_extra

if TYPE_CHECKING:
    from sec2sec.model import Model

__all__ = ["SYSTEMS", "System", "build_system"]

MAX_WHOLE_CLIP = 60.0  # s; of a system that takes in all of a clip at once, costs the square, and learned from 8–15 s


@dataclass(frozen=True)
class System:
    """One system of tables 1 and 2."""

    name: str  # on the command line and in config.json
    title: str  # in the paper's tables
    sees: bool  # reads the picture
    hears: bool  # reads the sound
    module: str  # where it is built: MODULE.build(config, encoder config) → model
    raw_inputs: Mapping[Preset, EncoderConfig] | None = None  # what it reads itself; None: the presets' encoder tokens
    has_temporal_attention: bool = False  # the Sec2Sec systems: with the attention-LSTM
    published: str = ""  # the weights that its published size starts from, in words; empty: none but the encoders'
    extra: Extra | None = None  # packages that a plain installation leaves out

    @property
    def backbone(self) -> bool:
        """Whether its published size starts from published weights of its own."""
        return bool(self.published)

    @property
    def recurrent(self) -> bool:
        """Whether it makes one joint vector per second and runs an LSTM over them, as the Sec2Sec systems do."""
        return self.name in SEC2SEC

    @property
    def maps(self) -> bool:
        """Whether it has co-attention maps within a second."""
        return self.name == "sec2sec-sa-ca"

    @property
    def reads(self) -> tuple[Literal["video", "audio"], ...]:
        """The modalities that it takes in."""
        if self.sees and self.hears:
            return "video", "audio"
        return ("video",) if self.sees else ("audio",)

    @property
    def modalities(self) -> str:
        """In words."""
        return "audio and vision" if self.sees and self.hears else "vision" if self.sees else "audio"

    @property
    def max_seconds(self) -> float:
        """Seconds of a clip that it takes."""
        return math.inf if self.recurrent else MAX_WHOLE_CLIP

    @property
    def uses_encoder_tokens(self) -> bool:
        """Whether it starts from the presets' encoders; the others read pixels and coefficients themselves."""
        return self.raw_inputs is None

    def encoder_config(self, preset: Preset) -> EncoderConfig:
        """What turns a second into its tokens. compact: the small size of a system; paper: the published one."""
        if self.raw_inputs is not None:
            return self.raw_inputs[preset]
        return EncoderConfig.paper_pooled() if preset == "paper" else EncoderConfig.compact()


MFCC_IMAGE = EncoderConfig(
    "inputs", frames_per_second=1, width=3, video_grid=(1, 1, 1), audio_grid=(40, 100)
)  # of each second, the picture as its mean colour: nothing reads it, and the cache still tells that there is one
# 4 frames per second: 32 of them are to be spread over 8–12 s. Sound as the mean of its MFCC image, likewise
SMALL_FRAMES = EncoderConfig("inputs", frames_per_second=4, width=3, video_grid=(4, 32, 32), audio_grid=(1, 1))
FRAMES = replace(SMALL_FRAMES, video_grid=(4, 224, 224), enlarge=2)
SMALL_AVM = EncoderConfig(
    "inputs",
    frames_per_second=5,  # a dilation of 6 at 30 frames per second
    width=3,
    video_grid=(5, 32, 32),
    audio_grid=(64, 100),
    sound="mel",
    audio_width=1,
)
AVM = replace(SMALL_AVM, video_grid=(5, 112, 112))

VIT, VIVIT = "google/vit-base-patch16-224-in21k", "google/vivit-b-16x2-kinetics400"
_MODEL = "sec2sec.model"
_ALL = (
    System(
        "vit",
        "ViT",
        sees=False,
        hears=True,
        module="sec2sec.baselines.vit",
        raw_inputs={"compact": MFCC_IMAGE, "paper": MFCC_IMAGE},
        has_temporal_attention=True,
        published=VIT,
        extra="baselines",
    ),
    System(
        "vivit",
        "ViViT",
        sees=True,
        hears=False,
        module="sec2sec.baselines.vivit",
        raw_inputs={"compact": SMALL_FRAMES, "paper": FRAMES},
        has_temporal_attention=True,
        published=VIVIT,
        extra="baselines",
    ),
    System(
        "vit-vivit",
        "ViT-ViViT",
        sees=True,
        hears=True,
        module="sec2sec.baselines.vit_vivit",
        raw_inputs={
            "compact": replace(SMALL_FRAMES, audio_grid=MFCC_IMAGE.audio_grid),
            "paper": replace(FRAMES, audio_grid=MFCC_IMAGE.audio_grid),
        },
        has_temporal_attention=True,
        published=f"{VIVIT} and {VIT}",
        extra="baselines",
    ),
    System("cma", "CMA", sees=True, hears=True, module="sec2sec.baselines.cma", has_temporal_attention=True),
    System(
        "avm",
        "AVM",
        sees=True,
        hears=True,
        module="sec2sec.baselines.avm",
        raw_inputs={"compact": SMALL_AVM, "paper": AVM},
        published="torchvision's weights (Kinetics-400 and ImageNet)",
    ),
    System(
        "co-attention",
        "Co-attention",
        sees=True,
        hears=True,
        module="sec2sec.baselines.co_attention",
        has_temporal_attention=True,
    ),
    System("sec2sec-audio", "Sec2Sec Audio", sees=False, hears=True, module=_MODEL, has_temporal_attention=True),
    System("sec2sec-vision", "Sec2Sec Vision", sees=True, hears=False, module=_MODEL, has_temporal_attention=True),
    System("sec2sec-sa-sa", "Sec2Sec SA-SA", sees=True, hears=True, module=_MODEL, has_temporal_attention=True),
    System("sec2sec-sa-ca", "Sec2Sec SA-CA", sees=True, hears=True, module=_MODEL, has_temporal_attention=True),
)
SYSTEMS: Mapping[str, System] = {system.name: system for system in _ALL}
assert tuple(SYSTEMS) == get_args(SystemName)


def build_system(config: ModelConfig, encoder: EncoderConfig) -> Model:
    """The model of `config.system`, on tokens as `encoder` makes them; its weights are random but for a backbone's.

    Raises EncoderError where a published backbone is neither present nor reachable, MissingExtraError where the
    system's packages are not installed.
    """
    system = SYSTEMS[config.system]
    if system.extra:
        require_extra(system.extra, f"the system {system.title}")
    built: Model = import_module(system.module).build(config, encoder)
    built.region, built.bands = encoder.region, encoder.bands
    return built
