"""sec2sec: why a model predicts how a video clip will be perceived, second by second.

import sec2sec
model = sec2sec.load()                       # the bundled checkpoint; or a folder that `sec2sec train` made
explanation = sec2sec.explain("clip.mp4", model)
explanation.targets["arousal"].effect        # (T,) change of the prediction when a second is taken away
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sec2sec.paths import program_paths

if TYPE_CHECKING:
    from sec2sec.checkpoints import Bundle
    from sec2sec.explanations import Explanation

__version__ = "0.1.0"
DEMO = program_paths().demo


def load(checkpoint: Path | str = DEMO, device: str = "auto") -> Bundle:
    """Read a checkpoint folder onto a device: "auto", "cpu" or "cuda". Raises CheckpointError or EncoderError."""
    from sec2sec.checkpoints import load_checkpoint  # torch takes a second to import; `--help` must not

    return load_checkpoint(checkpoint, device)


def explain(clip: Path | str, checkpoint: Bundle | Path | str = DEMO, **part: Any) -> Explanation:
    """Why a model predicts what it predicts of a clip. start= and end= (s) choose a part. Raises MediaError."""
    from sec2sec.explanations import explain as explain_clip

    bundle = load(checkpoint) if isinstance(checkpoint, (str, Path)) else checkpoint
    return explain_clip(clip, bundle, **part)
