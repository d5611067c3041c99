"""Extraction with EfficientNet-Lite0 and ResNet-18 on the MFCC image: what it adds to the encoders alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench.row import Row
from bench.training import extraction
from recipes import efficientnet_lite0
from sec2sec.encoder_names import RESNET
from sec2sec.encoders import build_encoders
from sec2sec.encoders.named import named_config
from sec2sec.paths import program_paths

VIDEO = f"timm:{efficientnet_lite0.ARCHITECTURE}"
CLIPS = 40  # of known truth, 8–12 s


def rows() -> Iterator[Row]:
    """About two minutes. ResNet-18 has random weights here, which cost what trained ones cost."""
    folder = program_paths().encoders / efficientnet_lite0.ARCHITECTURE
    if not folder.is_dir():
        efficientnet_lite0.convert(folder)
    encoders = build_encoders(named_config(VIDEO, RESNET), carried=("audio",)).eval()
    taken, bare = extraction(encoders, CLIPS)
    yield Row("EfficientNet-Lite0 + MFCC encoder: extraction ÷ the bare folded encoders", taken / bare, "×", 1.15)
    yield Row("  of which the bare encoders, a clip", bare, "s")
    yield Row("  clips of known truth per minute, from files to cached tokens", 60 / taken, "")


if __name__ == "__main__":
    for row in rows():
        print(json.dumps(vars(row) | {"holds": row.holds}), flush=True)
