"""The entries of references.bib, for whatever names its sources; nothing heavy is imported for them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources

REFERENCES = "references.bib"


def bibtex(keys: Iterable[str]) -> str:
    """The entries of references.bib with these keys, in their order."""
    entries = all_entries()
    return "\n\n".join(entries[key] for key in keys) + "\n"


def all_entries() -> dict[str, str]:
    """Every entry of references.bib by its key."""
    text = (resources.files(__package__) / REFERENCES).read_text(encoding="utf-8")
    return {re.split(r"[{,]", entry)[1]: entry.strip() for entry in re.split(r"\n(?=@)", text)}
