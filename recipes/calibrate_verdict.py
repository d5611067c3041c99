"""Are the verdict's thresholds right? Attention that is wrong by construction, and attention that is right.

    python -m recipes.calibrate_verdict build/calibration

Puts clips together from seconds of generated scenes and of real film with edits (calibration_seconds.py), trains small
models on them (calibration_models.py), puts attention of every kind in the place of theirs (calibration_kinds.py), and
counts the verdict's words. Prints the table as Markdown.

Words are those of the five criteria alone: further witnesses can only turn "trust" into "careful". The seconds are
embedded once, the random orders of a clip are run once for all kinds of attention, and every finished part of the table
stays in the folder, so that a run that was ended goes on, and more cases add to those that are there.

K targets, T seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from recipes.calibration_kinds import OWN, RIGHT_BY_HAND, PlantedSeconds, attention_of_each_kind, is_used
from recipes.calibration_models import (
    CLIPS_PER_STEP,
    STEPS,
    Kind,
    cut_off,
    new_model,
    train,
    with_random_attention,
    with_random_head,
)
from recipes.calibration_seconds import TARGETS, Pool, batches, compose, load_pool
from sec2sec import DEMO
from sec2sec.checkpoints import Bundle, load_checkpoint
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.curves import measure_chance
from sec2sec.explanations.embeddings import SecondEmbeddings
from sec2sec.explanations.masker import SecondMasker
from sec2sec.explanations.results import Occlusion, Word
from sec2sec.explanations.verdict import (
    MAX_EVENNESS,
    MAX_P_HOLDS,
    MAX_P_WEAK,
    MIN_USE,
    Evidence,
    are_alike,
    corrected,
    measure,
    under_other_weights,
    word_of_case,
)
from sec2sec.files import write_json
from sec2sec.model import Sec2Sec

MAX_WRONG, MIN_RIGHT = 0.05, 0.80  # shares that may, and must, be trusted
MIN_SECONDS_RIGHT = 8  # from which on the right ones must
LENGTHS = (5, 8, 10, 15, 30, 60)
SOURCES = ("generated", "film")
FAMILIES: dict[str, tuple[tuple[int, ...], ...]] = {"1": ((0,), (1,)), "2": ((0, 1),), "5": ((0, 1, 2, 3, 4),)}
CLIPS = 120  # generated, to learn from and to judge on
PART = 25  # clips of a part of the table
MEMORYLESS: Kind = "must attend, no memory"
WITH_MEMORY: Kind = "must attend"
OWN_RIGHT, OWN_MEMORY = "own attention, of a model without memory", "own attention, of a model with memory"
REPEATED = "one second, repeated"
RANDOM_READ = "random attention, of a model that must read it"
OPEN_KINDS = (OWN_MEMORY, RANDOM_READ)  # of which no share is asked: whether they are right, the verdict is to find out
RIGHT_KINDS = (*RIGHT_BY_HAND, OWN_RIGHT)

Words = dict[str, dict[str, dict[str, int]]]  # kind → family → word, or "any" trusted of "families" → how often


@dataclass(frozen=True)
class Scene:
    """Where clips come from, how long they are, and whether their decisive seconds oppose each other."""

    source: str
    opposed: bool
    seconds: int

    @property
    def name(self) -> str:
        """For the file of parts."""
        return f"{self.source}, {'opposed' if self.opposed else 'one sign'}, {self.seconds} s"


def scenes() -> Iterator[Scene]:
    """All of them, in the order of the table."""
    for source in SOURCES:
        for opposed in (False, True):
            yield from (Scene(source, opposed, seconds) for seconds in LENGTHS)


def trained_models(pools: Mapping[str, Pool], width: int) -> dict[str, Sec2Sec]:
    """Every model that is judged, by name; a quarter of a minute each."""

    def taught(kind: Kind) -> Sec2Sec:
        model = new_model(width, TARGETS, kind, seed=1)
        return train(model, batches(dict(pools), STEPS, CLIPS_PER_STEP, seed=1))

    models: dict[str, Sec2Sec] = {kind: taught(kind) for kind in (MEMORYLESS, WITH_MEMORY)}
    paper = taught("as in the paper")
    return models | {
        "attention cut off": cut_off(paper),
        "random head": with_random_head(paper, seed=2),
        "untrained attention": taught("untrained attention"),
        "adversary, last second": taught("last second"),
        "adversary, first second": taught("first second"),
        "position alone, learned around": taught("ramp"),
        RANDOM_READ: with_random_attention(models[WITH_MEMORY], seed=2),
    }


def masker_of_clip(model: Sec2Sec, pool: Pool, chosen: np.ndarray) -> SecondMasker:
    """A clip of seconds of the pool, as a model is asked about it."""
    both = torch.from_numpy(pool.both[chosen]).float()
    neither = torch.from_numpy(pool.neither).float().expand_as(both)
    return SecondMasker(model, Tokens(None, None), SecondEmbeddings(both, both, both, neither))


@torch.inference_mode()
def judged(masker: SecondMasker, kinds: Mapping[str, Occlusion]) -> dict[str, list[Evidence]]:
    """What the verdict measures of each kind of attention to one clip."""
    changes, alike = under_other_weights(masker), are_alike(*masker.second_vectors)
    # where no other weights change anything, no order can make it trusted
    chance = (
        None if alike or changes is None or np.max(changes) < 1e-6 else measure_chance(masker.predictor, masker.seconds)
    )
    return {name: measure(masker.predictor, own, changes, alike, chance) for name, own in kinds.items()}


def count(words: Words, kind: str, cases: Sequence[Evidence], counted: np.ndarray | None = None) -> None:
    """Add one clip's words, of each family of targets. counted (K,): which targets are cases of this kind."""
    for family, members in FAMILIES.items():
        into = words.setdefault(kind, {}).setdefault(family, {})
        for targets in members:
            got: list[Word] = []
            for k, case in zip(targets, corrected([cases[k] for k in targets]), strict=True):
                if counted is None or counted[k]:
                    got.append(word_of_case(case))
            for word in got:
                into[word] = into.get(word, 0) + 1
            if got:
                into["families"] = into.get("families", 0) + 1
                into["any"] = into.get("any", 0) + ("trust" in got)


