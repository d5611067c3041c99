"""What an element of a chart looks like, for whatever draws it: its corners, its numbers, and what figure.css says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from xml.etree import ElementTree

from sec2sec.plots.svg import Svg

RULE = re.compile(r"([^{}]+)\{([^}]*)\}")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
STEP = re.compile(r"[MLHVlhvz]|-?\d+(?:\.\d+)?(?:e-?\d+)?")
TURNED = re.compile(r"translate\((\S+) (\S+)\) rotate\((\S+)\)")

Style = Mapping[str, str]


def drawing_of(figure: Svg) -> tuple[ElementTree.Element, float, float]:
    """The drawing in a figure, its width and its height."""
    drawing = ElementTree.fromstring(figure).find(".//svg")
    assert drawing is not None, "every chart is one"
    width, height = map(float, drawing.get("viewBox", "0 0 640 480").split()[2:])
    return drawing, width, height


def numbers(element: ElementTree.Element, *names: str) -> list[float]:
    """Attributes of an element, 0 where there is none."""
    return [float(element.get(name, "0")) for name in names]


def corners(steps: str) -> Iterator[tuple[str, float, float]]:
    """The corners of a path: M to go there, L to draw a line there, z to close it. Small letters are relative."""
    tokens = STEP.findall(steps)
    x = y = 0.0
    name = ""
    while tokens:
        if tokens[0].isalpha():
            name = tokens.pop(0)
            if name == "z":
                yield name, x, y
                continue
        first = float(tokens.pop(0))
        second = float(tokens.pop(0)) if name in "MLl" else 0.0
        x = {"M": first, "L": first, "H": first, "l": x + first, "h": x + first}.get(name, x)
        y = {"M": second, "L": second, "V": first, "l": y + second, "v": y + first}.get(name, y)
        yield ("M" if name == "M" else "L"), x, y


def style_of(element: ElementTree.Element) -> Style:
    """What figure.css says of an element."""
    rules = _rules()
    return {**rules.get(element.tag, {}), **rules.get(f".{element.get('class')}", {})}


@lru_cache(maxsize=1)
def _rules() -> Mapping[str, Style]:
    """The rules of figure.css by selector; of its fonts the size alone."""
    rules: dict[str, dict[str, str]] = {}
    text = COMMENT.sub("", (resources.files(__package__) / "figure.css").read_text(encoding="utf-8"))
    for selectors, body in RULE.findall(text):
        parts = (line.partition(":") for line in body.split(";") if ":" in line)
        style = {name.strip(): value.strip() for name, _, value in parts}
        if font := style.pop("font", ""):
            style["font-size"] = font.split()[0]
        for selector in selectors.split(","):
            rules.setdefault(selector.strip(), {}).update(style)
    return rules


def painted(style: Style) -> tuple[str | None, str | None]:
    """Colours of the line around an element and of its inside, None for none."""
    stroke, fill = style.get("stroke", "none"), style.get("fill", "#000000")
    return (None if stroke == "none" else stroke), (None if fill == "none" else fill)


def font_px(style: Style) -> float:
    """The size of an element's letters."""
    return float(style["font-size"].removesuffix("px"))
