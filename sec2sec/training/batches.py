"""Clips of a split → batches, from cached tokens or from frames; which go together is a function of the seed.

B clips, T seconds, V visual and A audio tokens in a second, C channels of a token, K targets, M frames in a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from sec2sec.config import EncoderConfig, MediaLimits
from sec2sec.datasets.cache import read_tokens
from sec2sec.datasets.table import DataError, Row
from sec2sec.encode import stacked
from sec2sec.media import Second
from sec2sec.training.extract import LONGEST, Decoded, end_with_parent

AHEAD = 2  # batches that are read while one is learned from
POOL = 16  # batches whose clips are sorted by length together: less padding, still random


@dataclass(frozen=True)
class Clips:
    """The usable clips of a split and what is known of them."""

    rows: Sequence[Row]
    files: Sequence[Path]  # of the token cache
    seconds: Tensor  # (B,) T of each
    labels: Tensor  # (B, K); NaN where a clip has none

    def __len__(self) -> int:
        return len(self.rows)


def clips_of(
    rows: Sequence[Row], targets: Sequence[str], files: Mapping[str, Path], seconds: Mapping[str, int]
) -> Clips:
    """The rows that have a token file, with their labels as a table."""
    usable = [row for row in rows if row.id in files]
    nan = float("nan")
    labels = torch.tensor([[row.targets.get(name, nan) for name in targets] for row in usable], dtype=torch.float32)
    lengths = torch.tensor([seconds[row.id] for row in usable], dtype=torch.long)
    return Clips(usable, [files[row.id] for row in usable], lengths, labels.reshape(len(usable), len(targets)))


class Batch(NamedTuple):  # Fabric and DDP look into tuples, and refuse frozen dataclasses
    """Some clips, padded to the longest. Tokens, or frames and samples of which tokens are yet to be made."""

    which: Tensor  # (B,) which clips of the split; -1: a repetition that fills the last batch of a process
    labels: Tensor  # (B, K); NaN where a clip has none
    mask: Tensor  # (B, T) True where a real second is
    seen: Tensor  # (B,) whether the clip has a picture
    heard: Tensor  # (B,) whether it has sound
    video: Tensor  # (B, T, V, C) fp16, or the frames (N, M, 128, 171, 3) uint8 of all real seconds with a picture
    audio: Tensor  # (B, T, A, C) fp16, or the samples (N, 16000) of all real seconds with sound

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(*(part.to(device, non_blocking=True) for part in self))


class Source(Protocol):
    """Where batches come from."""

    clips: Clips

    def load(self, batches: Iterable[Sequence[int]]) -> Iterator[Batch]:
        """The clips of each list of indices, in their order; a negative index −1−i repeats clip i."""
        ...


def batches_of(seconds: Tensor, batch: int, *, seed: int | None, rank: int = 0, processes: int = 1) -> list[list[int]]:
    """Indices of this process's batches. seed None: in the order of lengths, for validation; else random.

    Clips of similar length go together. Each process gets as many batches, of the same sizes: where clips run out, some
    are repeated, as −1−index.
    """
    count, step = len(seconds), batch * processes
    generator = torch.Generator().manual_seed(seed or 0)
    order = torch.arange(count) if seed is None else torch.randperm(count, generator=generator)
    pool = count if seed is None else step * POOL
    ordered = torch.cat([part[seconds[part].argsort(stable=True)] for part in order.split(max(pool, 1))])
    steps = [part.tolist() for part in ordered.split(step)]
    if seed is not None:
        steps = [steps[i] for i in torch.randperm(len(steps), generator=generator).tolist()]
    steps = [part + [-1 - part[i % len(part)] for i in range(-len(part) % processes)] for part in steps]
    return [part[rank::processes] for part in steps]


def real(index: int) -> int:
    """The clip behind an index that may be a repetition."""
    return index if index >= 0 else -1 - index


class TokenSource:
    """Batches from the token cache: files are mapped, copied into the batch and let go, so memory stays flat."""

    def __init__(self, clips: Clips, config: EncoderConfig) -> None:
        self.clips, self.config = clips, config

    def load(self, batches: Iterable[Sequence[int]]) -> Iterator[Batch]:
        """Reads ahead in a thread. Raises DataError for a file that vanished or was damaged since it was checked."""
        with ThreadPoolExecutor(1) as pool:
            waiting: deque[Future[Batch]] = deque()
            for indices in batches:
                waiting.append(pool.submit(self.gather, indices))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def gather(self, indices: Sequence[int]) -> Batch:
        """One batch of tokens."""
        chosen = [real(i) for i in indices]
        config, seconds = self.config, self.clips.seconds[chosen]
        mask = torch.arange(int(seconds.max())) < seconds[:, None]
        video, audio = (torch.zeros(*mask.shape, *shape, dtype=torch.float16) for shape in config.shapes.values())
        seen, heard = torch.zeros(len(chosen), dtype=torch.bool), torch.zeros(len(chosen), dtype=torch.bool)
        for place, clip in enumerate(chosen):
            tokens = read_tokens(self.clips.files[clip], config)
            if tokens is None:
                raise DataError(
                    f"{self.clips.files[clip]}: these tokens are gone or damaged; resume to make them again"
                )
            for whole, part, has in ((video, tokens.video, seen), (audio, tokens.audio, heard)):
                if part is not None:
                    whole[place, : len(part)], has[place] = part, True
        which = torch.tensor([max(i, -1) for i in indices])
        return Batch(which, self.clips.labels[chosen], mask, seen, heard, video, audio)


def frames_and_samples(seconds: list[Second]) -> tuple[Tensor | None, Tensor | None]:
    """In a worker: a clip's seconds → frames (T, M, 128, 171, 3) and samples (T, 16000); None for what it lacks."""
    return (
        stacked([s.frames for s in seconds]) if seconds[0].frames is not None else None,
        stacked([s.samples for s in seconds]) if seconds[0].samples is not None else None,
    )