def run_part(scene: Scene, pool: Pool, models: Mapping[str, Sec2Sec], part: int) -> Words:
    """PART clips of a scene: every kind of attention, on models that must attend, in turns; and each model's own."""
    words: Words = {}
    chance = np.random.default_rng([scene.seconds, scene.opposed, SOURCES.index(scene.source), part])
    another: dict[str, np.ndarray | None] = dict.fromkeys(models)
    for number in range(PART):
        chosen = compose(pool, scene.seconds, scene.opposed, chance)
        planted = PlantedSeconds(np.abs(pool.evidence[chosen]).T, pool.decisive[chosen])
        base = WITH_MEMORY if number % 2 else MEMORYLESS
        masker = masker_of_clip(models[base], pool, chosen)
        kinds = attention_of_each_kind(masker.occlusion, planted, another[base], chance)
        another[base] = masker.occlusion.attention
        used = is_used(masker.occlusion.effect, planted.decisive)
        for kind, cases in judged(masker, kinds).items():
            if kind in RIGHT_BY_HAND and base == WITH_MEMORY:
                continue  # of a model that may not use its attention, right attention is not to be trusted
            own = OWN_MEMORY if base == WITH_MEMORY else OWN_RIGHT
            count(words, own if kind == OWN else kind, cases, used if kind == "planted truth" else None)
        if number % 2:  # each of these models needs random orders of its own, so they get every other clip
            continue
        for name, model in models.items():
            if name not in (MEMORYLESS, WITH_MEMORY):
                masker = masker_of_clip(model, pool, chosen)
                count(words, name, judged(masker, {OWN: masker.occlusion})[OWN])
        repeated = masker_of_clip(models[MEMORYLESS], pool, np.full(scene.seconds, chosen[0]))
        count(words, REPEATED, judged(repeated, {OWN: repeated.occlusion})[OWN])
    return words


def added(parts: Sequence[Words]) -> Words:
    """The sum of some parts."""
    total: Words = {}
    for part in parts:
        for kind, families in part.items():
            for family, words in families.items():
                into = total.setdefault(kind, {}).setdefault(family, {})
                into.update(Counter(into) + Counter(words))
    return total


