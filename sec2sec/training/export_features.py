"""Tokens of our encoders as features for other programs: a file or two per clip, and features.csv, which is read again.

T seconds, C channels of a token.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.baselines import SYSTEMS
from sec2sec.config import EncoderConfig
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.extract import Extraction, extract_steps
from sec2sec.datasets.feature_files import FeatureFormat, shape_words, write_features
from sec2sec.datasets.feature_table import FEATURES_FILE, MODALITIES
from sec2sec.datasets.table import DataError, Row
from sec2sec.device import pick_device
from sec2sec.encoders.tokens import Tokens
from sec2sec.errors import FileError, SettingsError
from sec2sec.files import current_umask, safe_name
from sec2sec.progress import Progress, Steps
from sec2sec.training.extraction import max_clip_seconds
from sec2sec.training.hardware import Hardware
from sec2sec.training.settings import TrainConfig
from sec2sec.training.setup import load_data, starting_networks

FILES = "features"  # folder of the files, beside the table


@dataclass(frozen=True)
class Exported:
    """What was written, and the clips that could not be encoded."""

    clips: int
    table: Path
    extraction: Extraction


def export_steps(config: TrainConfig, machine: Hardware, folder: Path, file_format: FeatureFormat) -> Steps[Exported]:
    """Encode what the cache does not hold yet, then write the tokens of every clip, and a table.

    folder: must not exist, or be empty; there is all of it, or nothing. Raises SettingsError, DataError or OSError.
    """
    if not SYSTEMS[config.system].uses_encoder_tokens:
        raise SettingsError(f"{config.system} reads no tokens of encoders, so that there are none to export")
    check_new(folder)
    table, targets = load_data(config)
    networks = starting_networks(config, ("any",), table.split("train"), machine.decoders, table.features)
    cache = TokenCache(machine.cache, networks.encoders)
    extraction = yield from extract_steps(
        table.rows,
        networks.encoders,
        cache,
        device=pick_device(machine.device),
        workers=machine.workers,
        max_seconds=max_clip_seconds(config),
    )
    rows = [row for row in table.rows if row.id in extraction.sha256]
    if not rows:
        raise DataError(f"{table.directory}: none of its {len(table.rows)} clips could be used")
    source = table.features.name if table.features else f"sec2sec, {cache.config.preset} encoders of {networks.origin}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".sec2sec-", suffix=".part"))
    try:
        (unfinished / FILES).mkdir()
        lines = []
        for number, row in enumerate(rows):
            tokens = cache.read(extraction.sha256[row.id])
            if tokens is None:
                raise DataError(f"{cache.directory}: the tokens of {row.id!r} are gone; run the same command again")
            arrays = arrays_of(tokens, cache.config)
            names = write_features(unfinished / FILES, f"{number:05}-{safe_name(row.id)[:80]}", arrays, file_format)
            lines.append(_line(row, names, arrays, targets, source))
            yield Progress(number + 1, len(rows), f"exporting: {number + 1} of {len(rows)} clips")
        (unfinished / FEATURES_FILE).write_text(_as_csv(lines, targets), encoding="utf-8")
        os.chmod(unfinished, 0o777 & ~current_umask())  # mkdtemp makes a folder for its owner alone
        os.replace(unfinished, folder)  # an empty folder is replaced as well
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return Exported(len(rows), folder / FEATURES_FILE, extraction)


def check_new(folder: Path) -> None:
    """Raise FileError where something is in the way of an export."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"{folder}: is there already, and not an empty folder; give another name")


def arrays_of(tokens: Tokens, config: EncoderConfig) -> dict[str, np.ndarray]:
    """The tokens of a clip on their grids, float16: (T, time, height, width, C) and (T, bands, times, C)."""
    grids = {"video": config.video_grid, "audio": config.audio_grid}
    return {
        str(name): tensor.half().numpy().reshape(len(tensor), *grids[name], -1)
        for name, tensor in tokens.present.items()
    }


def _line(
    row: Row, names: Mapping[str, str], arrays: Mapping[str, np.ndarray], targets: Sequence[str], source: str
) -> dict[str, Any]:
    files = {name: f"{FILES}/{names[name]}" for name in arrays}
    shapes = {f"{name}_shape": shape_words(values.shape) for name, values in arrays.items()}
    labels = {target: repr(float(row.targets[target])) for target in targets if target in row.targets}
    return {"id": row.id, **files, **shapes, **labels, "split": row.split, "group": row.group, "source": source}


def _as_csv(lines: Sequence[Mapping[str, Any]], targets: Sequence[str]) -> str:
    shapes = [f"{name}_shape" for name in MODALITIES]
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", *MODALITIES, *shapes, *targets, "split", "group", "source"], restval="")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()
