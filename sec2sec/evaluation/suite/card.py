"""README.md of a suite: the card that the Hugging Face Hub shows of a data set, and what a stranger has to know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sec2sec.datasets.known_truth import TARGETS, Level
from sec2sec.datasets.known_truth.states import RULES
from sec2sec.evaluation.suite.croissant import TRUTH
from sec2sec.evaluation.suite.files.score import FIGURES
from sec2sec.tables import pipe_table

NAME = "Sound and picture with known truth"
DESCRIPTION = (
    "Generated video clips with sound and picture, and for each second what was planted in it: whether the second "
    "decides the label, for what, how strongly, and in which modality. For testing explanations of such models."
)
GENERATED_LICENCE, FILM_LICENCE = "apache-2.0", "cc-by-3.0"  # as the Hugging Face Hub calls them
LICENCE_URLS = {
    GENERATED_LICENCE: "https://www.apache.org/licenses/LICENSE-2.0",
    FILM_LICENCE: "https://creativecommons.org/licenses/by/3.0/",
}
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))  # classes of the Hugging Face Hub


@dataclass(frozen=True)
class Made:
    """How a suite was made, and what it holds."""

    command: str
    date: str  # as 2026-11-27
    versions: Mapping[str, str]  # of programs that the files depend on
    clips: Mapping[Level, Mapping[str, int]]  # level → split → clips
    seed: int
    sums_sha256: str  # of SHA256SUMS

    @property
    def total(self) -> int:
        """Number of clips."""
        return sum(sum(splits.values()) for splits in self.clips.values())

    @property
    def films(self) -> list[Level]:
        """Levels whose clips show film that others made."""
        return [level for level in self.clips if RULES[level].film]

    @property
    def licences(self) -> list[str]:
        """Of the clips, as the Hugging Face Hub calls them."""
        return [GENERATED_LICENCE, *([FILM_LICENCE] if self.films else [])]


def card(made: Made) -> str:
    """Markdown with front matter."""
    front: dict[str, Any] = {
        "pretty_name": NAME,
        "license": made.licences if len(made.licences) > 1 else made.licences[0],
        "task_categories": ["video-classification"],
        "tags": ["explainable-ai", "audio-visual", "affective-computing", "synthetic", "croissant"],
        "size_categories": [next(name for most, name in SIZES if made.total < most)],
        "configs": [
            {"config_name": "clips", "data_files": "clips.csv", "default": True},
            {"config_name": "truth", "data_files": "truth.csv"},
        ],
    }
    # a value as JSON is YAML as well, and PyYAML is in some of our extras alone
    text = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in front.items())
    parts = [_what(made), _use(), _columns(), _scored(made), _how(made), _licence(made)]
    return f"---\n{text}---\n\n" + "\n\n".join(parts) + "\n"


def _what(made: Made) -> str:
    rows = [
        [level, *(str(splits.get(split, 0)) for split in ("train", "validation", "test")), RULES[level].words]
        for level, splits in made.clips.items()
    ]
    return f"""# {NAME}

{DESCRIPTION}

{pipe_table(["level", "train", "validation", "test", "its clips have"], rows)}

Each clip has a label, 0 or 1, for {", ".join(TARGETS)}. In a few decisive seconds of the clip sound and picture
together say which: much motion, loud, fast and colourful for high arousal; bright, warm, high and in major for high
valence; flashes and beats at the same eighths of a second for synchrony. There are one to three of them; clips of the
level opposed have up to five, some against the label. All other seconds say next to nothing. Most clips have decoys:
seconds as odd as decisive ones that say nothing, because sound and picture contradict each other."""


def _use() -> str:
    return """## Use

Train a model on the clips of the split `train`, or take any program that looks at clips. Leave the level unseen-timbre
out of training: its sounds are to be new to the model. Let the program explain the test clips: one number for each
clip, target and second, in a file with the columns `clip,target,second,score`. Then:

    python score.py SCORES.csv

`score.py` and `load.py` need numpy and nothing else; the first lines of each say how they are used. `load.py` returns
paths and truth, and leaves it to you what decodes an MP4. `clips.csv` lists the clips with labels and splits,
`croissant.json` describes all files in the form of MLCommons Croissant 1.0."""


def _columns() -> str:
    rows = [[f"`{name}`", meaning] for name, (_, meaning) in TRUTH.items()]
    return f"""## Truth

`truth.csv` has a row for each clip, target and second.

{pipe_table(["column", "meaning"], rows)}

`carrier` says which modality speaks in a decisive second or a decoy: *both* and they agree, one alone (*video*,
*audio*), or they contradict each other (*opposite*). For synchrony it is *pair*: neither modality alone tells
anything, only the two patterns side by side. The planted states themselves are in `planted.csv` of each level."""


def _scored(made: Made) -> str:
    rows = [[name, meaning] for name, meaning in FIGURES.items()]
    film = f"""
- How it is on film that a model never saw. Clips of the level {", ".join(made.films)} have parts of the same few
  recordings behind them in every split. What these show themselves was not planted, and is more than nothing."""
    return f"""## What is scored

{pipe_table(["figure", "meaning"], rows)}

What a good figure shows: the explainer and its model, together, point at what was planted in clips of this kind.

What it does not show:

- That the explainer is true to its model. A model that does not use the planted seconds is explained rightly by scores
  that are wrong here. Look first at how well the model predicts the labels of the test clips.
- Which modality matters more in a decisive second. Picture and sound are planted about equally strong there, so that
  only their signs can be right or wrong. Unsigned scores of modalities are scored only where one modality speaks alone.
- Anything about people. Labels follow from rules in a program; nobody rated a clip.
- Places within the picture, and times within a second.{film if made.films else ""}"""


def _how(made: Made) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in made.versions.items())
    return f"""## How it was made

    {made.command}

Made on {made.date} with {versions}. The same command with the same versions makes the same clips and tables, byte for
byte. Clips are drawn from the seed {made.seed}. The SHA-256 of every other file is in `SHA256SUMS` (`sha256sum -c
SHA256SUMS` compares them), whose own is `{made.sums_sha256}`."""


def _licence(made: Made) -> str:
    text = f"""## Licence

Programs, tables and generated clips: [Apache-2.0]({LICENCE_URLS[GENERATED_LICENCE]})."""
    if made.films:
        text += f""" Clips of the level {", ".join(made.films)} contain parts of the trailer of *Sintel*, © Blender
Foundation, durian.blender.org, [CC BY 3.0]({LICENCE_URLS[FILM_LICENCE]}); they were cut, scaled, edited and encoded
again. Whoever passes these clips on names the Blender Foundation."""
    return text
