"""Known-truth clips: real MP4 files whose decisive seconds are planted, so that explanations can be scored."""

from sec2sec.datasets.known_truth.excerpts import make_excerpts
from sec2sec.datasets.known_truth.generate import CLIPS_COLUMNS, PLANTED_COLUMNS, make_clips
from sec2sec.datasets.known_truth.read import Planted, planted_seconds, read_planted
from sec2sec.datasets.known_truth.states import LENGTHS, LEVELS, SLOTS, STATES, TARGETS, Level

__all__ = [
    "CLIPS_COLUMNS",
    "LENGTHS",
    "LEVELS",
    "PLANTED_COLUMNS",
    "SLOTS",
    "STATES",
    "TARGETS",
    "Level",
    "Planted",
    "make_clips",
    "make_excerpts",
    "planted_seconds",
    "read_planted",
]
