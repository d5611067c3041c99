"""The curve of a film for the browser: what stands above the timeline, and which of its windows is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sec2sec.explanations.results import Curve, Explanation
from sec2sec.export.curve import SPREAD, curve_words

DIGITS = 4  # of a prediction: more than a curve of some pixels shows


def joined_curve(sides: Sequence[tuple[str, str, Explanation]]) -> Curve | None:
    """One curve of several models of one clip: (title, target, explanation) each, by title.

    None unless all of them have windows at the same places.
    """
    curves = {title: explanation.curve for title, _, explanation in sides}
    there = {title: curve for title, curve in curves.items() if curve is not None}
    if not there or len(there) < len(curves) or len({(one.window, one.hop) for one in there.values()}) > 1:
        return None
    return replace(
        next(iter(there.values())),
        values={title: there[title].values[name] for title, name, _ in sides},
        spread={title: there[title].spread[name] for title, name, _ in sides},
    )


def curve_payload(explanation: Explanation, shown: Sequence[str]) -> dict[str, Any] | None:
    """The curve of the targets that are shown; None for a clip that was predicted in one piece alone.

    Times are s of the analysed part, as on the timeline. opened: the point whose window the view shows; None while it
    shows the whole.
    """
    curve, clip = explanation.curve, explanation.clip
    if curve is None:
        return None
    words = list(curve_words(explanation, shown))
    return {
        "start": clip.start,
        "seconds": clip.seconds,
        "window": curve.window,
        "hop": curve.hop,
        "starts": [round(float(time) - clip.start, 2) for time in curve.starts],
        "ends": [round(float(time) - clip.start, 2) for time in curve.ends],
        "targets": [
            {
                "name": name,
                "scale": scale_ends(explanation, name),
                "values": curve.values[name].round(DIGITS).tolist(),
                "low": curve.spread[name][0].round(DIGITS).tolist(),
                "high": curve.spread[name][1].round(DIGITS).tolist(),
            }
            for name in shown
        ],
        "words": words,
        "spread": f"The line is the prediction of each window, at its centre; the band is {SPREAD}.",
        "opened": None,
    }


def scale_ends(explanation: Explanation, name: str) -> list[float]:
    """From where to where the scale of a target runs: people's, else 0 to 1."""
    scale = explanation.checkpoint.scale_of(name)
    return [0.0, 1.0] if scale is None else [scale.lowest, scale.highest]
