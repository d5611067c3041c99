"""What has to be said beside the figures of an audit, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from sec2sec.explanations.results import Audit
from sec2sec.words import listed, signed

MAX_GAPS_NAMED = 3
MIN_TOLD = 0.0005  # of a prediction: what rounds to nothing has no sign


def notes_of(audit: Audit, chance: Mapping[str, float]) -> Iterator[str]:
    """chance: by target, ± that an effect has by chance."""
    if words := _reencoding(audit.reencoding):
        yield words
    noisy = {name: value for name, value in audit.noise.items() if value > 0}
    if noisy:
        figures = listed([f"{name} by ±{chance[name]:.3f}" for name in noisy])
        yield (
            f"The predictor answered the same clip differently in {audit.repeats} tries: chance alone moves the effect "
            f"of a second on {figures}."
        )
    yield from audit.left_out
    if audit.gaps:
        named = "; ".join(f"{gap.what}: {gap.reason}" for gap in audit.gaps[:MAX_GAPS_NAMED])
        more = len(audit.gaps) - MAX_GAPS_NAMED
        rest = f"; and {more} more" if more > 0 else ""
        count = "1 clip was" if len(audit.gaps) == 1 else f"{len(audit.gaps)} clips were"
        yield f"{count} not answered, asked twice, and leave gaps: {named}{rest}."


def _reencoding(changes: Mapping[str, float]) -> str:
    """What encoding the clip again did by itself: the zero line of every effect."""
    known = {name: change for name, change in changes.items() if math.isfinite(change)}
    if not known:
        return ""
    moved = [f"{name} by {signed(change, 3)}" for name, change in known.items() if abs(change) >= MIN_TOLD]
    if not moved:
        return "Encoding the clip again, as every edited copy is, changed no prediction."
    return (
        f"Encoding the clip again, as every edited copy is, changed {listed(moved)}; effects are measured from the "
        "clip that was encoded again."
    )
