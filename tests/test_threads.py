"""Waiting threads sleep in the programs of sec2sec, before torch is imported; nobody else's environment is touched."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from sec2sec.threads import (
    NICENESS_OF_JOBS,
    OWN_SETTINGS,
    SMALL_WIDTH,
    give_way,
    let_waiting_threads_sleep,
    map_on_threads,
    piece_size,
    threads_for,
)

ROOT = Path(__file__).resolve().parent.parent
CLEAN = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
SHOW = "import os, sys; print(os.environ.get('OMP_WAIT_POLICY'), 'torch' in sys.modules)"
PROGRAMS = {
    "command line": "from sec2sec.__main__ import run as program",
    "app": "import runpy; program = lambda: runpy.run_path('app.py', run_name='__main__')",
}


def python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_lets_waiting_threads_sleep_before_torch_is_imported(name):
    code = f"import sys; sys.argv[1:] = ['--help']\n{PROGRAMS[name]}\ntry: program()\nexcept SystemExit: pass\n{SHOW}"
    assert python(code, CLEAN).stdout.splitlines()[-1] == "passive False"


def test_torchs_threads_take_the_setting():
    code = "from sec2sec.threads import let_waiting_threads_sleep as let\nlet()\nimport torch"
    shown = python(code, CLEAN | {"OMP_DISPLAY_ENV": "true"}).stderr
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in shown


@pytest.mark.parametrize("name", OWN_SETTINGS)
def test_a_persons_own_setting_stays(name):
    environment = {name: "1"}
    let_waiting_threads_sleep(environment)
    assert environment == {name: "1"}


def test_the_library_leaves_the_environment_of_its_process_alone():
    code = f"import os; before = dict(os.environ)\nimport sec2sec.clip\nassert dict(os.environ) == before\n{SHOW}"
    assert python(code, CLEAN).stdout.split() == ["None", "True"]


def test_small_matrices_take_the_calling_thread_alone_and_no_other_thread_of_the_process():
    def started_meanwhile() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    before, others = torch.get_num_threads(), started_meanwhile()
    torch.set_num_threads(3)
    try:
        with threads_for(SMALL_WIDTH):
            assert (torch.get_num_threads(), started_meanwhile()) == (1, 3)
        with threads_for(SMALL_WIDTH + 1):
            assert torch.get_num_threads() == 3
        with threads_for(None):
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert started_meanwhile() == others


def test_pieces_are_shared_by_as_many_threads_as_there_were_each_computing_alone_and_come_back_in_order():
    threads: set[int] = set()
    together = threading.Barrier(2)

    def compute(piece: int) -> tuple[int, int, bool, bool]:
        threads.add(threading.get_ident())
        if piece < 2:
            together.wait(timeout=20)  # nobody passes it alone
        return piece, torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch.inference_mode(), threads_for(SMALL_WIDTH):
            assert map_on_threads(compute, range(5)) == [(piece, 1, False, True) for piece in range(5)]
        assert len(threads) == 2
        assert threading.get_ident() not in threads
        with threads_for(SMALL_WIDTH + 1):
            assert map_on_threads(compute, [7, 8]) == [(7, 2, True, False), (8, 2, True, False)]
        assert threading.get_ident() in threads
    finally:
        torch.set_num_threads(before)


def test_what_a_piece_raises_is_raised():
    def fail(piece: int) -> None:
        raise ValueError(piece)

    with threads_for(SMALL_WIDTH), pytest.raises(ValueError, match="0"):
        map_on_threads(fail, range(3))


def test_pieces_are_even_and_the_same_on_every_machine():
    assert piece_size(100, 50, 30) == 50, "outside, passes are as large as memory allows"
    with threads_for(SMALL_WIDTH):
        assert [piece_size(count, 50, 30) for count in (1, 30, 31, 100)] == [50, 50, 16, 25]
        assert piece_size(100, 20, 30) == 20


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_a_job_gives_way_with_the_threads_that_it_starts_and_nobody_else_does():
    niceness: list[int] = []

    def look() -> None:
        niceness.append(os.getpriority(os.PRIO_PROCESS, 0))

    def job() -> None:
        give_way()
        inner = threading.Thread(target=look)
        inner.start()
        inner.join()
        look()

    before = os.getpriority(os.PRIO_PROCESS, 0)
    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert niceness == [max(before, NICENESS_OF_JOBS)] * 2
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
