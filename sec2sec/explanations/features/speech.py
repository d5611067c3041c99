"""How likely somebody speaks, by Silero VAD (Silero Team 2024, MIT licence): its published weights, without its state.

The package's own models keep the LSTM's state in themselves, which two threads must not share, and importing the
package sets torch to one thread for the whole process. So the network is written out here (it is small), and only the
weights are taken from the package: those of its safetensors file, which are older than those of its TorchScript.

W windows of 32 ms, T seconds.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from sec2sec.config import SAMPLE_RATE
from sec2sec.threads import threads_for

WINDOW, CONTEXT = 512, 64  # samples of a window, and of the one before it that are heard again
WINDOWS_PER_PASS = 512  # 16 s
LSTM_WIDTH = 128


class SpeechNetwork(nn.Module):
    """Silero VAD, 16 kHz: a learned spectrum, four convolutions, an LSTM over windows."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.conv1 = nn.Conv1d(129, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm = nn.LSTM(128, LSTM_WIDTH)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(self, windows: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """windows (W, CONTEXT + WINDOW) in their order → probabilities (W,) and the state for those that follow."""
        real, imaginary = self.stft_conv(F.pad(windows, (0, CONTEXT), "reflect")[:, None]).chunk(2, 1)
        x = (real.square() + imaginary.square()).sqrt()  # (W, 129, 4)
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = layer(x).relu()
        x, state = self.lstm(x.squeeze(-1), state)  # (W, 128)
        return self.final_conv(x.relu()[..., None]).sigmoid().flatten(), state


@lru_cache(maxsize=1)
def speech_network() -> SpeechNetwork:
    """The network with the package's weights, on the CPU; it keeps nothing between calls."""
    spec = find_spec("silero_vad")  # finds the package without running it
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("silero-vad is not installed; run `pip install silero-vad`")
    weights = load_file(Path(spec.submodule_search_locations[0]) / "data" / "silero_vad_16k.safetensors")
    cell = {name: name.replace("lstm_cell.", "lstm.") + "_l0" for name in weights if name.startswith("lstm_cell.")}
    network = SpeechNetwork()
    network.load_state_dict({cell.get(name, name): tensor for name, tensor in weights.items()})
    return network.eval()


@torch.inference_mode()
def window_probabilities(samples: np.ndarray) -> np.ndarray:
    """(samples,) 16 kHz → probability of speech in each window of 32 ms (W,); the last one filled with silence."""
    count = -(-len(samples) // WINDOW)
    sound = F.pad(torch.from_numpy(samples).float(), (CONTEXT, count * WINDOW - len(samples)))
    windows = sound.unfold(0, CONTEXT + WINDOW, WINDOW)
    probabilities, state = [], None
    with threads_for(LSTM_WIDTH):
        for passed in torch.split(windows, WINDOWS_PER_PASS):
            probability, state = speech_network()(passed, state)
            probabilities.append(probability)
    return torch.cat(probabilities).numpy()


def speech_probability(sound: np.ndarray) -> np.ndarray:
    """Mean over the windows of each second: (T, 16000) → (T,). A window belongs to the second that holds its centre."""
    probabilities = window_probabilities(sound.reshape(-1))
    second = ((np.arange(len(probabilities)) + 0.5) * WINDOW / SAMPLE_RATE).astype(int)
    inside = second < len(sound)
    return np.bincount(second[inside], probabilities[inside], len(sound)) / np.bincount(
        second[inside], minlength=len(sound)
    )
