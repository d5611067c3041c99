"""Progress where stderr is no terminal, as under nohup and Slurm."""

from __future__ import annotations

from sec2sec.cli import terminal


def test_a_log_gets_a_line_now_and_then_and_nothing_of_what_is_quick(capsys):
    now = [0.0]
    lines = terminal._LogLines(lambda: now[0])
    for second in range(61):
        now[0] = float(second)
        lines.write(f"encoding: {second} of 60 clips")
    assert capsys.readouterr().err.splitlines() == [f"encoding: {second} of 60 clips" for second in (20, 40, 60)]


def test_the_empty_line_that_ends_a_progress_is_not_written(capsys):
    now = [0.0]
    lines = terminal._LogLines(lambda: now[0])
    now[0] = 100.0
    lines.write("")
    assert capsys.readouterr().err == ""
