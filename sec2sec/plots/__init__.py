"""Arrays → Plotly figures, as plain dicts ready for JSON. Small charts are SVG: `svg`.

The timeline is a list of lanes, each a figure of its own: the screen stacks those that are unfolded on one x-axis in
seconds, on which bar i covers [i, i+1). Colours hold on white and on near-black alike (at least 3:1 on both), and none
carries a meaning alone: sign is also a side of the zero line, modality also a symbol, a partial second also a hatching.

T seconds, V visual tokens and A audio tokens in a second.
"""

from sec2sec.plots.evidence import cue, integrated, position, stability, tug_of_war
from sec2sec.plots.heatmap import audio_words, co_attention, video_words
from sec2sec.plots.lanes import Seconds, attention, effect, reach, sound, tallest
from sec2sec.plots.style import (
    ATTENTION,
    INTERACTION,
    LOWERS,
    MAX_WAVE_POINTS,
    PICTURE,
    RAISES,
    SOUND,
    WAVE,
    Figure,
)

__all__ = [
    "ATTENTION", "INTERACTION", "LOWERS", "MAX_WAVE_POINTS", "PICTURE", "RAISES", "SOUND", "WAVE", "Figure",
    "Seconds", "attention", "audio_words", "co_attention", "cue", "effect", "integrated",
    "position", "reach", "sound", "stability", "tallest", "tug_of_war", "video_words",
]  # fmt: skip
