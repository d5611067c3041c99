"""The scripts of the app under node: what they compute and write is what Python computes and writes."""

from __future__ import annotations

import base64
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

from sec2sec.plots import style
from sec2sec.plots.heatmap import audio_words, video_words
from sec2sec.render.chart import MAX_TICKS, TICK_STEPS
from sec2sec.viewer import files, payload
from tests.helpers.in_node import in_node, node

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for path in (ROOT / "sec2sec").rglob("*") if path.suffix in {".js", ".ts", ".css"})
SCRIPTS = [path for path in SOURCES if path.suffix == ".js"]
NUMBERS, AXIS, MAPS = (files.HERE / f"{name}.js" for name in ("numbers", "axis", "maps"))
CHOICES, LANES = files.HERE / "choices.js", files.HERE / "lanes.js"
ORDER = files.HERE.parent / "ui" / "lab" / "order.js"
VIDEO_GRIDS = [(8, 3, 3), (16, 14, 14), (1, 1, 1), (5, 2, 7)]
AUDIO_GRIDS = [(4, 4), (12, 16), (1, 1), (3, 7)]  # 16 moments end at half milliseconds


def random_maps(seed: int = 0) -> np.ndarray:
    """(T, H, rows, columns), each row sums to 1."""
    weights = np.random.default_rng(seed).gamma(0.5, size=(3, 4, 5, 7)).astype(np.float32)
    return weights / weights.sum(-1, keepdims=True)


def quantised(weights: np.ndarray) -> tuple[dict, np.ndarray]:
    """What is sent of weights, and what they are once they were sent."""
    steps, scale = payload.quantise(weights)
    sent = {
        "shape": list(weights.shape),
        "data": base64.b64encode(steps.tobytes()).decode(),
        "scale": base64.b64encode(scale.astype("<f4").tobytes()).decode(),
    }
    return sent, payload.dequantise(steps, scale)


# ---- how they are put together


def test_every_script_is_joined_into_one_text_that_runs() -> None:
    run = "new Function(JSON.parse(readFileSync(0, 'utf8')))(); process.stdout.write('null')"
    for entry in SCRIPTS:
        text = files.script(entry, "constructor;")
        assert not re.search(r"^(import|export)\b", text, re.MULTILINE), entry
        node(f"import {{readFileSync}} from 'node:fs'; {run}", text)  # too long for an argument


def test_a_joined_script_answers_as_its_module_does() -> None:
    modules = in_node(files.HERE / "lanes.js", "(script, seconds) => script.runs(seconds)", [[[1, 2, 5]]])
    text = files.script(files.HERE / "lanes.js", "runs([1, 2, 5])")
    assert node(f"process.stdout.write(JSON.stringify(eval({json.dumps(text)})))") == modules[0] == [[1, 3], [5, 6]]


def test_comments_stay_behind_and_strings_do_not(tmp_path: Path) -> None:
    """What looks like a comment within a line is none."""
    (tmp_path / "a.js").write_text("// one\nexport const at = 'https://x'; // two\n/** three\n * four */\n")
    assert files.modules(tmp_path / "a.js")[tmp_path / "a.js"] == "export const at = 'https://x'; // two\n"


def test_modules_with_the_same_names_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text(
        "import {b} from './b.js';\nconst size = 1;\nexport function a() {\n  return [size, b()];\n}\n"
    )
    (tmp_path / "b.js").write_text("const size = 2;\nexport function b() {\n  return size;\n}\n")
    assert node(
        f"process.stdout.write(JSON.stringify(eval({json.dumps(files.script(tmp_path / 'a.js', 'a()'))})))"
    ) == [1, 2]


def test_every_script_is_of_use() -> None:
    """An entry is named in Python; all else is imported by one."""
    python = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "sec2sec").rglob("*.py"))
    entries = [path for path in SCRIPTS if f'"{path.name}"' in python]
    reached = {path for entry in entries for path in files.modules(entry)}
    assert sorted(reached) == SCRIPTS


