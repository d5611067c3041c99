"""What axe-core finds that people with disabilities could not use: nothing, in any tab, in both themes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.driver import App, open_tab

TABS = ("Inspect", "Lab", "Compare", "Evaluate", "Training", "About")
# axe leaves 24 px for a finger (WCAG 2.2, 2.5.8) out unless it is asked
LOOK = "() => axe.run(document, {resultTypes: ['violations', 'passes'], rules: {'target-size': {enabled: true}}})"
OPEN_ALL = "() => document.querySelectorAll('details').forEach(d => { if (d.checkVisibility()) d.open = true; })"
# gradio's link around its own download button: the button covers the link, is large enough and does the same
GRADIOS = ('target-size: <a class="download-link',)
QUIET = """() => new Promise(done => {
  let timer = setTimeout(done, 500);
  new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(done, 500); })
    .observe(document.body, {subtree: true, childList: true});
  setTimeout(done, 5000);
})"""


def look(page: Page) -> tuple[list[str], set[str]]:
    """What is wrong, a line each, and the rules that found something right."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(LOOK)
    wrong = [f"{rule['id']}: {node['html'][:200]}" for rule in found["violations"] for node in rule["nodes"]]
    ours = [line for line in wrong if not line.startswith(GRADIOS)]
    return ours, {rule["id"] for rule in found["passes"]}


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 360)])
def test_axe_finds_nothing_in_any_tab(app: App, new_page: Callable[..., Page], dark: bool, width: int) -> None:
    page = new_page(app.url, dark=dark, width=width)
    page.wait_for_selector(".s2s[data-ready=true]")
    wrong: dict[str, list[str]] = {}
    for tab in TABS:
        open_tab(page, tab)
        page.evaluate(QUIET)
        page.evaluate(OPEN_ALL)
        page.evaluate(QUIET)
        found, right = look(page)
        assert {"color-contrast", "target-size", "label", "aria-allowed-attr"} & right, f"axe saw nothing of {tab}"
        if found:
            wrong[tab] = found
    assert not wrong


def test_axe_would_find_a_button_without_a_name_and_pale_text(app: App, new_page: Callable[..., Page]) -> None:
    page = new_page(app.url)
    page.wait_for_selector(".s2s[data-ready=true]")
    page.evaluate("""() => document.querySelector('#explain').insertAdjacentHTML('afterend',
      '<button></button><p style="color: #999; background: #aaa">pale</p>')""")
    wrong, _ = look(page)
    assert {line.split(":")[0] for line in wrong} >= {"button-name", "color-contrast"}
