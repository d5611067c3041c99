"""Tokens of a split that stay on the device: the batches and the trainings of those that are read from the cache."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
import torch

from sec2sec.config import EncoderConfig
from sec2sec.datasets import cache
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.table import DataError, Row
from sec2sec.encoders import build_encoders
from sec2sec.encoders.tokens import Tokens
from sec2sec.progress import drain
from sec2sec.training.batches import (
    Batch,
    Clips,
    ResidentTokens,
    TokenSource,
    batches_of,
    cached_clips,
    room_for_tokens,
)
from sec2sec.training.train import train_steps
from tests.helpers.datasets import TOKENS
from tests.helpers.trainings import CPU, settings, weights


def mixed_clips(folder: Path, number: int = 23) -> tuple[Clips, EncoderConfig]:
    """Clips of 1–4 s; some have no sound, some no picture, some no label."""
    held, generator = TokenCache(folder, build_encoders(TOKENS, seed=0)), torch.Generator().manual_seed(0)
    rows, files, lengths = [], {}, {}
    for clip in range(number):
        seconds, name, sha256 = 1 + clip % 4, f"t{clip}", f"{clip:064x}"
        video, audio = (torch.randn(seconds, *shape, generator=generator) for shape in TOKENS.shapes.values())
        held.write(sha256, Tokens(None if clip % 5 == 1 else video, None if clip % 5 == 2 else audio))
        rows.append(Row(name, Path("nowhere"), {"a": clip % 2} if clip % 3 else {}, "train", name))
        files[name], lengths[name] = held.path(sha256), seconds
    return cached_clips(rows, ("a", "b"), files, lengths), TOKENS


def identical(one: Batch, other: Batch) -> bool:
    """In dtype, shape and every bit, not-a-numbers included."""
    return all(
        a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_batches_gathered_on_the_device_are_those_read_from_the_cache(tmp_path, seed):
    clips, config = mixed_clips(tmp_path)
    batches = batches_of(clips.seconds, 3, seed=seed, processes=2)
    assert any(index < 0 for batch in batches_of(clips.seconds, 3, seed=seed, rank=1, processes=2) for index in batch)
    batches += [[4, -1 - 7, -1], [1], [2], [1, 6], [2, 7], [22]]  # repetitions; batches without picture, without sound
    read, resident = list(TokenSource(clips, config).load(batches)), ResidentTokens(clips, config, CPU)
    for indices, batch in zip(batches, read, strict=True):
        assert identical(resident.gather(indices), batch), indices
    assert not any(bool(batch.seen.all() and batch.heard.all() and batch.mask.all()) for batch in read[-4:-1])


def source_with_room(monkeypatch, clips: Clips, config: EncoderConfig, room: int) -> TokenSource:
    monkeypatch.setattr("sec2sec.training.batches.room_for_tokens", lambda device: room)
    return TokenSource(clips, config)


@pytest.mark.parametrize("short", [0, 1])
def test_a_split_stays_on_the_device_where_its_tokens_fit_and_there_alone(tmp_path, monkeypatch, short):
    clips, config = mixed_clips(tmp_path)
    size = int(clips.seconds.sum()) * 2 * sum(places * width for places, width in config.shapes.values())
    source = source_with_room(monkeypatch, clips, config, size - short)
    plain = list(TokenSource(clips, config).load([[0, 5], [1]]))
    opened = opens(monkeypatch)
    for _ in range(2):
        assert all(map(identical, source.load([[0, 5], [1]]), plain))
    assert len(opened) == (6 if short else len(clips)), "read in each of two epochs, or all of them once"
    assert (source.resident is None) == bool(short)


def opens(monkeypatch) -> list[Path]:
    """The files of the cache that are opened from now on."""
    opened: list[Path] = []
    real = cache.safe_open

    def open_noted(path, *arguments):
        opened.append(path)
        return real(path, *arguments)

    monkeypatch.setattr(cache, "safe_open", open_noted)
    return opened


def test_a_batch_opens_each_of_its_files_once(tmp_path, monkeypatch):
    clips, config = mixed_clips(tmp_path)
    opened = opens(monkeypatch)
    TokenSource(clips, config).gather([3, 4, 5])
    assert opened == [clips.files[i] for i in (3, 4, 5)]


def test_a_cpu_keeps_no_tokens_and_a_gpu_as_many_as_a_quarter_of_its_free_memory_holds(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 4000))
    assert room_for_tokens(torch.device("cuda", 0)) == 250
    assert room_for_tokens(CPU) == 0


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("room", [0, 10**9])
def test_batches_on_a_gpu_are_those_of_the_cpu_whether_they_are_resident_or_read_ahead(tmp_path, monkeypatch, room):
    clips, config = mixed_clips(tmp_path)
    batches = batches_of(clips.seconds, 3, seed=0)
    monkeypatch.setattr("sec2sec.training.batches.room_for_tokens", lambda device: room)
    gpu = TokenSource(clips, config, torch.device("cuda"))
    for indices, batch in zip(batches, gpu.load(batches), strict=True):
        expected = TokenSource(clips, config).gather(indices)
        assert (batch.video.is_cuda, batch.video.is_pinned()) == ((True, False) if room else (False, True))
        assert identical(Batch(*(part.cpu() for part in batch.to(torch.device("cuda")))), expected)


def test_tokens_that_are_gone_are_named_however_they_are_read(tmp_path, monkeypatch):
    clips, config = mixed_clips(tmp_path)
    clips.files[9].unlink()
    for room in (0, 10**9):
        with pytest.raises(DataError, match=f"{clips.files[9].name}: these tokens are gone or damaged; resume"):
            list(source_with_room(monkeypatch, clips, config, room).load([[9, 10]]))


def test_a_training_from_resident_tokens_ends_with_the_same_weights_and_goes_on_after_a_stop(
    tmp_path, made, machine, monkeypatch
):
    config = settings(made, modality_dropout=0.2)
    list(train_steps(tmp_path / "read", config, machine))
    monkeypatch.setattr("sec2sec.training.batches.room_for_tokens", lambda device: 10**9)
    list(train_steps(tmp_path / "resident", config, machine))
    assert weights(tmp_path / "resident") == weights(tmp_path / "read")
    asked = count()
    assert drain(train_steps(tmp_path / "cut", config, machine, stop=lambda: next(asked) >= 3)).stopped
    assert not drain(train_steps(tmp_path / "cut", None, machine, resume=True)).stopped
    assert weights(tmp_path / "cut") == weights(tmp_path / "read")
