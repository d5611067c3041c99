"""The documentation: its site builds strictly, links lead somewhere, code blocks run, files that are named are there.

A code block that is too expensive to run has a comment above it, <!-- not run: the reason -->. Its commands are read by
the command line's own parser all the same. In the output that a page shows, "..." stands for any text, and a number
with a decimal point or a % may differ by two of its last digit.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from sec2sec.cli import command_parser, main

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
NOT_RUN = 37  # code blocks that are marked; who marks another one changes this number
WORDS_OF_A_DECISION = 320  # half a page
SECTIONS = ["Context", "Decision", "Consequences"]
MADE = ("build", "runs", "data")  # folders that commands make: a page may name what is not there
FENCE = re.compile(
    r"^(?:(?P<mark> *)<!-- not run: (?P<reason>.*?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"(?<![\w.])[-+−]?\d*\.?\d+%?(?![\w.]*\w)")


@dataclass(frozen=True)
class Block:
    """A fenced code block of a page."""

    page: Path
    line: int
    language: str
    text: str
    reason: str  # why it is not run; empty for a block that is
    output: str | None  # of the text block right below it

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Each line that begins with "$ ", and the output that the page shows below it."""
        parts = re.split(r"^\$ ", self.text.replace("\\\n", " "), flags=re.MULTILINE)
        assert not parts[0].strip(), f"{self.where}: a console block begins with '$ '"
        return [tuple(part.partition("\n")[::2]) for part in parts[1:]]  # type: ignore[misc]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    matches = list(FENCE.finditer(text))
    found = []
    for this, following in zip(matches, [*matches, None][1:], strict=True):
        indent = len(this["indent"])
        below = (
            following is not None
            and following["language"] == "text"
            and not text[this.end() : following.start()].strip()
        )
        found.append(
            Block(
                page=page,
                line=text.count("\n", 0, this.start("indent")) + 1,
                language=this["language"],
                text="\n".join(line[indent:] for line in this["text"].split("\n")),
                reason=this["reason"] or "",
                output=following["text"] if below and following is not None else None,
            )
        )
    return found


BLOCKS = [block for page in PAGES for block in blocks(page)]


def pages_with(language: str) -> list[Path]:
    return list(dict.fromkeys(block.page for block in BLOCKS if block.language == language and not block.reason))


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """The repository as a reader has it; what commands write there leaves the repository alone."""
    folder = tmp_path_factory.mktemp("workplace")
    for path in ROOT.iterdir():
        if path.name not in (*MADE, ".venv", ".git"):
            (folder / path.name).symlink_to(path)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def assert_shows(documented: str, actual: str, where: str) -> None:
    """The output is what the page shows."""
    pattern, figures, at = "", [], 0
    documented, actual = documented.strip(), actual.strip()
    for number in NUMBER.finditer(documented):
        pattern += re.escape(documented[at : number.start()])
        inexact = "." in number[0] or "%" in number[0]
        pattern += r"([-+−]?\d*\.?\d+%?)" if inexact else re.escape(number[0])
        if inexact:
            figures.append(number[0])
        at = number.end()
    pattern += re.escape(documented[at:])
    pattern = pattern.replace(re.escape("...\n"), "(?:.*?\n)?").replace(
        re.escape("..."), ".*?"
    )  # a line of it, or none
    match = re.fullmatch(pattern, actual, re.DOTALL)
    assert match, f"{where}: the page shows\n{documented}\nand the output is\n{actual}"
    for shown, found in zip(figures, match.groups(), strict=True):
        decimals = len(shown.rstrip("%").partition(".")[2])
        difference = abs(value_of(shown) - value_of(found))
        assert difference <= 2.01 * 10.0**-decimals, f"{where}: the page shows {shown}, the output is {found}"


def value_of(number: str) -> float:
    return float(number.rstrip("%").replace("−", "-"))


@pytest.mark.parametrize("page", pages_with("python"), ids=name_of)
def test_python_blocks_of_a_page_run_and_print_what_the_page_shows(page, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    outputs_of(page, workplace)  # a Python block may read what a command of its page has written
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.language == "python" and not block.reason:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block.text, block.where, "exec"), names)
            if block.output is not None:
                assert_shows(block.output, printed.getvalue(), block.where)


