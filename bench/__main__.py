"""Every figure beside its limit: `make bench`, or `python -m bench clip encoders` for some of them."""

from __future__ import annotations

import json
import os
import platform
import sys
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


def main(chosen: list[str]) -> int:
    """Print a table, write JSON; the exit code says whether every limit holds."""
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        print(f"unknown part {', '.join(unknown)}; choose from {', '.join(PARTS)}", file=sys.stderr)
        return 2
    found: list[dict[str, object]] = []
    broken = 0
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {platform.machine()}, torch {torch.__version__}")
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
    write_json(OUT, {"environment": environment() | {"cores": os.cpu_count()}, "rows": kept + found})
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
