"""The figure of an explanation, read back as SVG, PNG and PDF: bars, outline, planted seconds, words, size."""

from __future__ import annotations

import io
import itertools
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont
from pypdf import PdfReader

from sec2sec.explanations import Explanation
from sec2sec.explanations.sentences import answer
from sec2sec.outputs import is_ours
from sec2sec.plots.files import SUFFIXES, figure_bytes
from sec2sec.plots.png import FONT, SCALE
from sec2sec.plots.svg import Svg, standalone
from sec2sec.plots.timeline import WIDTH, timeline
from tests.helpers import synthetic

SVG = "{http://www.w3.org/2000/svg}"
EFFECT = [0.02, -0.1, 0.0, 0.05]
ATTENTION = [0.1, 0.2, 0.3, 0.4]


def explanation(effect: list[float] = EFFECT, names: tuple[str, ...] = ("arousal",)) -> Explanation:
    made = synthetic.explanation(targets=names, seconds=len(effect))
    targets = {
        name: replace(
            target,
            effects=(replace(target.effects[0], whole=np.array(effect)), *target.effects[1:]),
            attention=np.full(len(effect), 1 / len(effect)) if len(effect) != 4 else np.array(ATTENTION),
        )
        for name, target in made.targets.items()
    }
    return replace(made, targets=targets)


def read(figure: Svg) -> ElementTree.Element:
    return ElementTree.fromstring(standalone(figure))


def of_class(drawing: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in drawing.iter() if element.get("class") == name]


def boxes(drawing: ElementTree.Element, name: str) -> list[tuple[float, float, float, float]]:
    """Left, top, width and height of each bar, without the one in the legend."""
    found = [tuple(float(e.get(n, "nan")) for n in ("x", "y", "width", "height")) for e in of_class(drawing, name)]
    return found[:-1]  # type: ignore[return-value]


def words_of(drawing: ElementTree.Element) -> str:
    return " ".join(element.text or "" for element in drawing.iter(f"{SVG}text"))


def test_bars_are_as_high_as_the_effects_on_the_side_of_their_sign() -> None:
    drawing = read(timeline(explanation(), ["arousal"]))
    raises, lowers = boxes(drawing, "raises"), boxes(drawing, "lowers")
    zero = raises[0][1] + raises[0][3]
    assert raises[1][1] + raises[1][3] == pytest.approx(zero)
    assert raises[1][3] / raises[0][3] == pytest.approx(0.05 / 0.02, rel=0.01)
    down = max(lowers, key=lambda box: box[3])
    assert down[1] == pytest.approx(zero)
    assert down[3] / raises[0][3] == pytest.approx(0.1 / 0.02, rel=0.01)
    assert down[0] < raises[1][0]  # the second one of four


def test_the_outline_is_the_attention() -> None:
    drawing = read(timeline(explanation(), ["arousal"]))
    path = of_class(drawing, "outline")[0].get("d", "")
    zero, *tops = (float(y) for y in re.findall(r"[V ](-?[\d.]+)(?=[VH])", path))
    heights = np.array([zero - y for y in tops])
    assert heights / heights.sum() == pytest.approx(ATTENTION, abs=0.003)


def test_it_says_whose_it_is_and_what_the_verdict_is() -> None:
    made = explanation()
    words = words_of(read(timeline(made, ["arousal"])))
    verdict = made.targets["arousal"].verdict
    said = answer(made, "arousal")
    names = (made.clip.name, made.checkpoint.name, "sec2sec")
    for part in (*names, verdict.word, verdict.sentence, said.prediction, said.reasons):
        assert part in words


def test_planted_seconds_stand_under_the_lane_where_they_are_known() -> None:
    made = explanation()
    assert of_class(read(timeline(made, ["arousal"])), "planted") == []
    drawing = read(timeline(made, ["arousal"], planted={"arousal": [1]}))
    ((left, top, width, _),) = boxes(drawing, "planted")
    down = max(boxes(drawing, "lowers"), key=lambda box: box[3])
    assert left < down[0] < down[0] + down[2] < left + width
    assert top > down[1] + down[3]
    assert "planted" in words_of(drawing)


def test_a_name_never_becomes_markup() -> None:
    evil = "</text><script>alert(1)</script>"
    made = explanation(names=(evil,))
    made = replace(made, clip=replace(made.clip, name=evil))
    drawing = read(timeline(made, [evil]))
    assert list(drawing.iter(f"{SVG}script")) == []
    assert evil in words_of(drawing)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 600), st.booleans(), st.integers(1, 4))
