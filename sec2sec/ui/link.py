"""A page's address that shows an explanation again: `?clip=sintel-flight&model=demo&tab=inspect&s=6`.

Everything in it is data: a name that is not in a list opens nothing. The second is the browser's own matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr

from sec2sec.errors import UserError
from sec2sec.paths import program_paths
from sec2sec.ui.examples import Example

TABS = ("inspect", "lab", "compare", "evaluate", "training", "about")
LONGEST_NAME = 80  # characters of a name that a message repeats


@dataclass(frozen=True)
class Link:
    """What an address asks for; empty where it says nothing."""

    clip: str = ""
    model: str = ""
    tab: str = ""


def link_of(request: gr.Request) -> Link:
    """The fields of the address that a page was opened with."""
    fields = request.query_params
    return Link(*(str(fields.get(name) or "") for name in ("clip", "model", "tab")))


def bundled_clips() -> dict[str, Path]:
    """The known-truth clips that come with the program, by name."""
    return {path.stem: path for path in sorted((program_paths().known_truth / "clips").glob("*.mp4"))}


def linked_example(link: Link, examples: Sequence[Example], models: Sequence[str]) -> Example:
    """The clip of a link with its model. Raises UserError for a name that is not there."""
    if link.model and link.model not in models:
        raise UserError(f"The link asks for a model that is not here: {_short(link.model)}. Choose one of the list.")
    found = next((example for example in examples if example.path.stem == link.clip), None)
    if found is None:
        path = bundled_clips().get(link.clip)
        if path is None:
            raise UserError(
                f"The link asks for a clip that is not here: {_short(link.clip)}. Choose an example, or upload a clip."
            )
        found = Example(path, 0.0, None)
    return replace(found, model=link.model or None)


def link_to(path: Path, model: str | None, examples: Sequence[Example]) -> dict[str, str] | None:
    """The fields of a link to a clip, by their names; None for a visitor's own, which is private."""
    if model is None or not (
        any(example.path == path for example in examples) or bundled_clips().get(path.stem) == path
    ):
        return None
    return {"clip": path.stem, "model": model}


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
