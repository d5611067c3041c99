"""How much of a clip is speech, by silero-vad: only the sound can matter.

python -m sec2sec audit assets/clips/NAME.mp4 --python examples.speech:predict
"""

from pathlib import Path

import av
import numpy as np
import torch
from silero_vad import get_speech_timestamps, load_silero_vad

MODEL, RATE = load_silero_vad(), 16_000


def predict(clips: list[Path]) -> list[dict[str, object]]:
    """The share of each clip that is speech; it claims the sound."""
    return [{"speech": share_of_speech(samples_of(clip)), "modality": {"speech": "audio"}} for clip in clips]


def share_of_speech(samples: np.ndarray) -> float:
    """Of samples at RATE, 0 to 1."""
    spans = get_speech_timestamps(torch.from_numpy(samples), MODEL)
    return sum(span["end"] - span["start"] for span in spans) / max(1, len(samples))


def samples_of(clip: Path) -> np.ndarray:
    """Mono at RATE, [-1, 1]."""
    resampler = av.AudioResampler("fltp", "mono", RATE)
    with av.open(str(clip)) as file:
        frames = [made for frame in file.decode(audio=0) for made in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]) if frames else np.zeros(0, np.float32)
