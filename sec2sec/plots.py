"""Arrays → Plotly figures, as plain dicts ready for JSON. All lanes share one x-axis in seconds; bar i covers [i, i+1).

Colours hold on white and on near-black alike (at least 3:1 on both), and none carries a meaning alone: sign is also a
side of the zero line, modality also a symbol, a partial second also a hatching.

T seconds, V visual tokens and A audio tokens in a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np

Figure = dict[str, Any]

RAISES, LOWERS = "#c2571a", "#3b78c4"  # the second pushed the prediction up, down
SOUND, PICTURE = "#0e8a7d", "#9061c9"
WAVE = "#64809c"
ATTENTION = ("#7688a6", "#8a7fa8", "#5f8f8b", "#94826a", "#a17487")  # muted: attention has no sign, hence no hue of one

MARGIN = {"l": 58, "r": 14, "t": 2, "b": 40}  # px, fixed, so that thumbnails and playhead can line up with the axis
WAVE_PX, ATTENTION_PX, EFFECT_PX, TITLE_PX = 34, 50, 78, 19
FEW_SECONDS = 60  # above this, markers would touch: lines take their place

TICK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120)  # s
MAX_TICKS = 15
MAX_WAVE_POINTS = 4000


class Bars(Protocol):
    """One target: arrays (T,). attention sums to 1, or None; effects are signed, in units of the prediction."""

    @property
    def attention(self) -> np.ndarray | None: ...
    @property
    def effect(self) -> np.ndarray: ...
    @property
    def effect_audio(self) -> np.ndarray: ...
    @property
    def effect_video(self) -> np.ndarray: ...


def timeline(
    targets: Mapping[str, Bars],
    seconds: int,
    *,
    duration: float | None = None,
    waveform: np.ndarray | None = None,
    partial: bool = False,
    start: float = 0.0,
    has_audio: bool = True,
    has_video: bool = True,
) -> Figure:
    """Waveform, attention and effect of every target, above one another.

    waveform (T, steps, 2) lowest and highest sample. duration and start in s; start says where in its file the analysed
    part begins. Raises ValueError for arrays of another length than `seconds`.
    """
    if seconds < 1:
        raise ValueError(f"a timeline needs at least one second, not {seconds}")
    end = seconds if duration is None else min(float(duration), seconds)
    centres = np.arange(seconds) + 0.5
    lanes: list[tuple[int, str, str, dict[str, Any]]] = []  # px, title, short title, y-axis
    data: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []

    if waveform is not None:
        _check("waveform", waveform, seconds)
        axis = _axis(len(lanes))
        data += _waveform(waveform, axis)
        lanes.append((WAVE_PX, "<b>sound</b>  amplitude of the sound track", "<b>sound</b>", _y("ampl.", (-1, 1), [0])))

    words = [_words(i, seconds, partial, end) for i in range(seconds)]
    hatch = ["/" if partial and i == seconds - 1 else "" for i in range(seconds)]
    top = max([float(np.max(t.attention)) for t in targets.values() if t.attention is not None] + [1 / seconds])
    reach = _reach(targets.values())
    for index, (name, bars) in enumerate(targets.items()):
        if bars.attention is not None:
            _check(f"attention of {name}", bars.attention, seconds)
            axis = _axis(len(lanes))
            colour = ATTENTION[index % len(ATTENTION)]
            data.append(
                _bar(centres, bars.attention, axis, colour, hatch, f"attention, {name}")
                | {
                    "customdata": words,
                    "hovertemplate": f"%{{customdata}}<br>%{{y:.1%}} of the attention for {name}<extra></extra>",
                }
            )
            shapes.append(_level(1 / seconds, axis, seconds))
            title = f"<b>{name} · attention</b>  where the model looked · dotted: equal share, {1 / seconds:.1%}"
            lanes.append(
                (ATTENTION_PX, title, f"<b>{name} · attention</b>", _y("share", (0, top * 1.12), None, ".0%", 3))
            )

        for what in ("effect", "effect_audio", "effect_video"):
            _check(f"{what} of {name}", getattr(bars, what), seconds)
        axis = _axis(len(lanes))
        both = has_audio and has_video
        for side, colour, which in (("raises", RAISES, bars.effect >= 0), ("lowers", LOWERS, bars.effect < 0)):
            data.append(
                _bar(centres, np.where(which, bars.effect, np.nan), axis, colour, hatch, f"{side} the prediction")
                | {
                    "customdata": words,
                    "hovertemplate": f"%{{customdata}}<br>effect on {name} %{{y:+.3f}}<extra></extra>",
                    "showlegend": index == 0,
                }
            )
        for values, offset, style in (
            (bars.effect_audio, -0.2, ("sound alone", SOUND, "circle-open", "solid")),
            (bars.effect_video, 0.2, ("picture alone", PICTURE, "diamond-open", "dot")),
        ):
            if both:  # with one modality there is nothing to tell apart
                data.append(
                    _alone(centres, values, axis, offset, style, words, name) | {"showlegend": index == 0},
                )
        title = f"<b>{name} · measured effect</b>  prediction lost without this second"
        lanes.append((EFFECT_PX, title, f"<b>{name} · effect</b>", _y("effect", (-reach, reach), None, ".2~f", 5)))

    if end < seconds:  # what was padded is no sound and no picture
        shapes.append(_band(end, seconds))
    return {"data": data, "layout": _stack(lanes, shapes, seconds, start)}


def co_attention(
    video_grid: tuple[int, int, int], audio_grid: tuple[int, int], rows: Literal["video", "audio"], n_mfcc: int
) -> Figure:
    """The empty heatmap of one second: rows ask, columns are looked at, each row sums to 1. The screen fills in z.

    video_grid (time, height, width), audio_grid (coefficient band, time). `meta` of the layout holds the words of each
    row and column and the weight of a uniform row.
    """
    picture, sound = video_words(video_grid), audio_words(audio_grid, n_mfcc)
    picture_axis = _tokens_axis(
        [_moment(i, video_grid[0]) for i in range(video_grid[0])],
        video_grid[1] * video_grid[2],
        "picture: moment in the second, places row by row",
    )
    sound_axis = _tokens_axis(
        [_band_words(i, audio_grid[0], n_mfcc) for i in range(audio_grid[0])],
        audio_grid[1],
        "sound: MFCC coefficients, moments left to right"
        if rows == "video"
        else "sound: MFCC coefficients, moments top to bottom",
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


def audio_words(grid: tuple[int, int], n_mfcc: int) -> list[str]:
    """Where each audio token lies, in words; token band · times + t."""
    return [
        f"sound {_moment(t, grid[1])}, coefficients {_band_words(b, grid[0], n_mfcc)}"
        for b in range(grid[0])
        for t in range(grid[1])
    ]


def tick_step(seconds: float) -> int:
    """s between labels of the x-axis, so that they never touch."""
    return next((step for step in TICK_STEPS if seconds / step <= MAX_TICKS), TICK_STEPS[-1])


def _moment(index: int, moments: int) -> str:
    return f"{round(1000 * index / moments)}–{round(1000 * (index + 1) / moments)} ms"


def _band_words(index: int, bands: int, n_mfcc: int) -> str:
    first, last = n_mfcc * index // bands, max(n_mfcc * (index + 1) // bands - 1, n_mfcc * index // bands)
    return f"{first}–{last}"


def _tokens_axis(groups: Sequence[str], each: int, title: str) -> dict[str, Any]:
    """An axis of len(groups) · each tokens, labelled once a group and divided between groups."""
    return {
        "title": {"text": title, "standoff": 6},
        "tickvals": [i * each + (each - 1) / 2 for i in range(len(groups))],
        "ticktext": list(groups),
        "range": [-0.5, len(groups) * each - 0.5],
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
    }


def _axis(lane: int) -> str:
    return "y" if lane == 0 else f"y{lane + 1}"


def _y(
    title: str, limits: tuple[float, float], ticks: list[float] | None, form: str = "", count: int = 3
) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": title, "standoff": 2}, "range": list(limits), "zeroline": limits[0] < 0}
    return axis | ({"tickvals": ticks} if ticks is not None else {"nticks": count, "tickformat": form})


def _bar(x: np.ndarray, y: np.ndarray, axis: str, colour: str, hatch: list[str], name: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": name,
        "x": x.tolist(),
        "y": _plain(y),
        "xaxis": "x",
        "yaxis": axis,
        # a bar of [i, i+1) leaves a gap to its neighbours, unless it is only a few pixels wide
        "width": 0.82 if len(x) <= FEW_SECONDS else 1,
        "marker": {
            "color": colour,
            "line": {"width": 0},
            "pattern": {"shape": hatch, "size": 5, "fillmode": "overlay", "fgcolor": "#ffffff", "fgopacity": 0.8},
        },
    }


def _alone(
    x: np.ndarray,
    y: np.ndarray,
    axis: str,
    offset: float,
    style: tuple[str, str, str, str],
    words: list[str],
    target: str,
) -> dict[str, Any]:
    name, colour, symbol, dash = style
    few = len(x) <= FEW_SECONDS
    look: dict[str, Any] = (
        {"mode": "markers", "marker": {"symbol": symbol, "size": 7 if len(x) <= 30 else 5, "color": colour}}
        if few
        else {"mode": "lines", "line": {"color": colour, "width": 1, "dash": dash, "shape": "hvh"}}
    )
    if few:
        look["marker"]["line"] = {"width": 2, "color": colour}
    return look | {
        "type": "scatter",
        "name": name,
        "x": (x + (offset if few else 0)).tolist(),
        "y": _plain(y),
        "xaxis": "x",
        "yaxis": axis,
        "customdata": words,
        "hovertemplate": f"%{{customdata}}<br>{name}: effect on {target} %{{y:+.3f}}<extra></extra>",
    }


def _waveform(waveform: np.ndarray, axis: str) -> list[dict[str, Any]]:
    seconds, steps = waveform.shape[:2]
    needed = seconds * steps / MAX_WAVE_POINTS  # several steps share a point in a long clip
    keep = next(k for k in range(1, steps + 1) if steps % k == 0 and (k >= needed or k == steps))
    grouped = waveform.reshape(seconds, steps // keep, keep, 2)
    low, high = grouped[..., 0].min(-1).ravel(), grouped[..., 1].max(-1).ravel()
    x = ((np.arange(len(low)) + 0.5) * keep / steps).round(4).tolist()
    look: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "line": {"width": 0.8, "color": WAVE},
        "hoverinfo": "skip",
    }
    look |= {"xaxis": "x", "yaxis": axis, "showlegend": False, "x": x}
    return [
        look | {"y": _plain(low), "name": "lowest sample"},
        look | {"y": _plain(high), "name": "highest sample", "fill": "tonexty", "fillcolor": WAVE},
    ]


def _reach(targets: Iterable[Bars]) -> float:
    """Half of the effects' axis, one for all targets so that they compare; never so small that noise looks tall."""
    peaks = [np.abs(np.concatenate([t.effect, t.effect_audio, t.effect_video])).max() for t in targets]
    return max([0.02, *(1.12 * float(peak) for peak in peaks if np.isfinite(peak))])


