"""The encoders that are tested here by name: what each is, and how fast it runs on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch

from sec2sec.config import COMPACT, EncoderConfig
from sec2sec.encoder_names import R2PLUS1D, RESNET, TIMM
from sec2sec.encoders import Encoders, build_encoders, timm_images
from sec2sec.encoders.named import named_config, pooled_audio, pooled_video
from sec2sec.encoders.published import without_download
from sec2sec.encoding import encode_clip
from sec2sec.errors import UserError
from sec2sec.media import Second, open_clip
from sec2sec.paths import program_paths
from sec2sec.progress import Progress, Steps

CLIP_SECONDS = 10.0  # of the clip that is measured
TURNS = 2  # after one for warming up

Grid = tuple[int, ...]


@dataclass(frozen=True)
class KnownEncoder:
    """An encoder that is tested. Figures are of the network that gives the tokens, in float32."""

    name: str
    modality: Literal["video", "audio"]
    licence: str  # of the weights
    megabytes: float  # in memory; a repository may hold more, such as the text network of SigLIP
    map: Grid  # of a second: (time, height, width), or (band, time)
    width: int  # channels C
    learned_from: str


KNOWN = (
    KnownEncoder(COMPACT, "video", "Apache-2.0", 0.2, (8, 3, 3), 96, "clips of known truth, which a program made"),
    KnownEncoder(
        R2PLUS1D, "video", "BSD-3-Clause", 125.2, (2, 7, 7), 512, "Kinetics-400: actions in films of 10 s, labelled"
    ),
    KnownEncoder(
        "timm:tf_efficientnet_lite0", "video", "Apache-2.0", 13.5, (2, 7, 7), 1280, "ImageNet: photographs, labelled"
    ),
    KnownEncoder(
        "timm:mobilenetv4_conv_small.e2400_r224_in1k",
        "video",
        "Apache-2.0",
        10.0,
        (2, 7, 7),
        960,
        "ImageNet: photographs, labelled",
    ),
    KnownEncoder(
        "timm:vit_pe_core_tiny_patch16_384",
        "video",
        "Apache-2.0",
        24.2,
        (2, 24, 24),
        192,
        "pictures and their captions",
    ),
    KnownEncoder(
        "timm:vit_pe_core_small_patch16_384",
        "video",
        "Apache-2.0",
        94.3,
        (2, 24, 24),
        384,
        "pictures and their captions",
    ),
    KnownEncoder(
        "transformers:google/siglip2-base-patch16-224",
        "video",
        "Apache-2.0",
        343.2,
        (2, 14, 14),
        768,
        "WebLI: pictures and their captions",
    ),
    KnownEncoder(
        "transformers:facebook/vjepa2-vitl-fpc64-256",
        "video",
        "MIT",
        1215.5,
        (8, 16, 16),
        1024,
        "films without labels: what is hidden is predicted",
    ),
    KnownEncoder(COMPACT, "audio", "Apache-2.0", 0.5, (4, 8), 96, "clips of known truth, which a program made"),
    KnownEncoder(RESNET, "audio", "BSD-3-Clause", 44.7, (7, 7), 512, "ImageNet: photographs, labelled"),
    KnownEncoder(
        "transformers:MIT/ast-finetuned-audioset-10-10-0.4593",
        "audio",
        "BSD-3-Clause",
        341.4,
        (12, 9),
        768,
        "AudioSet: sounds of films, labelled",
    ),
    KnownEncoder(
        "transformers:facebook/hubert-base-ls960",
        "audio",
        "Apache-2.0",
        377.5,
        (1, 49),
        768,
        "LibriSpeech: read English without labels",
    ),
    KnownEncoder(
        "transformers:microsoft/wavlm-base-plus",
        "audio",
        # The page of the weights names the licence file of microsoft/UniSpeech, CC BY-SA 3.0. The authors' repository,
        # microsoft/unilm, is under MIT, and so torchaudio passes them on. Its issue 1757 asks, without an answer yet.
        "CC-BY-SA-3.0 by its page, MIT by torchaudio's",
        377.5,
        (1, 49),
        768,
        "94,000 hours of speech without labels",
    ),
)


@dataclass(frozen=True)
class EncoderRow:
    """A known encoder on this machine."""

    known: KnownEncoder
    default_grid: Grid  # of tokens per second, where the settings ask for no other
    here: bool  # whether its weights are on this machine
    clips_per_minute: float | None  # clips of 10 s, decoded and encoded; None where it was not measured
    get: str  # where its weights come from

    def as_json(self) -> dict[str, Any]:
        """One level of names and values."""
        values = asdict(self)
        known: dict[str, Any] = values.pop("known")
        return known | values


def list_steps(device: torch.device, *, measure: bool = True) -> Steps[list[EncoderRow]]:
    """Every known encoder; those whose weights are here are measured. Nothing is downloaded."""
    rows: list[EncoderRow] = []
    with without_download():
        for known in KNOWN:
            yield Progress(len(rows), len(KNOWN), f"measuring {known.name}" if measure else f"looking for {known.name}")
            rows.append(_row(known, device, measure))
    return rows


def _row(known: KnownEncoder, device: torch.device, measure: bool) -> EncoderRow:
    try:
        encoders = encoders_of(known)
    except UserError:  # its files are not here, or transformers is not installed
        return EncoderRow(known, default_grid(known), False, None, source_of(known))
    speed = clips_per_minute(encoders, known.modality, device) if measure else None
    return EncoderRow(known, default_grid(known), True, speed, source_of(known))


def source_of(known: KnownEncoder) -> str:
    """Where the weights come from, in words."""
    family, _, name = known.name.partition(":")
    if known.name == COMPACT:
        return "in the bundled checkpoints"
    if family == TIMM:
        files = "hf download " + timm_images.repository_of(name)
        recipe = timm_images.RECIPES.get(name)
        return f"{files}, or python -m {recipe}" if recipe else files
    return f"hf download {name}" if name else "downloaded by torchvision into TORCH_HOME"


def encoders_of(known: KnownEncoder) -> Encoders:
    """The encoder beside the compact one of the other modality, whose weights do not matter here."""
    if known.name == COMPACT:
        return build_encoders(EncoderConfig.compact(), seed=0).eval()
    names = (known.name, COMPACT) if known.modality == "video" else (COMPACT, known.name)
    return build_encoders(named_config(*names)).eval()


def default_grid(known: KnownEncoder) -> Grid:
    """The grid of tokens that `named_config` pools the map to."""
    if known.name == COMPACT:
        return known.map
    if known.modality == "video":
        return pooled_video((known.map[0], known.map[1], known.map[2]))
    return pooled_audio((known.map[0], known.map[1]))


def clips_per_minute(encoders: Encoders, modality: Literal["video", "audio"], device: torch.device) -> float:
    """10-second clips in a minute of one process: decoding, and the encoder of one modality; the best of TURNS."""
    fast = encoders.for_inference(device)
    path = sorted(program_paths().examples.glob("*.mp4"))[0]
    taken = []
    for _ in range(TURNS + 1):
        start = time.perf_counter()
        seconds = [_only(second, modality) for second in _decoded(path, encoders.config)]
        encode_clip(seconds, fast, device)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append((time.perf_counter() - start) / len(seconds))
    return 60 / (CLIP_SECONDS * min(taken[1:]))


def _decoded(path: Any, config: EncoderConfig) -> Iterator[Second]:
    clip = open_clip(
        path, end=CLIP_SECONDS, frames_per_second=config.frames_per_second, frame_size=config.frame_size, stills=False
    )
    return clip.seconds()


def _only(second: Second, modality: Literal["video", "audio"]) -> Second:
    return replace(second, samples=None) if modality == "video" else replace(second, frames=None)
