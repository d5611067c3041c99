"""Cues people know, second by second, beside what the model did: loudness, motion, cuts and the like."""

from sec2sec.explanations.cues.collect import CueCollector, Measured, features_of, warm_up

__all__ = ["CueCollector", "Measured", "features_of", "warm_up"]
