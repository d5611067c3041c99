"""Clips of a split → batches, from cached tokens or from frames; which go together is a function of the seed.

B clips, T seconds, V visual and A audio tokens in a second, C channels of a token, K targets, M frames in a second.
"""

from __future__ import annotations

import math
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
from sec2sec.datasets.extract import MAX_CLIP_SECONDS, Decoded, end_with_parent, worker_deaths_in_words
from sec2sec.datasets.table import DataError, Row
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import stack
from sec2sec.media import Second
from sec2sec.workers import check_shared_memory, end_if_started_by_import

CPU = torch.device("cpu")
BATCHES_AHEAD = 2  # batches that are read while one is learned from
READER_THREADS = 2  # threads that read for a GPU: one takes about as long for a batch as the GPU for a step
GPU_MEMORY_SHARE = 0.25  # of a GPU's free memory that the tokens of a split may take: a step needs the rest
POOLED_BATCHES = 16  # batches whose clips are sorted by length together: less padding, still random


@dataclass(frozen=True)
class Clips:
    """The usable clips of a split and what is known of them."""

    rows: Sequence[Row]
    files: Sequence[Path]  # of the token cache
    seconds: Tensor  # (B,) T of each
    labels: Tensor  # (B, K); NaN where a clip has none
    weighting: Tensor | None = None  # (B,) of mean 1, by which each counts in the loss; None: all alike

    @property
    def weights(self) -> Tensor:
        """(B,) by which each counts in the loss."""
        return torch.ones(len(self.labels)) if self.weighting is None else self.weighting

    def __len__(self) -> int:
        return len(self.rows)


def cached_clips(
    rows: Sequence[Row],
    targets: Sequence[str],
    files: Mapping[str, Path],
    seconds: Mapping[str, int],
    weight_by: str = "",
) -> Clips:
    """The rows that have a token file, with their labels as a table. weight_by: as of TrainConfig. Raises DataError."""
    usable = [row for row in rows if row.id in files]
    nan = float("nan")
    labels = torch.tensor([[row.targets.get(name, nan) for name in targets] for row in usable], dtype=torch.float32)
    lengths = torch.tensor([seconds[row.id] for row in usable], dtype=torch.long)
    weighting = None
    if weight_by:
        weights = torch.tensor([clip_weight(row, weight_by) for row in usable], dtype=torch.float32)
        weighting = weights / weights.mean().clamp_min(1e-6)
    labels = labels.reshape(len(usable), len(targets))
    return Clips(usable, [files[row.id] for row in usable], lengths, labels, weighting)


def clip_weight(row: Row, column: str) -> float:
    """By how much a clip counts in the loss: the number in one of its columns. Raises DataError."""
    cell = row.columns.get(column, row.targets.get(column, ""))
    try:
        weight = float(cell)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        there = ", ".join([*row.columns, *row.targets]) or "none"
        raise DataError(
            f"{row.path}: weight_by is {column}, where this clip has {str(cell)[:40] or 'nothing'!r}; each clip needs "
            f"a number from 0 there (columns: {there})"
        )
    return weight


class Batch(NamedTuple):  # Fabric and DDP look into tuples, and refuse frozen dataclasses
    """Some clips, padded to the longest. Tokens, or frames and samples of which tokens are yet to be made."""

    clip_indices: Tensor  # (B,) in the split; -1: a repetition that fills the last batch of a process
    labels: Tensor  # (B, K); NaN where a clip has none
    weights: Tensor  # (B,) by which each counts in the loss
    mask: Tensor  # (B, T) True where a real second is
    seen: Tensor  # (B,) whether the clip has a picture
    heard: Tensor  # (B,) whether it has sound
    video: Tensor  # (B, T, V, C) fp16, or the frames (N, M, 128, 171, 3) uint8 of all real seconds with a picture
    audio: Tensor  # (B, T, A, C) fp16, or the samples (N, 16000) of all real seconds with sound

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


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
    pool = count if seed is None else step * POOLED_BATCHES
    ordered = torch.cat([indices[seconds[indices].argsort(stable=True)] for indices in order.split(max(pool, 1))])
    steps = [indices.tolist() for indices in ordered.split(step)]
    if seed is not None:
        steps = [steps[i] for i in torch.randperm(len(steps), generator=generator).tolist()]
    steps = [indices + [-1 - indices[i % len(indices)] for i in range(-len(indices) % processes)] for indices in steps]
    return [indices[rank::processes] for indices in steps]


