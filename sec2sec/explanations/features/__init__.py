"""Audio-visual features, second by second, beside what the model did: loudness, motion, cuts and the like."""

from sec2sec.explanations.features.collect import FeatureCollector, FeatureThread, Measured, features_of, warm_up

__all__ = ["FeatureCollector", "FeatureThread", "Measured", "features_of", "warm_up"]