@dataclass(frozen=True)
class Table:
    """The words of every scene."""

    scenes: Mapping[str, Words]

    def trusted(self, scene: str, kind: str, family: str) -> tuple[float, int]:
        """Share of cases trusted, and how many: targets of a right kind, clips with any target of a wrong one."""
        words = self.scenes[scene].get(kind, {}).get(family, {})
        if is_wrong(kind):
            cases = words.get("families", 0)
            return words.get("any", 0) / max(1, cases), cases
        cases = sum(words.get(word, 0) for word in ("trust", "careful", "do not trust"))
        return words.get("trust", 0) / max(1, cases), cases

    def misses(self, scene: Scene, kind: str, family: str) -> bool:
        """Whether this cell is beyond its limit."""
        share, cases = self.trusted(scene.name, kind, family)
        if is_wrong(kind):
            return share > MAX_WRONG
        return kind in RIGHT_KINDS and cases > 0 and scene.seconds >= MIN_SECONDS_RIGHT and share < MIN_RIGHT

    @property
    def holds(self) -> bool:
        """Whether no cell is beyond its limit."""
        return not any(
            self.misses(scene, kind, family)
            for scene in scenes()
            if scene.name in self.scenes
            for kind in self.scenes[scene.name]
            for family in FAMILIES
        )

    def as_markdown(self) -> str:
        """A table for each source and sign: rows are kinds, columns lengths, a cell has one, two and five targets."""
        lines: list[str] = []
        for source in SOURCES:
            for opposed in (False, True):
                here = [scene for scene in scenes() if (scene.source, scene.opposed) == (source, opposed)]
                here = [scene for scene in here if scene.name in self.scenes]
                if here:
                    title = "Generated clips" if source == "generated" else "Real film with edits"
                    lines += ["", f"**{title}, decisive seconds {'opposed' if opposed else 'of one sign'}**", ""]
                    lines += self._rows(here)
        return "\n".join(lines[1:])

    def _rows(self, here: Sequence[Scene]) -> Iterator[str]:
        yield "| attention | " + " | ".join(f"{scene.seconds} s" for scene in here) + " | cases |"
        yield "|---|" + "---|" * (len(here) + 1)
        kinds = self.scenes[here[0].name]
        for kind in [k for k in kinds if is_wrong(k)] + [k for k in (*RIGHT_KINDS, *OPEN_KINDS) if k in kinds]:
            cells = [" · ".join(self._cell(scene, kind, family) for family in FAMILIES) for scene in here]
            cases = [self.trusted(scene.name, kind, "1")[1] for scene in here]
            yield f"| {kind} | {' | '.join(cells)} | {min(cases)}–{max(cases)} |"

    def _cell(self, scene: Scene, kind: str, family: str) -> str:
        share, cases = self.trusted(scene.name, kind, family)
        if not cases:
            return "–"
        figure = f"{100 * share:.0f}"
        return f"**{figure}**" if self.misses(scene, kind, family) else figure


def is_wrong(kind: str) -> bool:
    """Whether attention of that kind must not be trusted."""
    return kind not in RIGHT_KINDS and kind not in OPEN_KINDS


def calibrate(work: Path, bundle: Bundle, clips: int, chosen: Sequence[Scene], say: Callable[[str], None]) -> Table:
    """Fill the table with `clips` clips in each scene; what the folder holds already is not run again."""
    pools = {(s, p): load_pool(work, bundle, s, p, CLIPS) for s in SOURCES for p in ("learn", "judge")}
    models = trained_models({source: pools[source, "learn"] for source in SOURCES}, bundle.model.config.width)
    done: dict[str, list[Words]] = {}
    path = work / f"parts-{MAX_P_HOLDS:g}-{MAX_P_WEAK:g}-{MIN_USE:g}-{MAX_EVENNESS:g}-{bundle.summary.sha256[:12]}.json"
    if path.exists():
        done = json.loads(path.read_text(encoding="utf-8"))
    parts = -(-clips // PART)
    for part in range(parts):
        for scene in chosen:
            if len(done.setdefault(scene.name, [])) <= part:
                began = time.monotonic()
                done[scene.name].append(run_part(scene, pools[scene.source, "judge"], models, part))
                write_json(path, done)
                say(f"{scene.name}: part {part + 1} of {parts} in {time.monotonic() - began:.0f} s")
    return Table({name: added(own) for name, own in done.items() if own})


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a cell is beyond its limit."""
    options = argparse.ArgumentParser(description="Count the verdict's words on attention whose truth is known.")
    options.add_argument("work", type=Path, metavar="DIR", help="folder of the clips and of finished parts")
    options.add_argument(
        "--checkpoint", type=Path, default=DEMO, metavar="DIR", help="whose seconds; default: the demo"
    )
    options.add_argument(
        "--cases",
        type=int,
        default=200,
        metavar="N",
        help="cases of one target in each cell, two from each clip (default: 200)",
    )
    options.add_argument("--json", type=Path, metavar="FILE", help="the counts of every word as well")
    chosen = options.parse_args(arguments)
    torch.set_num_threads(1)  # small products: more threads would only wait for each other
    bundle = load_checkpoint(chosen.checkpoint, "cpu")
    table = calibrate(
        chosen.work, bundle, -(-chosen.cases // 2), list(scenes()), lambda line: print(line, file=sys.stderr)
    )
    print(table.as_markdown())
    if chosen.json:
        write_json(chosen.json, {"cases": chosen.cases, "words": table.scenes})
    return 0 if table.holds else 1


if __name__ == "__main__":
    sys.exit(main())
