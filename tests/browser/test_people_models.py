"""Models that learned from people: their scale wherever a prediction is shown, and what they do not read is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import App, explain, open_drawer, open_tab, show_maps, upload

NewPage = Callable[..., Page]
PHOTOS, VOICES = "photographs", "a voice"


@pytest.fixture
def page(app: App, new_page: NewPage) -> Page:
    return new_page(app.url)


def explain_with(page: Page, model: str, clip: Path) -> None:
    upload(page, clip)
    open_drawer(page, "inputs")
    page.locator("#model input").first.click()
    page.locator("[role=option]", has_text=model).click()
    explain(page)


def panel(page: Page) -> list[str]:
    """What may be chosen to be shown of the second, once the first of it is."""
    show_maps(page)
    select = page.locator("#view .s2s-co label.s2s-choice:visible select").first
    select.select_option(index=1)
    return select.locator("option").all_inner_texts()


def test_photos_are_shown_from_1_to_7_and_offer_nothing_of_the_sound(page: Page, clip: Path) -> None:
    explain_with(page, PHOTOS, clip)
    ticks = page.locator("#view .s2s-film-plot .s2s-tick.is-left").all_text_contents()
    assert ticks[:3] == ["1", "4", "7"]
    expect(page.locator("#view .s2s-film-now")).to_contain_text("of 1–7 (")
    expect(page.locator("#predictions")).to_contain_text("the sound of a clip changes nothing in its answer")
    assert all(words.startswith(("Select", "occlusion")) for words in panel(page))
    second = page.locator("#view .s2s-co")
    expect(second).to_contain_text("reads the picture alone: nothing here is about the sound")
    expect(second).to_contain_text("The picture shows")
    expect(second.get_by_role("radiogroup", name="Place in the picture")).to_be_visible()
    expect(second.get_by_role("radiogroup", name="of the sound")).to_have_count(0)
    open_tab(page, "Lab")
    page.click("[data-pick=all]")
    expect(page.locator("[data-edit=mute]")).to_be_disabled()
    expect(page.locator("[data-edit=mute]")).to_have_attribute("title", "This model does not read the sound")
    expect(page.locator("[data-edit=blank]")).to_be_enabled()
    assert page.locator(".lab-axis span").all_text_contents() == ["1", "4", "7"]


def test_voices_offer_nothing_of_the_picture(page: Page, clip: Path) -> None:
    explain_with(page, VOICES, clip)
    panel(page)
    second = page.locator("#view .s2s-co")
    expect(second).to_contain_text("reads the sound alone: nothing here is about the picture")
    expect(second).not_to_contain_text("A place of the picture")
    expect(second.locator(".s2s-outside:visible")).to_have_count(0)
    expect(second.get_by_role("radiogroup", name="Place in the picture")).to_have_count(0)
    expect(page.locator("#view .s2s-live")).to_be_hidden()
