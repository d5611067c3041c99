"""The lanes that every clip has: its sound, and for each target where the model looked and what it measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sec2sec.explanations.results import SecondEffects, TargetExplanation
from sec2sec.plots.style import (
    ATTENTION,
    FEW_SECONDS,
    INTERACTION,
    LOWERS,
    MAX_WAVE_POINTS,
    PICTURE,
    RAISES,
    SOUND,
    WAVE,
    Figure,
    check,
    highest,
    lane,
    plain,
    y_axis,
)

WAVE_PX, ATTENTION_PX, EFFECT_PX = 30, 46, 74


@dataclass(frozen=True)
class Seconds:
    """The x-axis of all lanes. partial: the last second holds less than a whole one."""

    count: int
    partial: bool = False

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"a timeline needs at least one second, not {self.count}")

    @property
    def centres(self) -> np.ndarray:
        """(T,) the middle of each second, s."""
        return np.arange(self.count) + 0.5

    @property
    def few(self) -> bool:
        """Whether there is room for a marker in each second."""
        return self.count <= FEW_SECONDS


def tallest(targets: Iterable[TargetExplanation], seconds: int) -> float:
    """The end of the attention axis, one for all targets so that they compare."""
    return 1.12 * max([highest(t.attention) for t in targets if t.attention is not None] + [1 / seconds])


def reach(*arrays: np.ndarray) -> float:
    """Half of the effects' axis, one for all targets; never so small that noise looks tall."""
    return max(0.02, 1.12 * highest(*arrays))


def sound(waveform: np.ndarray, seconds: Seconds) -> Figure:
    """waveform (T, steps, 2) lowest and highest sample, [-1, 1]."""
    check("waveform", waveform, seconds.count)
    count, steps = waveform.shape[:2]
    needed = count * steps / MAX_WAVE_POINTS  # several steps share a point in a long clip
    keep = next(k for k in range(1, steps + 1) if steps % k == 0 and (k >= needed or k == steps))
    grouped = waveform.reshape(count, steps // keep, keep, 2)
    low, high = grouped[..., 0].min(-1).ravel(), grouped[..., 1].max(-1).ravel()
    look: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "line": {"width": 0.8, "color": WAVE},
        "hoverinfo": "skip",
        "x": ((np.arange(len(low)) + 0.5) * keep / steps).round(4).tolist(),
    }
    data = [
        look | {"y": plain(low), "name": "lowest sample"},
        look | {"y": plain(high), "name": "highest sample", "fill": "tonexty", "fillcolor": WAVE},
    ]
    return lane("sound", "sound", "amplitude of the sound track", WAVE_PX, y_axis("ampl.", (-1, 1), [0]), data)


def attention(name: str, values: np.ndarray, seconds: Seconds, index: int, top: float) -> Figure:
    """values (T,) sum to 1. index of the target: its muted colour."""
    check(f"attention of {name}", values, seconds.count)
    equal = 1 / seconds.count
    return lane(
        f"attention {name}",
        f"{name} · attention",
        f"where the model looked · dotted: equal share, {equal:.1%}",
        ATTENTION_PX,
        y_axis("share", (0, top), None, ".0%", 3),
        [
            bar(seconds, values, ATTENTION[index % len(ATTENTION)], f"attention, {name}")
            | {"hovertemplate": f"%{{customdata}}<br>%{{y:.1%}} of the attention for {name}<extra></extra>"}
        ],
        [level(equal, seconds.count)],
    )


def effect(
    name: str, target: TargetExplanation, seconds: Seconds, half: float, *, both: bool = True,
    references: Sequence[SecondEffects] = (), spread: np.ndarray | None = None,
) -> Figure:  # fmt: skip
    """Signed bars of the whole, marks of its parts, whiskers over the references (spread (2, T), lowest and highest).

    half of the axis, see `reach`. both: there are sound and picture to tell apart. `meta.part` of each trace says what
    it holds, so that the screen can show another reference in its place.
    """
    for what in ("effect", "effect_audio", "effect_video"):
        check(f"{what} of {name}", getattr(target, what), seconds.count)
    data = signed_bars(seconds, target.effect, f"effect on {name} %{{y:+.3f}}")
    if spread is not None:
        check(f"spread of {name}", spread[0], seconds.count)
        data.append(whisker(seconds, spread[0], spread[1], "lowest to highest over the references"))
    parts = [("audio", target.effect_audio, -0.2), ("video", target.effect_video, 0.2)]
    if references:
        parts.append(("interaction", references[0].interaction, 0.0))
    if both:  # with one modality there is nothing to tell apart
        data += [_part(part, values, seconds, offset, name) for part, values, offset in parts]
    title, detail = f"{name} · measured effect", "prediction lost without this second"
    detail += " · whisker: over the references" if spread is not None else ""
    return lane(f"effect {name}", title, detail, EFFECT_PX, y_axis("effect", (-half, half), None, ".2~f", 5), data)


