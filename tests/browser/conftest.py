"""One app and one browser for all browser tests; every page fails its test on an error in the console."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from driver import ROOT, App, launch_browser
from playwright.sync_api import Browser, Page, sync_playwright

from tests.clips import make_clip


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
def synthetic() -> Iterator[Callable[..., App]]:
    """Apps with made-up explanations: synthetic(seconds=600, …) → App, one process for each set of options.

    The last two run on: an app takes a gigabyte.
    """
    running: dict[str, App] = {}
    script = Path(__file__).with_name("synthetic_app.py")

    def start(**options: object) -> App:
        key = repr(options)
        app = running.pop(key, None) or App(script=script, env={"SYNTHETIC": key}).__enter__()
        running[key] = app  # as the last one
        for old in list(running)[:-2]:
            running.pop(old).__exit__()
        return app

    yield start
    for app in running.values():
        app.__exit__()


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
    """new_page(url, width=…, height=…, dark=…) → a Page of its own visitor."""
    contexts = []

    def open_page(url: str, width: int = 1280, height: int = 800, dark: bool = False) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        contexts.append(context)
        context.set_default_timeout(60_000)  # ms; other work may share the cores
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
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