def test_any_length_fits_into_the_figure(seconds: int, sound: bool, targets: int) -> None:
    names = tuple(f"target {number}" for number in range(targets))
    made = explanation(np.linspace(-0.1, 0.3, seconds).tolist(), names)
    waveform = np.tile(np.array([-0.5, 0.5]), (seconds, 50, 1)) if sound else None
    drawing = read(timeline(made, list(names), waveform=waveform, planted={names[0]: [seconds - 1]}))
    height = float(drawing.get("height", "0"))
    for element in drawing.iter():
        x, y = (float(element.get(name, "0")) for name in ("x", "y"))
        assert 0 <= x <= x + float(element.get("width", "0").replace("%", "")) <= WIDTH
        assert 0 <= y <= y + float(element.get("height", "0")) <= height
    assert len(standalone(timeline(made, list(names), waveform=waveform))) < 300_000


def test_no_words_leave_the_figure_or_touch_each_other() -> None:
    """By the widths of the letters that PNG and PDF have, at the long sentences of real verdicts."""
    made = explanation(names=("arousal", "valence"))
    long = "The attention may name the wrong seconds: attention beyond what seconds at the training average get at the "
    long += "same places agrees with the size of the effect with r = 0.97 (p = 0.099); p ≤ 0.0167 is asked."
    targets = {n: replace(t, verdict=replace(t.verdict, sentence=long)) for n, t in made.targets.items()}
    figure = timeline(replace(made, targets=targets), ["arousal", "valence"], planted={"arousal": [1]})
    sizes = {"head": 15, "tick": 10, None: 12}
    lines: dict[float, list[tuple[float, float]]] = {}
    for element in read(figure).iter(f"{SVG}text"):
        if element.get("transform"):
            continue
        letters = ImageFont.truetype(str(FONT), sizes[element.get("class")])
        width, x = letters.getlength(element.text or ""), float(element.get("x", "0"))
        left = x - width * {"end": 1, "middle": 0.5}.get(element.get("text-anchor", ""), 0)
        assert 0 <= left < left + width <= WIDTH - 4, element.text
        lines.setdefault(float(element.get("y", "0")), []).append((left, left + width))
    for spans in lines.values():
        ordered = sorted(spans)
        assert all(a[1] < b[0] for a, b in itertools.pairwise(ordered))
    assert "(p = 0.099)" in words_of(read(figure))


def test_what_was_not_measured_has_no_bar() -> None:
    drawing = read(timeline(explanation([float("nan"), 0.1, 0.2, -0.1]), ["arousal"]))
    assert len(boxes(drawing, "raises")) + len(boxes(drawing, "lowers")) == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_form_is_a_file_of_its_kind_that_is_known_as_ours(suffix: str, tmp_path: Path) -> None:
    figure = timeline(explanation(), ["arousal"])
    path = tmp_path / f"figure{suffix}"
    path.write_bytes(figure_bytes(figure, suffix))
    assert is_ours(path)
    assert figure_bytes(figure, suffix) == path.read_bytes()  # the same for the same
    height = float(read(figure).get("height", "0"))
    if suffix == ".png":
        with Image.open(path) as picture:
            assert picture.size == (WIDTH * SCALE, round(height * SCALE))
    elif suffix == ".pdf":
        (page,) = PdfReader(path).pages
        assert (float(page.mediabox.width), float(page.mediabox.height)) == (WIDTH, height)
        assert "attention: trust" in page.extract_text()


def test_the_png_shows_what_the_svg_says() -> None:
    """In the middle of each bar its colour, beside it the ground."""
    figure = timeline(explanation(), ["arousal"])
    drawing = read(figure)
    pixels = np.asarray(Image.open(io.BytesIO(figure_bytes(figure, ".png"))).convert("RGB")).astype(int)
    for name, colour in (("raises", (0xC2, 0x57, 0x1A)), ("lowers", (0x3B, 0x78, 0xC4))):
        left, top, width, height = max(boxes(drawing, name), key=lambda box: box[3])
        x, y = (round(SCALE * value) for value in (left + width / 2, top + height * 0.75))
        assert np.abs(pixels[y, x] - colour).max() < 8, name
    assert (pixels[0, 0] == 255).all()


@pytest.mark.parametrize("name", ["out.jpg", "out"])
def test_another_ending_is_refused_before_any_work(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sec2sec.cli import main

    assert main(["explain", str(tmp_path / "clip.mp4"), "--figure", str(tmp_path / name)]) == 2
    assert "ends in .svg, .png, .pdf" in capsys.readouterr().err
