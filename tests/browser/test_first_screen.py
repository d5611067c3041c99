"""What a visitor finds without a click: a finished explanation of a clip whose truth is known, as good as any other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from sec2sec.datasets.known_truth import planted_seconds
from sec2sec.paths import program_paths
from sec2sec.ui.examples import FIRST_CLIP
from tests.browser.driver import App, open_drawer, open_tab
from tests.helpers.clips import make_clip

NewPage = Callable[..., Page]
SPAN = re.compile(r"(\d+)–\d+\s")


def truth(page: Page) -> list[list[int]]:
    """Seconds that the line names: planted, looked at, counted."""
    parts = page.locator("#truth").inner_text().split(". ")
    return [[int(second) for second in SPAN.findall(part)] for part in parts]


def test_page_opens_on_an_explanation_of_a_clip_whose_truth_is_known(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    page.wait_for_selector(".s2s[data-ready=true]")
    planted, looked, counted = truth(page)
    assert planted == planted_seconds(program_paths().known_truth, FIRST_CLIP)["arousal"]
    assert looked == counted == planted
    expect(page.locator("#predictions")).to_contain_text("arousal")
    expect(page.locator("#tiles button").first).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("document.querySelector('#player video')?.readyState === 4")
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("document.querySelector('.s2s').dataset.current === '1'")


def test_same_clip_with_the_model_that_looks_away_disagrees_and_says_what_it_is(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    tile = page.locator("#tiles button").nth(1)
    expect(tile).to_contain_text("attention wrong on purpose")
    tile.click()
    expect(page.locator("#predictions .learned")).to_contain_text("wrong on purpose")
    planted, looked, counted = truth(page)
    assert counted == planted != looked
    expect(page.locator("#predictions")).to_contain_text("Do not trust")


def test_first_explanation_is_the_visitors_own_for_lab_and_downloads(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    page.wait_for_selector(".s2s[data-ready=true]")
    open_drawer(page, "downloads")
    with page.expect_download() as waiting:
        page.locator("#json").click()
    assert json.loads(Path(waiting.value.path()).read_text())["clip"]["name"] == f"{FIRST_CLIP}.mp4"
    open_tab(page, "Lab")
    page.locator(".lab-tile").nth(2).click()
    page.click("[data-edit=mute]")
    expect(page.locator(".lab-list li")).to_have_count(1)
    other = new_page(app.url)  # of another visitor: nothing of these edits is theirs
    open_tab(other, "Lab")
    other.locator(".lab-tile").first.wait_for()
    expect(other.locator(".lab-list li")).to_have_count(0)


def test_click_on_an_example_shows_it_at_once_with_the_model_of_before(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    page.locator("#tiles button").nth(1).click()
    expect(page.locator("#predictions .learned")).to_contain_text("wrong on purpose")
    page.locator("#tiles button", has_text="sintel flight").click()
    expect(page.locator("#status")).to_contain_text("explained beforehand")
    expect(page.locator("#predictions .learned")).to_contain_text("demo")
    expect(page.locator("#truth")).to_have_text("")
    assert page.locator(".s2s-figures tbody tr").count() == 10


def test_files_of_the_examples_are_kept_between_starts(app: App) -> None:
    assert list(program_paths().explained.glob("*.safetensors"))


def test_same_clip_again_is_there_at_once_for_its_visitor_and_for_nobody_else(
    app: App, new_page: NewPage, tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "my own.mp4", 4)
    mine, other = new_page(app.url), new_page(app.url)
    line = re.compile("Explained 4 s in")
    for page in (mine, other):  # of the second visitor it is no less an explanation of its own
        page.set_input_files("#upload input[type=file]", str(clip))
        expect(page.locator("#status")).to_contain_text("Press Explain", timeout=30_000)
        page.click("#explain")
        expect(page.locator("#status")).to_contain_text(line, timeout=60_000)
    mine.click("#explain")
    expect(mine.locator("#status")).to_contain_text("Explained before: the same 4 s", timeout=30_000)
    assert mine.locator(".s2s-figures tbody tr").count() == 4
