"""What several files of tests start from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers.clips import grey, make_clip
from tests.helpers.formats import LIRIS

if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    # Side by side, each process has its share of the cores: threads beyond them wait for each other by spinning
    share = max(1, (os.cpu_count() or 1) // int(workers))
    os.environ.setdefault("OMP_NUM_THREADS", str(share))


@pytest.fixture
def one_thread():
    """For tests of tiny tensors: threads would only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a data set, a checkpoint to start from and, once a test has filled it, a token cache."""
    from tests.helpers.datasets import clip_folder  # torch is heavy, and most tests need none of this
    from tests.helpers.models import save_tiny

    folder = tmp_path_factory.mktemp("made")
    clip_folder(folder / "data")
    save_tiny(folder / "tiny")
    return folder


@pytest.fixture(scope="module")
def machine(made):
    """The CPU of this process, with the cache of `made`."""
    from sec2sec.training.train import Hardware

    return Hardware(made / "tokens", device="cpu", workers=0)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Path]:
    """Nine short MP4 files that differ."""
    folder = tmp_path_factory.mktemp("clips")
    return [
        make_clip(folder / f"{i}.mp4", 0.75 + 0.25 * (i % 3), fps=8, size=(32, 32), picture=grey(20 * i), gop=4)
        for i in range(len(LIRIS))
    ]
