"""Processes that work for this one: what is said where they cannot start, or ended."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sec2sec import workers
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.table import read_table
from sec2sec.errors import FileError
from sec2sec.workers import check_shared_memory, unguarded_script, why_they_ended
from tests.helpers.datasets import clip_folder
from tests.helpers.models import ENCODER

ROOT = Path(__file__).resolve().parents[1]
EVALUATE = """
import sys
sys.path.insert(0, {root!r})
from sec2sec import DEMO
from sec2sec.checkpoints import load_checkpoint
from sec2sec.evaluation.evaluate import evaluate_steps
from sec2sec.progress import drain
from sec2sec.training.opening import open_as_learned
bundle = load_checkpoint(DEMO, "cpu")
{guard}drain(evaluate_steps(bundle, open_as_learned(bundle, {data!r}), workers=2))
"""
MAKE = """
import sys
sys.path.insert(0, {root!r})
from sec2sec.datasets.known_truth import make_clips
{guard}list(make_clips({data!r} + "/made", 4, 1, workers=2))
"""


def run_script(path: Path, text: str, data: Path, guard: str) -> subprocess.CompletedProcess[str]:
    path.write_text(text.format(root=str(ROOT), data=str(data), guard=guard))
    return subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("text", [EVALUATE, MAKE], ids=["evaluate", "make clips"])
def test_a_script_without_a_guard_gets_one_message_with_the_remedy(tmp_path, text):
    data = clip_folder(tmp_path / "set", train=2, validation=1, test=1)
    done = run_script(tmp_path / "mine.py", text, data, "")
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.strip().endswith(
        "FileError: the processes that share the work could not start, because each runs the script mine.py again from "
        'its first line; put the lines that call sec2sec below: if __name__ == "__main__":'
    )
    shutil.rmtree(data / "made", ignore_errors=True)
    done = run_script(tmp_path / "mine.py", text, data, 'if __name__ == "__main__":\n    ')
    assert (done.returncode, done.stderr) == (0, "")


def test_too_little_shared_memory_is_said_before_a_clip_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=16_000 if path == tmp_path else 10**12))
    rows = read_table(clip_folder(tmp_path / "set", train=1, validation=1, test=1)).rows
    with pytest.raises(
        FileError, match=r"16 kB are free, too little for 2 processes; .* --shm-size=1g\), or use --work"
    ):
        next(decode_all(rows, ENCODER, as_decoded, workers=2))
    assert len(list(decode_all(rows, ENCODER, as_decoded, workers=0))) == len(rows)
    monkeypatch.setattr(workers, "SHARED_MEMORY", tmp_path / "not there")
    check_shared_memory(2)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("DataLoader worker (pid 7) is killed by signal: Bus error.", "is full"),
        ("unable to allocate shared memory(shm) for file </torch_7>: No space left on device (28)", "is full"),
        ("DataLoader worker (pid 7) is killed by signal: Killed.", "most often because memory ran out"),
    ],
)
def test_the_true_reason_of_an_end_is_said(message, words):
    assert unguarded_script() is None
    assert words in str(why_they_ended(message))


def test_a_program_without_a_file_and_one_that_cannot_be_read_are_no_scripts(tmp_path, monkeypatch):
    for main in (SimpleNamespace(), SimpleNamespace(__file__=str(tmp_path / "gone.py"))):
        monkeypatch.setitem(sys.modules, "__main__", main)
        assert unguarded_script() is None
    (tmp_path / "mine.py").write_text("print(1)\n")
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__file__=str(tmp_path / "mine.py")))
    assert unguarded_script() == "mine.py"
