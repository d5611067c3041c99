"""For the API reference: the comment that ends the line of a field documents the field: `prediction: float  # 0..1`.

A griffe extension, named in mkdocs.yml. A field with a docstring of its own keeps that.
"""

from __future__ import annotations

import io
import tokenize
from typing import Any

from griffe import Attribute, Docstring, Extension


class FieldComments(Extension):
    """Gives each undocumented attribute of a class the comment that ends its line."""

    def on_attribute_instance(self, *, attr: Attribute, **rest: Any) -> None:
        """Called by griffe for every attribute that it finds."""
        if attr.docstring is None and attr.parent is not None and attr.parent.is_class:
            text = trailing_comment("\n".join(attr.lines))
            if text:
                attr.docstring = Docstring(text, lineno=attr.endlineno, parent=attr)


def trailing_comment(source: str) -> str:
    """The last comment of a statement, without its #; "" where the statement has none."""
    tokens = tokenize.generate_tokens(io.StringIO(source.strip()).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return comments[-1].removeprefix("#").strip() if comments else ""
