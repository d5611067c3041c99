"""The lanes that question an explanation; folded until somebody asks."""

from __future__ import annotations

from typing import Any

import numpy as np

from sec2sec.plots.lanes import ATTENTION_PX, EFFECT_PX, Seconds, bar, level, reach, signed_bars, whisker
from sec2sec.plots.style import ATTENTION, PICTURE, SOUND, WAVE, Figure, check, highest, lane, plain, y_axis

EVIDENCE_PX, CUE_PX = 64, 44


def tug_of_war(
    name: str, sound: np.ndarray, picture: np.ndarray, conflict: np.ndarray, seconds: Seconds, half: float
) -> Figure:
    """Shapley values of sound and picture (T,) each, in units of the prediction; conflict (T,) bool is marked ⇅."""
    check(f"Shapley values of {name}", sound, seconds.count)
    data: list[dict[str, Any]] = []
    for words, values, colour, side in (("sound", sound, SOUND, -1), ("picture", picture, PICTURE, 1)):
        data.append(
            bar(seconds, values, colour, f"{words}, left" if side < 0 else f"{words}, right")
            | {
                "x": (seconds.centres + 0.21 * side).tolist(),
                "width": 0.4,
                "hovertemplate": f"%{{customdata}}<br>{words} moves {name} by %{{y:+.3f}}<extra></extra>",
            }
        )
    at = seconds.centres[np.asarray(conflict, bool)]
    if len(at):
        data.append(
            {
                "type": "scatter",
                "mode": "text",
                "name": "conflict",
                "x": at.tolist(),
                "y": [half * 0.8] * len(at),
                "text": ["⇅"] * len(at),
                "textfont": {"size": 14 if seconds.few else 9},
                "hoverinfo": "skip",
            }
        )
    detail = "Shapley values: left bar sound, right bar picture · ⇅ they pull against each other"
    axis = y_axis("effect", (-half, half), None, ".2~f", 3)
    return lane(f"tug {name}", f"{name} · sound against picture", detail, EVIDENCE_PX, axis, data)


def integrated(name: str, values: np.ndarray, gap: float, seconds: Seconds) -> Figure:
    """Integrated gradients (T,) in logits; gap: the share of the change of the logit that they miss."""
    check(f"integrated gradients of {name}", values, seconds.count)
    half = reach(values)
    missed = f"; they sum to its change but for {gap:.1%}" if np.isfinite(gap) else ""
    return lane(
        f"integrated {name}",
        f"{name} · integrated gradients",
        f"change of the logit from the baseline to this clip{missed}",
        EVIDENCE_PX,
        y_axis("logits", (-half, half), None, ".2~f", 3),
        signed_bars(seconds, values, f"integrated gradients for {name} %{{y:+.3f}} logits"),
    )


def position(name: str, from_start: np.ndarray, from_end: np.ndarray, seconds: Seconds, index: int) -> Figure:
    """Attention minus the checkpoint's mean attention at that place (T,) each; NaN where the profile ends."""
    check(f"position of {name}", from_start, seconds.count)
    half = reach(from_start, from_end)
    hover = f"%{{customdata}}<br>attention for {name} %{{y:+.1%}} against the mean, counted from the"
    data = [
        bar(seconds, from_start, ATTENTION[index % len(ATTENTION)], "counted from the start")
        | {"hovertemplate": f"{hover} start<extra></extra>"},
        {
            "type": "scatter",
            "mode": "markers",
            "name": "counted from the end",
            "x": seconds.centres.tolist(),
            "y": plain(from_end),
            "marker": {"symbol": "line-ew", "size": 11, "line": {"width": 2.5, "color": WAVE}},
            "hovertemplate": f"{hover} end<extra></extra>",
        },
    ]
    return lane(
        f"position {name}",
        f"{name} · attention relative to its mean at that position",
        "minus the mean over many clips, since attention rises at the end of most clips · bar: from the start, "
        "dash: from the end",
        EVIDENCE_PX,
        y_axis("share", (-half, half), None, ".0%", 3),
        data,
    )


def cue(name: str, unit: str, values: np.ndarray, along: str, seconds: Seconds) -> Figure:
    """What a person can hear or see (T,), NaN where it cannot be told. along: what it goes along with, in words."""
    check(name, values, seconds.count)
    seen = values[np.isfinite(values)]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
    low = min(low, 0.0) if low >= 0 else low
    room = max(high - low, 1e-6) * 0.1
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines+markers" if seconds.few else "lines",
            "name": name,
            "x": seconds.centres.tolist(),
            "y": plain(values),
            "line": {"color": WAVE, "width": 1.5, "shape": "hvh"},
            "marker": {"size": 4, "color": WAVE},
            "hovertemplate": f"%{{customdata}}<br>{name} %{{y:.3~g}} {unit}<extra></extra>",
        }
    ]
    detail = f"{unit}{' · ' if along else ''}{along}"
    axis = y_axis(unit if len(unit) < 8 else "value", (low - room if low < 0 else 0.0, high + room), None, ".3~g", 3)
    return lane(f"cue {name}", name, detail, CUE_PX, axis, data)


def stability(
    name: str,
    what: str,
    over: str,
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    seconds: Seconds,
    index: int = 0,
) -> Figure:
    """Attention ("attention") or effect ("effect") of each second (T,) with the band that it keeps within."""
    check(f"stability of {name}", low, seconds.count)
    whiskers = whisker(seconds, low, high, "lowest to highest")
    title, detail = f"{name} · how stable its {what} is", f"whisker: {over}"
    key = f"stability {what} {name} {over}"
    if what == "attention":
        top = 1.12 * max(highest(values, high), 1 / seconds.count)
        bars = bar(seconds, values, ATTENTION[index % len(ATTENTION)], f"attention, {name}")
        bars |= {"hovertemplate": "%{customdata}<br>%{y:.1%} of the attention<extra></extra>"}
        axis = y_axis("share", (0, top), None, ".0%", 3)
        return lane(key, title, detail, ATTENTION_PX, axis, [bars, whiskers], [level(1 / seconds.count, seconds.count)])
    half = reach(values, low, high)
    signs = signed_bars(seconds, values, "effect %{y:+.3f}")
    return lane(key, title, detail, EFFECT_PX, y_axis("effect", (-half, half), None, ".2~f", 3), [*signs, whiskers])
