"""Broken files of six containers, read as the app reads them: in processes that can be killed, with limits."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.helpers.fuzzing import SEEDS, Outcome, mutate, open_files, read_mutated

SHORT_RUN = 2_000
LONG_RUN = 100_000


def test_a_number_always_breaks_a_file_alike() -> None:
    files = [path.read_bytes() for path in SEEDS]
    assert [path.suffix for path in SEEDS] == [".avi", ".flac", ".mkv", ".mp4", ".ts", ".webm"]
    broken = [mutate(number, files) for number in range(60)]
    assert broken == [mutate(number, files) for number in range(60)]
    assert sum(content not in files for content in broken) > 50


def assert_held(outcome: Outcome, count: int, folder: Path) -> None:
    """No mistake of ours, none that took too long, and nothing left behind."""
    assert outcome.faults == []
    assert outcome.kinds.total() == count
    assert list(folder.iterdir()) == []
    kinds = {kind.partition(": ")[2].partition(" with")[0] for kind in outcome.kinds}
    assert {"read", "refused", "probed"} <= kinds, "some are broken and some are not"


def test_broken_files_are_read_or_refused_and_leave_nothing(tmp_path: Path) -> None:
    threads, files = threading.active_count(), open_files()
    assert_held(read_mutated(range(SHORT_RUN), tmp_path), SHORT_RUN, tmp_path)
    assert threading.active_count() <= threads + 4
    assert open_files() <= files + 8


@pytest.mark.slow
def test_a_hundred_thousand_broken_files_are_read_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten to fourteen minutes on two cores; the numbers go on where those of the short run end."""
    outcome = read_mutated(range(SHORT_RUN, SHORT_RUN + LONG_RUN), tmp_path)
    with capsys.disabled():
        print(f"\n{outcome.kinds.total():,} broken files in {outcome.seconds:.0f} s, slowest {outcome.slowest:.1f} s")
        for kind, count in sorted(outcome.kinds.items()):
            print(f"  {count:>7,} {kind}")
    assert_held(outcome, LONG_RUN, tmp_path)
