"""Example clips as a row of buttons with a still, read from one folder."""

from __future__ import annotations

import base64
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from sec2sec.media import MediaError, open_clip
from sec2sec.ui.gradio_private import event_data
from sec2sec.viewer import files
from sec2sec.viewer.templates import render

log = logging.getLogger("sec2sec.ui")
SCRIPT = Path(__file__).with_name("examples.js")
FIRST_CLIP = "film-3009-00003"  # of the bundled data set: what the app opens on
WRONG_MODEL = "wrong-attention"  # the bundled checkpoint that looks away from what counts, on purpose
STILL_SECOND = 3  # the first frames of a clip are often black


@dataclass(frozen=True)
class Example:
    """A clip that comes with the app."""

    path: Path
    seconds: float
    still: bytes | None

    @property
    def title(self) -> str:
        """Its name as words."""
        return self.path.stem.replace("-", " ").replace("_", " ")


def find_examples(folder: Path) -> list[Example]:
    """Every clip of the folder that can be read, by name."""
    return [example for path in sorted(folder.glob("*.mp4")) if (example := read_example(path)) is not None]


def read_example(path: Path) -> Example | None:
    """A clip with its still; None for one that cannot be read, which the log names."""
    try:
        clip = open_clip(path, frames_per_second=1)
        stills = [second.still for second in itertools.islice(clip.seconds(), STILL_SECOND + 1)]
    except MediaError as error:
        log.warning("example left out: %s", error)
        return None
    return Example(path, clip.duration, stills[-1] if stills else None)


def example_tiles(examples: Sequence[Example]) -> gr.HTML:
    """Buttons; a press triggers `select` with the index of the example."""
    return gr.HTML(
        value=render("tiles.html", examples=[(example, _base64(example.still)) for example in examples]),
        html_template='<div class="tiles" role="group" aria-label="Example clips">${value}</div>',
        js_on_load=files.script(SCRIPT),
        apply_default_css=False,
        visible=bool(examples),
    )


def example_of(event: gr.EventData, examples: Sequence[Example]) -> Example | None:
    """The example whose tile was pressed; None for an index that no tile has."""
    index = event_data(event).get("index")
    return examples[index] if isinstance(index, int) and 0 <= index < len(examples) else None


def _base64(still: bytes | None) -> str:
    return base64.b64encode(still).decode() if still else ""
