"""What a benchmark leaves for a paper: LaTeX, figures, a manifest and BibTeX."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sec2sec.baselines import SYSTEMS
from sec2sec.benchmark.citing import cited
from sec2sec.benchmark.document import as_latex, as_markdown, figures
from sec2sec.benchmark.plan import requested
from sec2sec.benchmark.run import benchmark_steps
from sec2sec.bibliography import all_entries, bibtex
from sec2sec.citation import SOFTWARE
from sec2sec.evaluation.scoreboard.cumulative import SOURCES as OF_SCOREBOARD
from sec2sec.files import safe_name
from sec2sec.plots.svg import standalone
from sec2sec.progress import drain
from sec2sec.tables import TextTable, latex
from sec2sec.training.citing import OF_DATA, OF_NAMED_ENCODERS, OF_PAPER_ENCODERS, OF_SYSTEMS, PAPER, licence

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def out(made, machine, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("paper") / "out"
    settings = {
        "data": str(made / "data"),
        "init": str(made / "tiny"),
        "width": 16,
        "heads": 2,
        "epochs": 1,
        "batch": 4,
    }
    drain(benchmark_steps(requested(settings, "sec2sec-audio,sec2sec-sa-ca", 1), folder, machine, jobs=0))
    return folder


def cells_of(text: str) -> list[str]:
    """The cells of LaTeX tables as plain text."""
    plain = {r"\%": "%", r"\&": "&", r"\_": "_", "$-$": "−", "--": "–", r"\textsuperscript{2}": "²", "$<$": "<"}
    rows = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r"\\")]
    cells = []
    for row in rows:
        for cell in re.split(r"(?<!\\) & ", row):
            cell = re.sub(
                r"\\(?:textbf|textit)\{(.*)\}$", r"\1", re.sub(r"\\multicolumn\{\d+\}\{l\}\{(.*)\}$", r"\1", cell)
            )
            for tex, sign in plain.items():
                cell = cell.replace(tex, sign)
            cells.append(cell)
    return cells


def test_latex_holds_every_cell_of_the_markdown_tables(out):
    text, markdown = (out / "tables.tex").read_text(), (out / "RESULTS.md").read_text()
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    expected = [c.strip(" *") for line in lines for c in line.strip("|").split(" | ") if c.strip(" *")]
    cells = [cell for cell in cells_of(text) if cell]
    assert sorted(cells) == sorted(expected)


def test_latex_environments_are_closed_and_nothing_is_left_unescaped(out):
    text = (out / "tables.tex").read_text()
    opened = re.findall(r"\\begin\{(\w+)\}", text)
    assert opened == ["table", "tabular"] * (len(opened) // 2)
    assert len(re.findall(r"\\end\{", text)) == len(opened)
    assert text.count("{") == text.count("}")
    assert text.isascii(), set(re.findall(r"[^\x00-\x7f]", text))
    assert not re.search(r"(?<!\\)[%#_]", text)
    for head, rows in re.findall(r"tabular\}\{(l r*|lr*)\}(.*?)\\end\{tabular", text, re.S):
        for row in re.findall(r"^(?!\\multicolumn)(.+) \\\\$", rows, re.M):
            assert len(re.split(r"(?<!\\)&", row)) == len(head)


@pytest.mark.parametrize("sign", list("#$%&_{}~^\\<>−±×≤≥²→–…"))
def test_every_sign_of_the_tables_is_ascii_in_latex(sign):
    assert latex(sign).isascii()
    assert latex(f"a{sign}b") == f"a{latex(sign)}b"


def test_a_row_of_one_cell_is_a_heading_over_all_columns():
    assert (
        r"\multicolumn{2}{l}{\textit{Trivial}} \\" in TextTable("x", ["a", "b"], [["Trivial"], ["1", "2"]]).as_latex()
    )


def test_figures_stand_alone(out):
    results = json.loads((out / "results.json").read_text())
    for target, figure in figures(results).items():
        text = (out / f"figure-{target}.svg").read_text()
        assert text == standalone(figure)
        root = ElementTree.fromstring(text)
        assert root.tag == f"{SVG}svg"
        assert root.find(f"{SVG}style").text.count("{") > 5
        classes = {e.get("class") for e in root.iter() if e.get("class")}
        assert all(f".{name}" in root.find(f"{SVG}style").text for name in classes), classes
        assert "Sec2Sec Audio" in "".join(root.itertext())


def test_the_manifest_holds_all_that_the_figures_depend_on(out):
    manifest = json.loads((out / "manifest.json").read_text())
    note = json.loads((out / "benchmark.json").read_text())
    assert re.fullmatch(r"\d+\.\d+\.\d+\+[0-9a-f]{8}", manifest["code"])
    assert manifest["data"]["sha256"] == json.loads((out / "trials/sec2sec-audio-0/data.json").read_text())["sha256"]
    assert manifest["settings"] == note["settings"]
    assert manifest["seeds"] == [0]
    assert manifest["hardware"]["processor"]
    assert manifest["versions"]["torch"]
    assert manifest["data"]["licence"] == "not stated in the data: ask whoever made it"


def test_licences_are_those_of_the_data_sets():
    assert "Creative Commons" in licence({"name": "LIRIS-ACCEDE, random 7:1:2 split, films leak"})
    assert "generated" in licence({"name": "Known-truth clips", "planted": {"seed": 1}})


def test_what_was_used_is_cited_and_nothing_else(out):
    assert list(re.findall(r"@\w+\{(\w+),", (out / "references.bib").read_text())) == [PAPER]
    systems = [{"name": name, "done": 1} for name in SYSTEMS]
    whole = {"data": {"name": "LIRIS-ACCEDE"}, "systems": systems, "settings": {"preset": "paper"}}
    keys = cited(whole)
    assert {"baveye2015liris", "cheng2020look", "kuhnke2020two", "tran2018closer", "arnab2021vivit"} <= set(keys)
    assert "poncelopez2016chalearn" not in keys
    assert len(keys) == len(set(keys))


def test_every_key_has_an_entry_with_author_title_year_and_closed_braces():
    entries = all_entries()
    used = {
        PAPER,
        SOFTWARE,
        *OF_PAPER_ENCODERS,
        *OF_SCOREBOARD,
        *(k for keys in (*OF_DATA.values(), *OF_SYSTEMS.values(), *OF_NAMED_ENCODERS.values()) for k in keys),
    }
    assert used == set(entries)
    for key, entry in entries.items():
        assert entry.count("{") == entry.count("}"), key
        for field in ("author", "title", "year"):
            assert re.search(rf"^  {field} = \{{.+\}}", entry, re.M), (key, field)
    assert bibtex([PAPER]) == entries[PAPER] + "\n"


def test_warnings_of_few_groups_stand_in_the_document(out):
    results = json.loads((out / "results.json").read_text())
    assert "intervals over so few say little" in as_markdown(results)
    assert as_latex(results)


@pytest.mark.parametrize(
    ("text", "name"), [("arousal", "arousal"), ("../x y/é", "x-y-é"), ("..", "unnamed"), ("", "unnamed")]
)
def test_a_target_names_a_file_and_no_folder(text, name):
    assert safe_name(text) == name
