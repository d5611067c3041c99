"""The real app with a made-up library behind it, for cases that no real clip gives at will. Options: see App."""

from __future__ import annotations

import ast
import dataclasses
import os
import secrets
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from sec2sec.clip import EncodedClip, PresentedExplanation
from sec2sec.config import ModelConfig
from sec2sec.encoders.tokens import Tokens
from sec2sec.media import open_clip
from sec2sec.model import Sec2Sec
from sec2sec.progress import Progress
from sec2sec.ui import analysis, app
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from tests.helpers import synthetic


def options():
    """Our own tests' keyword arguments, as they are now: wait, s a step; dull, no place changes anything; the rest."""
    found = ast.literal_eval(Path(os.environ["SYNTHETIC"]).read_text(encoding="utf-8"))
    return found.pop("wait", 0.05), found.pop("dull", False), found


def model() -> Sec2Sec:
    """Random weights for what is asked of tokens."""
    _, dull, given = options()
    grids = synthetic.explanation(**given).co_attention
    torch.manual_seed(0)
    config = ModelConfig(("arousal", "valence", "synchrony"), "SA-CA", "attention-lstm", 16, 16, 2, 16)
    made = Sec2Sec(config, grids.video_grid, grids.audio_grid).eval()
    with torch.no_grad():
        for parameter in made.temporal.parameters():
            parameter.normal_(std=0.5)
        made.reference_video.normal_(std=3)
        made.reference_audio.normal_(std=3)
        made.temporal.predict_weight.mul_(0 if dull else 1)
    return made


@dataclasses.dataclass(frozen=True)
class MadeUpClip(EncodedClip):
    """Random tokens, and an explanation that is not theirs."""

    explanation: PresentedExplanation | None = None

    def explain(self) -> PresentedExplanation:
        assert self.explanation is not None
        return self.explanation


def steps(path, bundle, *, start=0.0, end=None, limits=None, tracks=None):
    wait, _, given = options()
    yield Progress(0, 0, "Opening the clip", "decoding")
    clip = open_clip(path, start=start, end=end, limits=limits, tracks=tracks)
    for i in range(8):
        time.sleep(wait)
        yield Progress(i, 8, f"Encoding from second {i} of 8", "encoding")
    seconds = given.get("seconds", max(1, round(clip.duration)))
    made = synthetic.explanation(**{**given, "seconds": seconds})
    summary = dataclasses.replace(made.clip, name=clip.name, start=start)
    seen = synthetic.preview(made, Path(path))
    figures = {field.name: getattr(made, field.name) for field in dataclasses.fields(made)} | {"clip": summary}
    explanation = PresentedExplanation(**figures, preview=seen)
    shapes = [
        (seconds, len(mean), mean.shape[1]) for mean in (bundle.model.reference_video, bundle.model.reference_audio)
    ]
    video, audio = (
        torch.randn(shape) if there else None
        for shape, there in zip(shapes, (made.clip.has_video, made.clip.has_audio), strict=True)
    )
    return MadeUpClip(bundle, Tokens(video, audio), summary, seen, explanation=explanation)


def shifted(path, bundles, *, start=0.0, end=None, limits=None, tracks=None):
    wait, _, given = options()
    yield Progress(1, 2, "Encoded with other cuts", "encoding")
    time.sleep(wait)
    made = synthetic.explanation(**{**given, "seconds": 9, "stable": True})
    return {name: target.stability for name, target in made.targets.items()}


analysis.stability_steps = shifted
analysis.explain_steps = steps
Models.names = lambda self: ["synthetic"]
Models.get = lambda self, name, device=None: SimpleNamespace(
    device=torch.device("cpu"),
    card="# Made up",
    model=model(),
    config={},
    summary=SimpleNamespace(
        name="synthetic",
        sha256=secrets.token_hex(),  # never the same: nothing is taken from before
        trained_on="It learned from nothing.",
    ),
)

if __name__ == "__main__":
    settings = Settings.read(sys.argv[1:], os.environ)
    app.launch(app.build(settings), settings)
