"""A report is one page that asks nobody, cannot be broken by a name, and stands beside its JSON and CSV."""

from __future__ import annotations

import base64
import gzip
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import markupsafe
import pytest

from sec2sec import __version__
from sec2sec.citation import citation
from sec2sec.config import MediaLimits
from sec2sec.viewer import payload
from sec2sec.viewer.definitions import as_markdown, definitions
from sec2sec.viewer.report import playable
from sec2sec.viewer.report_page import packed_plotly, report_page
from tests.helpers import synthetic
from tests.helpers.clips import make_clip

ROOT = Path(__file__).parents[2]
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Elements(HTMLParser):
    """Every element with its attributes, and the text of those with an id."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id") if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self.inside = None

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[self.inside] = self.texts.get(self.inside, "") + data


def read(page: str) -> Elements:
    elements = Elements()
    elements.feed(page)
    return elements


def made_page(name: str = "arousal", clip: bytes | None = None) -> tuple[str, str]:
    made = synthetic.explanation(targets=(name,))
    sent = payload.encode(made, synthetic.preview(made))
    return report_page(made, sent, [name], card=f"# Card {EVIL}", clip=clip), sent


def test_page_asks_nobody() -> None:
    page = read(made_page()[0])
    addresses = [a.get(what) or "" for _, a in page.found for what in ("src", "href")]
    assert [address for address in addresses if address and not address.startswith("data:")] == []
    policy = next(a["content"] for tag, a in page.found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_names_cannot_break_out() -> None:
    plain, evil = read(made_page()[0]), read(made_page(EVIL)[0])
    assert [tag for tag, _ in evil.found].count("script") == [tag for tag, _ in plain.found].count("script")
    assert not any("onerror" in attributes for _, attributes in evil.found)
    assert json.loads(evil.texts["payload"])["targets"][0]["name"] == EVIL  # and it is still the name


def test_payload_and_clip_come_back_as_they_were() -> None:
    page, sent = made_page(clip=b"\x00clip\xff")
    found = read(page).texts
    assert json.loads(found["payload"]) == json.loads(sent)
    assert base64.b64decode(found["clip"]) == b"\x00clip\xff"
    assert b"plotly.js v" in gzip.decompress(base64.b64decode(found["plotly"]))[:200]


def test_page_says_what_every_figure_means_and_what_was_asked() -> None:
    page = made_page()[0]
    assert "0" * 64 in page
    explained = definitions(synthetic.explanation(targets=("arousal",)), ["arousal"])
    assert {"Arousal", "Effect", "Verdict", "Unfamiliar"} <= {one.term for one in explained}
    assert all(f"<dt>{one.term}</dt>" in page and one.words and one.source for one in explained)
    assert "<dt>Valence</dt>" not in page  # nor any other word that this page does not say
    assert not re.search(
        r"\$[a-z]+\b(?=[<\s])", re.sub(r"<script.*?</script>", "", page, flags=re.S)
    )  # no slot is left
    assert "The clip itself is not in this page" in page


def test_the_page_of_the_documentation_has_the_same_words() -> None:
    """Written anew by: python -c "from sec2sec.viewer import definitions as d; print(d.as_markdown(), end='')"."""
    assert (ROOT / "docs" / "reference" / "words.md").read_text(encoding="utf-8") == as_markdown()


def test_page_says_when_it_was_made_by_what_and_how_to_cite_it() -> None:
    made = synthetic.explanation(targets=("arousal",))
    sent = payload.encode(made, synthetic.preview(made))
    page = report_page(made, sent, ["arousal"], made=datetime(2026, 11, 27, 9, 5, tzinfo=UTC))
    assert "<dt>Made on</dt><dd>2026-11-27 09:05 UTC</dd>" in page
    assert f"<dt>Made by</dt><dd>sec2sec {__version__}</dd>" in page
    assert made.checkpoint.sha256 in page
    assert markupsafe.escape(citation()) in page
    now = re.search(r"<dt>Made on</dt><dd>(.+?) UTC</dd>", made_page()[0])
    assert now is not None
    moment = datetime.strptime(now[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 120


def test_plotly_is_packed_to_less_than_half() -> None:
    assert 1e6 < len(packed_plotly()) < 2.3e6


def test_clip_is_embedded_as_a_browser_plays_it(tmp_path: Path) -> None:
    mp4 = make_clip(tmp_path / "a.mp4", 2)
    assert playable(mp4, (0.0, None), 16, MediaLimits()) == (mp4.read_bytes(), None)
    assert playable(mp4, (0.0, None), 0, MediaLimits()) == (None, None)
    assert playable(mp4, (0.0, None), 1e-6, MediaLimits()) == (None, None)
    avi = make_clip(tmp_path / "b.avi", 3, video_codec="mpeg4", audio_codec="mp3")
    converted, offset = playable(avi, (1.0, 2.0), 16, MediaLimits())
    assert offset == 0.0  # the analysed part alone
    assert converted is not None
    assert b"ftyp" in converted[:12]


@pytest.mark.parametrize("name", ["out.txt", "out"])
def test_report_must_be_named_a_page(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sec2sec.cli import main

    assert main(["explain", str(tmp_path / "clip.mp4"), "--report", str(tmp_path / name)]) == 2
    assert "ends in .html" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_command_writes_page_json_and_csv(tmp_path: Path) -> None:
    from sec2sec.cli import main

    clip = make_clip(tmp_path / "clip.mp4", 3)
    assert main(["explain", str(clip), "--report", str(tmp_path / "out.html"), "--device", "cpu"]) == 0
    page = read((tmp_path / "out.html").read_text())
    assert base64.b64decode(page.texts["clip"]) == clip.read_bytes()
    said = json.loads((tmp_path / "out.json").read_text())
    shown = {target["name"] for target in json.loads(page.texts["payload"])["targets"]}
    assert shown == set(said["targets"]) - set(said["checkpoint"]["diagnostics"])
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + len(shown) * said["clip"]["seconds"]