def test_styles_survive_gradios_templates() -> None:
    """It reads css_template with Handlebars, and then as a template string of JavaScript."""
    for path in SOURCES:
        if path.suffix == ".css":
            assert not re.search(r"\{\{|\$\{|`|\\", path.read_text(encoding="utf-8")), path


def test_lines_are_at_most_120_characters() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120
    ]
    assert long == []


def test_styles_and_figures_have_the_same_colours() -> None:
    defined = dict(re.findall(r"--([\w-]+): (#\w+);", (files.HERE / "tokens.css").read_text(encoding="utf-8")))
    figures = {
        "up": style.RAISES,
        "down": style.LOWERS,
        "sound": style.SOUND,
        "picture": style.PICTURE,
        "interaction": style.INTERACTION,
        "attention": style.ATTENTION[0],
    }
    assert figures.items() <= defined.items()


# ---- words


def test_ticks_are_those_of_the_annotated_film() -> None:
    spans = range(1, 4000)
    oracle = [next((step for step in TICK_STEPS if span / step <= MAX_TICKS), 240) for span in spans]
    assert in_node(NUMBERS, "({tickStep}, span) => tickStep(span)", [[span] for span in spans]) == oracle


@pytest.mark.parametrize("grid", VIDEO_GRIDS)
def test_places_of_the_picture_are_called_as_on_the_axes_of_the_map(grid: tuple[int, int, int]) -> None:
    words = """({Choices}, grid) => {
      const choices = new Choices(grid, [1, 1], []);
      return Array.from({length: grid[1] * grid[2]}, (_, place) => choices.placeWords(place));
    }"""
    moments = in_node(NUMBERS, "({momentSpan}, i, n) => momentSpan(i, n)", [[i, grid[0]] for i in range(grid[0])])
    places = in_node(CHOICES, words, [[grid]])[0]
    assert [f"picture {moment}, {place}" for moment in moments for place in places] == video_words(grid)


@pytest.mark.parametrize("grid", AUDIO_GRIDS)
@pytest.mark.parametrize("coefficients", [40, 13])
def test_bands_of_the_sound_are_called_as_on_the_axes_of_the_map(grid: tuple[int, int], coefficients: int) -> None:
    words = """({Choices}, grid, coefficients) => {
      const choices = new Choices([1, 1, 1], grid, []);
      const cells = Array.from({length: grid[0] * grid[1]}, (_, cell) => cell);
      return cells.map(cell => [choices.tokenOf(cell), choices.soundWords(cell, coefficients)]);
    }"""
    cells = dict(in_node(CHOICES, words, [[grid, coefficients]])[0])  # token → its words
    named = [f"sound {moment}, {band}" for band, moment in (cells[i].split(", ") for i in range(len(cells)))]
    assert named == audio_words(grid, coefficients)


def test_figures_are_rounded_and_signed_as_python_does() -> None:
    values = [*np.random.default_rng(0).normal(0, 0.01, 500).tolist(), 0.0, -1.0, 0.00049, -0.00051]
    written = in_node(
        NUMBERS,
        "({signed, change, correlation, percent}, v) => [signed(v), change(v, 3), correlation(v), percent(v)]",
        [[value] for value in values],
    )
    for value, (signed, change, correlation, percent) in zip(values, written, strict=True):
        digits = f"{abs(value):.3f}"
        sign = "−" if value < 0 else "+"
        assert signed == (sign if float(digits) else "") + digits  # no sign where nothing is left
        assert change == (sign if float(digits) else "±") + digits
        assert correlation == f"{value:.2f}".replace("-", "−")
        assert percent == f"{100 * value:.1f} %"


def test_what_is_not_known_is_a_dash() -> None:
    all_forms = "s => [s.percent, s.wholePercent, s.signed, s.correlation, s.plain].map(form => form(null) + form(NaN))"
    assert in_node(NUMBERS, all_forms, [[]]) == [["––"] * 5]


# ---- what the maps are


