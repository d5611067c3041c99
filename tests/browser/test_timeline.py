"""The main timeline and the player: there at once, moved by keys, and of the analysed part alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import App, explain, open_drawer, open_more_lanes, play, show_maps, time_axis, upload
from tests.helpers import synthetic as made_up

NewPage = Callable[..., Page]
SECONDS = 9  # of the first example, which lends the made-up explanation its player
MAX_SHIFT = 0.05  # of one explanation; a page is called stable below 0.1


@pytest.fixture
def page(synthetic: Callable[..., App], new_page: NewPage) -> Page:
    page = new_page(synthetic().url, width=1440, height=900)
    explain(page, example=0)
    page.wait_for_function("document.querySelector('#player video')?.readyState >= 2")
    return page


def video(page: Page, what: str) -> float:
    return page.evaluate(f"document.querySelector('#player video').{what}")  # type: ignore[no-any-return]


def until_current(page: Page, second: int) -> None:
    page.wait_for_function(f"document.querySelector('.s2s').dataset.current === '{second}'")


def decisive() -> int:
    effects = made_up.explanation(seconds=SECONDS).targets["arousal"].effect
    return int(abs(effects).argmax())


# ---- the main lanes


def test_main_lanes_are_drawn_without_plotly(synthetic: Callable[..., App], new_page: NewPage) -> None:
    page = new_page(synthetic(absent="Only the sound was analysed.", has_video=False).url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    explain(page, example=0)
    names = page.locator(".s2s-name").all_inner_texts()
    assert names == ["sound", "arousal", "valence"]
    start, width, _ = time_axis(page)
    for name in page.locator(".s2s-name").all():  # left of the axis, not over the data
        box = name.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= start
    assert width > 0
    assert page.locator(".s2s-chart .s2s-up").count() == 2
    assert page.locator(".s2s-chart .s2s-attention").count() == 2
    assert [url for url in asked if "plotly" in url] == []
    open_more_lanes(page)
    assert [url for url in asked if "plotly" in url] != []


def test_bars_stand_where_the_figures_put_them(page: Page) -> None:
    start, width, _ = time_axis(page)
    paths = page.evaluate("[...document.querySelectorAll('.s2s-up, .s2s-down')].map(p => p.getAttribute('d'))")
    targets = made_up.explanation(seconds=SECONDS).targets
    chart = page.locator(".s2s-chart").bounding_box()
    assert chart is not None
    for index, name in enumerate(("arousal", "valence")):
        effects = targets[name].effect
        bars = [re.findall(r"M([\d.]+) ([\d.]+)v(-?[\d.]+)", path) for path in paths[2 * index : 2 * index + 2]]
        heights = {}
        for x, _, height in [*bars[0], *bars[1]]:
            heights[int((float(x) + chart["x"] - start) / width * SECONDS)] = -float(height)
        assert sorted(heights) == [second for second in range(SECONDS) if effects[second]]
        scale = max(heights.values()) / max(effects)
        for second, height in heights.items():
            assert height == pytest.approx(scale * effects[second], abs=0.2)


def test_the_second_that_counted_most_is_selected_and_nothing_plays(page: Page) -> None:
    second = decisive()
    until_current(page, second)
    assert page.get_attribute(".s2s", "data-selected") == str(second)
    page.wait_for_function(f"Math.abs(document.querySelector('#player video').currentTime - {second + 0.5}) < 0.01")
    assert video(page, "paused")
    page.get_by_role("button", name="Play", exact=True).click()  # nobody has chosen a place: from the beginning
    until_current(page, 0)
    until_current(page, 1)


def test_more_lanes_stay_open(page: Page) -> None:
    expect(page.locator(".s2s-stack")).to_be_hidden()
    open_more_lanes(page)
    page.reload()
    explain(page, example=0)
    page.wait_for_selector(".s2s[data-lanes=drawn]")
    page.locator(".s2s-more > summary").click()
    expect(page.locator(".s2s-stack")).to_be_hidden()


# ---- keys


def test_keys_play_seek_and_step(page: Page) -> None:
    page.keyboard.press("Home")
    until_current(page, 0)
    page.keyboard.press("l")
    until_current(page, 5)
    page.keyboard.press("j")
    until_current(page, 0)
    before = video(page, "currentTime")
    page.keyboard.press(".")
    page.wait_for_function(f"document.querySelector('#player video').currentTime > {before + 0.01}")
    assert video(page, "currentTime") < before + 0.1
    page.keyboard.press(",")
    page.wait_for_function(f"document.querySelector('#player video').currentTime < {before + 0.005}")
    page.keyboard.press("m")
    assert video(page, "muted")
    expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("m")
    page.keyboard.press("k")
    page.wait_for_function("!document.querySelector('#player video').paused")
    page.keyboard.press("k")
    page.wait_for_function("document.querySelector('#player video').paused")
    page.get_by_label("Speed").select_option("2")
    assert video(page, "playbackRate") == 2


def test_keys_are_listed_and_the_focus_comes_back(page: Page) -> None:
    help_button = page.get_by_role("button", name="Keys")
    help_button.focus()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("one frame back · forward")
    page.keyboard.press("k")  # belongs to the dialog
    assert video(page, "paused")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(help_button).to_be_focused()
    help_button.click()
    dialog.get_by_role("button", name="Close").click()
    expect(help_button).to_be_focused()


def test_typing_in_a_field_moves_nothing(page: Page) -> None:
    at = page.get_attribute(".s2s", "data-current")
    open_drawer(page, "inputs")
    page.get_by_label("Start, s").focus()
    for key in ("k", "l", "m", "?", "ArrowRight"):
        page.keyboard.press(key)
    assert page.get_attribute(".s2s", "data-current") == at
    assert video(page, "paused")
    assert not video(page, "muted")
    expect(page.get_by_role("dialog", name="Keys")).to_have_count(0)


def test_tab_never_starts_playback(page: Page) -> None:
    icon = page.locator("#player [aria-label='play-pause-replay-button']")
    icon.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(icon).to_be_focused()
    page.wait_for_timeout(300)
    assert video(page, "paused")
    page.keyboard.press("Enter")
    page.wait_for_function("!document.querySelector('#player video').paused")


# ---- the picture and the words


def test_the_chosen_map_lies_over_the_picture_and_follows_it(page: Page) -> None:
    show_maps(page)
    page.get_by_label("draw nearly uniform maps too").check()
    page.get_by_label("Map on the picture").check()
    grid = page.locator("#player .live-grid")
    expect(grid).to_be_visible()
    shown = page.evaluate(
        """() => {
          const video = document.querySelector('#player video');
          const {left, top, width, height} = video.getBoundingClientRect();
          const scale = Math.min(width / video.videoWidth, height / video.videoHeight);
          const [w, h] = [video.videoWidth * scale, video.videoHeight * scale];
          const grid = document.querySelector('.live-grid').getBoundingClientRect();
          return [(grid.left - left - (width - w) / 2) / w, (grid.top - top - (height - h) / 2) / h,
            (grid.right - left - (width - w) / 2) / w, (grid.bottom - top - (height - h) / 2) / h];
        }"""
    )
    assert shown == pytest.approx(made_up.explanation(seconds=SECONDS).co_attention.video_region, abs=0.005)
    tints = "[...document.querySelectorAll('.live-grid i')].map(i => i.style.getPropertyValue('--w')).join()"
    page.locator(".s2s-thumb").nth(4).click()
    page.wait_for_function("document.querySelector('.s2s-co').dataset.second === '4'")
    before = page.evaluate(tints)
    panel = "[...document.querySelector('.s2s-co .s2s-grid').children].map(c => c.style.getPropertyValue('--w')).join()"
    assert before == page.evaluate(panel)
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{tints} !== '{before}'")
    page.get_by_label("Map on the picture").uncheck()
    expect(grid).to_be_hidden()


def test_words_are_explained_under_the_pointer_and_by_keyboard(page: Page) -> None:
    word = page.locator(".s2s-names dfn", has_text="arousal")
    meaning = page.locator("#view .s2s-meaning")
    expect(meaning).to_be_hidden()
    word.focus()
    expect(meaning).to_contain_text("How exciting people find the clip")
    page.keyboard.press("Escape")
    expect(meaning).to_be_hidden()
    word.hover()
    expect(meaning).to_be_visible()
    described = page.locator("#" + (word.get_attribute("aria-describedby") or ""))
    assert described.text_content() == meaning.text_content()


# ---- a part of a file


def test_a_part_plays_from_its_start_to_its_end(app: App, new_page: NewPage, clip: Path) -> None:
    page = new_page(app.url)
    upload(page, clip)
    open_drawer(page, "inputs")
    page.get_by_label("Start, s").fill("4")
    page.get_by_label("End, s").fill("6")
    explain(page)
    ticks = page.locator(".s2s-chart text.is-middle").all_text_contents()
    assert [tick for tick in ticks if tick in {"4", "5", "6"}] == ["4", "5", "6"]  # of the file
    expect(page.locator(".s2s-chart")).to_contain_text("in the file, s")
    page.evaluate("document.querySelector('#player video').currentTime = 0")
    page.evaluate("document.querySelector('#player video').play()")
    until_current(page, 0)
    assert video(page, "currentTime") >= 3.99
    page.wait_for_function("document.querySelector('#player video').paused")
    assert video(page, "currentTime") == pytest.approx(6, abs=0.1)
    assert page.get_attribute(".s2s", "data-current") == "1"
    assert "outside" not in page.inner_text(".s2s-now")


# ---- the page


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_an_explanation_moves_nothing(
    synthetic: Callable[..., App], new_page: NewPage, width: int, height: int
) -> None:
    page = new_page(synthetic().url, width=width, height=height)
    page.wait_for_timeout(1000)
    page.evaluate(
        """() => {
          window.__shift = 0;
          new PerformanceObserver(list => {
            for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.__shift += entry.value;
          }).observe({type: 'layout-shift'});
        }"""
    )
    for example in (0, 1):  # the first one, and one in the place of another
        explain(page, example=example)
        page.wait_for_timeout(1000)
        assert page.evaluate("window.__shift") <= MAX_SHIFT
        page.evaluate("window.__shift = 0")


def test_the_player_is_large_and_the_timeline_lies_under_it(page: Page) -> None:
    player, lanes = page.locator("#player").bounding_box(), page.locator(".s2s-lanes").bounding_box()
    assert player is not None
    assert lanes is not None
    assert player["width"] >= 0.55 * 1440
    assert lanes["y"] >= player["y"] + player["height"]


def test_playing_asks_nobody_with_all_lanes_open(page: Page) -> None:
    open_more_lanes(page)
    assert play(page, 2.5)["requests"] == []
