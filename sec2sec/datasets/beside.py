"""What a data set says beside its targets: columns that are kept, and ratings over time."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from sec2sec.datasets.table import DataError, Table, some

MAX_WORDS = 12  # different values of a column that are counted one by one


def count_columns(table: Table) -> dict[str, dict[str, Any]]:
    """How many clips have a value in each column that is kept, and which values where they are few."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in table.rows:
        for name, value in row.columns.items():
            counts[name][value] += 1
    return {
        name: {
            "clips": values.total(),
            "values": len(values),
            "counts": dict(values.most_common()) if len(values) <= MAX_WORDS else {},
        }
        for name, values in counts.items()
    }


def summarise_tracks(table: Table, limit: int) -> dict[str, Any]:
    """What the ratings over time hold; {} where the data set has none. limit: of the problems that are listed."""
    if not table.tracks:
        return {}
    tracks, problems = [], []
    for name, read in table.tracks.items():
        try:
            tracks.append(read())
        except DataError as error:
            problems.append({"id": name, "problem": str(error)})
    rates = sorted({round(track.rate, 3) for track in tracks if track.rate})
    return {
        "clips": len(tracks),
        "seconds": math.fsum(track.end for track in tracks),
        "rates": [rates[0], rates[-1]] if rates else [],  # values per second: lowest and highest
        "values": list(dict.fromkeys(name for track in tracks for name in track.values)),
        "problems": {"count": len(problems), "listed": problems[:limit]},
    }


def column_lines(columns: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What is kept of the clips beside their targets, a line each."""
    for name, about in columns.items():
        counts = ", ".join(f"{value} {count:,}" for value, count in about["counts"].items())
        yield f"  {name}: {about['clips']:,} clips, {counts or format(about['values'], ',') + ' different values'}"


def track_lines(tracks: dict[str, Any]) -> Iterator[str]:
    """What was rated over time."""
    low, high = tracks["rates"] or (0, 0)
    rate = f", {low:g} per second" if low == high and low else f", {low:g} to {high:g} per second" if low else ""
    values, clips = tracks["values"], f"{tracks['clips']:,} clip{'' if tracks['clips'] == 1 else 's'}"
    yield f"Ratings over time: {clips}, {tracks['seconds']:,.0f} s{rate}; {some(values, 6)}"
    problems = tracks["problems"]
    yield from (f"  {item['problem']}" for item in problems["listed"])
    if problems["count"] > len(problems["listed"]):
        yield f"  and {problems['count'] - len(problems['listed'])} more"
