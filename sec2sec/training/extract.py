"""Clips of a table → what training and evaluation read, decoded by worker processes while the model encodes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, Dataset

from sec2sec.config import MediaLimits
from sec2sec.datasets.table import Row
from sec2sec.media import MediaError, Second, open_clip


class Decoded(Dataset):
    """Decodes one clip an item and passes its seconds to `prepare`; a clip that cannot be used is its message."""

    def __init__(
        self, rows: Sequence[Row], frames_per_second: int, prepare: Callable[[list[Second]], Any], limits: MediaLimits
    ) -> None:
        self.rows, self.frames_per_second, self.prepare, self.limits = rows, frames_per_second, prepare, limits

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        try:
            clip = open_clip(self.rows[index].path, frames_per_second=self.frames_per_second, limits=self.limits)
            return self.prepare(list(clip.seconds()))
        except MediaError as error:
            return str(error)


def decode_all(
    rows: Sequence[Row],
    frames_per_second: int,
    prepare: Callable[[list[Second]], Any],
    *,
    workers: int,
    limits: MediaLimits | None = None,
) -> Iterator[tuple[Row, Any]]:
    """Every row, in order, with what `prepare` made of its seconds in a worker process, or a message (str).

    prepare must be picklable and return tensors, or containers of tensors.
    """
    data = Decoded(rows, frames_per_second, prepare, limits or MediaLimits())
    loader = DataLoader(
        data,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="spawn" if workers else None,  # fork after torch has started threads can hang
    )
    yield from zip(rows, loader, strict=True)


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
