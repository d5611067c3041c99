"""Audio-visual features, second by second, beside what the model did: loudness, motion, cuts and the like."""

from sec2sec.explanations.features.collect import FeatureCollector, Measured, features_of, warm_up

__all__ = ["FeatureCollector", "Measured", "features_of", "warm_up"]
