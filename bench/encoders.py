"""The paper preset's encoders as we use them against torchvision's modules as they come: python -m bench.encoders."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torchvision
from torch import Tensor
from torch.nn import functional as F

from sec2sec.encoders.fold import fold
from sec2sec.encoders.paper import IMAGE_SIDE, load_paper

SECONDS = 4  # of a clip: one chunk of the encoders
FRAMES = 16  # M
TURNS = 5  # of each rival, after one for warming up
BUDGET = 30.0  # seconds, after which a slow machine makes do with fewer turns


def compare(*rivals: Callable[[], Tensor]) -> list[float]:
    """Median seconds of each rival; they take turns, so that a busy machine slows all of them alike."""
    taken: list[list[float]] = [[] for _ in rivals]
    begun = time.perf_counter()
    with torch.inference_mode():
        for turn in range(TURNS + 1):
            if turn > 2 and time.perf_counter() - begun > BUDGET:
                break
            for times, rival in zip(taken, rivals, strict=True):
                start = time.perf_counter()
                rival()
                if turn:  # the first is for warming up
                    times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]


def rows() -> list[tuple[str, float, float | None]]:
    """(name, value, limit at most), ratios of medians; random weights, which cost the same time. About 20 s.

    Both sides get the same contiguous frames. Of sound, torchvision's ResNet gets the picture of 224×224, and ours the
    MFCC image, which it standardises and enlarges itself.
    """
    video, audio = (fold(encoder) for encoder in load_paper(pretrained=False, seed=0))
    their_video = torchvision.models.video.r2plus1d_18().eval()
    their_audio = torchvision.models.resnet18().eval()
    frames, image = torch.randn(SECONDS, 3, FRAMES, 112, 112), torch.randn(SECONDS, 3, 40, 101)
    last = frames.contiguous(memory_format=torch.channels_last_3d)
    picture = F.interpolate(image, (IMAGE_SIDE, IMAGE_SIDE), mode="bilinear")
    their_v, their_v_last, our_v, their_a, our_a = compare(
        lambda: their_video(frames),
        lambda: their_video(last),
        lambda: video(frames),
        lambda: their_audio(picture),
        lambda: audio(image),
    )
    return [
        ("paper encoders as used ÷ torchvision's as they come", (our_v + our_a) / (their_v + their_a), 0.75),
        ("  of which R(2+1)D-18", our_v / their_v, None),
        ("  of which ResNet-18, our resizing included", our_a / their_a, None),
        ("  R(2+1)D-18, had torchvision's been given channels-last frames", our_v / their_v_last, None),
        ("  R(2+1)D-18 as used, seconds a second of clip", our_v / SECONDS, None),
    ]


if __name__ == "__main__":
    for name, value, limit in rows():
        print(f"{name:<66} {value:6.3f}" + ("" if limit is None else f"   at most {limit}"))