@pytest.mark.parametrize("page", pages_with("console"), ids=name_of)
def test_commands_of_a_page_run_and_print_what_the_page_shows(page, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    for where, documented, printed in outputs_of(page, workplace):
        if documented.strip():
            assert_shows(documented, printed, where)


@functools.cache
def outputs_of(page: Path, workplace: Path) -> list[tuple[str, str, str]]:
    """Run the commands of a page, once, in the workplace: where each stands, the output that is shown, and its own."""
    return [
        (block.where, output, run(command, f"{block.where}: {command}"))
        for block in blocks(page)
        if block.language == "console" and not block.reason
        for command, output in block.commands
    ]


def run(command: str, where: str) -> str:
    """What a command prints. Those of sec2sec run in this process, which has its libraries already."""
    words = shlex.split(command)
    if words[:3] == [".venv/bin/python", "-m", "sec2sec"]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            assert main(words[3:]) == 0, where
        return printed.getvalue()
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{where}: {done.stderr}"
    return done.stdout


def test_blocks_that_are_not_run_say_why_and_are_counted():
    marked = [block for block in BLOCKS if block.reason]
    assert len(marked) == NOT_RUN, [block.where for block in marked]
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert len(re.findall(r"^ *<!-- not run", text, re.MULTILINE)) == len(
        marked
    )  # each mark stands right above a block


def test_every_block_is_of_a_language_that_is_run_or_that_is_output():
    others = [block.where for block in BLOCKS if block.language not in ("python", "console", "text")]
    assert others == []


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "console"], ids=lambda block: block.where)
def test_every_command_of_a_page_is_one_that_there_is(block):
    for command, _ in block.commands:
        words = [word for word in shlex.split(command) if not re.fullmatch(r"[A-Z0-9_]+=\S*", word)]
        if words[0] == "make":
            assert all(word in targets() for word in words[1:]), command
        elif words[0] == "sec2sec" or words[1:3] == ["-m", "sec2sec"]:
            arguments = words[1:] if words[0] == "sec2sec" else words[3:]
            command_parser(arguments).parse_args(arguments)
        elif words[0] == "pip" or words[1:3] == ["-m", "pip"]:
            assert words[words.index("pip") + 1] in ("install", "download"), command
        elif words[1:2] == ["-m"]:
            assert is_module(words[2]), command
        elif words[1:2] == ["app.py"]:
            from sec2sec.ui.settings import Settings

            options = [word for word in words[2:] if word != "--help"]  # that one prints and ends the process
            assert Settings.read(options, {})
        else:
            assert shutil.which(words[0]), command


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_modules_and_targets_that_a_page_names_are_there(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    tops = {path.name for path in ROOT.iterdir()} - set(MADE)
    missing = []
    for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text):
        if re.fullmatch(r"[\w./-]+", code) and code.split("/")[0] in tops and "NAME" not in code:
            missing += [code] * (not (ROOT / code).exists())
        if module := re.search(r"python -m ((?:sec2sec|bench|recipes)[\w.]*)(?: ([a-z-]+))?", code):
            missing += [code] * (not is_module(module[1]))
            if module[1] == "sec2sec" and module[2]:
                assert module[2] in command_parser([]).format_help(), code
        if target := re.fullmatch(r"make ([a-z-]+)( .*)?", code):
            missing += [code] * (target[1] not in targets())
    assert missing == []


def test_what_contributing_says_is_in_a_file_is_in_it():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Where is ...?")[1]
    checked, missing = 0, []
    for place in re.split(r"\n(?=\||- |\d+\. |\n)", text):  # a row of a table, an item of a list, a paragraph
        codes = re.findall(r"`([^`]+)`", place)
        files = [ROOT / code for code in codes if code.endswith(".py") and (ROOT / code).is_file()]
        source = "\n".join(file.read_text(encoding="utf-8") for file in files)
        for name in (
            code for code in codes if files and re.fullmatch(r"[A-Z]\w+(\.\w+)?|[a-z]+(_[a-z]+)+|_[A-Z]+", code)
        ):
            checked += 1
            missing += [part for part in name.split(".") if part != "NAME" and not re.search(rf"\b{part}\b", source)]
    assert missing == []
    assert checked > 15


