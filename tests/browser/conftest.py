"""One app and one browser for all browser tests; every page fails its test on an error in the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.browser.driver import ROOT, App, launch_browser
from tests.helpers.clips import make_clip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled checkpoint, or one of random weights where it has not been made yet."""
    if (ROOT / "checkpoints" / "demo" / "config.json").is_file():
        return ROOT / "checkpoints"
    import torch

    from sec2sec.checkpoints import save_checkpoint
    from sec2sec.config import EncoderConfig, ModelConfig
    from sec2sec.encoders import build_encoders
    from sec2sec.model import Sec2Sec

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoints")
    config = EncoderConfig.compact()
    save_checkpoint(
        folder / "demo",
        encoders=build_encoders(config),
        model=Sec2Sec(ModelConfig(targets=("arousal", "valence", "synchrony")), config.video_grid, config.audio_grid),
        trained_on="It learned from nothing: its weights are random.",
        card="# Random weights",
        metrics={},
        diagnostics=("synchrony",),
    )
    return folder


@pytest.fixture(scope="session")
def app(checkpoints: Path) -> Iterator[App]:
    with App("--checkpoints", str(checkpoints)) as app:
        yield app


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., App]]:
    """An app with made-up explanations: synthetic(seconds=600, …) → App, which makes them up so from then on."""
    chosen = tmp_path_factory.mktemp("synthetic") / "options"
    chosen.write_text("{}", encoding="utf-8")
    with App(script=Path(__file__).with_name("synthetic_app.py"), env={"SYNTHETIC": str(chosen)}) as app:

        def choose(**options: object) -> App:
            chosen.write_text(repr(options), encoding="utf-8")
            return app

        yield choose


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture
def errors() -> list[str]:
    return []


@pytest.fixture
def new_page(browser: Browser, errors: list[str]) -> Iterator[Callable[..., Page]]:
    """new_page(url, width=…, height=…, dark=…, at_once=…) → a Page of its own visitor."""
    contexts = []

    def note(message: ConsoleMessage) -> None:
        # gradio cancels a run by an id that the page may not have yet, and is refused
        if message.type == "error" and not message.location["url"].endswith("/gradio_api/cancel"):
            errors.append(f"{message.text} {message.location['url']}")

    def open_page(url: str, width: int = 1280, height: int = 800, dark: bool = False, at_once: bool = False) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        contexts.append(context)
        context.set_default_timeout(60_000)  # ms; other work may share the cores
        if not at_once:  # a test presses Explain itself, once it has looked at what was chosen
            context.add_init_script("localStorage.setItem('s2s-explain-at-once', 'false')")
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{url}/?__theme={'dark' if dark else 'light'}")
        page.wait_for_selector("#explain")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors, "\n".join(errors)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 10 s: an example of the project if there is one."""
    found = sorted((ROOT / "assets" / "clips").glob("*flight*.mp4"))
    return found[0] if found else make_clip(tmp_path_factory.mktemp("clips") / "film.mp4", 10, size=(320, 180))
