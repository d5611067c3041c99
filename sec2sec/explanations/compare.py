"""One clip through several checkpoints; those with the same encoders share its decoding and encoding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sec2sec.checkpoints import Bundle
from sec2sec.config import MediaLimits
from sec2sec.explanations.pipeline import Explained, Progress, explain_steps, explain_tokens
from sec2sec.explanations.types import Explanation, Preview

_hashes: dict[str, str] = {}  # checkpoint's sha256 → encoder_hash: the weights of a checkpoint don't change


@dataclass(frozen=True)
class Compared:
    """The end of the steps: one entry for each checkpoint, in the order asked for."""

    explanations: list[Explanation]
    previews: list[Preview]
    encoded: int  # how often the clip was decoded and encoded


def encoder_hash(bundle: Bundle) -> str:
    """The same for two checkpoints whose encoders give the same tokens: of their configuration and all weights."""
    if bundle.summary.sha256 not in _hashes:
        hash = hashlib.sha256(json.dumps(asdict(bundle.encoders.config), sort_keys=True).encode())
        for name, tensor in sorted(bundle.encoders.state_dict().items()):
            hash.update(name.encode())
            hash.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        _hashes[bundle.summary.sha256] = hash.hexdigest()
    return _hashes[bundle.summary.sha256]


def compare_steps(
    path: Path | str,
    bundles: Sequence[Bundle],
    *,
    start: float = 0.0,
    end: float | None = None,
    limits: MediaLimits | None = None,
) -> Iterator[Progress | Compared]:
    """Explain the part [start, end) s of a file by each checkpoint; yields Progress, and Compared last.

    Raises MediaError for a clip that cannot be used.
    """
    groups: dict[str, list[int]] = {}
    for index, bundle in enumerate(bundles):
        groups.setdefault(encoder_hash(bundle), []).append(index)
    explanations: dict[int, Explanation] = {}
    previews: dict[int, Preview] = {}
    for done, members in enumerate(groups.values()):
        first = bundles[members[0]]
        names = ", ".join(bundles[i].summary.name for i in members)
        for step in explain_steps(path, first, start=start, end=end, limits=limits):
            if isinstance(step, Progress):
                said = step.message if len(groups) == 1 else f"{names}: {step.message}"
                yield replace(step, fraction=(done + step.fraction) / len(groups), message=said)
                continue
            assert isinstance(step, Explained)
            for i in members:
                explanations[i] = (
                    step.explanation
                    if i == members[0]
                    else explain_tokens(bundles[i], step.tokens, step.explanation.clip, {})
                )
                previews[i] = step.preview
    order = range(len(bundles))
    yield Compared([explanations[i] for i in order], [previews[i] for i in order], len(groups))