def _words(second: int, seconds: int, partial: bool, end: float) -> str:
    words = f"second {second + 1}, {second}–{second + 1} s"
    return words + (f" (partial, ends at {end:.2f} s)" if partial and second == seconds - 1 else "")


def _level(y: float, axis: str, seconds: int) -> dict[str, Any]:
    line = {"width": 1.5, "dash": "dot", "color": "#808a99"}
    return {"type": "line", "xref": "x", "yref": axis, "x0": 0, "x1": seconds, "y0": y, "y1": y, "line": line}


def _band(left: float, right: float) -> dict[str, Any]:
    fill = {"fillcolor": "rgba(128,138,153,0.22)", "line": {"width": 0}, "layer": "below"}
    return {"type": "rect", "xref": "x", "yref": "paper", "x0": left, "x1": right, "y0": 0, "y1": 1, **fill}


def _stack(
    lanes: list[tuple[int, str, str, dict[str, Any]]], shapes: list[dict[str, Any]], seconds: int, start: float
) -> dict[str, Any]:
    """Lanes above one another on one x-axis, each under its own title."""
    inner = sum(px + TITLE_PX for px, *_ in lanes)
    title = "time, s" if start == 0 else f"time in the analysed part, s (it begins at {start:g} s of the file)"
    layout: dict[str, Any] = {
        "height": inner + MARGIN["t"] + MARGIN["b"],
        "margin": dict(MARGIN),
        "xaxis": {
            "range": [0, seconds],
            "dtick": tick_step(seconds),
            "tick0": 0,
            "title": {"text": title, "standoff": 4},
            "zeroline": False,
            "anchor": _axis(len(lanes) - 1),
        },
        "barmode": "overlay",
        "dragmode": False,
        "hovermode": "closest",
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        "shapes": shapes,
        "annotations": [],
    }
    top, short = 1.0, []
    for lane, (px, words, few_words, axis) in enumerate(lanes):
        bottom = top - (px + TITLE_PX) / inner
        key = "yaxis" if lane == 0 else f"yaxis{lane + 1}"
        layout[key] = axis | {"domain": [max(bottom, 0.0), bottom + px / inner], "anchor": "x", "fixedrange": True}
        layout["annotations"].append(
            {
                "text": words,
                "xref": "paper",
                "yref": "paper",
                "x": 0,
                "y": top - 1 / inner,
                "xanchor": "left",
                "yanchor": "top",
                "showarrow": False,
                "align": "left",
            }
        )
        short.append(few_words)
        top = bottom
    layout["meta"] = {"titles": [words for _, words, _, _ in lanes], "short_titles": short}
    return layout


def _plain(values: np.ndarray) -> list[float | None]:
    """Numbers as JSON knows them: six digits are more than a screen has pixels, and NaN becomes a gap."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]


def _check(what: str, values: np.ndarray, seconds: int) -> None:
    if len(values) != seconds:
        raise ValueError(f"{what} has {len(values)} seconds, the timeline {seconds}")
