"""What an explanation weighs. Maps are most of it: they come once somebody could look at them, once a clip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Request, expect

from bench.browser import KILOBYTES_OF_EXPLANATION, Wire
from tests.browser.driver import App, explain, show_maps, upload

NewPage = Callable[..., Page]


def test_maps_are_asked_for_once_they_are_in_sight_and_once_a_clip(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    asked: list[str] = []

    def note(request: Request) -> None:
        if "component_server" in request.url and '"maps"' in (request.post_data or ""):
            asked.append(request.url)

    page.on("request", note)
    page.locator("#tiles button", has_text="sintel flight").click()
    expect(page.locator("#status")).to_contain_text("beforehand")
    page.wait_for_selector(".s2s[data-ready=true]")
    page.wait_for_timeout(500)
    assert asked == []
    page.locator(".s2s-co").scroll_into_view_if_needed()
    expect(page.locator(".s2s-matrix")).to_be_visible()
    expect(page.locator(".s2s-later")).to_have_count(0)
    page.locator(".s2s-thumb").nth(4).click()
    page.wait_for_timeout(300)
    assert len(asked) == 1


def test_an_uploaded_explanation_stays_within_its_weight_with_its_maps(app: App, new_page: NewPage, clip: Path) -> None:
    page = new_page(app.url)
    page.wait_for_selector(".s2s[data-ready=true]")
    show_maps(page)  # brings plotly.js, once for a page
    page.wait_for_selector(".s2s-matrix .plot-container")
    wire = Wire(page)
    upload(page, clip)
    explain(page)
    page.wait_for_timeout(500)
    alone = wire.kilobytes
    show_maps(page)
    assert 50 < alone < wire.kilobytes - 50, "the answer, and later its maps"
    assert wire.kilobytes < KILOBYTES_OF_EXPLANATION
