"""One app and one browser for all browser tests; every page fails its test on an error in the console."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("playwright")

import av
from driver import ROOT, App, launch_browser
from playwright.sync_api import Browser, Page, sync_playwright

RATE = 48_000  # Hz


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


def make_clip(
    path: Path, seconds: float = 8.0, *, seed: int = 0, video: str | None = "libx264", audio: str | None = "aac"
) -> Path:
    """A short film: a block that wanders over a pattern, a tone that changes each second."""
    r = np.random.default_rng(seed)
    tones = r.uniform(200, 900, math.ceil(seconds))
    pattern = r.integers(0, 255, (180, 320, 3), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        if video is not None:
            picture = out.add_stream(video, rate=24)
            picture.width, picture.height, picture.pix_fmt = 320, 180, "yuv420p"
            picture.time_base = Fraction(1, 24)
            for i in range(round(24 * seconds)):
                image = pattern // 3 + 40
                x = 5 * i % 280
                image[60:120, x : x + 40] = [255, 200, 0]
                frame = av.VideoFrame.from_ndarray(image, "rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 24)
                out.mux(picture.encode(frame))
            out.mux(picture.encode(None))
        if audio is not None:
            sound = out.add_stream(audio, rate=RATE, layout="mono")
            t = np.arange(int(RATE * seconds)) / RATE
            wave = (0.3 * np.sin(2 * np.pi * tones[t.astype(int)] * t)).astype(np.float32)
            for start in range(0, len(wave), 1024):
                block = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "fltp", "mono")
                block.sample_rate, block.pts, block.time_base = RATE, start, Fraction(1, RATE)
                out.mux(sound.encode(block))
            out.mux(sound.encode(None))
    return path


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
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type]:
    """Apps with made-up explanations: synthetic(seconds=600, …) → App, one process for each set of options."""
    running: dict[str, App] = {}
    script = Path(__file__).with_name("synthetic_app.py")

    def start(**options: object) -> App:
        key = repr(options)
        if key not in running:
            running[key] = App(script=script, env={"SYNTHETIC": key})
            running[key].__enter__()
        return running[key]

    yield start  # type: ignore[misc]
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
def new_page(browser: Browser, errors: list[str]) -> Iterator[object]:
    """new_page(url, width=…, height=…, dark=…) → a Page of its own visitor."""
    contexts = []

    def open_page(url: str, width: int = 1280, height: int = 800, dark: bool = False) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        contexts.append(context)
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
    return found[0] if found else make_clip(tmp_path_factory.mktemp("clips") / "film.mp4", 10)


os.environ.setdefault("PYTHONUNBUFFERED", "1")  # the apps' output is read while they run
