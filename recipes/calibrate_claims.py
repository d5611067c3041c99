"""Is a claim trusted where it is right, and only there? Claims that are wrong by construction, and others.

    python -m recipes.calibrate_claims build/calibration

Predictors whose truth is known (claim_predictors.py) and claims of every kind about them (claim_kinds.py): functions
over masks, with one or several decisive seconds, of one sign or opposed, that need each other or replace each other,
with and without noise; and the bundled demo on known-truth clips, through its masker. Prints tables as Markdown.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from recipes.calibrate_verdict import LENGTHS, MAX_WRONG, MIN_RIGHT, MIN_SECONDS_RIGHT
from recipes.claim_kinds import KINDS, RIGHT, WRONG, claims_of_kind
from recipes.claim_predictors import MODALITIES, STRUCTURES, Case, case_of_film, filmed_clips, made_up
from sec2sec import DEMO
from sec2sec.checkpoints import load_checkpoint
from sec2sec.files import write_json
from sec2sec.predictors.claims import judge_claims

FAMILIES = (1, 5)  # targets that are judged together
FILM = "the demo, on known-truth clips"
MADE_UP = "made-up predictors"
CLIPS_PER_CELL = 25  # of each structure and length; of five targets a fifth, so that a cell has as many claims
FILMED_CLIPS = 24  # of each length: two targets, and three ways to take one modality away
LONG = 15  # s; of longer clips two fifths are made, which take as long
SECONDS_OF_FILM = 360  # of each length, at most
TRUST = "trust"


@dataclass
class Counts:
    """Verdicts by source, kind of claim, length of the clip and number of targets."""

    words: dict[str, int] = field(default_factory=dict)
    clips: int = 0
    any_trusted: int = 0  # clips in which any target's claim is trusted
    calls: list[int] = field(default_factory=list)  # new predictions of one clip

    @property
    def claims(self) -> int:
        """How many were judged, or not for a reason that is no fault of the claim."""
        return sum(self.words.values())

    def share(self, wrong: bool) -> float:
        """Trusted: clips with any target of wrong claims, targets of others."""
        trusted, total = (self.any_trusted, self.clips) if wrong else (self.words.get(TRUST, 0), self.claims)
        return trusted / total if total else float("nan")

    def join(self, other: Counts) -> None:
        """Those of another part."""
        for word, count in other.words.items():
            self.words[word] = self.words.get(word, 0) + count
        self.clips += other.clips
        self.any_trusted += other.any_trusted
        self.calls += other.calls

    def add(self, words: Sequence[str], calls: int) -> None:
        """One clip."""
        for word in words:
            self.words[word] = self.words.get(word, 0) + 1
        self.clips += 1
        self.any_trusted += TRUST in words
        self.calls.append(calls)


Key = tuple[str, str, str, int]  # source, kind, row (a length in s, or a structure), family
Table = dict[Key, Counts]


def judge_case(case: Case, chance: np.random.Generator) -> Iterator[tuple[str, list[str], int]]:
    """Of every kind that the case has: the words, and how many predictions they took."""
    prediction, baseline, effects = case.effects()
    for kind in KINDS:
        claims = claims_of_kind(kind, case, effects, chance)
        calls = 0

        def predict(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
            nonlocal calls
            calls += len(picture)
            return case.predict(picture, sound)

        if claims:
            verdicts = judge_claims(predict, prediction, baseline, effects, claims, case.noise)
            yield kind, [verdicts[target].word for target in claims], calls


def calibrate(work: Path, clips: int, filmed: int, lengths: Sequence[int] = LENGTHS) -> Table:
    """All of it. The part of each length stays in `work`, so that a run that was ended goes on."""
    table: Table = {}
    for seconds in lengths:
        made = clips if seconds <= LONG else -(-clips * 2 // 5)
        for source, path, part in (
            (MADE_UP, work / f"claims-made-up-{seconds}-{made}.json", partial(_made_up, seconds, made)),
            (FILM, work / f"claims-demo-{seconds}-{filmed}.json", partial(_filmed, work, seconds, filmed)),
        ):
            if not path.exists():
                work.mkdir(parents=True, exist_ok=True)
                began = time.monotonic()
                write_json(path, {json.dumps(key): vars(counts) for key, counts in part().items()})
                print(f"{source}, {seconds} s: {time.monotonic() - began:.0f} s", file=sys.stderr)
            for text, values in json.loads(path.read_text(encoding="utf-8")).items():
                kind, row, family = json.loads(text)
                table.setdefault((source, kind, row, family), Counts()).join(Counts(**values))
    return table


def _made_up(seconds: int, clips: int) -> dict[tuple[str, str, int], Counts]:
    """Of each structure `clips` with one target, and a fifth of five."""
    part: dict[tuple[str, str, int], Counts] = {}
    for number, structure in enumerate(STRUCTURES):
        for family in FAMILIES:
            for clip in range(-(-clips // family)):
                chance = np.random.default_rng([seconds, number, family, clip])
                case = made_up(structure, seconds, family, chance)
                for kind, words, calls in judge_case(case, chance):
                    for row in (f"{seconds} s", structure):
                        part.setdefault((kind, row, family), Counts()).add(words, calls)
    return part


def _filmed(work: Path, seconds: int, filmed: int) -> dict[tuple[str, str, int], Counts]:
    """At most `filmed` clips, and fewer long ones, each with both modalities and with one in its planted seconds."""
    part: dict[tuple[str, str, int], Counts] = {}
    bundle = load_checkpoint(DEMO, "cpu")
    clips = filmed_clips(work, bundle, seconds, min(filmed, max(1, SECONDS_OF_FILM // seconds)))
    for number, film in enumerate(clips):
        for only in MODALITIES:
            chance = np.random.default_rng([seconds, number])
            for kind, words, calls in judge_case(case_of_film(film, bundle, only), chance):
                part.setdefault((kind, f"{seconds} s", 1), Counts()).add(words, calls)
    return part


def misses(kind: str, row: str, counts: Counts) -> bool:
    """Whether a cell is beyond its limit; of structures, which hold clips of 5 s as well, none is asked."""
    if not counts.claims or not row.endswith(" s"):
        return False
    if kind in WRONG:
        return counts.share(wrong=True) > MAX_WRONG
    return kind in RIGHT and int(row.removesuffix(" s")) >= MIN_SECONDS_RIGHT and counts.share(wrong=False) < MIN_RIGHT


def as_markdown(table: Table, lengths: Sequence[int] = LENGTHS) -> str:
    """By length for both sources, then by structure."""
    rows = [f"{seconds} s" for seconds in lengths]
    lines = _block(table, MADE_UP, "Made-up predictors, by length", rows, FAMILIES)
    lines += _block(table, FILM, "The demo on known-truth clips, by length", rows, (1,))
    return "\n".join(lines + _block(table, MADE_UP, "Made-up predictors, by structure", STRUCTURES, FAMILIES))


def _block(table: Table, source: str, title: str, rows: Sequence[str], families: Sequence[int]) -> list[str]:
    lines = [
        "",
        f"**{title}**",
        "",
        f"| claim | {' | '.join(rows)} | claims | calls |",
        "|---|" + "---|" * (len(rows) + 2),
    ]
    for kind in KINDS:
        cells = [" · ".join(_cell(table, (source, kind, row, family)) for family in families) for row in rows]
        own = [table[key] for row in rows if (key := (source, kind, row, families[0])) in table]
        if own:
            calls = [call for counts in own for call in counts.calls]
            claims = sum(counts.claims for counts in own)
            lines.append(f"| {kind} | {' | '.join(cells)} | {claims} | {min(calls)}–{max(calls)} |")
    return lines


def _cell(table: Table, key: Key) -> str:
    counts = table.get(key)
    if counts is None or not counts.claims:
        return "–"
    figure = f"{100 * counts.share(key[1] in WRONG):.0f}"
    return f"**{figure}**" if misses(key[1], key[2], counts) else figure


def overall(table: Mapping[Key, Counts], kinds: Mapping[str, object]) -> tuple[float, int]:
    """Share trusted of all claims of some kinds from MIN_SECONDS_RIGHT on, one target; and how many they are."""
    chosen = [
        counts
        for (_, kind, row, family), counts in table.items()
        if kind in kinds and family == 1 and row.endswith(" s") and int(row.removesuffix(" s")) >= MIN_SECONDS_RIGHT
    ]
    claims = sum(counts.claims for counts in chosen)
    return sum(counts.words.get(TRUST, 0) for counts in chosen) / max(1, claims), claims


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 1 where a cell is beyond its limit."""
    options = argparse.ArgumentParser(description="Count the words of claims whose truth is known.")
    options.add_argument("work", type=Path, metavar="DIR", help="folder of the clips and their seconds")
    options.add_argument(
        "--clips", type=int, default=CLIPS_PER_CELL, metavar="N", help="of each structure and length (default: 25)"
    )
    options.add_argument(
        "--filmed",
        type=int,
        default=FILMED_CLIPS,
        metavar="N",
        help="known-truth clips of each length, fewer of long ones (default: 24)",
    )
    chosen = options.parse_args(arguments)
    torch.set_num_threads(1)  # small products: more threads would only wait for each other
    table = calibrate(chosen.work, chosen.clips, chosen.filmed)
    print(as_markdown(table))
    for name, kinds in (("wrong", WRONG), ("right", RIGHT)):
        share, claims = overall(table, kinds)
        print(f"\n{name} claims trusted from {MIN_SECONDS_RIGHT} s on: {100 * share:.1f} % of {claims}")
    return 1 if any(misses(kind, row, counts) for (_, kind, row, _), counts in table.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
