"""Figures as PDF: vectors, with text as text, at the places of the SVG."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

from sec2sec.outputs import is_ours
from sec2sec.plots.pdf import as_pdf, figure_files
from sec2sec.plots.svg import Range, Series, Svg, chart, ranges

ROWS = [
    Range("Sec2Sec SA-CA", 0.78, (0.7, 0.85), 0.7949),
    Range("Vielfältig & <b>", -0.25, None),
    Range("majority of the training set (trivial)", None),
]
SERIES = [
    Series("model", "line", (0, 0.2, 1), (0, 0.7, 1)),
    Series("chance", "dashed", (0, 1), (0, 1)),
    Series("a clip", "dot", (0.5,), (0.25,)),
    Series("share of class 1", "bar", (0.35, 0.75), (0.4, 0.9), ("12", "7"), 0.1),
]
FIGURES = {
    "ranges": ranges("arousal: accuracy", "accuracy", ROWS, "paper", "what is seen"),
    "chart": chart("valence: ROC", "false positive rate", "true positive rate", SERIES, "what is seen"),
}


def page_of(figure: Svg):
    (page,) = PdfReader(io.BytesIO(as_pdf(figure))).pages
    return page


def drawing_of(figure: Svg) -> ElementTree.Element:
    return ElementTree.fromstring(figure).find(".//svg")


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_text_of_the_drawing_is_text_at_its_place(figure):
    page, drawing, places = page_of(figure), drawing_of(figure), {}

    def note(text, matrix, text_matrix, font, size):
        if text.strip():
            x, y = text_matrix[4], text_matrix[5]
            a, b, c, d, e, f = matrix
            places.setdefault(text.strip(), []).append((a * x + c * y + e, b * x + d * y + f))

    page.extract_text(visitor_text=note)
    texts = [element for element in drawing if element.tag == "text"]
    assert sorted(element.text for element in texts) == sorted(text for text, at in places.items() for _ in at)
    height = float(page.mediabox.height)
    for element in texts:
        if not element.get("transform"):
            below = height - float(element.get("y"))
            assert any(y == pytest.approx(below, abs=0.01) for _, y in places[element.text]), element.text


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_it_is_one_page_of_vectors_of_the_size_of_the_drawing_with_an_embedded_font(figure):
    page, drawing = page_of(figure), drawing_of(figure)
    assert [float(page.mediabox.width), float(page.mediabox.height)] == [
        float(n) for n in drawing.get("viewBox").split()[2:]
    ]
    assert list(page.images) == []
    assert "/XObject" not in page["/Resources"]
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    embedded = [font for font in fonts if "/FontFile2" in font.get("/FontDescriptor", {})]
    assert embedded
    assert all("/ToUnicode" in font for font in embedded)


def test_lines_dots_and_bars_stand_where_the_drawing_has_them():
    figure = FIGURES["chart"]
    content, drawing = page_of(figure).get_contents().get_data().decode("latin-1"), drawing_of(figure)
    line = next(e for e in drawing if e.get("class") == "line" and e.get("d").startswith("M48"))
    for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", line.get("d")):
        assert re.search(rf"\b{float(x):g} {float(y):g} [ml]\b", content), (x, y)
    bars = [e for e in drawing if e.get("class") == "bar" and float(e.get("height")) > 12]
    for bar in bars:
        numbers = " ".join(f"{float(bar.get(name)):g}" for name in ("x", "y", "width", "height"))
        assert f"{numbers} re" in content
    assert len(re.findall(r" c\b", content)) >= 8, "the dot and its key are four curves each"
    assert "[5 4] 0 d" in content
    assert ".058824 .372549 .658824" in content, "the blue of figure.css"


def test_the_same_figure_is_the_same_file_and_says_what_it_is(tmp_path):
    data = as_pdf(FIGURES["ranges"])
    assert data == as_pdf(FIGURES["ranges"])
    about = PdfReader(io.BytesIO(data)).metadata
    assert (about.title, about.subject) == ("arousal: accuracy", "what is seen")
    (tmp_path / "a.pdf").write_bytes(data)
    assert is_ours(tmp_path / "a.pdf")
    (tmp_path / "b.pdf").write_bytes(data.replace(b"made with sec2sec", b"made with reportX"))
    assert not is_ours(tmp_path / "b.pdf")


def test_letters_that_the_font_lacks_are_question_marks_and_stay_in_the_svg():
    figure = ranges("x", "accuracy", [Range("возбуждение é −1", 0.5)], "", "")
    assert "??????????? é −1" in page_of(figure).extract_text()
    assert "возбуждение" in figure_files({"x": figure})["figure-x.svg"].decode()


def test_names_that_differ_in_signs_of_no_file_alone_are_files_of_their_own():
    files = figure_files({"a b": FIGURES["chart"], "a/b": FIGURES["ranges"]})
    assert list(files) == ["figure-a-b.svg", "figure-a-b.pdf", "figure-a-b-.svg", "figure-a-b-.pdf"]
