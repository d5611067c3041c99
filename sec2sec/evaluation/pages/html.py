"""The frame of a page, tables with captions, figures with a legend and their numbers as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files


def page(title: str, parts: Iterable[str], foot: str = "") -> str:
    """A whole document of parts that are HTML already; title and foot are text."""
    style = files(__package__).joinpath("page.css").read_text()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(parts)
        + f"\n</main>\n<footer>{escape(foot)}</footer>\n</body>\n</html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """A heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str) -> str:
    """A paragraph of text."""
    return f"<p>{escape(text)}</p>"


def listed(items: Iterable[str]) -> str:
    """A list of texts."""
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def code(text: str) -> str:
    """A command, as it is typed."""
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], groups: Sequence[tuple[str, int]] = ()
) -> str:
    """A table of text. The first cell of a row names it. groups: (name, columns) of a line above the head.

    A row of one cell stands over those that follow. Wide tables scroll by themselves, by keyboard too.
    """
    lines = []
    if groups:
        lines.append("<tr>" + "".join(_group(name, columns) for name, columns in groups) + "</tr>")
    lines.append("<tr>" + "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head) + "</tr>")
    body = []
    for row in rows:
        if len(row) == 1:
            body.append(f'<tr><th scope="rowgroup" class="part" colspan="{len(head)}">{escape(row[0])}</th></tr>')
        else:
            cells = "".join(f"<td>{_unbroken(escape(cell))}</td>" for cell in row[1:])
            body.append(f'<tr><th scope="row">{escape(row[0])}</th>{cells}</tr>')
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
        f"<caption><span>{escape(caption)}</span></caption><thead>{''.join(lines)}</thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _unbroken(cell: str) -> str:
    """A cell that may break before an interval, never inside it."""
    return re.sub(r"\[[^]]*\]", r"<span>\g<0></span>", cell)


def _group(name: str, columns: int) -> str:
    if not name:
        return f'<td colspan="{columns}"></td>'
    return f'<th scope="colgroup" colspan="{columns}">{escape(name)}</th>'


def details(summary: str, inside: str) -> str:
    """Something that opens."""
    return f"<details><summary>{escape(summary)}</summary>{inside}</details>"


def side_by_side(figures: Iterable[str]) -> str:
    """Figures in a row, below each other on a narrow screen."""
    return f'<div class="figures">{"".join(f"<div>{each}</div>" for each in figures)}</div>'
