"""Names of trainings: a person's own, or two words that no other training here has."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from sec2sec.training.settings import SettingsError

MAX_NAME = 40  # characters
COLOURS = "amber azure copper coral crimson emerald golden indigo ivory jade lilac ochre olive pearl ruby silver teal"
THINGS = "anchor badger canyon comet falcon fjord glacier harbour heron island lantern maple meadow otter panda river"
PAIRS = [f"{colour} {thing}" for colour in COLOURS.split() for thing in THINGS.split()]


def name_of(wanted: object, taken: Collection[str]) -> str:
    """The name of a new training. wanted: by its person, or nothing. taken: by trainings and models that are there.

    A name that is taken gets a number. Raises SettingsError for what is no name.
    """
    if not isinstance(wanted, str) or not wanted.strip():
        free = [pair for pair in PAIRS if pair not in taken]
        wanted = secrets.choice(free or PAIRS)
    name = " ".join(wanted.split())
    if len(name) > MAX_NAME:
        raise SettingsError(f"Name: at most {MAX_NAME} characters, not {len(name)}")
    number = 1
    while (numbered := name if number == 1 else f"{name} {number}") in taken:
        number += 1
    return numbered
