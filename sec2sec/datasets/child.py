"""The program that reads what was uploaded to the app, a data set or a file of ratings.

sec2sec/datasets/isolated.py starts it, and kills it. It reads what to open as JSON from its standard input, and writes
the table or track, or why there is none, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError, Table, TableLimits
from sec2sec.datasets.track_of_clip import RatingsFile, TimedClip, read_for_clip
from sec2sec.isolation import MEMORY_EXIT, limit_memory, limit_processor

COLUMNS = ("id", "path", "targets", "split", "group", "columns")  # of a row


def table_as_json(table: Table) -> dict[str, Any]:
    """A table without its folder, and without what reads its tracks."""
    return {
        "targets": table.targets,
        "columns": COLUMNS,
        "rows": [[row.id, str(row.path), row.targets, row.split, row.group, row.columns] for row in table.rows],
        "kinds": table.kinds,
        "name": table.name,
        "notes": table.notes,
        "drawn": table.drawn,
    }


def read_table(request: dict[str, Any], limits: TableLimits) -> dict[str, Any]:
    """The table that a request names."""
    table = open_data(Path(request["directory"]), inside=True, limits=limits, **request["options"])
    return {"table": table_as_json(table)}


def read_track(request: dict[str, Any], limits: TableLimits) -> dict[str, Any]:
    """The track that a request names; a value that is absent is NaN, which Python's JSON has."""
    about = request["about"]
    file = RatingsFile(Path(request["path"]), request["column"], None if about is None else Path(about))
    track = read_for_clip(file, TimedClip(**request["clip"]), limits)
    values = {name: column.tolist() for name, column in track.values.items()}
    return {"track": {"times": track.times.tolist(), "values": values, "name": track.name}}


READERS = {"table": read_table, "track": read_track}


def main() -> None:
    """Answer the one request."""
    request = json.load(sys.stdin.buffer)
    limit_memory(request["memory"])
    limit_processor(request["processor"])
    limits = TableLimits(**request["limits"])
    try:
        answer = json.dumps(READERS[request["kind"]](request, limits))
    except DataError as error:
        answer = json.dumps({"error": str(error)})
    except MemoryError:
        os._exit(MEMORY_EXIT)
    sys.stdout.write(answer)


if __name__ == "__main__":
    main()
