"""The pictures of the app: in the README, light and dark, and in previews of a link. Takes a minute.

    python -m tools.pictures

They are of the app as it stands: run it again when the Inspect tab changes. Needs Chromium, as the browser tests do.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from sec2sec.serving.page_head import PICTURE, PICTURE_SIZE
from tests.browser.driver import ROOT, App, launch_browser

FOLDER = ROOT / "docs" / "images"
SIZE = (1440, 1180)  # px of the README's pictures
MAX_BYTES = 300_000  # of a preview: some sites load no larger one
SETTLED = 1500  # ms after the last drawing


def open_page(browser: Browser, url: str, size: tuple[int, int], theme: str) -> Page:
    """A page as it opens: with the explanation of the first clip."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(f"{url}/?__theme={theme}")
    page.wait_for_selector(".s2s[data-ready=true]")
    page.wait_for_function("document.querySelector('#player video')?.readyState >= 3")  # or the clip is a black frame
    page.wait_for_timeout(SETTLED)
    return page


def write_preview(screenshot: bytes, to: Path) -> None:
    """As JPEG of PICTURE_SIZE, in the best quality that fits into MAX_BYTES."""
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB").resize(PICTURE_SIZE, Image.Resampling.LANCZOS)
    for quality in (90, 85, 80, 70, 60):
        picture.save(to, "JPEG", quality=quality, optimize=True, progressive=True)
        if to.stat().st_size <= MAX_BYTES:
            return
    raise SystemExit(f"{to}: has {to.stat().st_size} bytes, more than the {MAX_BYTES} that a preview may have")


def main() -> None:
    """Write all pictures."""
    with App("--training", "no") as app, sync_playwright() as playwright:
        browser = launch_browser(playwright)
        for theme in ("light", "dark"):
            page = open_page(browser, app.url, SIZE, theme)
            page.screenshot(path=FOLDER / f"inspect-{theme}.png")
            page.close()
        page = open_page(browser, app.url, PICTURE_SIZE, "light")
        write_preview(page.screenshot(), PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
