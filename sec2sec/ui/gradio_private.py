"""All that the app needs of gradio and gradio keeps private: look here first when gradio is updated."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

SECONDS_BETWEEN_LOOKS = 0.02


def event_data(event: gr.EventData) -> dict[str, Any]:
    """What a view sent with its event. It comes from a browser, so that every value may be anything."""
    sent = event._data
    return sent if isinstance(sent, dict) else {}


def served_path(component: Component, name: str) -> Path:
    """A path in a new folder whose name nobody can guess, for a file that gradio serves, and deletes when it is old."""
    path = Path(component.GRADIO_CACHE) / secrets.token_hex(16) / name
    path.parent.mkdir(parents=True)
    delete_when_old(component, [path])
    return path


def delete_when_old(component: Component, files: Iterable[Path]) -> None:
    """Let gradio delete files of its cache with those of a component."""
    component.temp_files.update(str(file) for file in files)


def look_less_often(demo: gr.Blocks) -> None:
    """Gradio looks a thousand times per second whether somebody asks, which takes 7 % of a core of an idle app."""
    demo._queue.sleep_when_free = SECONDS_BETWEEN_LOOKS
    demo._queue.progress_update_sleep_when_free = SECONDS_BETWEEN_LOOKS
