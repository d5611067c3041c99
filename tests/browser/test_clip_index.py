"""The index of many clips: one page from the disk that sorts and filters, by mouse and keyboard, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from sec2sec.many.index import index_page
from sec2sec.many.records import ClipRecord, RunIdentity, TargetRecord

IDENTITY = RunIdentity("tiny", "SHA-256 " + "0" * 64, "0.1.0", trained_on="It learned from nothing.")


def record(name: str, duration: float, prediction: float, verdict: str, *warnings: str) -> ClipRecord:
    target = TargetRecord(prediction, 0.5, f"{prediction:.2f}, low", verdict, "The figures.", "1–2 s (+0.10)")
    return ClipRecord(name, f"/x/{name}", "0" * 64, 2, duration, {"arousal": target}, warnings, f"clips/{name}.html")


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    records = [
        record("clip 10.mp4", 9.0, 0.7, "trust"),
        record("clip 2.mp4", 61.5, 0.25, "do not trust", "The sound is silent."),
        record("<img src=x onerror=alert(1)>.mp4", 10.0, 0.5, "careful"),
        ClipRecord("bad.mp4", "/x/bad.mp4", "", reason="bad.mp4: the file is empty"),
    ]
    text = index_page([one.clip for one in records], {one.clip: one for one in records}, IDENTITY)
    (tmp_path / "index.html").write_text(text, encoding="utf-8")
    context = browser.new_context(viewport={"width": 1024, "height": 700})
    page = context.new_page()
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tmp_path / "index.html").as_uri())
    yield page
    assert errors == []
    assert [url for url in requests if not url.endswith("/index.html")] == []
    context.close()


def names(page: Page) -> list[str]:
    return [row.locator("th").inner_text() for row in page.locator("#clips tbody tr").all() if row.is_visible()]


def test_a_press_on_a_head_sorts_by_number_or_name_and_a_second_turns_it_round(page: Page) -> None:
    markup = "<img src=x onerror=alert(1)>.mp4"
    assert names(page) == ["clip 10.mp4", "clip 2.mp4", markup]
    page.get_by_role("button", name="length").click()
    assert names(page) == ["clip 10.mp4", markup, "clip 2.mp4"]
    head = page.locator("#clips th", has_text="length")
    expect(head).to_have_attribute("aria-sort", "ascending")
    page.keyboard.press("Enter")  # the head has the focus
    assert names(page) == ["clip 2.mp4", markup, "clip 10.mp4"]
    expect(head).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="clip", exact=True).press("Enter")
    assert names(page)[1:] == ["clip 2.mp4", "clip 10.mp4"], "as people count"
    expect(head).not_to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="arousal, prediction").press(" ")
    assert names(page) == ["clip 2.mp4", markup, "clip 10.mp4"]


def test_lines_are_filtered_by_name_verdict_and_note(page: Page) -> None:
    shown = page.locator("#shown")
    expect(shown).to_have_text("3 of 3 clips")
    page.get_by_label("Name or note contains").fill("SILENT")
    assert names(page) == ["clip 2.mp4"]
    expect(shown).to_have_text("1 of 3 clips")
    page.get_by_label("Name or note contains").fill("")
    page.locator("#verdict").select_option("trust")
    assert names(page) == ["clip 10.mp4"], "“do not trust” is another verdict"
    page.locator("#verdict").select_option("")
    page.get_by_label("with a note").check()
    assert names(page) == ["clip 2.mp4"]


def test_a_line_leads_to_its_page_and_what_failed_stands_below_with_its_reason(page: Page) -> None:
    link = page.get_by_role("link", name="clip 10.mp4")
    assert link.get_attribute("href") == "clips/clip%2010.mp4.html"
    expect(page.get_by_role("heading", level=1)).to_have_text("3 of 4 clips explained")
    failed = page.get_by_role("region", name="Clips that could not be used")
    expect(failed).to_contain_text("bad.mp4: the file is empty")
    expect(page.locator("main")).to_contain_text("It learned from nothing.")


def test_a_phone_scrolls_the_table_and_not_the_page(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate("document.querySelector('.wide').scrollWidth > document.querySelector('.wide').clientWidth")
