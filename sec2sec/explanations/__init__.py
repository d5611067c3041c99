"""Methods of explanation: each asks a masked clip, and returns a part of an Explanation."""

from sec2sec.explanations.results import ClipSummary, CoAttention, Explanation, Preview, TargetExplanation

__all__ = ["ClipSummary", "CoAttention", "Explanation", "Preview", "TargetExplanation"]
