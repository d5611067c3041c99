"""The citation has one source: it agrees with CITATION.cff, which GitHub reads, and with references.bib."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from sec2sec import __version__
from sec2sec.citation import bibtex_entries, citation, sentences

CFF: dict[str, Any] = yaml.safe_load((Path(__file__).parents[1] / "CITATION.cff").read_text(encoding="utf-8"))


def names(authors: list[dict[str, str]]) -> list[str]:
    return [author["family-names"] for author in authors]


def test_it_names_what_the_repository_asks_to_be_cited() -> None:
    software, paper = sentences()
    assert CFF["title"] in software
    assert CFF["authors"][0]["name"] in software
    assert CFF["preferred-citation"]["title"] in paper
    for name in names(CFF["preferred-citation"]["authors"]):
        assert name in paper
    assert "arXiv:2408.15209, 2024" in paper


def test_it_is_of_this_version() -> None:
    assert f"Version {__version__}" in sentences()[0]
    assert f"version = {{{__version__}}}" in bibtex_entries()


def test_its_bibtex_is_two_whole_entries() -> None:
    entries = bibtex_entries()
    assert re.findall(r"^@(\w+)\{(\w+),", entries, re.M) == [("software", "sec2sec"), ("misc", "sun2024sec2sec")]
    assert entries.count("{") == entries.count("}")
    assert len(re.findall(r"^\}$", entries, re.M)) == 2
    fields = re.findall(r"^  \w+ = \{.*\}(,?)$", entries, re.M)
    assert fields.count("") == 2  # of each entry the last


def test_what_is_copied_has_sentences_and_bibtex() -> None:
    assert citation() == "\n".join(sentences()) + "\n\n" + bibtex_entries()
