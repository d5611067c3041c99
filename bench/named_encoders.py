"""Extraction with EfficientNet-Lite0 and ResNet-18 on the MFCC image: what it adds to the encoders alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from bench.row import Row
from bench.training import WORK, extraction
from recipes import efficientnet_lite0
from sec2sec.datasets.table import read_table
from sec2sec.encoder_names import RESNET
from sec2sec.encoders import Encoders, build_encoders
from sec2sec.encoders.named import named_config
from sec2sec.encoding import encode_clip, stack
from sec2sec.media import open_clip
from sec2sec.paths import program_paths

T = TypeVar("T")
VIDEO = f"timm:{efficientnet_lite0.ARCHITECTURE}"
CLIPS = 40  # of known truth, 8–12 s
TIMED = 10  # of them, whose processor time is measured


def rows() -> Iterator[Row]:
    """About two minutes. ResNet-18 has random weights here, which cost what trained ones cost."""
    folder = program_paths().encoders / efficientnet_lite0.ARCHITECTURE
    if not folder.is_dir():
        efficientnet_lite0.convert(folder)
    encoders = build_encoders(named_config(VIDEO, RESNET), carried=("audio",)).eval()
    taken, bare = extraction(encoders, CLIPS)
    name = "EfficientNet-Lite0 + MFCC encoder: extraction ÷ the bare folded encoders"
    yield Row(name, taken / bare, "×", 1.15)
    yield Row(
        "  the same in processor time, one thread: what a busy machine gives as well", processor(encoders), "×", 1.15
    )
    yield Row("  of which the bare encoders, a clip", bare, "s")
    yield Row("  clips of known truth per minute, from files to cached tokens", 60 / taken, "")


def processor(plain: Encoders) -> float:
    """Processor time of decoding, features and encoding ÷ that of the encoders on tensors that are ready."""
    config, folded, cpu = plain.config, plain.folded(), torch.device("cpu")
    whole = bare = 0.0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for row in read_table(WORK / "clips").rows[:TIMED]:
            opened = open_clip(
                row.path,
                frames_per_second=config.frames_per_second,
                frame_size=config.frame_size,
                threads=1,
                stills=False,
            )
            taken, seconds = processor_time(lambda clip=opened: list(clip.seconds()))
            frames, image = stack([s.frames for s in seconds]), plain.mfcc(stack([s.samples for s in seconds]))
            with torch.inference_mode():
                bare += processor_time(lambda f=frames, i=image: (folded.encode_video(f), folded.encode_mfcc(i)))[0]
            whole += taken + processor_time(lambda s=seconds: encode_clip(s, folded, cpu))[0]
    finally:
        torch.set_num_threads(threads)
    return whole / bare


def processor_time(run: Callable[[], T]) -> tuple[float, T]:
    """Seconds of the processor that something takes, and what comes of it."""
    began = time.process_time()
    result = run()
    return time.process_time() - began, result


if __name__ == "__main__":
    for row in rows():
        print(json.dumps(vars(row) | {"holds": row.holds}), flush=True)
