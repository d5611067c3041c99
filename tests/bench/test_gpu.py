"""`python -m bench gpu`: its checks run small on a CPU, and a bad one is one bad line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from bench.gpu import run as gpu_run
from bench.gpu.plan import CHECKS, Check
from bench.gpu.report import Report, Result
from bench.row import Row

DOCUMENT = Path("docs/gpu.md")
MACHINE = {"device": "GPU", "capability": "9.0", "cores": 16, "torch": "2", "cuda": "13", "cudnn": 9, "driver": "5"}
MACHINE |= {"commit": "abc"}
# Does what a process of checks does, and dies or hangs where its check is called so
CHILD = """
import json, os, signal, sys, time
def send(**message):
    print(json.dumps(message), flush=True)
send(event="machine", machine=json.loads(sys.argv[1]))
for line in sys.stdin:
    name = line.strip()
    send(event="row", row={"name": f"figure of {name}", "value": 1.0})
    if name == "dies":
        print("cudaErrorIllegalAddress", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "hangs":
        time.sleep(600)
    error = "ValueError: no" if name == "raises" else ""
    send(event="end", error=error, warnings=[], seconds=0.1, usable=name != "spoils")
    if name == "spoils":
        break
"""
# Modules that are installed and yet not there, for this process and those that it starts
HIDE = """
import sys
from importlib.machinery import PathFinder
class Installed(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {hidden!r} else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
"""


def not_listed() -> set[str]:
    """Modules of the project's requirements that docs/gpu.md does not list for a bare machine."""
    blocks = DOCUMENT.read_text().split("## A bare machine")[1].split("```")[1:4:2]
    listed = set(re.findall(r"[a-z][a-z0-9-]+", " ".join(blocks)))
    lines = [
        line for file in ("requirements.txt", "requirements-dev.txt") for line in Path(file).read_text().split("\n")
    ]
    required = {re.split(r"[<>=]", line)[0] for line in lines if line and not line.startswith("#")}
    absent = required - listed
    return {module for module, packages in packages_distributions().items() for p in packages if p.lower() in absent}


def bench(arguments: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m bench` where nothing that docs/gpu.md does not list can be found."""
    (folder / "sitecustomize.py").write_text(HIDE.format(hidden=not_listed()))
    # pytest's plugins would be among them
    environment |= {"PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory):
    """What a whole dry run printed, and its JSON and Markdown."""
    folder = tmp_path_factory.mktemp("gpu")
    done = bench(["gpu", "--dry", "--out", str(folder / "gpu.json")], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads((folder / "gpu.json").read_text()), (folder / "gpu.md").read_text()


def test_what_a_bare_machine_lacks_is_hidden_in_these_tests(tmp_path):
    assert {"gradio", "plotly", "moviepy", "playwright", "hypothesis"} <= not_listed()
    (tmp_path / "sitecustomize.py").write_text(HIDE.format(hidden=not_listed()))
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    tried = subprocess.run([sys.executable, "-c", "import gradio"], capture_output=True, text=True, env=environment)
    assert "No module named 'gradio'" in tried.stderr


@pytest.mark.slow
def test_every_check_runs_small_on_a_cpu(dry_run):
    _, report, _ = dry_run
    assert [check["name"] for check in report["checks"]] == [check.name for check in CHECKS]
    assert {check["status"] for check in report["checks"]} == {"ran"}
    assert {check["error"] for check in report["checks"]} == {""}
    assert {row["check"] for row in report["rows"]} == {check.name for check in CHECKS}, "each has measured something"
    assert all(row["value"] is not None for row in report["rows"])


@pytest.mark.slow
def test_json_table_and_markdown_hold_every_row(dry_run):
    printed, report, markdown = dry_run
    for row in report["rows"]:
        assert {"check", "name", "value", "unit", "limit", "side", "holds"} == set(row)
        assert row["name"] in printed
        assert f"| {row['name']} | " in markdown
    assert {"device", "capability", "driver", "cuda", "cudnn", "torch", "cores", "commit"} <= set(report["machine"])
    assert "39 checks ran, 0 failed, 0 were skipped" in printed


@pytest.mark.slow
def test_the_limits_are_those_of_the_document_and_a_dry_run_judges_none(dry_run):
    _, report, _ = dry_run
    limits = {(row["check"], row["limit"], row["side"]) for row in report["rows"] if row["limit"] is not None}
    assert limits == {
        ("examples", 0.0005, "at most"),
        ("examples", 0.001, "at most"),
        ("examples", 0, "at most"),
        ("paper-clip", 150.0, "at most"),
        ("epoch-full", 20.0, "at most"),
        ("extraction", 40.0, "at least"),
    }
    assert {row["holds"] for row in report["rows"]} == {None}


@pytest.mark.slow
def test_a_cpu_agrees_with_itself_and_resumes_bit_for_bit(dry_run):
    _, report, _ = dry_run
    same = [row for row in report["rows"] if row["check"] in ("examples", "tokens", "systems", "tiny", "resume")]
    assert len(same) > 20
    assert {row["value"] for row in same} == {0.0}
    halves = {row["name"]: row["value"] for row in report["rows"] if row["check"] == "precision"}
    fine, coarse = (halves[f"{name}: relative error of the tokens"] for name in ("float16", "bfloat16"))
    assert 0 < 4 * fine < coarse


def test_every_check_is_a_function_with_a_docstring_and_stands_in_the_document():
    text = DOCUMENT.read_text()
    for check in CHECKS:
        module, name = check.function.split(":")
        assert getattr(import_module(f"bench.gpu.{module}"), name).__doc__, check.function
        assert f"`{check.name}`" in text, check.name


def test_all_checks_fit_into_their_time_as_long_as_each_takes_what_it_should():
    assert sum(check.about for check in CHECKS) < gpu_run.SECONDS


def test_without_a_gpu_it_says_so_and_what_to_do(tmp_path):
    done = bench(["gpu", "--out", str(tmp_path / "gpu.json")], tmp_path, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert done.stderr.strip() == gpu_run.NO_DEVICE
    assert "--dry" in gpu_run.NO_DEVICE


@pytest.mark.parametrize("arguments", [["nonsense"], ["gpu", "nonsense"]])
def test_an_unknown_part_or_check_is_refused_with_those_that_there_are(tmp_path, arguments):
    done = bench(arguments, tmp_path)
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    assert "paper-clip" in done.stderr if len(arguments) == 2 else "quality" in done.stderr


def benched(tmp_path: Path, names: dict[str, float], seconds: float = 60.0, dry: bool = False) -> Report:
    """The report of checks by name and how long each should take."""
    report = Report(dry=dry)
    command = [sys.executable, "-c", CHILD, json.dumps(MACHINE)]
    (tmp_path / "log").touch()
    checks = gpu_run.Bench(report, command, tmp_path / "log", time.monotonic() + seconds)
    try:
        for name, about in names.items():
            report.add(checks.run(Check(name, name, "", about)))
    finally:
        checks.stop()
    return report


def test_a_check_that_dies_raises_or_spoils_its_process_is_one_failed_line(tmp_path):
    report = benched(tmp_path, dict.fromkeys(("first", "dies", "raises", "spoils", "last"), 0.0))
    assert [result.status for result in report.results] == ["ran", "failed", "failed", "ran", "ran"]
    assert "signal 9: cudaErrorIllegalAddress" in report.results[1].error
    assert report.results[2].error == "ValueError: no"
    assert [len(result.rows) for result in report.results] == [1] * 5, "what was measured before a failure stays"
    assert not report.holds


def test_a_check_that_hangs_is_ended_and_those_that_no_time_is_left_for_are_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_run, "LAST", 0.5)
    report = benched(tmp_path, {"first": 0.0, "long": 100.0, "hangs": 0.0, "last": 1.0}, seconds=3.0)
    assert [result.status for result in report.results] == ["ran", "skipped", "failed", "skipped"]
    assert report.results[2].error == "took too long and was ended"
    assert "skipped: long" in report.summary
    assert "took too long" in report.as_markdown()


def test_a_broken_limit_and_a_figure_that_is_no_number_fail_on_a_gpu(tmp_path):
    rows = [Row("kept", 1.0, "s", 2.0), Row("broken", 3.0, "s", 2.0), Row("least", 3.0, "", 2.0, "at least")]
    rows += [Row("no number", float("nan"), "", 1.0)]
    for dry, judged in ((False, [True, False, True, False]), (True, [None] * 4)):
        report = Report(dry, MACHINE, [Result(CHECKS[0], "ran", rows)])
        report.write(tmp_path / "gpu.json")
        written = json.loads((tmp_path / "gpu.json").read_text())
        assert [row["holds"] for row in written["rows"]] == judged
        assert [row["value"] for row in written["rows"]] == [1.0, 3.0, 3.0, None]
        assert written["holds"] is report.holds is dry
        assert (tmp_path / "gpu.md").read_text().count("**broken**") == (0 if dry else 2)