def clip_index(index: int) -> int:
    """The clip behind an index that may be a repetition."""
    return index if index >= 0 else -1 - index


def read_clip(clips: Clips, clip: int, config: EncoderConfig) -> Tokens:
    """The tokens of one clip, mapped. Raises DataError for a file that vanished or was damaged since it was checked."""
    tokens = read_tokens(clips.files[clip], config)
    if tokens is None:
        raise DataError(f"{clips.files[clip]}: these tokens are gone or damaged; resume to make them again")
    return tokens


def room_for_tokens(device: torch.device) -> int:
    """Bytes that the tokens of a split may take on a device; none on a CPU, whose memory the mapped files share."""
    return int(GPU_MEMORY_SHARE * torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else 0


class TokenSource:
    """Batches from the token cache, for whoever passes over the clips once or, on `device`, many times.

    On a CPU files are mapped, copied into the batch and let go, so memory stays flat. A GPU keeps all tokens of the
    split where they fit; where they do not, they are read ahead into memory that it can copy from while it computes.
    """

    def __init__(self, clips: Clips, config: EncoderConfig, device: torch.device = CPU) -> None:
        """device: where batches will be needed; the CPU's own wherever there is only one pass."""
        self.clips, self.config, self.device = clips, config, device
        self.pinned = device.type == "cuda"
        self.resident: ResidentTokens | None = None
        self.decided = False  # whether the split stays on the device

    @property
    def size(self) -> int:
        """Bytes of all tokens, if every clip has picture and sound."""
        return 2 * int(self.clips.seconds.sum()) * sum(map(math.prod, self.config.shapes.values()))

    def load(self, batches: Iterable[Sequence[int]]) -> Iterator[Batch]:
        """Reads ahead. Raises DataError for a file that vanished or was damaged since it was checked."""
        if not self.decided:
            if self.size <= room_for_tokens(self.device):
                self.resident = ResidentTokens(self.clips, self.config, self.device)
            self.decided = True
        if self.resident is not None:
            yield from map(self.resident.gather, batches)
            return
        with ThreadPoolExecutor(READER_THREADS if self.pinned else 1) as pool:
            waiting: deque[Future[Batch]] = deque()
            for indices in batches:
                waiting.append(pool.submit(self.gather, indices))
                if len(waiting) > BATCHES_AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def gather(self, indices: Sequence[int]) -> Batch:
        """One batch of tokens."""
        chosen = [clip_index(i) for i in indices]
        config, seconds = self.config, self.clips.seconds[chosen]
        mask = torch.arange(int(seconds.max())) < seconds[:, None]
        video, audio = (
            torch.zeros(*mask.shape, *shape, dtype=torch.float16, pin_memory=self.pinned)
            for shape in config.shapes.values()
        )
        seen, heard = torch.zeros(len(chosen), dtype=torch.bool), torch.zeros(len(chosen), dtype=torch.bool)
        for place, clip in enumerate(chosen):
            tokens = read_clip(self.clips, clip, config)
            for whole, tensor, has in ((video, tokens.video, seen), (audio, tokens.audio, heard)):
                if tensor is not None:
                    whole[place, : len(tensor)], has[place] = tensor, True
        clip_indices = torch.tensor([max(i, -1) for i in indices])
        labels, weights = self.clips.labels[chosen], self.clips.weights[chosen]
        return Batch(clip_indices, labels, weights, mask, seen, heard, video, audio)


class ResidentTokens:
    """The tokens of a split on a device, read once; batches are gathered there, and only their indices go up to it."""

    def __init__(self, clips: Clips, config: EncoderConfig, device: torch.device) -> None:
        """Raises DataError for a file that vanished or was damaged since it was checked."""
        self.clips, self.device = clips, device
        self.seconds, self.labels = clips.seconds.to(device), clips.labels.to(device)
        self.weights = clips.weights.to(device)
        rows = 1 + int(clips.seconds.sum())  # row 0 stands for padding, and for what a clip lacks
        self.tokens = [
            torch.empty(rows, *shape, dtype=torch.float16, device=device) for shape in config.shapes.values()
        ]
        first = torch.zeros(len(self.tokens), len(clips), dtype=torch.long)
        for whole in self.tokens:
            whole[0] = 0
        row = 1
        for clip, seconds in enumerate(clips.seconds.tolist()):
            tokens = read_clip(clips, clip, config)
            for place, (whole, tensor) in enumerate(zip(self.tokens, (tokens.video, tokens.audio), strict=True)):
                if tensor is not None:
                    whole[row : row + seconds], first[place, clip] = tensor, row
            row += seconds
        self.first = first.to(device)  # (2, clips) the row of each clip's first second; 0 where it lacks the modality

    def gather(self, indices: Sequence[int]) -> Batch:
        """The same batch as TokenSource's, on the device."""
        order = torch.tensor(indices).to(self.device, non_blocking=True)
        chosen = torch.where(order < 0, -1 - order, order)
        step = torch.arange(int(self.clips.seconds[[clip_index(i) for i in indices]].max()), device=self.device)
        mask = step < self.seconds[chosen, None]
        first = self.first[:, chosen]
        present = first > 0
        rows = torch.where(mask & present[..., None], first[..., None] + step, 0)  # (2, B, T)
        video, audio = (whole[at] for whole, at in zip(self.tokens, rows, strict=True))
        labels, weights = self.labels[chosen], self.weights[chosen]
        return Batch(order.clamp_min(-1), labels, weights, mask, present[0], present[1], video, audio)


def frames_and_samples(seconds: list[Second]) -> tuple[Tensor | None, Tensor | None]:
    """In a worker: a clip's seconds → frames (T, M, 128, 171, 3) and samples (T, 16000); None for what it lacks."""
    return (
        stack([s.frames for s in seconds]) if seconds[0].frames is not None else None,
        stack([s.samples for s in seconds]) if seconds[0].samples is not None else None,
    )


class FrameSource:
    """Batches of frames and samples, decoded anew each time by worker processes that live as long as this."""

    def __init__(self, clips: Clips, config: EncoderConfig, workers: int) -> None:
        if workers:
            end_if_started_by_import()
            check_shared_memory(workers)
        self.clips = clips
        self.waiting: list[list[int]] = []
        decoded = Decoded(clips.rows, config, frames_and_samples, MediaLimits(max_seconds=MAX_CLIP_SECONDS))
        self.loader: DataLoader[Any] = DataLoader(
            decoded,
            batch_sampler=PresetBatches(self.waiting),
            collate_fn=list,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=BATCHES_AHEAD if workers else None,
            worker_init_fn=end_with_parent,
            multiprocessing_context="spawn" if workers else None,  # fork after torch has started threads can hang
        )

    def load(self, batches: Iterable[Sequence[int]]) -> Iterator[Batch]:
        """Decodes ahead. Raises DataError for a clip that was usable when the training began and is not now."""
        todo = list(batches)
        self.waiting[:] = [[clip_index(i) for i in indices] for indices in todo]
        with worker_deaths_in_words():
            for indices, clips in zip(todo, self.loader, strict=True):
                yield self._join(indices, clips)

    def _join(self, indices: Sequence[int], clips: list[tuple[Tensor | None, Tensor | None] | str]) -> Batch:
        chosen = [clip_index(i) for i in indices]
        for clip in clips:
            if isinstance(clip, str):
                raise DataError(f"{clip} (it could be read when this training began)")
        pairs = [clip for clip in clips if not isinstance(clip, str)]
        seconds = self.clips.seconds[chosen]
        mask = torch.arange(int(seconds.max())) < seconds[:, None]
        frames = [frames for frames, _ in pairs if frames is not None]
        samples = [samples for _, samples in pairs if samples is not None]
        return Batch(
            clip_indices=torch.tensor([max(i, -1) for i in indices]),
            labels=self.clips.labels[chosen],
            weights=self.clips.weights[chosen],
            mask=mask,
            seen=torch.tensor([frames is not None for frames, _ in pairs]),
            heard=torch.tensor([samples is not None for _, samples in pairs]),
            video=torch.cat(frames) if frames else torch.zeros(0, 1, dtype=torch.uint8),
            audio=torch.cat(samples) if samples else torch.zeros(0, 16000),
        )


class PresetBatches:
    """A sampler whose batches are handed to it before each epoch."""

    def __init__(self, batches: list[list[int]]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        return iter(list(self.batches))

    def __len__(self) -> int:
        return len(self.batches)
