"""HTML is written by templates alone, and what they are given stays text."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest

import sec2sec
from sec2sec.evaluation.document import as_fragment, as_page
from sec2sec.evaluation.report import EvaluationReport
from sec2sec.paths import program_paths
from sec2sec.plots.svg import Series, chart
from sec2sec.tables import TextTable
from sec2sec.ui import about
from sec2sec.ui.compare.words import side_by_side
from sec2sec.viewer import payload
from sec2sec.viewer.cards import predictions
from sec2sec.viewer.report_page import report_page
from sec2sec.viewer.templates import render
from tests.helpers import synthetic

PACKAGE = Path(sec2sec.__file__).parent
TEMPLATES = PACKAGE / "viewer" / "templates"
ESCAPERS = {"html.escape", "xml.sax.saxutils.escape", "markupsafe.escape", "markupsafe.Markup", "jinja2"}
TAG = re.compile(r"</?(?:p|b|h[1-6]|div|span|table|t[rdh]|ul|li|d[ltd]|svg|figure|button|img|pre|section)[ >]")
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def imported(tree: ast.Module) -> Iterator[str]:
    """Every name that a module imports or reaches through an import, dotted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def modules() -> dict[str, ast.Module]:
    return {str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def test_no_module_but_the_templates_escapes_html() -> None:
    escaping = {name for name, tree in modules().items() if ESCAPERS & set(imported(tree))}
    assert escaping == {"viewer/templates/__init__.py"}


def test_no_element_is_written_in_python() -> None:
    """But for the elements that gradio puts around a value in the browser."""
    written = [
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and TAG.search(str(node.value)) and "${value}" not in str(node.value)
    ]
    assert written == []


def test_every_template_is_used() -> None:
    python = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    others = "".join(path.read_text() for path in TEMPLATES.glob("*.html"))
    for path in TEMPLATES.glob("*.html"):
        assert f'"{path.name}"' in python + others, path.name


def test_a_value_that_a_template_needs_cannot_be_left_out() -> None:
    with pytest.raises(jinja2.UndefinedError, match="message"):
        render("status.html", alert=True)


def test_an_explanation_without_a_page_does_not_load_the_templates() -> None:
    clip = sorted(program_paths().examples.glob("*.mp4"))[0]
    program = "import sys; sys.modules['jinja2'] = None; from sec2sec.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "explain", str(clip), "--end", "1", "--device", "cpu"]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "arousal" in done.stdout


class Parsed(HTMLParser):
    """Elements with their attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def evaluation(name: str) -> EvaluationReport:
    interval = {"accuracy": [0.1, 0.9], "f1": None, "balanced_accuracy": None, "macro_f1": None, "auroc": None}
    score = {"ece": 0.1, "brier": 0.2}
    bins = [{"from": 0.0, "to": 1.0, "clips": 1, "prediction": 0.5, "positive": 1.0}]
    target = {
        **dict.fromkeys(interval, 0.5),
        "kind": "binary",
        "clips": 1,
        "groups": 1,
        "interval": interval,
        "gain": {"metric": "accuracy", "over": name, "value": 0.0, "interval": None},
        "trivial": {name: {"accuracy": 0.5}},
        "curves": {"roc": None, "calibration": {**score, "bins": bins, "trivial": score}},
        "worst": [{"id": name, "path": name, "group": name, "truth": 1.0, "prediction": 0.5, "error": 0.5}],
    }
    checkpoint = {"name": name, "sha256": "0", "trained_on": name}
    report = {"checkpoint": checkpoint, "data": name, "split": name, "clips": 1, "unusable": 1}
    report |= {"remarks": [name], "reading": {}, "learned_from": {"clips": 1, "splits": {name: 1}, "known": True}}
    return {**report, "targets": {name: target}, "pointing": {name: 0.5}}  # type: ignore[typeddict-item]


def pages(name: str) -> dict[str, str]:
    """Every page and part of a page, of an explanation and an evaluation in which all that has a name has this one."""
    made = synthetic.explanation(targets=(name,), duration=9.4)
    summary = dataclasses.replace(made.clip, name=name, warnings=(name,))
    checkpoint = dataclasses.replace(made.checkpoint, name=name, trained_on=name)
    made = dataclasses.replace(made, clip=summary, checkpoint=checkpoint)
    return {
        "cards": predictions(made, [name]),
        "report": report_page(made, payload.encode(made, synthetic.preview(made)), [name], card=name),
        "evaluation": as_page(evaluation(name)),
        "part of the app": as_fragment(evaluation(name), [name]),
        "comparison": side_by_side([made, made], [[name], [name]], clips=True),
        "about": about.figures({name: evaluation(name)}),
    }


@pytest.mark.parametrize("page", list(pages("plain")))
def test_hostile_names_are_shown_and_make_no_element(page: str) -> None:
    plain, hostile = Parsed(pages("plain")[page]), Parsed(pages(EVIL)[page])
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert [list(attributes) for _, attributes in hostile.elements] == [
        list(attributes) for _, attributes in plain.elements
    ]
    assert EVIL in hostile.text


def test_a_drawing_is_markup_in_a_template_and_a_table_is_text() -> None:
    drawing = chart("t", "x", "y", [Series("s", "dot", [0.5], [0.5])], "text")
    views = {"figure": {"charts": [{"drawing": drawing, "words": "<i>", "table": None}], "worst": None}}
    table = TextTable("a & b", ["<b>", "x"], [["<i>"], ["<u>", "0.5 [0.4, 0.6]"], ["r", "<[>"]])
    views["figure"]["worst"] = {"table": table}  # type: ignore[assignment]
    modalities = {"tables": [], "sentences": []}
    values = {
        "sentences": [],
        "tables": [],
        "modalities": modalities,
        "pointing": [],
        "targets": views,
        "unusable": [],
    }
    drawn = Parsed(render("evaluation.html", **values, level=2, in_app=False))
    tags = [tag for tag, _ in drawn.elements]
    assert tags.count("svg") == 1
    assert not {"i", "b", "u"} & set(tags)
    assert "<td>0.5 <span>[0.4, 0.6]</span></td>" in render("evaluation.html", **values, level=2, in_app=False)
