"""Questions asked of a prediction; every answer is an Explanation or a part of one."""

from sec2sec.explanations.as_json import to_json
from sec2sec.explanations.pipeline import Explained, Progress, explain, explain_steps, explain_tokens
from sec2sec.explanations.types import ClipSummary, CoAttention, Explanation, Preview, TargetExplanation

__all__ = [
    "ClipSummary",
    "CoAttention",
    "Explained",
    "Explanation",
    "Preview",
    "Progress",
    "TargetExplanation",
    "explain",
    "explain_steps",
    "explain_tokens",
    "to_json",
]
