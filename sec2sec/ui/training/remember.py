"""The form of a training keeps what was filled in, in the visitor's browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.ui.events import AT_ONCE
from sec2sec.ui.training.form import UPLOADED_FILE, Form
from sec2sec.viewer import files

SCRIPT = Path(__file__).with_name("remember.js")


def remember_form(demo: gr.Blocks, form: Form) -> None:
    """Save at each input, fill in when a page opens, and go back to the defaults at a press; all in the browser.

    An upload is left out: a page that is loaded again cannot have it.
    """
    widgets = {name: widget for name, widget in form.named.items() if name != UPLOADED_FILE}
    fields = [field_of(name, widget) for name, widget in widgets.items()]
    listed = list(widgets.values())
    filled = [*listed, *form.groups.values()]
    save = _script(f"save({json.dumps(list(widgets))}, values);")
    gr.on([widget.input for widget in listed], None, listed, None, js=f"(...values) => {{ {save} }}", **AT_ONCE)
    for listen, function in ((demo.load, "restore"), (form.reset.click, "forget")):
        answer = _script(f"{function}({json.dumps(fields)});", returns="values")
        source, shown = list(widgets).index("source"), json.dumps(list(form.groups))
        groups = f"{shown}.map(name => ({{__type__: 'update', visible: name === values[{source}]}}))"
        listen(None, None, filled, js=f"() => {{ {answer} return [...values, ...{groups}]; }}", **AT_ONCE)


def field_of(name: str, widget: Any) -> dict[str, Any]:
    """What the script needs to know of a widget: which values it can hold, and which it begins with."""
    kind = "number" if isinstance(widget, gr.Number) else "boolean" if isinstance(widget, gr.Checkbox) else "string"
    choices = [value for _, value in widget.choices] if isinstance(widget, gr.Dropdown | gr.Radio) else None
    return {"name": name, "kind": kind, "choices": choices, "value": widget.value}


def _script(call: str, returns: str = "") -> str:
    modules, _, last = files.script(SCRIPT, call).rpartition("\n")
    return f"{modules}\n{f'const {returns} = ' if returns else ''}{last}\n"
