"""Audio encoders from transformers, `transformers:OWNER/NAME`: AST, and the family of wav2vec 2.0.

AST keeps the frequency: its map is bands × times. The others read samples: their map is times alone, one band. Each
second is encoded on its own, as with all encoders here, so that a second that is taken away changes no other.

N seconds, A audio tokens in a second, C channels of a token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
import torchaudio
from einops import rearrange
from torch import Tensor, nn
from torchaudio.compliance.kaldi import fbank

from sec2sec.config import SAMPLE_RATE, AudioEncoderConfig
from sec2sec.encoders.base import AudioEncoder, is_carried, round_to_half, settings_of
from sec2sec.encoders.transformers_files import (
    Kind,
    NetworkFiles,
    network_of,
    published_network,
    random_network,
    read_network,
)

KINDS: Mapping[str, Kind] = {
    "audio-spectrogram-transformer": Kind("ASTConfig", "ASTModel", layout="spectrogram"),
    "wav2vec2": Kind("Wav2Vec2Config", "Wav2Vec2Model", layout="samples"),
    "hubert": Kind("HubertConfig", "HubertModel", layout="samples"),
    "wavlm": Kind("WavLMConfig", "WavLMModel", layout="samples"),
    "data2vec-audio": Kind("Data2VecAudioConfig", "Data2VecAudioModel", layout="samples"),
}
FRAME, SHIFT = 0.025, 0.01  # s; of Kaldi's filter banks, which AST learned from
POSITIONS = "embeddings.position_embeddings"
EPSILON = 1e-7  # of the variance, as Wav2Vec2FeatureExtractor has it


class TransformersAudio(AudioEncoder):
    """Samples through a network of transformers → (N, A, C); token a = band · times + time."""

    reads: ClassVar[Literal["mfcc", "samples"]] = "samples"

    def __init__(self, config: AudioEncoderConfig, network: nn.Module) -> None:
        super().__init__()
        self.config, self.network = config, network
        self.settings = settings_of(config)["preprocessor"]
        self.carried = is_carried(network)

    def forward(self, samples: Tensor) -> Tensor:
        """samples (N, 16000) in [-1, 1], 16 kHz → (N, A, C)."""
        with torch.autocast(samples.device.type, enabled=False):  # half precision loses what is quiet
            sound = torchaudio.functional.resample(samples.float(), SAMPLE_RATE, self.config.sample_rate)
            inputs = self.filter_banks(sound) if self.config.bands == "mel" else self.normalised(sound)
        tokens: Tensor = self.network(inputs).last_hidden_state
        return tokens[:, -self.config.grid[0] * self.config.grid[1] :]  # AST's class tokens come first

    def filter_banks(self, sound: Tensor) -> Tensor:
        """Samples (N, S) → log energies (N, frames, bands), as ASTFeatureExtractor computes them, without padding."""
        banks = [
            fbank(
                second[None],
                sample_frequency=self.config.sample_rate,
                window_type="hanning",
                num_mel_bins=self.settings["num_mel_bins"],
            )
            for second in sound
        ]
        features = torch.stack(banks)
        if self.settings["do_normalize"]:
            features = (features - self.settings["mean"]) / (2 * self.settings["std"])
        return features

    def normalised(self, sound: Tensor) -> Tensor:
        """Samples (N, S) with mean 0 and variance 1 in each second, where the network learned from such."""
        if not self.settings["do_normalize"]:
            return sound
        mean, variance = sound.mean(-1, keepdim=True), sound.var(-1, keepdim=True, unbiased=False)
        return (sound - mean) / (variance + EPSILON).sqrt()


def describe_audio(name: str) -> tuple[AudioEncoderConfig, int]:
    """What published files say of an encoder, and its channels C. Raises EncoderError."""
    found = read_network(name, KINDS)
    try:
        rate = int(found.preprocessor.get("sampling_rate", SAMPLE_RATE))
        settings = {"do_normalize": bool(found.preprocessor.get("do_normalize", True))}
        spectrogram = found.kind.layout == "spectrogram"
        if spectrogram:
            settings |= {key: found.preprocessor[key] for key in ("mean", "std", "num_mel_bins")}
        config = AudioEncoderConfig(
            name=f"transformers:{name}",
            architecture=json.dumps(
                {"network": json.loads(found.architecture), "preprocessor": settings}, sort_keys=True
            ),
            revision=found.files.revision,
            sha256=found.files.sha256,
            grid=_ast_grid(found.config, frames_in(rate)) if spectrogram else (1, _steps(found.config, rate)),
            sample_rate=rate,
            bands="mel" if spectrogram else "none",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise found.files.damaged("preprocessor_config.json", error) from error
    return config, int(found.config.hidden_size)


def build_audio(config: AudioEncoderConfig, *, weights: bool) -> TransformersAudio:
    """The encoder. weights: the published ones; else random, for a checkpoint to fill. Raises EncoderError."""
    kind, network_config = network_of(config.name, KINDS, settings_of(config).get("network"))
    if kind.layout == "spectrogram":
        network_config.max_length = frames_in(config.sample_rate)
    if not weights:
        return TransformersAudio(config, random_network(kind, network_config)).eval()
    found: NetworkFiles = read_network(config.name.partition(":")[2], KINDS, config.revision)
    found.files.check(config.sha256, config.revision)
    network = published_network(found)
    if kind.layout == "spectrogram":
        network = _cut_to_a_second(network, random_network(kind, network_config), found.config, config.grid)
    encoder = TransformersAudio(config, network).eval()
    return round_to_half(encoder) if encoder.carried else encoder


def frames_in(sample_rate: int) -> int:
    """Frames of Kaldi's filter banks in one second: as many as fit whole, 98."""
    return 1 + (sample_rate - round(FRAME * sample_rate)) // round(SHIFT * sample_rate)


def _ast_grid(config: Any, frames: int) -> tuple[int, int]:
    """Patches over (bands, times)."""
    bands = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
    return bands, (frames - config.patch_size) // config.time_stride + 1


def _steps(config: Any, samples: int) -> int:
    """Tokens that the convolutions leave of so many samples."""
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


def _cut_to_a_second(long: nn.Module, short: nn.Module, config: Any, grid: tuple[int, int]) -> nn.Module:
    """The weights of `long`, which takes 10 s, in `short`: the positions in the middle of the time axis.

    The authors' own code cuts so for shorter input (YuanGongND/ast, src/models/ast_models.py).
    """
    state = long.state_dict()
    bands, times = _ast_grid(config, config.max_length)
    special, places = state[POSITIONS][:, : -bands * times], state[POSITIONS][:, -bands * times :]
    first = times // 2 - grid[1] // 2
    cut = rearrange(places, "1 (b t) c -> 1 b t c", b=bands)[:, :, first : first + grid[1]]
    state[POSITIONS] = torch.cat([special, rearrange(cut, "1 b t c -> 1 (b t) c")], 1)
    short.load_state_dict(state)
    return short
