"""Every tab, light and dark: what is to be read or changed can be seen, and the keyboard alone reaches all of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.driver import COLOURS, App, open_tab, show_maps
from tests.browser.test_inspect import CONTRAST

NewPage = Callable[..., Page]
TABS = ("Inspect", "Lab", "Compare", "Evaluate", "Training", "About")
MOST = 120  # presses of Tab that a tab of the app may need

# Fields whose edge or ground has less than 3:1 with what is around them (WCAG 1.4.11), and words in them below 4.5:1.
FIELDS = (
    f"""() => {{{COLOURS}"""
    + """
  const ratio = (a, b) => (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
  const groundOf = element => {
    const layers = [];
    for (let n = element; n && !layers.some(c => c[3] === 1); n = n.parentElement) {
      layers.push(parse(getComputedStyle(n).backgroundColor));
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const bad = [];
  for (const field of document.querySelectorAll('input, select, textarea')) {
    const isSeen = field.checkVisibility({opacityProperty: true, visibilityProperty: true});
    if (!isSeen || field.disabled || !field.getBoundingClientRect().width) continue;
    if (['file', 'range'].includes(field.type)) continue;
    // the browser draws such a box itself, with an edge of its own
    if (field.type === 'checkbox' && getComputedStyle(field).appearance === 'auto') continue;
    const box = field.closest('.wrap:has(> .wrap-inner)') ?? field;
    const style = getComputedStyle(box), own = groundOf(box), around = groundOf(box.parentElement);
    const edge = parseFloat(style.borderTopWidth) ? over(parse(style.borderTopColor), own) : own;
    const best = Math.max(ratio(edge, around), ratio(own, around));
    const name = field.getAttribute('aria-label') || field.id || field.className;
    if (best < 3) bad.push([name, 'edge', best.toFixed(2)]);
    if (field.placeholder && !field.value) {
      const words = ratio(over(parse(getComputedStyle(field, '::placeholder').color), own), own);
      if (words < 4.5) bad.push([name, 'placeholder', words.toFixed(2)]);
    }
  }
  return bad;
}"""
)
# What the keyboard should reach on the tab that is open, each numbered; of radio buttons one of a group has the focus.
NUMBER = """() => {
  const panel = [...document.querySelectorAll('[role=tabpanel]')].find(one => one.checkVisibility());
  const all = 'button, a[href], input, select, textarea, summary, video[controls], [tabindex]';
  let count = 0;
  const names = [], radios = new Set();
  for (const element of panel.querySelectorAll(all)) {
    delete element.dataset.number;
    const isSeen = element.checkVisibility({opacityProperty: true, visibilityProperty: true});
    const {width} = element.getBoundingClientRect();
    if (!isSeen || !width || element.disabled || element.tabIndex < 0 || element.closest('[inert]')) continue;
    if (element.type === 'radio') {
      if (radios.has(element.name)) continue;
      radios.add(element.name);
      const checked = panel.querySelector(`input[name="${element.name}"]:checked`) ?? element;
      checked.dataset.number = count++;
    } else element.dataset.number = count++;
    names.push((element.ariaLabel || element.innerText || element.id || element.className).slice(0, 40));
  }
  return names;
}"""
# The number of what has the focus, and whether that can be seen there or on what holds it.
FOCUSED = """() => {
  const element = document.activeElement;
  const isMarked = node => {
    const style = getComputedStyle(node);
    return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
  };
  let node = element, marked = false;
  for (let up = 0; node && up < 5 && !marked; up++, node = node.parentElement) marked = isMarked(node);
  return [element.dataset.number ?? '', marked, (element.ariaLabel || element.innerText || '').slice(0, 40)];
}"""


@pytest.fixture(params=[False, True], ids=["light", "dark"])
def page(app: App, new_page: NewPage, request: pytest.FixtureRequest) -> Page:
    page = new_page(app.url, width=1280, height=900, dark=request.param)
    page.wait_for_selector(".s2s[data-ready=true]")
    page.wait_for_function("document.body.dataset.entered === 'true'")
    return page


def test_words_and_fields_can_be_seen_on_every_tab(page: Page) -> None:
    for tab in TABS:
        open_tab(page, tab)
        page.wait_for_timeout(600)
        assert page.evaluate(CONTRAST) == [], tab
        assert page.evaluate(FIELDS) == [], tab


def test_the_keyboard_reaches_all_of_every_tab_and_the_focus_is_seen(app: App, new_page: NewPage) -> None:
    page = new_page(app.url, width=1280, height=900)
    page.wait_for_selector(".s2s[data-ready=true]")
    page.wait_for_function("document.body.dataset.entered === 'true'")
    show_maps(page)  # which are drawn anew where they come while the focus passes
    for tab in TABS:
        open_tab(page, tab)
        if tab == "Lab":
            page.locator(".lab-tile").first.wait_for()
        page.wait_for_timeout(600)
        names = page.evaluate(NUMBER)
        reached: set[str] = set()
        for _ in range(MOST):
            page.keyboard.press("Tab")
            number, is_marked, name = page.evaluate(FOCUSED)
            if number:
                assert is_marked, f"{tab}: {name} has the focus, and nothing shows it"
                reached.add(number)
            if len(reached) == len(names):
                break
        missing = [name for number, name in enumerate(names) if str(number) not in reached]
        assert not missing, tab
        assert page.evaluate("document.querySelector('#player video')?.paused ?? true"), "Tab plays nothing"
