"""The heatmap of one second's co-attention, and where each token lies in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sec2sec.config import Bands
from sec2sec.plots.style import Figure

SOUND_AXIS: Mapping[Bands, str] = {"mfcc": "texture (MFCC)", "mel": "frequency (mel bands)", "none": "all frequencies"}


def co_attention(
    video_grid: tuple[int, int, int],
    audio_grid: tuple[int, int],
    rows: Literal["video", "audio"],
    n_mfcc: int,
    bands: Bands = "mfcc",
) -> Figure:
    """The empty heatmap of one second: rows ask, columns are looked at, each row sums to 1. The screen fills in z.

    video_grid (time, height, width), audio_grid (band, time); n_mfcc: rows of the sound's image. `meta` of the layout
    holds the words of each row and column and the weight of a uniform row.
    """
    picture, sound = video_words(video_grid), audio_words(audio_grid, n_mfcc, bands)
    picture_axis = _tokens_axis(
        [_moment(i, video_grid[0]) for i in range(video_grid[0])],
        video_grid[1] * video_grid[2],
        "picture: moment in the second, places row by row",
    )
    sound_axis = _tokens_axis(
        ["all" if bands == "none" else _band_words(i, audio_grid[0], n_mfcc) for i in range(audio_grid[0])],
        audio_grid[1],
        f"sound: {SOUND_AXIS[bands]}, moments {'left to right' if rows == 'video' else 'top to bottom'}",
    )
    x, y = (sound_axis, picture_axis) if rows == "video" else (picture_axis, sound_axis)
    row_words, column_words = (picture, sound) if rows == "video" else (sound, picture)
    tick = {"tickangle": 0, "automargin": False}
    return {
        "data": [
            {
                "type": "heatmap",
                "z": [],
                "colorscale": "Viridis",
                "zmin": 0,
                "hovertemplate": "%{text}<br>weight %{z:.4f}<extra></extra>",
                "colorbar": {"title": {"text": "weight, each<br>row sums to 1"}, "thickness": 12, "len": 1},
            }
        ],
        "layout": {
            "height": 380,
            "margin": {"l": 96, "r": 8, "t": 8, "b": 52},
            "xaxis": x | tick,
            "yaxis": y | tick | {"autorange": "reversed"},
            "meta": {"rows": row_words, "columns": column_words, "uniform": 1 / len(column_words)},
            "dragmode": False,
        },
    }


def video_words(grid: tuple[int, int, int]) -> list[str]:
    """Where each visual token lies, in words; token (t · height + y) · width + x."""
    return [
        f"picture {_moment(t, grid[0])}, row {y + 1}, column {x + 1}"
        for t in range(grid[0])
        for y in range(grid[1])
        for x in range(grid[2])
    ]


def audio_words(grid: tuple[int, int], n_mfcc: int, bands: Bands = "mfcc") -> list[str]:
    """Where each audio token lies, in words; token band · times + t."""
    kind = {"mfcc": "texture {}", "mel": "mel bands {}", "none": "all frequencies"}[bands]
    return [
        f"sound {_moment(t, grid[1])}, {kind.format(_band_words(b, grid[0], n_mfcc))}"
        for b in range(grid[0])
        for t in range(grid[1])
    ]


def _moment(index: int, moments: int) -> str:
    return f"{round(1000 * index / moments)}–{round(1000 * (index + 1) / moments)} ms"


def _band_words(index: int, bands: int, n_mfcc: int) -> str:
    first, last = n_mfcc * index // bands, max(n_mfcc * (index + 1) // bands - 1, n_mfcc * index // bands)
    return f"{first}–{last}"


def _tokens_axis(groups: Sequence[str], per_group: int, title: str) -> dict[str, Any]:
    """An axis of len(groups) · per_group tokens, labelled once a group and divided between groups."""
    return {
        "title": {"text": title, "standoff": 6},
        "tickvals": [i * per_group + (per_group - 1) / 2 for i in range(len(groups))],
        "ticktext": list(groups),
        "range": [-0.5, len(groups) * per_group - 0.5],
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
    }