def test_links_of_the_pages_at_the_root_lead_to_files():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES if page.parent == ROOT)
    links = [urlsplit(link) for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [link.path for link in links if not link.scheme]
    assert len(local) > 10
    assert [path for path in local if not (ROOT / path).exists()] == []


def test_the_readme_begins_with_the_front_matter_of_the_space():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").split("\n")
    assert lines[0] == "---"
    front = dict(line.split(": ", 1) for line in lines[1 : lines.index("---", 1)])
    assert front["sdk"] == "gradio"
    assert f"gradio=={front['sdk_version']}\n" in (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert (ROOT / front["app_file"]).is_file()


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_half_a_page_with_a_date_and_three_parts(page):
    text = page.read_text(encoding="utf-8")
    assert re.match(rf"# {page.stem[:4]}\. .+\n\n\*\d{{4}}-\d\d-\d\d · [a-z]+", text)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert len(text.split()) <= WORDS_OF_A_DECISION


def test_the_index_lists_every_decision_by_its_title():
    index = (ROOT / "docs" / "decisions" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[(.*)\]\((.*)\)$", re.sub(r"\n  ", " ", index), re.MULTILINE)
    titles = [(page.read_text(encoding="utf-8").split("\n")[0][2:], page.name) for page in DECISIONS]
    assert sorted(listed) == titles  # the index goes by subject


# The site


def copied(to: Path) -> Path:
    """What the site is built from, in a folder of its own."""
    shutil.copy(ROOT / "mkdocs.yml", to)
    for name in ("docs", "tools", "sec2sec"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    return to


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = copied(tmp_path_factory.mktemp("docs"))
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build" / "site"


FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
FETCH_NOTHING = ("canonical", "next", "prev", "alternate")  # relations of <link>


class Page(HTMLParser):
    """The ids of a page, its links, and what a browser fetches for it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if (name := FETCHED.get(tag)) in values and values.get("rel") not in FETCH_NOTHING:
            self.fetched.append(values[name])


@pytest.fixture(scope="module")
def built_pages(site) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_the_site_has_a_page_for_every_file_and_an_entry_for_every_name_of_the_reference(site, built_pages):
    written = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    assert {path.relative_to(site) for path in built_pages} == written
    named = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "reference" / "index.md").read_text(), re.MULTILINE)
    assert len(named) > 10
    assert set(named) <= built_pages[site / "reference" / "index.html"].ids


def test_every_link_of_the_site_leads_to_a_page_and_a_place_in_it(built_pages):
    broken, checked = [], 0
    for path, page in built_pages.items():
        for link in page.links + page.fetched:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            to = to / "index.html" if to.is_dir() else to
            checked += 1
            if not to.is_file() or (parts.fragment and unquote(parts.fragment) not in built_pages[to].ids | {"__top"}):
                broken.append(f"{path.name}: {link}")
    assert broken == []
    assert checked > 1000


def test_the_site_fetches_nothing_from_elsewhere(site, built_pages):
    fetched = {link for page in built_pages.values() for link in page.fetched}
    assert any(link.endswith(".css") for link in fetched)
    assert any(link.endswith(".js") for link in fetched)
    assert [link for link in fetched if urlsplit(link).netloc] == []
    for sheet in site.rglob("*.css"):
        assert (
            re.findall(r"""(?:url\(|@import)\s*["']?(?:https?:)?//[^)"']+""", sheet.read_text(encoding="utf-8")) == []
        )


def test_the_reference_shows_the_comment_of_a_field(site):
    text = re.sub(r"<[^>]+>", "", (site / "reference" / "index.html").read_text(encoding="utf-8"))
    assert "prediction with every second at the training mean" in text


def test_a_broken_link_a_wrong_anchor_and_an_unknown_name_each_fail_the_build(tmp_path):
    folder = copied(tmp_path)
    with (folder / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write("\n[page](nowhere.md)\n\n[place](quickstart.md#nowhere)\n\n[`sec2sec.nothing`][]\n")
    done = build(folder)
    assert done.returncode != 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    assert "3 issues found" in plain, plain
