"""What a crawler reads of the real app's page: whose it is, a picture that is there, an icon; nothing of gradio's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import jinja2
import pytest
from PIL import Image

from sec2sec.serving.page_head import DESCRIPTION, PICTURE_SIZE, TITLE, with_our_head
from tests.browser.driver import App

CRAWLER = {"User-Agent": "facebookexternalhit/1.1"}


class Head(HTMLParser):
    """Tags of a page, as a preview of a link reads them: every value of each name."""

    def __init__(self) -> None:
        super().__init__()
        self.meta: dict[str, list[str]] = {}
        self.icons: dict[str, str] = {}  # by type
        self.title = ""
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "meta":
            name = values.get("property") or values.get("name", "")
            self.meta.setdefault(name, []).append(values.get("content", ""))
        elif tag == "link" and "icon" in values.get("rel", ""):
            self.icons[values.get("type", values["rel"])] = values["href"]
        self._in_title = tag == "title"

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False

    def handle_data(self, data: str) -> None:
        self.title += data if self._in_title else ""


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with App("--training", "no") as app:
        yield app


def fetched(address: str) -> tuple[bytes, str]:
    with urlopen(Request(address, headers=CRAWLER), timeout=60) as answer:
        return answer.read(), answer.headers.get_content_type()


def head_of(page: str) -> Head:
    head = Head()
    head.feed(page)
    return head


def test_a_crawler_reads_our_title_and_nothing_of_gradios(app: App) -> None:
    page = fetched(f"{app.url}/")[0].decode()
    head = head_of(page)
    assert head.title == TITLE
    assert head.meta["og:title"] == [TITLE]
    assert head.meta["og:description"] == head.meta["description"] == [DESCRIPTION]
    assert "og:url" not in head.meta  # the address that was asked for is right
    tags = {name: values for name, values in head.meta.items() if name.startswith(("og:", "twitter:"))}
    assert all(len(values) == 1 for values in tags.values())
    assert "gradio" not in str(tags).lower()


def test_the_picture_of_a_preview_is_there_and_small(app: App) -> None:
    (address,) = head_of(fetched(f"{app.url}/")[0].decode()).meta["og:image"]
    assert urlsplit(address).netloc == f"127.0.0.1:{app.port}"  # whole, and of the app itself
    content, kind = fetched(address)
    assert kind == "image/jpeg"
    assert len(content) <= 300_000
    assert Image.open(io.BytesIO(content)).size == PICTURE_SIZE


def test_the_address_of_the_picture_holds_behind_a_proxy(app: App) -> None:
    headers = CRAWLER | {"X-Forwarded-Host": "demo.example.org", "X-Forwarded-Proto": "https"}
    with urlopen(Request(f"{app.url}/", headers=headers), timeout=60) as answer:
        (address,) = head_of(answer.read().decode()).meta["og:image"]
    assert address.startswith("https://demo.example.org/")


def test_the_icons_are_ours(app: App) -> None:
    icons = head_of(fetched(f"{app.url}/")[0].decode()).icons
    drawing, kind = fetched(urljoin(f"{app.url}/", icons["image/svg+xml"]))
    assert kind == "image/svg+xml"
    assert ElementTree.fromstring(drawing).findtext("{http://www.w3.org/2000/svg}title") == "sec2sec"
    picture, kind = fetched(urljoin(f"{app.url}/", icons["image/png"]))
    assert kind == "image/png"
    assert Image.open(io.BytesIO(picture)).size == (256, 256)
    assert fetched(f"{app.url}/favicon.ico")[0] == picture  # what a browser asks for unasked


def test_a_page_rewritten_twice_has_its_tags_once() -> None:
    page = '<head>\n<base href="./" />\n<meta property="og:title"\n content="Gradio" />\n<style></style></head>'
    once = with_our_head(page)
    assert with_our_head(once) == once
    assert "Gradio" not in once
    filled = jinja2.Environment(autoescape=True).from_string(once).render(config={"root": 'https://a"><script>'})
    assert "<script>" not in filled
