"""An explanation as one HTML page that plays, answers and prints without a network and without this program.

The page holds the very scripts, styles and payload of the app. Plotly's own file is packed (1.9 MB in the page instead
of 4.6) and unpacked by the browser; its smaller builds are not in its package, lack the heatmap or would have to be
downloaded. Nothing from a file, a checkpoint or a name becomes markup: the template escapes text, data lies in scripts
that do not run, and the page forbids itself every request.
"""

from __future__ import annotations

import base64
import functools
import gzip
import json
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import plotly

from sec2sec import __version__
from sec2sec.citation import citation
from sec2sec.explanations.results import Explanation
from sec2sec.viewer import files
from sec2sec.viewer.cards import card_values
from sec2sec.viewer.definitions import definitions
from sec2sec.viewer.templates import render

HERE = Path(str(resources.files(__package__)))
PLAYER_ID = "player"


def report_page(
    explanation: Explanation,
    payload: str,
    shown: list[str],
    card: str = "",
    clip: bytes | None = None,
    mime: str = "video/mp4",
    made: datetime | None = None,
) -> str:
    """payload: of viewer.payload for the targets `shown`. clip: the file as a browser plays it, to be embedded.

    card: the checkpoint's, Markdown. Without a clip the stills stand for it. made: when, in UTC; default: now.
    """
    clip_summary, checkpoint = explanation.clip, explanation.checkpoint
    facts = (
        ("Clip", f"{clip_summary.name}, {clip_summary.duration:.2f} s from {clip_summary.start:g} s"),
        ("SHA-256 of the clip", clip_summary.sha256),
        ("Model", checkpoint.name),
        *((("SHA-256 of its weights", checkpoint.sha256),) if checkpoint.sha256 else ()),
        *_asked(explanation),
        ("Learned from", checkpoint.about),
        ("Made by", f"sec2sec {__version__}"),
        ("Made on", (made or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")),
    )
    view_style = f"#view {{ {files.style(*files.VIEW_STYLES)} }}"
    return render(
        "report.html",
        clip_name=clip_summary.name,
        styles="\n".join([files.style(*files.PAGE_STYLES, HERE / "report.css"), view_style]),
        view=files.markup(),
        definitions=definitions(explanation, shown),
        facts=facts,
        card=card,
        citation=citation(),
        payload=inert(payload),
        options=inert(json.dumps({"player": PLAYER_ID, "mime": mime})),
        embedded=base64.b64encode(clip).decode() if clip else "",
        plotly=packed_plotly(),
        script=files.script(HERE / "report_page.js", "openReport();"),
        **card_values(explanation, shown),
    )


def _asked(explanation: Explanation) -> list[tuple[str, str]]:
    """How a predictor that is not ours was asked."""
    audit = explanation.audit
    if audit is None:
        return []
    return [
        ("Version of the predictor", audit.version or "not said"),
        ("Asked", f"{audit.questions + audit.remembered} times, {audit.remembered} of them in an earlier run"),
        ("In the place of a second", "; or ".join(audit.references)),
    ]


def inert(data: str) -> str:
    """JSON that can stand in a script element: no “</script>” in a name ends it."""
    return data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@functools.cache
def packed_plotly() -> str:
    """plotly.js of the installed package, gzip in base64."""
    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    return base64.b64encode(gzip.compress(source.read_bytes(), 9, mtime=0)).decode()
