"""A film's curve above its timeline, on the same axis: by mouse and by keyboard a point opens its window, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import App, open_drawer
from tests.helpers.clips import make_clip

NewPage = Callable[..., Page]
SECONDS, WINDOW = 40, 8  # the demo learned from up to 30 s, half of the clips from up to 8 s

# What stands in the place of the answer, until it comes.
WATCH = """() => {
  window.__answers = [];
  const answer = document.querySelector('#predictions');
  new MutationObserver(() => window.__answers.push([answer.innerText, answer.querySelectorAll('svg.curve').length]))
    .observe(answer, {childList: true, subtree: true});
}"""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("film") / "film.mp4", SECONDS, size=(160, 90))


@pytest.fixture
def page(app: App, new_page: NewPage, film: Path) -> Page:
    page = new_page(app.url, at_once=True)
    page.evaluate(WATCH)
    page.set_input_files("#upload input[type=file]", str(film))
    page.wait_for_selector(".s2s[data-clip='film.mp4'][data-ready=true]")
    return page


def wait_for_window(page: Page, opened: str) -> None:
    page.wait_for_function("opened => document.querySelector('#view .s2s-film').dataset.opened === opened", arg=opened)


def test_the_curve_stands_above_the_timeline_on_its_axis(page: Page) -> None:
    curve = page.locator("#view .s2s-film")
    expect(curve).to_be_visible()
    expect(curve).to_contain_text(f"Predicted in {SECONDS - WINDOW + 1} windows of {WINDOW} s")
    expect(page.locator("#predictions")).to_contain_text("40 s is longer than all 2000 clips")
    ticks = """name => [...document.querySelectorAll(`#view ${name} svg .s2s-tick.is-middle`)].map(
      tick => [tick.textContent, Math.round(tick.getBoundingClientRect().left)])"""
    assert page.evaluate(ticks, ".s2s-film") == page.evaluate(ticks, ".s2s-chart")
    assert curve.bounding_box()["y"] < page.locator("#view .s2s-lanes").bounding_box()["y"]


def test_the_curve_comes_before_the_answer(page: Page) -> None:
    answers = page.evaluate("window.__answers")
    first = next(i for i, (words, _) in enumerate(answers) if "is being measured" in words)
    assert f"Predicted in {SECONDS - WINDOW + 1} windows of {WINDOW} s" in answers[first][0]
    assert answers[first][1] == 2, "a drawing for each target"
    assert "40 s is longer than" in answers[-1][0]
    assert "is being measured" not in answers[-1][0]


def test_a_click_opens_the_window_and_a_button_leads_back(page: Page) -> None:
    chart = page.locator("#view .s2s-film-plot")
    chart.scroll_into_view_if_needed()
    chart.click()  # in its middle
    expect(page.locator("#status")).to_contain_text("explained from seconds that were encoded already")
    expect(page.locator("#view .s2s-now")).to_contain_text(f"of {WINDOW} s")
    expect(page.locator("#view .s2s-film-now")).to_contain_text("shown below")
    open_drawer(page, "downloads")
    with page.expect_download() as waiting:
        page.locator("#json").click()
    written = json.loads(Path(waiting.value.path()).read_text())
    assert written["clip"]["seconds"] == WINDOW
    assert 10 < written["clip"]["start"] < 22
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Back to the whole").click()
    wait_for_window(page, "")
    expect(page.locator("#view .s2s-now")).to_contain_text(f"of {SECONDS} s")


def test_the_keyboard_moves_along_the_curve_and_opens_a_window(page: Page) -> None:
    slider = page.locator("#view .s2s-film-chart")
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^0–8 s · arousal 0\.\d\d \("))
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "11")
    page.keyboard.press("Enter")
    wait_for_window(page, "11")
    expect(slider).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    wait_for_window(page, str(SECONDS - WINDOW))
    expect(page.locator("#view .s2s-film-now")).to_contain_text(f"{SECONDS - WINDOW}–{SECONDS} s")


def test_a_clip_of_a_learned_length_has_no_curve(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    page.wait_for_selector(".s2s[data-ready=true]")
    expect(page.locator("#view .s2s-film")).to_be_hidden()
