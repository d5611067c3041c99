"""Example clips as a row of buttons with a still, read from one folder."""

from __future__ import annotations

import base64
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr

from sec2sec.media import MediaError, open_clip
from sec2sec.ui.gradio_private import event_data
from sec2sec.viewer import files
from sec2sec.viewer.templates import render

log = logging.getLogger("sec2sec.ui")
SCRIPT = Path(__file__).with_name("examples.js")
FIRST_CLIP = "film-3114-00002"  # of the bundled data set: what the app opens on
WRONG_MODEL = "wrong-attention"  # the bundled checkpoint that looks away from what counts, on purpose
STILL_SECOND = 3  # the first frames of a clip are often black


@dataclass(frozen=True)
class Example:
    """A clip that comes with the app."""

    path: Path
    seconds: float
    still: bytes | None
    model: str | None = None  # that it is shown with; None: the one that is chosen
    name: str = ""  # on its tile, instead of the file's
    note: str = ""  # under the name

    @property
    def title(self) -> str:
        """Its name as words."""
        return self.name or self.path.stem.replace("-", " ").replace("_", " ")


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


def known_truth_examples(folder: Path, models: Sequence[str]) -> list[Example]:
    """A clip whose truth is known, with the first model, and with the one whose attention is wrong on purpose.

    Empty where clip or model are not there.
    """
    path = folder / "clips" / f"{FIRST_CLIP}.mp4"
    example = read_example(path) if path.is_file() and models else None
    if example is None:
        return []
    first = replace(example, model=models[0], name="Known truth", note="planted seconds")
    wrong = replace(example, model=WRONG_MODEL, name="The same, wrong model", note="attention wrong on purpose")
    return [first, wrong] if WRONG_MODEL in models[1:] else [first]


def example_tiles(examples: Sequence[Example], elem_id: str | None = None) -> gr.HTML:
    """Buttons; a press triggers `select` with the index of the example."""
    return gr.HTML(
        value=tiles(examples),
        html_template='<div class="tiles" role="group" aria-label="Example clips">${value}</div>',
        js_on_load=files.script(SCRIPT),
        apply_default_css=False,
        elem_id=elem_id,
        visible=bool(examples),
    )


def tiles(examples: Sequence[Example], chosen: Example | None = None) -> str:
    """The buttons as HTML. chosen: the example that is shown."""
    return render("tiles.html", examples=[(example, _base64(example.still)) for example in examples], chosen=chosen)


def example_of(event: gr.EventData, examples: Sequence[Example]) -> Example | None:
    """The example whose tile was pressed; None for an index that no tile has."""
    index = event_data(event).get("index")
    return examples[index] if isinstance(index, int) and 0 <= index < len(examples) else None


def _base64(still: bytes | None) -> str:
    return base64.b64encode(still).decode() if still else ""
