"""Scripts and styles that run in the browser, read without gradio: the app and a report show the same.

Scripts are written as ES modules, which tsc and node read as they stand. But gradio and a report take one text, which
cannot import. So here each module becomes a function that runs once and returns what the module exports: what a bundler
does, for the two forms of import and export that we use, and without a step of building.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

HERE = Path(str(resources.files(__package__)))
VIEW = HERE / "main.js"  # start(component): the synchronised view
SHARED_STYLE = HERE / "shared.css"  # of all views
# of the synchronised view
VIEW_PARTS = ("second", "timeline", "chart", "playback", "film", "ratings")
VIEW_STYLES = (SHARED_STYLE, *(HERE / f"{name}.css" for name in VIEW_PARTS))
# of the page around it
PAGE_STYLES = tuple(HERE / f"{name}.css" for name in ("tokens", "style", "cards", "player", "downloads"))
PAGE_STYLE = HERE / "page.css"  # of a report of figures, as one file
# What gradio gives to a gr.HTML's js_on_load, and a report too.
START = "start({element, trigger, props, server, watch});"

COMMENT = re.compile(r"^ *(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/)\n", re.MULTILINE)  # of whole lines
IMPORT = re.compile(r"^import (\{[^}]*\}) from '([^']+)';$", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE)


def script(entry: Path, call: str = START) -> str:
    """A module and all that it imports as one text, and at its end a call of what the module exports."""
    names: dict[Path, str] = {}
    parts = []
    for path, text in modules(entry).items():
        body = text
        for line in IMPORT.finditer(text):
            body = body.replace(line[0], f"const {line[1]} = {names[_imported(path, line[2])]};")
        names[path] = f"module{len(names)}"
        exported = ", ".join(EXPORT.findall(text))
        parts.append(f"const {names[path]} = (() => {{\n{EXPORT.sub('', body)}return {{{exported}}};\n}})();")
    return "\n".join([*parts, f"{names[entry.resolve()]}.{call}"])


def modules(entry: Path) -> dict[Path, str]:
    """The text of a module and of all that it imports, each once and after what it imports itself."""
    texts: dict[Path, str] = {}

    def visit(path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        for line in IMPORT.finditer(text):
            imported = _imported(path, line[2])
            if imported not in texts:
                visit(imported)
        texts[path] = COMMENT.sub("", text)  # the app's page holds this script five times

    visit(entry.resolve())
    return texts


def _imported(path: Path, name: str) -> Path:
    return (path.parent / name).resolve()


def style(*paths: Path) -> str:
    """Styles, one after another."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def markup() -> str:
    """The synchronised view's elements, before anything is drawn."""
    return (HERE / "view.html").read_text(encoding="utf-8")
