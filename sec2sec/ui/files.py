"""Files that gradio serves to one visitor."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any


def cached(component: Any, name: str) -> Path:
    """A path in a folder whose name nobody can guess, for a file that gradio serves, and deletes when it is old."""
    path = Path(component.GRADIO_CACHE) / secrets.token_hex(16) / name
    path.parent.mkdir(parents=True)
    component.temp_files.add(str(path))
    return path
