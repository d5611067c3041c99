"""The process that runs checks: reads their names, one per line, and writes JSON lines of what they measure.

An error of CUDA can spoil its process for good, and a kernel can hang. So run.py holds no GPU: it ends this process and
starts another, and one bad check is one bad line.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import IO, Any

from bench.row import Row
from sec2sec.threads import let_waiting_threads_sleep


def main() -> None:
    """Until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--commit", default="")
    options = parser.parse_args()
    out = own_output()
    let_waiting_threads_sleep()  # as the program and the app do, before torch is imported
    import torch

    if not (options.dry or torch.cuda.is_available()):
        send(out, event="no device")
        return
    from bench.gpu.plan import BY_NAME
    from bench.gpu.setting import Setting, machine

    setting = Setting(options.dry, options.work)
    send(out, event="machine", machine=machine(setting, options.commit))
    for line in sys.stdin:
        began = time.perf_counter()
        error, messages = run(BY_NAME[line.strip()], setting, out)
        usable = leave_clean(setting)
        taken = time.perf_counter() - began
        send(out, event="end", error=error, warnings=messages, seconds=round(taken, 2), usable=usable)
        if not usable:
            return


def own_output() -> IO[str]:
    """Standard output for this module alone: what libraries print there goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def send(out: IO[str], **message: Any) -> None:
    """One line of JSON."""
    out.write(json.dumps(message) + "\n")
    out.flush()


def send_row(out: IO[str], row: Row) -> None:
    """A figure; NaN and infinity as Python's json writes and reads them."""
    send(out, event="row", row={**vars(row), "value": float(row.value)})


def run(check: Any, setting: Any, out: IO[str]) -> tuple[str, list[str]]:
    """Send the rows of a check; what went wrong, or an empty string, and what torch warned of."""
    import torch

    from sec2sec.benchmark.cost import peak_memory

    if setting.cuda:
        torch.cuda.reset_peak_memory_stats()
    error = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for row in check.load()(setting):
                send_row(out, row)
        except Exception as problem:
            error = in_one_line(problem)
            traceback.print_exc()  # to the log
    peak = peak_memory(setting.device) if check.memory else None
    if not error and peak is not None:
        where = "memory of the GPU" if setting.cuda else "memory of the process since its start"
        send_row(out, Row(f"peak {where}", peak / 1e6, "MB"))
    messages = {" ".join(str(warning.message).split())[:160] for warning in caught}
    return error, sorted(messages)


def in_one_line(problem: BaseException) -> str:
    """What was raised, and where in this project."""
    frames = traceback.extract_tb(problem.__traceback__)
    places = [
        f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if "site-packages" not in frame.filename
    ]
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:300]} ({' > '.join(places[-3:])})"


def leave_clean(setting: Any) -> bool:
    """Give memory back; whether the device still computes."""
    import torch

    gc.collect()
    if not setting.cuda:
        return True
    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        return bool(torch.ones(1, device=setting.device).sum() == 1)
    except RuntimeError:
        return False


if __name__ == "__main__":
    main()
