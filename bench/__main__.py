"""Every figure beside its limit: `make bench`, or `python -m bench clip encoders` for some of them."""

from __future__ import annotations

import json
import os
import sys
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from bench import browser, clip, encoders, evidence, grid, lab, quality, systems, tab, training
from bench.row import Row
from sec2sec.checkpoints import environment
from sec2sec.files import write_json

OUT = Path("build/bench.json")
PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "clip": clip.rows,
    "encoders": lambda: (Row(name, value, "×", limit) for name, value, limit in encoders.rows()),
    "evidence": evidence.rows,
    "memory": clip.memory_rows,
    "browser": browser.rows,
    "lab": lab.rows,
    "training": training.rows,
    "grid": grid.rows,
    "systems": systems.rows,
    "tab": tab.rows,
    "quality": quality.rows,
}


def machine() -> dict[str, object]:
    """What the figures were measured on: seconds on one pair of cores are a third of those on another."""
    speed = {"vectors": torch.backends.cpu.get_cpu_capability(), "gflops": round(arithmetic())}
    return environment() | {"cores": os.cpu_count(), "threads": torch.get_num_threads()} | speed


def arithmetic() -> float:
    """Gflop/s of a float32 matrix product, the best of ten."""
    size = 2048
    left, right = torch.randn(2, size, size)
    return 2 * size**3 / min(timeit.repeat(lambda: left @ right, number=1, repeat=10)) / 1e9


def main(chosen: list[str]) -> int:
    """Print a table, write JSON; the exit code says whether every limit holds."""
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        print(f"unknown part {', '.join(unknown)}; choose from {', '.join(PARTS)}", file=sys.stderr)
        return 2
    found: list[dict[str, object]] = []
    broken = 0
    ran_on = machine()
    print("{cores} cores, {threads} threads, {machine}, {vectors}, {gflops} Gflop/s, torch {torch}".format(**ran_on))
    for part in chosen or PARTS:
        for row in PARTS[part]():
            verdict = {True: "holds", False: "BROKEN", None: ""}[row.holds]
            limit = f"{row.side} {row.limit:g}" if row.limit is not None else "reported"
            print(f"{row.name:<78}{row.value:>9.3f} {row.unit:<3}{limit:>16}  {verdict}", flush=True)
            broken += row.holds is False
            found.append({**vars(row), "part": part, "holds": row.holds})
    OUT.parent.mkdir(exist_ok=True)
    old = json.loads(OUT.read_text())["rows"] if OUT.is_file() else []
    kept = [row for row in old if row["part"] not in {row["part"] for row in found}]
    write_json(OUT, {"environment": ran_on, "rows": kept + found})
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
