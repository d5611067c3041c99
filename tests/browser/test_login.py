"""Entering the class code by keyboard, in both themes; then the app works as without a code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from sec2sec.serving.login import COOKIE
from tests.browser.driver import App, contrast, explain

CODE = "filmkurs café"


@pytest.fixture(scope="module")
def locked(checkpoints: Path) -> Iterator[App]:
    with App("--checkpoints", str(checkpoints), env={"SEC2SEC_CLASS_CODE": CODE}) as app:
        yield app


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_code_is_entered_by_keyboard_and_read_in_both_themes(browser: Browser, locked: App, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 360, "height": 640})
    page = context.new_page()
    page.goto(locked.url)
    field = page.get_by_label("Code of your class")
    expect(field).to_be_focused()
    page.keyboard.type("a wrong code")
    page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("This is not the code")
    expect(field).to_have_attribute("aria-invalid", "true")
    for selector, on, of, least in (
        ("h1", "body", "color", 4.5),
        ("main > p", "body", "color", 4.5),
        ("label", "body", "color", 4.5),
        ("[role=alert]", "body", "color", 4.5),
        ("input", "input", "color", 4.5),
        ("input", "body", "borderTopColor", 3),
        ("button", "button", "color", 4.5),
        ("button", "body", "backgroundColor", 3),
    ):
        assert contrast(page, selector, on, of) >= least, (selector, of)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(field).to_be_focused()
    page.keyboard.type(CODE)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Enter")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector("#explain")
    cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    assert cookies[COOKIE]["httpOnly"]
    assert COOKIE not in page.evaluate("document.cookie")
    context.close()


def test_after_the_code_the_app_works_and_signing_out_closes_it(browser: Browser, locked: App) -> None:
    context = browser.new_context()
    context.set_default_timeout(60_000)
    page, errors = context.new_page(), []
    page.goto(locked.url)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.get_by_label("Code of your class").fill(CODE)
    page.keyboard.press("Enter")
    page.wait_for_selector("#explain")
    explain(page, example=0)
    assert contrast(page, ".sign-out", "body") >= 4.5
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_label("Code of your class")).to_be_visible()
    page.goto(locked.url)
    expect(page.get_by_label("Code of your class")).to_be_visible()
    assert errors == []
    context.close()