class FrameSource:
    """Batches of frames and samples, decoded anew each time by worker processes that live as long as this."""

    def __init__(self, clips: Clips, config: EncoderConfig, workers: int) -> None:
        self.clips = clips
        self.waiting: list[list[int]] = []
        decoded = Decoded(clips.rows, config, frames_and_samples, MediaLimits(max_seconds=LONGEST))
        self.loader: DataLoader[Any] = DataLoader(
            decoded,
            batch_sampler=_Handed(self.waiting),
            collate_fn=list,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=AHEAD if workers else None,
            worker_init_fn=end_with_parent,
            multiprocessing_context="spawn" if workers else None,  # fork after torch has started threads can hang
        )

    def load(self, batches: Iterable[Sequence[int]]) -> Iterator[Batch]:
        """Decodes ahead. Raises DataError for a clip that was usable when the training began and is not now."""
        todo = list(batches)
        self.waiting[:] = [[real(i) for i in indices] for indices in todo]
        for indices, parts in zip(todo, self.loader, strict=True):
            yield self._joined(indices, parts)

    def _joined(self, indices: Sequence[int], parts: list[tuple[Tensor | None, Tensor | None] | str]) -> Batch:
        chosen = [real(i) for i in indices]
        for found in parts:
            if isinstance(found, str):
                raise DataError(f"{found} (it could be read when this training began)")
        pairs = [found for found in parts if not isinstance(found, str)]
        seconds = self.clips.seconds[chosen]
        mask = torch.arange(int(seconds.max())) < seconds[:, None]
        frames = [frames for frames, _ in pairs if frames is not None]
        samples = [samples for _, samples in pairs if samples is not None]
        return Batch(
            which=torch.tensor([max(i, -1) for i in indices]),
            labels=self.clips.labels[chosen],
            mask=mask,
            seen=torch.tensor([frames is not None for frames, _ in pairs]),
            heard=torch.tensor([samples is not None for _, samples in pairs]),
            video=torch.cat(frames) if frames else torch.zeros(0, 1, dtype=torch.uint8),
            audio=torch.cat(samples) if samples else torch.zeros(0, 16000),
        )


class _Handed:
    """A sampler whose batches are handed to it before each epoch."""

    def __init__(self, batches: list[list[int]]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        return iter(list(self.batches))

    def __len__(self) -> int:
        return len(self.batches)
