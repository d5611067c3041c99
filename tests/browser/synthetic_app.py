"""The real app with a made-up library behind it, for cases that no real clip gives at will. Options: see App."""

from __future__ import annotations

import ast
import dataclasses
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import synthetic  # noqa: E402

from sec2sec.encode import Tokens  # noqa: E402
from sec2sec.explanations import Explained, Progress  # noqa: E402
from sec2sec.explanations.stability import Stable  # noqa: E402
from sec2sec.media import open_clip  # noqa: E402
from sec2sec.ui import app, asked, inspect  # noqa: E402
from sec2sec.ui.models import Models  # noqa: E402
from sec2sec.ui.settings import Settings  # noqa: E402

OPTIONS = ast.literal_eval(os.environ.get("SYNTHETIC", "{}"))  # our own tests' keyword arguments
WAIT = OPTIONS.pop("wait", 0.05)  # s a step


def steps(path, bundle, *, start=0.0, end=None, limits=None):
    yield Progress("decoding", 0.0, "Opening the clip")
    clip = open_clip(path, start=start, end=end, limits=limits)
    for i in range(8):
        time.sleep(WAIT)
        yield Progress("encoding", i / 8, f"Encoding from second {i} of 8")
    seconds = OPTIONS.get("seconds", max(1, round(clip.duration)))
    made = synthetic.explanation(**{**OPTIONS, "seconds": seconds})
    summary = dataclasses.replace(made.clip, name=clip.name, start=start)
    made = dataclasses.replace(made, clip=summary)
    seen = synthetic.preview(made, Path(path))
    yield Explained(made, seen, Tokens(None, None))


def shifted(path, bundles, *, start=0.0, end=None, limits=None):
    yield Progress("encoding", 0.5, "Encoded with other cuts")
    time.sleep(WAIT)
    made = synthetic.explanation(**{**OPTIONS, "seconds": 9, "stable": True})
    yield Stable({name: found.stability for name, found in made.evidence.targets.items()})


asked.stability_steps = shifted
inspect.explain_steps = steps
Models.names = lambda self: ["synthetic"]
Models.get = lambda self, name: SimpleNamespace(device="cpu", card="# Made up")

if __name__ == "__main__":
    settings = Settings.read(sys.argv[1:], os.environ)
    app.launch(app.build(settings), settings)