PARTS: dict[str, tuple[str, str, str, str]] = {  # words, colour, symbol, dash
    "audio": ("sound alone", SOUND, "circle-open", "solid"),
    "video": ("picture alone", PICTURE, "diamond-open", "dot"),
    "interaction": ("only both together", INTERACTION, "x-thin-open", "dashdot"),
}


def _part(part: str, values: np.ndarray, seconds: Seconds, offset: float, target: str) -> dict[str, Any]:
    words, colour, symbol, dash = PARTS[part]
    look: dict[str, Any] = {"mode": "lines", "line": {"color": colour, "width": 1, "dash": dash, "shape": "hvh"}}
    if seconds.few:
        size = 7 if seconds.count <= 30 else 5
        marker = {"symbol": symbol, "size": size, "color": colour, "line": {"width": 2, "color": colour}}
        look = {"mode": "markers", "marker": marker, "cliponaxis": False}  # one at the very top is seen whole
    return look | {
        "type": "scatter",
        "name": words,
        "meta": {"part": part},
        "x": (seconds.centres + (offset if seconds.few else 0)).tolist(),
        "y": plain(values),
        "hovertemplate": f"%{{customdata}}<br>{words}: effect on {target} %{{y:+.3f}}<extra></extra>",
    }


def signed_bars(seconds: Seconds, values: np.ndarray, hover: str) -> list[dict[str, Any]]:
    """Two traces, above and below zero. hover: what a hover says, with %{y}."""
    return [
        bar(seconds, np.where(which, values, np.nan), colour, f"{side} the prediction")
        | {"meta": {"part": side}, "hovertemplate": f"%{{customdata}}<br>{hover}<extra></extra>"}
        for side, colour, which in (("raises", RAISES, values >= 0), ("lowers", LOWERS, values < 0))
    ]


def bar(seconds: Seconds, values: np.ndarray, colour: str, name: str) -> dict[str, Any]:
    """One bar a second; a partial one is hatched."""
    hatch = [""] * (seconds.count - 1) + ["/" if seconds.partial else ""]
    return {
        "type": "bar",
        "name": name,
        "x": seconds.centres.tolist(),
        "y": plain(values),
        # a bar of [i, i+1) leaves a gap to its neighbours, unless it is only a few pixels wide
        "width": 0.82 if seconds.few else 1,
        "marker": {
            "color": colour,
            "line": {"width": 0},
            "pattern": {"shape": hatch, "size": 5, "fillmode": "overlay", "fgcolor": "#ffffff", "fgopacity": 0.8},
        },
    }


def whisker(seconds: Seconds, low: np.ndarray, high: np.ndarray, words: str) -> dict[str, Any]:
    """A vertical line a second from low (T,) to high (T,), with caps where there is room."""
    ends = np.stack([low, high, np.full(seconds.count, np.nan)], 1).ravel()
    return {
        "type": "scatter",
        "name": words,
        "meta": {"part": "whisker"},
        "mode": "lines+markers" if seconds.few else "lines",
        "line": {"color": "#808a99", "width": 1.5},
        "marker": {"symbol": "line-ew", "size": 7, "line": {"color": "#808a99", "width": 1.5}},
        "x": np.repeat(seconds.centres, 3).tolist(),
        "y": plain(ends),
        "hoverinfo": "skip",
    }


def level(y: float, seconds: int) -> dict[str, Any]:
    """A dotted line over the whole clip."""
    line = {"width": 1.5, "dash": "dot", "color": "#808a99"}
    return {"type": "line", "xref": "x", "yref": "y", "x0": 0, "x1": seconds, "y0": y, "y1": y, "line": line}
