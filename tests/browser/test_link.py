"""The address of the page: it shows a clip again, for whoever opens it, and Back and Forward move between clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import App, explain, upload
from tests.helpers.clips import make_clip

NewPage = Callable[..., Page]
READY = ".s2s[data-ready=true]"


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with App("--training", "no") as running:
        yield running


def shows(page: Page, clip: str, model: str) -> None:
    page.wait_for_selector(f"#view .s2s[data-ready=true][data-clip^='{clip}'][data-model='{model}']", timeout=60_000)


def test_a_link_opens_its_clip_with_its_model_at_its_second(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    page.goto(f"{app.url}/?clip=sintel-flight&model=demo&s=6")
    shows(page, "sintel-flight", "demo")
    expect(page.locator("#view .s2s-now")).to_contain_text("6–7 s of 10 s")
    assert "clip=sintel-flight" in page.url


def test_a_bundled_clip_that_no_tile_shows_is_explained_by_its_link(app: App, new_page: NewPage) -> None:
    page = new_page(app.url, at_once=True)
    page.goto(f"{app.url}/?clip=plain-3114-00000&model=wrong-attention")
    shows(page, "plain-3114-00000", "wrong-attention")
    expect(page.locator("#truth")).to_contain_text("Planted")


@pytest.mark.parametrize(
    "query", ["clip=..%2Fsecret", "clip=%2Fetc%2Fpasswd", "clip=sintel-flight&model=..%2F..%2Fdemo"]
)
def test_a_link_to_what_is_not_here_says_so_in_a_line(app: App, new_page: NewPage, query: str) -> None:
    page = new_page(app.url)
    page.goto(f"{app.url}/?{query}")
    expect(page.locator("#status")).to_contain_text("The link asks for a")


def test_a_link_opens_its_tab_beside_the_first_clip(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    page.goto(f"{app.url}/?tab=compare")
    expect(page.get_by_role("tab", name="Compare")).to_have_attribute("aria-selected", "true")


def test_copy_link_back_and_forward(app: App, new_page: NewPage) -> None:
    page = new_page(app.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.wait_for_selector(f"#view {READY}")
    page.click("#tiles button:not([data-known]) >> nth=1")
    shows(page, "sintel-flight", "demo")
    assert page.url.endswith("&clip=sintel-flight&model=demo")
    page.locator("#view .s2s-thumb").nth(3).click()
    page.click("#view .s2s-copy")
    expect(page.locator("#view .s2s-copied")).to_have_text("Link copied.")
    assert page.evaluate("navigator.clipboard.readText()").endswith("clip=sintel-flight&model=demo&s=3")
    assert "clip=sintel-flight&model=demo#t=3" in page.url
    page.click("#tiles button:not([data-known]) >> nth=2")
    shows(page, "sintel-snow", "demo")
    page.go_back()
    shows(page, "sintel-flight", "demo")
    page.go_forward()
    shows(page, "sintel-snow", "demo")


def test_a_visitors_own_clip_has_no_link_and_says_why(app: App, new_page: NewPage, tmp_path: Path) -> None:
    page = new_page(app.url)
    upload(page, make_clip(tmp_path / "own.mp4", 3, size=(64, 48)))
    explain(page)
    page.click("#view .s2s-copy")
    expect(page.locator("#view .s2s-copied")).to_contain_text("This clip is private")
    assert "clip=" not in page.url
