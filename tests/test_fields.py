"""A setting is defined once: what its field says holds on the command line, in the environment and in files alike."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Literal

import pytest

from sec2sec.errors import SettingsError
from sec2sec.fields import Validated, add_flags, fields_of, flag_values, setting


@dataclass(frozen=True)
class Example(Validated):
    rate: float | None = setting(None, "learning rate", "learning", gt=0)
    batch: int = setting(32, "clips in a step", "learning", ge=1)
    share: float = setting(0.5, "100 % of it", "learning", ge=0, le=1)
    grid: tuple[int, ...] = setting((), "sides of a grid", "model", ge=1)
    size: Literal["small", "large"] = setting("small", "size of the model", "model")
    shuffle: bool = setting(True, "whether the order changes", "learning")


@dataclass(frozen=True)
class Outer(Validated):
    inner: Example = Example()


@pytest.mark.parametrize("text", [{"rate": "1e-4", "batch": "8", "grid": ["2", "3"], "shuffle": "no"}])
def test_text_and_values_mean_the_same(text):
    assert Example(**text) == Example(rate=1e-4, batch=8, grid=(2, 3), shuffle=False)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"rate": 0}, "rate must be a number above 0, not 0"),
        ({"rate": float("nan")}, "rate must be a number above 0, not nan"),
        ({"batch": None}, "batch must be a whole number of at least 1, not nothing"),
        ({"batch": True}, "batch must be a whole number of at least 1, not True"),
        ({"share": 2}, "share must be a number from 0 to 1, not 2"),
        ({"grid": (2, 0)}, "grid must be a list of whole numbers of at least 1, not (2, 0)"),
        ({"size": "huge"}, "size must be small or large, not 'huge'"),
        ({"shuffle": "perhaps"}, "shuffle must be yes or no, not 'perhaps'"),
    ],
)
def test_a_refusal_says_which_setting_what_it_must_be_and_what_was_found(wrong, sentence):
    with pytest.raises(SettingsError) as caught:
        Example.from_mapping(wrong, "own.yaml")
    assert str(caught.value) == f"own.yaml: {sentence}"


def test_settings_within_settings_are_checked_and_named():
    assert Outer.from_mapping({"inner": {"batch": 4}}).inner == Example(batch=4)
    with pytest.raises(SettingsError, match="inner: there is no setting colour"):
        Outer(inner={"colour": 1})
    with pytest.raises(SettingsError, match="inner must be of the kind Example, not 3"):
        Outer(inner=3)


def test_options_are_grouped_and_name_themselves_in_a_refusal():
    parser = argparse.ArgumentParser()
    assert list(add_flags(parser, Example, variables="OWN_")) == ["learning", "model"]
    text = " ".join(parser.format_help().split())
    assert "--batch N clips in a step (default: 32; or OWN_BATCH)" in text
    assert "--share X 100 % of it (default: 0.5; or OWN_SHARE)" in text
    assert "--grid A,B sides of a grid (or OWN_GRID)" in text
    options = parser.parse_args(["--grid", "2, 3", "--size", "large"])
    assert flag_values(options, Example) == {"grid": (2, 3), "size": "large"}
    with pytest.raises(SettingsError, match="--batch must be a whole number of at least 1, not 'x'"):
        flag_values(parser.parse_args(["--batch", "x"]), Example)
    assert fields_of(Example)["size"].choices == ("small", "large")
