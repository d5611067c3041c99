"""Whatever a visitor presses while a clip is explained, the page ends at the clip of the last press, and rests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import App, open_drawer, open_tab

NewPage = Callable[..., Page]
DELAYS = (0, 20, 60, 120, 200, 250, 300, 400, 600)  # ms
LINE = "#status .status"  # without what gradio lays over it
STEP = 0.04  # s; eight of them an explanation


def tile(page: Page, number: int) -> None:
    """Press a tile, and wait until its clip is the one that can be explained."""
    button = page.locator("#tiles button").nth(number)
    button.click()
    expect(page.locator("#status")).to_contain_text(f"{button.get_attribute('data-name')}.mp4", timeout=30_000)
    expect(page.locator("#explain")).to_be_enabled()


def rests(page: Page) -> str:
    """Wait until nothing comes any more; what the status says then."""
    page.wait_for_timeout(1500)
    expect(page.locator("#explain")).to_be_enabled()
    expect(page.locator("#stop")).to_be_hidden()
    return page.locator(LINE).inner_text()


def test_another_clip_while_one_is_explained_is_the_only_one_on_the_page(
    synthetic: Callable[..., App], new_page: NewPage
) -> None:
    page = new_page(synthetic(wait=STEP).url)
    for delay in DELAYS:
        tile(page, 0)
        page.click("#explain")
        page.wait_for_timeout(delay)
        tile(page, 1)
        assert rests(page) == "sintel-dialogue.mp4, 9.0 s. Press Explain.", f"after {delay} ms"
        assert page.locator("#predictions").inner_text() == "", f"after {delay} ms"
        assert page.locator(".s2s[data-ready=true]").count() == 0, f"after {delay} ms"


def test_stop_leaves_the_page_at_rest_whenever_it_comes(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic(wait=0.4).url)
    tile(page, 1)
    for delay in DELAYS[:-2]:
        page.click("#explain")
        page.wait_for_timeout(620 + delay)  # sooner it could be the second of two clicks
        page.click("#stop")
        assert rests(page) == "Stopped."


@pytest.mark.parametrize("pause", [0, 150, 400])
def test_double_click_on_explain_does_not_stop_it(synthetic: Callable[..., App], new_page: NewPage, pause: int) -> None:
    page = new_page(synthetic(wait=STEP).url)
    tile(page, 1)
    box = page.locator("#explain").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] - 12, box["y"] + box["height"] / 2
    page.mouse.click(x, y)
    page.wait_for_timeout(pause)
    page.mouse.click(x, y)
    page.wait_for_selector(".s2s[data-ready=true]")
    expect(page.locator("#status")).to_contain_text("Explained")


def test_stop_has_the_place_and_the_size_of_explain(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic(wait=0.5).url)
    tile(page, 1)
    before = page.locator("#explain").bounding_box()
    page.click("#explain")
    expect(page.locator("#explain")).to_be_hidden()
    assert page.locator("#stop").bounding_box() == before
    page.wait_for_timeout(700)
    page.click("#stop")
    expect(page.locator("#stop")).to_be_hidden()
    assert page.locator("#explain").bounding_box() == before


def test_stopped_stability_check_says_stopped(synthetic: Callable[..., App], new_page: NewPage) -> None:
    app = synthetic(wait=0.02)
    page = new_page(app.url)
    tile(page, 1)
    page.click("#explain")
    page.wait_for_selector(".s2s[data-ready=true]")
    synthetic(wait=2.0)
    for delay in (0, 100, 300):
        page.click("#stability")
        page.wait_for_timeout(delay)
        page.click("#stop")
        expect(page.locator("#status")).to_contain_text("Stopped.")
        assert rests(page) == "Stopped."
        assert page.locator("#predictions").inner_text() != ""  # what was explained stays


def test_upload_is_explained_without_a_press_unless_the_box_says_no(app: App, new_page: NewPage, clip: object) -> None:
    page = new_page(app.url, at_once=True)
    page.wait_for_selector(".s2s[data-ready=true]")
    page.set_input_files("#upload input[type=file]", str(clip))
    expect(page.locator("#status")).to_contain_text("Explained", timeout=60_000)
    assert page.locator(".s2s-figures tbody tr").count() == 10
    expect(page.locator("#truth")).to_have_text("")
    open_drawer(page, "inputs")
    page.get_by_label("Explain at once").uncheck()
    page.reload()
    expect(page.get_by_label("Explain at once")).not_to_be_checked()
    page.set_input_files("#upload input[type=file]", str(clip))
    expect(page.locator("#status")).to_contain_text("Press Explain", timeout=30_000)
    assert "Press Explain" in rests(page)


def test_another_clip_while_compare_runs_is_the_only_one_on_the_tab(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    open_tab(page, "Compare")
    names = ("sintel-dialogue", "sintel-snow")
    for place, delay in enumerate((0, 60, 200, 400, 800, 1500)):
        expect(page.locator("#compare")).to_be_enabled()
        page.click("#compare")
        page.wait_for_timeout(delay)
        name = names[place % 2]
        page.locator(f".compare .tiles button[data-name={name}]").click()
        page.wait_for_timeout(2500)  # until nothing comes any more
        expect(page.locator("#compare-status")).to_contain_text(f"{name}.mp4")
        expect(page.locator("#compare-status")).to_contain_text("Press Compare.")
        expect(page.locator("#compare-stop")).to_be_hidden()
        assert page.locator("#compare-predictions").inner_text() == "", f"after {delay} ms"
