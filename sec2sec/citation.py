"""How to cite the program and the paper, as a sentence each and as BibTeX. What is cited stands in references.bib."""

from __future__ import annotations

import re

from sec2sec import __version__
from sec2sec.bibliography import all_entries

SOFTWARE, PAPER = "sec2sec", "sun2024sec2sec"
FIELD = re.compile(r"^\s*(\w+) = \{(.*)\},?$", re.M)


def bibtex_entries() -> str:
    """The program, with its version, and the paper that it implements."""
    entries = all_entries()
    software = entries[SOFTWARE].removesuffix("\n}")
    return f"{software},\n  version = {{{__version__}}}\n}}\n\n{entries[PAPER]}\n"


def sentences() -> list[str]:
    """The same as a reference list has them."""
    software, paper = (_fields(all_entries()[key]) for key in (SOFTWARE, PAPER))
    authors = " and ".join(" ".join(reversed(name.split(", "))) for name in paper["author"].split(" and "))
    return [
        f"{software['author']}. {software['title']}. Version {__version__}, {software['year']}.",
        f"{authors}. {paper['title']}. {paper['archiveprefix']}:{paper['eprint']}, {paper['year']}.",
    ]


def citation() -> str:
    """Both, as one text to be copied."""
    return "\n".join(sentences()) + "\n\n" + bibtex_entries()


def _fields(entry: str) -> dict[str, str]:
    return {name: value.replace("{", "").replace("}", "") for name, value in FIELD.findall(entry)}
