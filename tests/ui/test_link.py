"""What the address of a page may ask for: names of lists, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from sec2sec.errors import UserError
from sec2sec.paths import program_paths
from sec2sec.ui.examples import Example
from sec2sec.ui.link import Link, bundled_clips, link_to, linked_example

MODELS = ["demo", "wrong-attention"]
FLIGHT = Example(program_paths().examples / "sintel-flight.mp4", 10.0, None)


def test_a_link_names_an_example_or_a_known_truth_clip_and_a_model():
    found = linked_example(Link("sintel-flight", "wrong-attention"), [FLIGHT], MODELS)
    assert (found.path, found.model) == (FLIGHT.path, "wrong-attention")
    assert linked_example(Link("sintel-flight"), [FLIGHT], MODELS).model is None
    name, path = next(iter(bundled_clips().items()))
    assert linked_example(Link(name), [FLIGHT], MODELS).path == path


@pytest.mark.parametrize("clip", ["", "sintel-flight.mp4", "../clips/sintel-flight", "/etc/passwd", "x" * 1000])
def test_another_name_is_refused_in_a_short_line(clip):
    with pytest.raises(UserError, match=r"^The link asks for a clip that is not here: ") as refused:
        linked_example(Link(clip), [FLIGHT], MODELS)
    assert len(str(refused.value)) < 200


def test_a_model_that_is_not_in_the_list_is_refused():
    with pytest.raises(UserError, match=r"a model that is not here: \.\./runs/secret"):
        linked_example(Link("sintel-flight", "../runs/secret"), [FLIGHT], MODELS)


def test_only_what_comes_with_the_program_has_a_link(tmp_path: Path):
    assert link_to(FLIGHT.path, "demo", [FLIGHT]) == {"clip": "sintel-flight", "model": "demo"}
    assert link_to(tmp_path / "sintel-flight.mp4", "demo", [FLIGHT]) is None
    assert link_to(tmp_path / f"{next(iter(bundled_clips()))}.mp4", "demo", [FLIGHT]) is None
