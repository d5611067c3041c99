"""The package as it is installed: lists that agree, and a wheel that runs without the checkout and without extras."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

import sec2sec
from sec2sec.baselines import SYSTEMS, build_system
from sec2sec.checkpoints import identity
from sec2sec.cli import COMMANDS
from sec2sec.config import ModelConfig
from sec2sec.errors import MissingExtraError
from sec2sec.extras import MODULES, require_extra
from sec2sec.paths import program_paths
from sec2sec.training.trackers import TRACKERS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]

# Ends a process that reads a file of the checkout, or imports what is blocked
GUARD = """
import os, sys
for name in os.environ.get("BLOCKED", "").split():
    sys.modules[name] = None
def guard(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path.startswith({root!r} + os.sep) and not path.startswith({libraries!r} + os.sep):
            raise RuntimeError("the checkout was read: " + path)
sys.addaudithook(guard)
"""


def requirements(name: str) -> set[str]:
    lines = (ROOT / name).read_text().splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def expanded(extra: str) -> set[str]:
    """The packages of an extra, with those of the extras that it names."""
    packages: set[str] = set()
    for requirement in EXTRAS[extra]:
        others = re.fullmatch(r"sec2sec\[(.*)\]", requirement)
        packages |= set().union(*map(expanded, others[1].split(","))) if others else {requirement}
    return packages


def test_requirements_are_those_of_the_package():
    own_of_dev = {"dev", *TRACKERS}  # large, and for whoever has one already
    run_by_all = set(PROJECT["dependencies"]).union(*(expanded(extra) for extra in EXTRAS if extra not in own_of_dev))
    assert requirements("requirements.txt") == run_by_all
    assert requirements("requirements-dev.txt") == expanded("dev")


def test_the_modules_of_an_extra_are_those_of_its_packages():
    distributions = importlib.metadata.packages_distributions()
    for extra, modules in MODULES.items():
        packages = {re.split(r"[<>=]", requirement)[0] for requirement in expanded(extra)}
        assert {distributions[module][0].lower() for module in modules} == packages, extra
    assert {*MODULES, "dev"} == set(EXTRAS)


def test_the_version_stands_in_one_place_and_the_citation_agrees():
    assert PROJECT["dynamic"] == ["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == sec2sec.__version__


def test_a_checkout_reads_and_writes_in_its_own_folder():
    paths = program_paths()
    assert paths.checkout == ROOT
    assert (paths.demo, paths.examples) == (ROOT / "checkpoints" / "demo", ROOT / "assets" / "clips")
    assert (paths.runs, paths.token_cache, paths.data_sets) == (ROOT / "runs", ROOT / "runs" / "tokens", ROOT / "data")


def test_a_missing_extra_is_one_sentence_that_names_it(monkeypatch):
    require_extra("film", "--annotate")
    monkeypatch.setitem(sys.modules, "moviepy", None)
    with pytest.raises(MissingExtraError) as raised:
        require_extra("film", "--annotate")
    folder = program_paths().checkout
    assert str(raised.value) == f'--annotate needs `pip install -e "{folder}[film]"` (not installed: moviepy)'


@pytest.mark.parametrize("name", ["vit", "vivit", "vit-vivit"])
def test_a_system_whose_packages_are_missing_is_one_sentence(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    encoder = SYSTEMS[name].encoder_config("compact")
    with pytest.raises(MissingExtraError, match=rf"the system {SYSTEMS[name].title} needs .*\[baselines\]"):
        build_system(ModelConfig(system=name), encoder)


# ---- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out], cwd=ROOT, check=True)
    return next(out.glob("*.whl"))


class Installed:
    """A virtual environment that has the wheel of its own, and all other packages from this one's."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder / "venv")
        self.bin, self.home = folder / "venv" / "bin", folder / "home"
        self.home.mkdir()
        install = [sys.executable, "-m", "pip", "--python", self.bin / "python", "install", "--no-deps", "--no-index"]
        subprocess.run([*install, "--quiet", wheel], check=True)
        (packages,) = (folder / "venv").glob("lib/*/site-packages")
        (packages / "shared.pth").write_text(sysconfig.get_path("purelib"))
        guard = GUARD.format(root=str(ROOT), libraries=os.path.realpath(sys.prefix))
        (packages / "sitecustomize.py").write_text(guard)

    def run(self, program: str, *arguments: object, blocked: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """From a folder that is not the checkout."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "XDG_"))}
        environment = {**clean, "HOME": str(self.home), "BLOCKED": " ".join(blocked)}
        command = [self.bin / program, *map(str, arguments)]
        return subprocess.run(command, cwd=self.home, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def installed(tmp_path_factory, wheel) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), wheel)


BUNDLED = ("demo", "paper-structure", "photos", "voices", "wrong-attention")
BARE = tuple({module for modules in MODULES.values() for module in modules})  # what no extra brings


def test_the_wheel_has_every_file_of_the_package_and_what_comes_with_it(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    ours = {path for path in (ROOT / "sec2sec").rglob("*") if path.is_file() and path.suffix not in (".pyc", ".pyi")}
    assert {str(path.relative_to(ROOT)) for path in ours} <= held
    bundled = [f"checkpoints/{name}" for name in BUNDLED]
    folders = *zip(bundled, bundled, strict=True), ("assets/clips", "clips"), ("assets/known-truth", "known-truth")
    for folder, there in folders:
        files = [path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert {f"sec2sec/_data/{there}/{path}" for path in files} <= held
    assert not [name for name in held if name.startswith(("tests", "bench"))]


def test_every_bundled_checkpoint_goes_into_wheel_and_source_distribution():
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    there = {path.parent.name for path in (ROOT / "checkpoints").glob("*/config.json")}
    assert there == set(BUNDLED)
    assert {f"checkpoints/{name}" for name in there} <= set(targets["wheel"]["force-include"])
    assert {f"/checkpoints/{name}" for name in there} <= set(targets["sdist"]["include"])


def test_the_checkout_cannot_be_read_from_the_environment(installed):
    done = installed.run("python", "-c", f"open({str(ROOT / 'README.md')!r})")
    assert "the checkout was read" in done.stderr


def test_the_command_says_its_version_and_lists_its_commands(installed):
    for command in (("sec2sec",), ("python", "-m", "sec2sec")):
        assert installed.run(*command, "--version", blocked=BARE).stdout == f"sec2sec {sec2sec.__version__}\n"
    shown = installed.run("sec2sec", "--help", blocked=BARE).stdout
    assert all(re.search(rf"^ +{command}\b", shown, re.M) for command in COMMANDS)


def test_a_clip_is_explained_with_the_bundled_checkpoint_and_no_extra(installed):
    shutil.copy(ROOT / "assets" / "clips" / "sintel-flight.mp4", installed.home / "clip.mp4")
    slow_imports = ("scipy", "sympy", "librosa", "captum", "matplotlib")  # together they take longer than all else
    blocked = (*BARE, *slow_imports)
    done = installed.run("sec2sec", "explain", "clip.mp4", "--end", 2, "--json", "out.json", blocked=blocked)
    assert done.returncode == 0, done.stderr
    written = json.loads((installed.home / "out.json").read_text())
    assert written["clip"]["seconds"] == 2
    assert written["checkpoint"]["sha256"] == identity(sec2sec.DEMO)
    assert "arousal" in done.stdout


def test_a_report_and_a_film_need_no_app(installed):
    """The page shares the app's view, and no gradio with it."""
    others = tuple(name for name in BARE if name not in ("plotly", "moviepy"))
    code = "import sec2sec.viewer.report, sec2sec.render.annotate, sec2sec.edits"
    done = installed.run("python", "-c", code, blocked=others)
    assert done.returncode == 0, done.stderr


def test_what_needs_an_extra_says_so_before_any_work(installed):
    for arguments, sentence in (
        (["app"], 'the app needs `pip install "sec2sec[app]"`'),
        (["train", "--out", "run", "--data", "none"], 'train needs `pip install "sec2sec[train]"`'),
        (["explain", "none.mp4", "--report", "out.html"], '--report needs `pip install "sec2sec[report]"`'),
        (["explain", "none.mp4", "--annotate", "out.mp4"], '--annotate needs `pip install "sec2sec[film]"`'),
    ):
        done = installed.run("sec2sec", *arguments, blocked=BARE)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert done.stderr.startswith(f"sec2sec: {sentence}")
        assert len(done.stderr.splitlines()) == 1


def test_the_app_is_built_with_its_examples_and_writes_to_the_users_folders(installed):
    code = """
import json, sys
from sec2sec.ui.app import build
from sec2sec.ui.examples import find_examples
from sec2sec.ui.models import models_in
from sec2sec.ui.settings import Settings
settings = Settings.read([], {})
build(settings)
names, clips = models_in(settings.checkpoints, "cpu").names(), find_examples(settings.examples)
print(json.dumps([names, [clip.title for clip in clips], str(settings.runs), str(settings.data_sets)]))
"""
    done = installed.run("python", "-c", code)
    assert done.returncode == 0, done.stderr
    names, examples, *folders = json.loads(done.stdout.splitlines()[-1])
    assert names == list(BUNDLED)
    assert "sintel flight" in examples
    assert all(folder.startswith(str(installed.home)) for folder in folders)
