"""What the app's page says of itself to browsers and to what previews a link: title, description, picture, icon.

The page of gradio introduces itself as gradio. Its tags are taken out of the template, once, and ours put in; the files
that they name are served by the app itself, so that a preview asks no other server.
"""

from __future__ import annotations

import re
from functools import partial
from importlib import resources
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

TITLE = "sec2sec: why a model predicts how a clip will be perceived"
DESCRIPTION = (
    "Plays a clip beside the reasons of a model, second by second: where the model looked, which seconds really "
    "counted, and whether the attention can be believed."
)
FOLDER = Path(str(resources.files(__package__))) / "page"
ICON, ICON_PNG, PICTURE = FOLDER / "icon.svg", FOLDER / "icon.png", FOLDER / "preview.jpg"
PICTURE_SIZE = (1200, 630)  # px; what previews of links are laid out for
TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg"}
ADDRESS = "static/sec2sec"  # under what the page may ask for anyway
MAX_AGE = 24 * 3600  # s that a browser may keep a file
# Tags that say whose page it is; those of ours too, so that a page rewritten twice has them once
OTHERS = re.compile(
    r"""[ \t]*<(?:meta\s+(?:property="og:|name="(?:twitter:|description"))|link\s+rel="(?:apple-touch-)?icon"|title>)"""
    r"""[^>]*>(?:[^<]*</title>)?\n?"""
)
ALTERNATIVE = "The app: a clip, what is said of its prediction, and the timeline of its seconds"  # to the picture
HEAD = f"""<title>{TITLE}</title>
<meta name="description" content="{DESCRIPTION}" />
<meta property="og:type" content="website" />
<meta property="og:site_name" content="sec2sec" />
<meta property="og:title" content="{TITLE}" />
<meta property="og:description" content="{DESCRIPTION}" />
<meta property="og:image" content="{{{{ config['root'] }}}}/{ADDRESS}/{PICTURE.name}" />
<meta property="og:image:width" content="{PICTURE_SIZE[0]}" />
<meta property="og:image:height" content="{PICTURE_SIZE[1]}" />
<meta property="og:image:alt" content="{ALTERNATIVE}" />
<meta name="twitter:card" content="summary_large_image" />
<link rel="icon" type="image/svg+xml" href="{ADDRESS}/{ICON.name}" />
<link rel="icon" type="image/png" sizes="256x256" href="{ADDRESS}/{ICON_PNG.name}" />
<link rel="apple-touch-icon" href="{ADDRESS}/{ICON_PNG.name}" />
"""  # a preview of a link wants the picture's whole address: gradio knows it, behind a proxy too


def with_our_head(template: str) -> str:
    """The template of gradio's page with our tags in the place of its own."""
    start = re.search(r"<base [^>]*>\n", template)  # addresses of ours are relative to it
    assert start is not None, "gradio's page has a base"
    return template[: start.end()] + HEAD + OTHERS.sub("", template[start.end() :])


def routes() -> list[Route]:
    """Where the files are that the tags name."""
    return [Route(f"/{ADDRESS}/{file.name}", partial(_serve, file)) for file in (ICON, ICON_PNG, PICTURE)]


async def _serve(file: Path, request: Request) -> FileResponse:
    return FileResponse(file, headers={"Cache-Control": f"public, max-age={MAX_AGE}"}, media_type=TYPES[file.suffix])
