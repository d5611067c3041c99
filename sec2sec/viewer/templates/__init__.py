"""Jinja2 templates of all HTML. They escape what they are given, unless its type says that it is markup (`__html__`)."""

from __future__ import annotations

import functools

import jinja2

from sec2sec.metrics import figure, span, title_of


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__name__, ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "span": span, "title_of": title_of, "words": words}
    return environment


def words(name: object) -> str:
    """A key of a report as it is read: "always_positive" → "always positive"."""
    return str(name).replace("_", " ")


def render(template: str, **values: object) -> str:
    """A template of this folder, filled. Raises jinja2.UndefinedError for a value that it needs and was not given."""
    return _environment().get_template(template).render(values)