def test_browser_reads_weights_as_they_were_sent() -> None:
    sent, true = quantised(random_maps())
    of = "({CoAttentionMaps}, sent, second, head) => [...new CoAttentionMaps(sent).of(second, head)]"
    cases = [(sent, second, head) for second, head in itertools.product(range(3), range(-1, 4))]
    for (_, second, head), weights in zip(cases, in_node(MAPS, of, cases), strict=True):
        oracle = true[second].mean(0) if head < 0 else true[second, head]
        assert np.array(weights).reshape(oracle.shape) == pytest.approx(oracle, abs=1e-6)


def test_browser_finds_the_largest_weight_of_the_clip() -> None:
    sent, true = quantised(random_maps(1))
    peaks = in_node(MAPS, "({CoAttentionMaps}, s, head) => new CoAttentionMaps(s).peak(head)", [[sent, -1], [sent, 2]])
    assert peaks == pytest.approx([true.mean(1).max(), true[:, 2].max()], abs=1e-6)


def test_browser_averages_rows() -> None:
    sent, true = quantised(random_maps(2))
    mean = in_node(MAPS, "({CoAttentionMaps}, s) => [...new CoAttentionMaps(s).meanOf(1, 3, [0, 4])]", [[sent]])[0]
    assert mean == pytest.approx(true[1, 3, [0, 4]].mean(0), abs=1e-6)


def test_browser_reads_relevance_as_it_was_sent() -> None:
    sent, true = quantised(random_maps(3)[0, 0])
    rows = in_node(
        MAPS, "({Relevances}, sent, second) => [...new Relevances(sent).of(second)]", [[sent, i] for i in range(5)]
    )
    assert np.array(rows) == pytest.approx(true, abs=1e-6)


def test_entropy_is_that_of_python() -> None:
    rows = [*random_maps(4)[0, 0].tolist(), [1, 0, 0, 0], [0.25] * 4, [1.0]]
    oracle = [float(payload.entropy(np.array([row]))) for row in rows]
    assert in_node(MAPS, "({entropyOf}, row) => entropyOf(row)", [[row] for row in rows]) == pytest.approx(
        oracle, abs=1e-6
    )


@pytest.mark.parametrize("grid", VIDEO_GRIDS)
def test_places_sum_the_moments_of_the_picture(grid: tuple[int, int, int]) -> None:
    tokens = np.random.default_rng(5).normal(size=grid).astype(np.float32)
    cases = [[tokens.ravel().tolist(), grid, moment] for moment in range(-1, grid[0])]
    for (_, _, moment), places in zip(
        cases, in_node(MAPS, "({byPlace}, ...of) => [...byPlace(...of)]", cases), strict=True
    ):
        oracle = tokens.sum(0) if moment < 0 else tokens[moment]
        assert places == pytest.approx(oracle.ravel(), abs=1e-5)


def test_tokens_of_a_place_and_of_a_moment_lie_where_python_puts_them() -> None:
    """Tokens are numbered as an array of their grid is flattened."""
    video, audio = np.arange(5 * 2 * 7).reshape(5, 14), np.arange(3 * 7).reshape(3, 7)
    of = "({videoTokens, audioTokens}, ...at) => [videoTokens([5, 2, 7], ...at), audioTokens([3, 7], ...at)]"
    cases = [(index, one) for index in range(7) for one in (-1, 2)]
    for (index, one), (of_place, of_moment) in zip(cases, in_node(MAPS, of, cases), strict=True):
        assert of_place == (video[:, index] if one < 0 else video[[one], index]).tolist()
        assert of_moment == (audio[:, index] if one < 0 else audio[[one], index]).tolist()


def test_lowest_coefficients_lie_at_the_bottom() -> None:
    cells = in_node(
        CHOICES, "({Choices}, i) => new Choices([1, 1, 1], [3, 7], []).tokenOf(i)", [[i] for i in range(21)]
    )
    assert cells == np.flipud(np.arange(21).reshape(3, 7)).ravel().tolist()


