"""The panel inside one second, with made-up maps whose shape is known."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import App, explain, open_more_lanes, play, show_maps

NewPage = Callable[..., Page]


def opened(app: App, new_page: NewPage, second: int = 4, **window: int) -> Page:
    """A visitor of the first example who looks into one second."""
    page = new_page(app.url, **window)
    explain(page, example=0)
    page.locator(".s2s-thumb").nth(second).click()
    page.wait_for_function(f"document.querySelector('.s2s').dataset.current === '{second}'")
    page.locator(".s2s-co").scroll_into_view_if_needed()
    page.wait_for_function(f"document.querySelector('.s2s-co').dataset.second === '{second}'")
    page.locator(".s2s-matrix").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.s2s-matrix').data?.[0].z.length > 0")
    return page


def z(page: Page) -> list[list[float]]:
    return page.evaluate("document.querySelector('.s2s-matrix').data[0].z.map(row => Array.from(row))")  # type: ignore[no-any-return]


@pytest.fixture
def page(synthetic: Callable[..., App], new_page: NewPage) -> Page:
    return opened(synthetic(), new_page)


def test_rows_sum_to_one_in_both_directions(page: Page) -> None:
    rows = z(page)
    assert (len(rows), len(rows[0])) == (72, 32)
    assert all(sum(row) == pytest.approx(1, abs=0.02) for row in rows)
    page.get_by_label("Direction").select_option(label="sound (rows) looks at picture")
    page.wait_for_function("document.querySelector('.s2s-matrix').data[0].z.length === 32")
    rows = z(page)
    assert len(rows[0]) == 72
    assert all(sum(row) == pytest.approx(1, abs=0.02) for row in rows)


def test_heads_differ(page: Page) -> None:
    before = z(page)
    page.get_by_label("Head").select_option(label="head 2")
    page.wait_for_function(f"document.querySelector('.s2s-matrix').data[0].z[0][0] !== {before[0][0]}")


def test_cell_chooses_both_sides_and_seeks(page: Page) -> None:
    page.locator(".s2s-thumb").nth(1).click()
    page.wait_for_function("document.querySelector('.s2s-co').dataset.second === '1'")
    page.locator(".s2s-pin").click()
    page.locator(".s2s-thumb").nth(1).focus()
    page.evaluate("document.querySelector('#player video').currentTime = 5.5")
    page.wait_for_function("document.querySelector('.s2s').dataset.current === '5'")
    page.locator(".s2s-matrix").scroll_into_view_if_needed()
    box = page.locator(".s2s-matrix .nsewdrag").bounding_box()
    assert box is not None
    # row 40 of 72 is 500–625 ms, place 5: row 2, column 2; column 10 of 32 is band 1 (texture 10–19), 250–375 ms
    page.mouse.click(box["x"] + box["width"] * 10.5 / 32, box["y"] + box["height"] * 40.5 / 72)
    expect(page.get_by_role("combobox", name="Sound at")).to_have_value("2")
    expect(page.get_by_role("combobox", name="Texture")).to_have_value("1")
    expect(page.get_by_role("combobox", name="Picture at")).to_have_value("4")
    place = page.locator("[role=radiogroup][aria-label='Place in the picture'] [aria-checked=true]")
    expect(place).to_have_accessible_name(re.compile("^row 2, column 2"))
    page.wait_for_function("document.querySelector('.s2s').dataset.current === '1'")
    time = page.evaluate("document.querySelector('#player video').currentTime")
    assert time == pytest.approx(1.5, abs=0.1)


def test_places_and_moments_are_reached_by_keyboard(page: Page) -> None:
    place = page.get_by_role("radio", name="row 2, column 2")
    place.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("[role=radiogroup][aria-label='Place in the picture'] [aria-checked=true]")
    expect(chosen).to_have_accessible_name(re.compile("^row 3, column 3"))
    assert int(page.get_attribute(".s2s", "data-current") or -1) == 4  # the arrows moved in the grid, not in time


def test_nearly_uniform_map_is_told_not_drawn(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic().url)
    explain(page, example=0)
    page.locator(".s2s-thumb").nth(2).click()  # the flat second of the made-up maps
    page.locator(".s2s-co").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.s2s-co').dataset.second === '2'")
    said = page.locator(".s2s-co > .s2s-verdict")
    expect(said).to_contain_text("so it is not drawn")
    expect(page.locator(".s2s-matrix")).to_be_hidden()
    page.get_by_label("draw nearly uniform maps too").check()
    expect(page.locator(".s2s-matrix")).to_be_visible()
    expect(said).to_contain_text("points nowhere")  # the label stays


def test_constant_map_is_never_drawn(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic(video_grid=(1, 1, 1), audio_grid=(1, 1)).url)
    explain(page, example=0)
    page.locator(".s2s-co").scroll_into_view_if_needed()
    expect(page.locator(".s2s-co > .s2s-verdict")).to_contain_text("by construction")
    page.get_by_label("draw nearly uniform maps too").check()
    expect(page.locator(".s2s-matrix")).to_be_hidden()


def test_missing_maps_are_explained(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic(absent="Only the sound was analysed, so nothing was matched.", has_video=False).url)
    explain(page, example=0)
    expect(page.locator(".s2s-co")).to_contain_text("so nothing was matched")


def test_ten_minutes_stay_usable(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic(seconds=600, flat=()).url)
    explain(page, example=0)
    assert page.locator(".s2s-thumb").count() <= 30
    assert page.locator(".s2s-figures tbody tr").count() == 600
    show_maps(page)
    expect(page.locator(".s2s-co")).to_contain_text("heads are shown averaged")
    open_more_lanes(page)
    page.get_by_role("button", name="Zoom the timeline in").click()
    span = page.evaluate("(([a, b]) => b - a)(document.querySelector('.s2s-plot').layout.xaxis.range)")
    assert span == 300
    seen = play(page, 8)  # two boundaries, also on a busy machine
    assert [change[2] for change in seen["changes"]][:2] == [1, 2]


def test_one_second_clip_is_drawn(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic(seconds=1, flat=(), duration=0.7).url)
    explain(page, example=0)
    expect(page.locator("#predictions .agreement").first).to_contain_text("too short")
    expect(page.locator("#predictions .notes")).to_contain_text("0.70 s")
