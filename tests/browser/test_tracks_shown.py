"""Files with several tracks in the Inspect tab: a choice where there is one, and what was chosen is analysed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from av.stream import Disposition
from playwright.sync_api import Page, expect

from tests.browser.driver import App, explain, upload
from tests.helpers.clips import make_clip, make_tracks

SHORT = "The sound ends after 1.0 s"


def test_the_sound_that_is_chosen_is_analysed_and_a_clip_with_one_sound_offers_no_choice(
    app: App, new_page: Callable[..., Page], tmp_path: Path
) -> None:
    film = (440.0, {"language": "eng"}, Disposition.default)
    commentary = (300.0, {"language": "deu", "title": "Kommentar"}, Disposition.comment)
    several = make_tracks(tmp_path / "several.mkv", [90], [film, commentary], seconds=3, sound_seconds=[3, 1])
    page = new_page(app.url)
    upload(page, several)
    sound = page.locator("#audio-track input")
    expect(sound).to_have_value("1: eng, mono (default)")
    expect(page.locator("#video-track")).to_be_hidden()
    explain(page)
    expect(page.locator("body")).not_to_contain_text(SHORT)
    sound.click()
    page.get_by_role("option", name="Kommentar").click()
    explain(page)
    expect(page.locator("body")).to_contain_text(SHORT)
    page = new_page(app.url)
    upload(page, make_clip(tmp_path / "single.mp4", 2))
    expect(page.locator("#audio-track")).to_be_hidden()
