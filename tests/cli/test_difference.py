"""`difference`: what carries the change between two files or two parts of one, on the terminal and as JSON."""

from __future__ import annotations

import json

import pytest

import sec2sec
from tests.helpers import clips
from tests.helpers.commands import run
from tests.helpers.models import save_tiny


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return clips.make_clip(tmp_path_factory.mktemp("films") / "film.mp4", 6)


def test_two_parts_of_a_film_are_explained_on_the_terminal_and_as_json(film, checkpoint):
    more = ["--start", 0, "--end", 4, "--start-b", 2, "--checkpoint", checkpoint, "--device", "cpu"]
    done = run("difference", film, film, *more, "--json", "-")
    assert done.returncode == 0, done.stderr
    written = json.loads(done.stdout)
    assert written["schema"] == "sec2sec.difference/1"
    assert [written[side]["start"] for side in "ab"] == [0, 2]
    bundle = sec2sec.load(checkpoint, "cpu")
    a, b = (sec2sec.encode(film, bundle, start=start, end=start + 4) for start in (0, 2))
    for name, found in written["targets"].items():
        assert sum(found["sound"]) + sum(found["picture"]) == pytest.approx(found["change"], abs=1e-12)
        assert found["before"] == pytest.approx(a.predict()[name], abs=1e-6)
        assert found["after"] == pytest.approx(b.predict()[name], abs=1e-6)
        assert found["sentence"] == b.differences(a)[name].sentence(name)
    assert written["targets"]["arousal"]["sentence"] in done.stderr
    assert written["targets"]["synchrony"]["sentence"] not in done.stderr, "a diagnostic"
    assert "exact Shapley values" in done.stderr
    shown = run("difference", film, film, *more).stdout.splitlines()
    assert shown[0] == "A: film.mp4, 4 seconds from 0 s"
    assert shown[1] == "B: film.mp4, 4 seconds from 2 s"
    total = [float(word) for word in shown[-1].replace("|", " ").split()[1:3]]
    assert sum(total) == pytest.approx(written["targets"]["arousal"]["change"], abs=2e-3)


def test_a_file_that_is_a_little_longer_is_cut_to_the_same_length(film, checkpoint, tmp_path):
    longer = clips.make_clip(tmp_path / "longer.mp4", 6.2, sound="tone")
    done = run("difference", film, longer, "--checkpoint", checkpoint, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "B: longer.mp4, 6 seconds from 0 s" in done.stdout
    for _ in range(2):
        done = run("difference", film, longer, "--checkpoint", checkpoint, "--json", tmp_path / "out.json")
        assert done.returncode == 0, "what it wrote it may write again"
    assert next(iter(json.loads((tmp_path / "out.json").read_text()))) == "schema"


def test_what_cannot_be_compared_ends_with_2_and_one_line(film, checkpoint, tmp_path):
    short, out = clips.make_clip(tmp_path / "short.mp4", 3), tmp_path / "out.json"
    more = ["--checkpoint", checkpoint, "--device", "cpu", "--json", out]
    for given, words in (
        ([film, film], "is compared with itself; name another file, or another part with --start-b"),
        ([film, short], "film.mp4 has 6 seconds and short.mp4 has 3: "),
        ([film, tmp_path / "none.mp4"], "none.mp4: there is no such file"),
    ):
        done = run("difference", *given, *more)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert words in done.stderr
        assert done.stdout == ""
        assert not out.exists()
    out.write_text("mine")
    assert "exists and was not written by sec2sec" in run("difference", film, short, *more).stderr
    assert out.read_text() == "mine"
