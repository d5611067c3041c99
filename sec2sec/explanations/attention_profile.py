"""Is it this clip, or only the place? The clip's attention beside the checkpoint's mean attention at the same second.

For most clips attention rises at the end (paper §4.4, Fig. 2), so a weight says something about a clip only where it
differs from the mean at that place. Clips differ in length: the profile is aligned from the start, and from the end.

T seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sec2sec.explanations.results import ProfileDeviation


def deviation_from_profile(attention: np.ndarray, metrics: Mapping[str, Any], target: str) -> ProfileDeviation:
    """Attention (T,) minus the mean profile in a checkpoint's metrics; NaN beyond its end, or where there is none."""
    profile = metrics.get("mean_attention", {}).get(target, {})
    start = np.array(profile.get("from_start", []), dtype=np.float64)[: len(attention)]
    end = np.array(profile.get("from_end", []), dtype=np.float64)[-len(attention) :]
    missing = len(attention) - len(start), len(attention) - len(end)
    return ProfileDeviation(
        from_start=attention - np.pad(start, (0, missing[0]), constant_values=np.nan),
        from_end=attention - np.pad(end, (missing[1], 0), constant_values=np.nan),
    )
