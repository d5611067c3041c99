"""Jinja2 templates of all HTML. They escape every value, unless its type says by `__html__` that it is markup."""

from __future__ import annotations

import functools

import jinja2

from sec2sec.words import BASELINE, SCALES, level


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__name__, ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["level"] = level
    environment.globals.update(BASELINE=BASELINE, SCALES=SCALES)
    return environment


def render(template: str, **values: object) -> str:
    """A template of this folder, filled. Raises jinja2.UndefinedError for a value that it needs and was not given."""
    return _environment().get_template(template).render(values)
