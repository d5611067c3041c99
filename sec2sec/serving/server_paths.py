"""What a visitor may read of a message that names files of this server: their names, and not where they lie."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
# An absolute path, from its first slash: not within an address of the web, a fraction, a tag or a path from "~"
ABSOLUTE = re.compile(r"""(?<![\w./<~])/(?!/)(?:[^\s/'":;,()<>]+/+)*([^\s/'":;,()<>]+)/?""")


def without_server_paths(text: str) -> str:
    """The text with the last part alone of each absolute path; a path below a folder of the app starts there."""
    for folder in _own_folders():  # these may hold spaces, where a path would seem to end
        text = text.replace(f"{folder}/", "").replace(folder, Path(folder).name)
    return ABSOLUTE.sub(r"\1", text)


def _own_folders() -> list[str]:
    """Folders in which the app keeps or finds files, the deepest first."""
    folders = {Path.cwd(), Path.home(), PACKAGE, Path(tempfile.gettempdir())}
    if "GRADIO_TEMP_DIR" in os.environ:
        folders.add(Path(os.environ["GRADIO_TEMP_DIR"]))
    named = {str(form) for folder in folders for form in (folder, folder.resolve())}
    return sorted((folder for folder in named if len(Path(folder).parts) > 1), key=len, reverse=True)
