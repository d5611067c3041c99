"""What is explained beforehand is found by what it depends on, and made again where that changed."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sec2sec
from sec2sec import DEMO, precompute
from sec2sec.precompute import Precomputing, Wanted, load, make, remove_old
from tests.helpers.clips import make_clip


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Wanted:
    folder = tmp_path_factory.mktemp("wanted")
    shutil.copytree(DEMO, folder / "demo")
    return Wanted(make_clip(folder / "clip.mp4", 3), folder / "demo")


def test_a_process_of_its_own_makes_what_the_library_would(wanted: Wanted, tmp_path: Path) -> None:
    process = Precomputing(tmp_path, [wanted])
    process.wait_for([wanted], 120)
    stored = load(tmp_path, wanted)
    assert stored is not None
    own = sec2sec.explain(wanted.clip, sec2sec.load(wanted.checkpoint, "cpu"))
    for name, target in own.targets.items():
        assert stored.explanation.targets[name].prediction == pytest.approx(target.prediction, abs=1e-5)
        assert np.allclose(stored.explanation.targets[name].effect, target.effect, atol=1e-5)
    assert stored.tokens.seconds == own.clip.seconds == len(stored.preview.stills)
    assert Precomputing(tmp_path, [wanted]).process is None  # the second time there is nothing to do


def test_another_clip_checkpoint_or_program_is_another_file(
    wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = wanted.file(tmp_path)
    other_clip = Path(shutil.copy(wanted.clip, tmp_path / wanted.clip.name))
    assert replace(wanted, clip=other_clip).file(tmp_path) == first  # the content counts, not the folder
    other_clip.write_bytes(other_clip.read_bytes() + b"\0")
    assert replace(wanted, clip=other_clip).file(tmp_path) != first
    for name in precompute.WEIGHTS:
        other = Path(shutil.copytree(wanted.checkpoint, tmp_path / name))
        (other / name).write_bytes((other / name).read_bytes() + b" ")
        assert replace(wanted, checkpoint=other).file(tmp_path) != first
    monkeypatch.setattr(precompute, "code_version", lambda: "another")
    assert wanted.file(tmp_path) != first


def test_a_damaged_file_counts_as_none(wanted: Wanted, tmp_path: Path) -> None:
    make(tmp_path, wanted)
    assert load(tmp_path, wanted) is not None
    wanted.file(tmp_path).write_bytes(b"half of it")
    assert load(tmp_path, wanted) is None
    assert not wanted.file(tmp_path).exists()  # so that the next start makes it again


def test_readers_beside_a_writer_see_whole_files(wanted: Wanted, tmp_path: Path) -> None:
    make(tmp_path, wanted)
    writer = threading.Thread(target=lambda: [make(tmp_path, wanted) for _ in range(3)])
    writer.start()
    seen = []
    while writer.is_alive():
        seen.append(load(tmp_path, wanted) is not None)
    assert seen
    assert all(seen)


def test_a_clip_that_cannot_be_explained_keeps_none_of_the_others(wanted: Wanted, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no clip")
    arguments = [str(tmp_path), *(str(path) for clip in (broken, wanted.clip) for path in (clip, wanted.checkpoint))]
    assert precompute.main(arguments) == 1
    assert load(tmp_path, wanted) is not None


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(wanted: Wanted, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    process = Precomputing(tmp_path / "file" / "folder", [wanted])
    process.wait_for([wanted], 1)
    assert load(tmp_path / "file" / "folder", wanted) is None


def test_the_folder_does_not_grow_for_ever(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.safetensors").write_bytes(b"")
    remove_old(tmp_path, most=2)
    assert len(list(tmp_path.glob("*"))) == 2