@pytest.mark.parametrize("rows", ["video", "audio"])
def test_cell_of_the_map_is_outlined_where_it_was_chosen(rows: str) -> None:
    chosen = """({Choices}, rows, row, column) => {
      const choices = new Choices([5, 2, 7], [3, 4], []);
      choices.rows = rows;
      choices.chooseTokens(row, column);
      return choices.cellOfMap;
    }"""
    sizes = (70, 12) if rows == "video" else (12, 70)
    cells = list(itertools.product(range(sizes[0]), range(sizes[1])))
    answers = in_node(CHOICES, chosen, [[rows, *cell] for cell in cells])
    assert [(answer["row"], answer["column"]) for answer in answers] == cells


# ---- the axis


@pytest.mark.parametrize("width", [360, 1000])
def test_pointer_finds_the_second_that_is_drawn_under_it(width: int) -> None:
    at = """({Axis}, width, from, to, time) => {
      const axis = Object.assign(new Axis(), {width, from, to});
      return [axis.timeAt(axis.xOf(time)), axis.xOf(from), axis.xOf(to), axis.left, width - axis.right];
    }"""
    for time, start, end, left, right in in_node(AXIS, at, [[width, 20, 50, 20 + i / 7] for i in range(200)]):
        assert (start, end) == pytest.approx((left, right))
        assert 20 <= time <= 50
    times = [answer[0] for answer in in_node(AXIS, at, [[width, 20, 50, 20 + i / 7] for i in range(200)])]
    assert times == pytest.approx([20 + i / 7 for i in range(200)])


@pytest.mark.parametrize("count", [31, 60, 601])
def test_every_second_is_on_its_page(count: int) -> None:
    page = "({Axis}, span, second, count) => Object.assign(new Axis(), {to: span}).pageOf(second, count)"
    for span in (15, 30, count):
        cases = [[span, second, count] for second in range(count)]
        for second, (start, end) in enumerate(in_node(AXIS, page, cases)):
            assert 0 <= start <= second < end <= count
            assert end - start == span


def test_zoom_keeps_the_selected_second_in_sight_and_stays_in_the_clip() -> None:
    zoomed = "({Axis}, from, to, factor, second) => Object.assign(new Axis(), {from, to}).zoomed(factor, second, 100)"
    cases = [
        [a, a + span, f, s] for span in (15, 40, 100) for a in (0, 100 - span) for f in (0.5, 2) for s in range(100)
    ]
    for (start, end, factor, second), (left, right) in zip(cases, in_node(AXIS, zoomed, cases), strict=True):
        assert 0 <= left <= second < right <= 100
        assert right - left == min(max(round((end - start) * factor), 15), 100)


# ---- lists


def test_seconds_in_a_row_are_one_interval() -> None:
    seconds = [sorted(np.flatnonzero(np.random.default_rng(seed).random(30) < 0.5).tolist()) for seed in range(20)]
    for given, intervals in zip(seconds, in_node(LANES, "({runs}, s) => runs(s)", [[s] for s in seconds]), strict=True):
        assert [second for start, end in intervals for second in range(start, end)] == given
        assert all(end < start for (_, end), (start, _) in itertools.pairwise(intervals))


def test_orders_are_those_that_their_names_say() -> None:
    order = "({orderOf}, name, typed) => orderOf(name, 5, [1, 3], typed)"
    cases = [["reverse"], ["first"], ["last"], ["own", "1, 1 4"], ["own", ""]]
    assert in_node(ORDER, order, cases) == [[4, 3, 2, 1, 0], [1, 3, 0, 2, 4], [0, 2, 4, 1, 3], [1, 1, 4], []]
    shuffled = in_node(ORDER, order, [["shuffle"]] * 20)
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in shuffled)
    assert len({tuple(one) for one in shuffled}) > 1


def test_a_reference_without_sound_and_picture_alone_says_so_in_the_list() -> None:
    """One that replaces whole seconds; in a clip of one second the neighbour has no effects at all."""
    cases = [[0.1, -0.2], [0.1, None]], [[0.1, -0.2], [None, None]], [[None], [None]]
    given = [[{"reference": "seconds", "whole": whole, "audio": audio}] for whole, audio in cases]
    names = in_node(files.HERE / "lanes.js", "({referenceName}, effects) => referenceName(effects)", given)
    assert names == ["seconds", "seconds (whole seconds alone)", "seconds"]
