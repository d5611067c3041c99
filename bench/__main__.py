"""Every figure beside its limit: `make bench`, or `python -m bench clip encoders` for some of them.

`python -m bench gpu` is for a machine with a GPU and has options of its own. A part is imported when it is asked for:
none needs what another does.
"""

from __future__ import annotations

import json
import os
import sys
import timeit
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from bench.row import Row
from sec2sec.files import write_json
from sec2sec.threads import let_waiting_threads_sleep

OUT = Path("build/bench.json")
GPU = "gpu"


def part(module: str, function: str = "rows") -> Callable[[], Iterator[Row]]:
    """The rows of a module of this package."""
    return lambda: getattr(import_module(f"bench.{module}"), function)()


def encoder_rows() -> Iterator[Row]:
    """The encoders' ratios, which that file states without a unit."""
    from bench import encoders

    return (Row(name, value, "×", limit) for name, value, limit in encoders.rows())


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "clip": part("clip"),
    "encoders": encoder_rows,
    "named-encoders": part("named_encoders"),
    "evidence": part("evidence"),
    "film": part("film"),
    "audit": part("audit"),
    "claims": part("claims"),
    "processes": part("processes"),
    "memory": part("clip", "memory_rows"),
    "many": part("many"),
    "browser": part("browser"),
    "sessions": part("sessions", "sessions"),
    "lab": part("lab"),
    "load": part("visitors"),
    "training": part("training"),
    "grid": part("grid"),
    "systems": part("systems"),
    "tab": part("tab"),
    "quality": part("quality"),
    "real-film": part("real_film"),
}


def machine() -> dict[str, object]:
    """What the figures were measured on: seconds on one pair of cores are a third of those on another."""
    import torch

    from sec2sec.checkpoints import environment

    speed = {"vectors": torch.backends.cpu.get_cpu_capability(), "gflops": round(arithmetic())}
    return environment() | {"cores": os.cpu_count(), "threads": torch.get_num_threads()} | speed


def arithmetic() -> float:
    """Gflop/s of a float32 matrix product, the best of ten."""
    import torch

    size = 2048
    left, right = torch.randn(2, size, size)
    return 2 * size**3 / min(timeit.repeat(lambda: left @ right, number=1, repeat=10)) / 1e9


def main(chosen: list[str]) -> int:
    """Print a table, write JSON; the exit code says whether every limit holds."""
    if chosen[:1] == [GPU]:
        from bench.gpu.run import main as gpu_main

        return gpu_main(chosen[1:])
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        print(f"unknown part {', '.join(unknown)}; choose from {', '.join(PARTS)}, or {GPU} alone", file=sys.stderr)
        return 2
    measured: list[dict[str, object]] = []
    broken = 0
    ran_on = machine()
    print("{cores} cores, {threads} threads, {machine}, {vectors}, {gflops} Gflop/s, torch {torch}".format(**ran_on))
    for name in chosen or PARTS:
        command = None
        for row in PARTS[name]():
            if row.command != command:
                command = row.command
                print(f"$ {command or f'python -m bench {name}'}")
            verdict = {True: "holds", False: "BROKEN", None: ""}[row.holds]
            limit = f"{row.side} {row.limit:g}" if row.limit is not None else "reported"
            print(f"{row.name:<86}{row.value:>9.3f} {row.unit:<3}{limit:>16}  {verdict}", flush=True)
            broken += row.holds is False
            measured.append({**vars(row), "part": name, "holds": row.holds})
    OUT.parent.mkdir(exist_ok=True)
    old = json.loads(OUT.read_text())["rows"] if OUT.is_file() else []
    others = [row for row in old if row["part"] not in {row["part"] for row in measured}]
    write_json(OUT, {"environment": ran_on, "rows": others + measured})
    return 1 if broken else 0


if __name__ == "__main__":
    let_waiting_threads_sleep()  # as the app and the command line do
    sys.exit(main(sys.argv[1:]))
