"""What it costs to ask a predictor that is not ours through edited copies of a clip, and what it finds.

The predictor of the first rows sleeps for 50 ms: all beyond that is the price of the copies. That of the last rows is
the bundled checkpoint as a function: it gets files, as anybody's model would, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

import sec2sec
from bench.quality import BUILD, seed_of
from bench.row import Row, in_turns
from sec2sec.checkpoints import Bundle, load_checkpoint
from sec2sec.clip import PresentedExplanation
from sec2sec.datasets.known_truth import make_clips, read_planted
from sec2sec.datasets.table import read_table
from sec2sec.metrics import pointing
from sec2sec.predictors.audit import AuditSettings, audit_steps
from sec2sec.predictors.predictor import FunctionPredictor, Identity
from sec2sec.progress import drain

CLIP = Path("assets/clips/sintel-flight.mp4")  # 10 s, 480 × 270
SECONDS = 10
TAKES = 0.05  # s of one bare prediction
BESIDE = 5  # questions that are none of effects: 2 of sound and picture alone, 3 more of the clip as it is
MAX_RATIO = 2.0
CLIPS = 60  # known-truth ones
REFERENCES = ("silence-black", "tone-held")


def rows() -> Iterator[Row]:
    """The costs in half a minute; the known-truth clips take half an hour the first time."""
    yield from cost_rows()
    yield from truth_rows(load_checkpoint(sec2sec.DEMO, "cpu"))


def cost_rows() -> Iterator[Row]:
    """Time and number of predictions."""
    for references in (REFERENCES[:1], REFERENCES):
        asked = audit_sleeping(references).audit
        assert asked is not None
        audited, bare = in_turns(lambda r=references: audit_sleeping(r), lambda n=asked.questions: sleep_for(n))
        words = "one reference" if len(references) == 1 else "two references"
        yield Row(f"audit of 10 s ÷ as many bare predictions of 50 ms, {words}", audited / bare, "×", MAX_RATIO)
    for targets in (1, 5):
        asked = audit_sleeping(REFERENCES[:1], targets).audit
        assert asked is not None
        name = (
            f"predictions for the effects of {SECONDS} s (3 T + 2), {targets} {'target' if targets == 1 else 'targets'}"
        )
        yield Row(name, asked.questions - BESIDE, "", 3 * SECONDS + 2)


def audit_sleeping(references: tuple[str, ...], targets: int = 1) -> PresentedExplanation:
    """An audit of a predictor that sleeps, with nothing known from before."""

    def predict(clips: list[Path]) -> list[dict[str, float]]:
        time.sleep(TAKES * len(clips))
        return [{f"target {k}": 0.5 for k in range(targets)} for _ in clips]

    return drain(audit_steps(CLIP, FunctionPredictor(predict, Identity("sleeper")), AuditSettings(references)))


def sleep_for(questions: int) -> None:
    """The same number of bare predictions."""
    for _ in range(questions):
        time.sleep(TAKES)


def truth_rows(bundle: Bundle, clips: int = CLIPS, build: Path = BUILD) -> Iterator[Row]:
    """Planted seconds found by edited files, beside those found on tokens, and how far the two agree."""
    folder = build / f"audit-{clips}"
    drain(make_clips(folder, clips, seed_of("plain"), "plain", workers=1))
    planted, hits, agreement = read_planted(folder), {key: [] for key in (*REFERENCES, "tokens")}, Agreement()
    for row in read_table(folder).rows:
        decisive = planted[row.id].decisive
        own = sec2sec.encode(row.path, bundle)
        tokens = np.stack([own.effects(name).whole for name in own.targets])
        hits["tokens"].append(pointing(np.abs(tokens).sum(0), decisive))
        explanation = audit_of_ours(bundle, row.path)
        for place, key in enumerate(REFERENCES):
            files = np.stack([explanation.targets[name].effects[place].whole for name in own.targets])
            hits[key].append(pointing(np.abs(files).sum(0), decisive))
            agreement.add(key, tokens, files)
    least: Mapping[str, Any] = {"limit": 0.95, "side": "at least"}
    for key, found in hits.items():
        what = "on tokens" if key == "tokens" else f"by edited files, {key}"
        yield Row(f"{clips} plain clips: planted second found {what}", float(np.mean(found)), **least)
    chance = [float(planted[row.id].decisive.mean()) for row in read_table(folder).rows]
    yield Row("  by chance (trivial)", float(np.mean(chance)))
    yield from agreement.rows(f"{clips} plain clips")
    films = Agreement()
    for film in sorted(CLIP.parent.glob("*.mp4")):
        own, explanation = sec2sec.encode(film, bundle), audit_of_ours(bundle, film)
        tokens = np.stack([own.effects(name).whole for name in own.targets])
        for place, key in enumerate(REFERENCES):
            films.add(key, tokens, np.stack([explanation.targets[name].effects[place].whole for name in own.targets]))
    yield from films.rows("example clips")


def audit_of_ours(bundle: Bundle, clip: Path) -> PresentedExplanation:
    """The bundled checkpoint as a predictor that is given files; what it answered is kept beside the clips."""

    def predict(clips: list[Path]) -> list[dict[str, float]]:
        return [sec2sec.encode(one, bundle).predict() for one in clips]

    identity = Identity("demo", version=bundle.summary.sha256)
    settings = AuditSettings(REFERENCES, answers=BUILD / "answers")
    return drain(audit_steps(clip, FunctionPredictor(predict, identity, batch=1), settings))


class Agreement:
    """How far effects by edited files are those on tokens, over clips and targets."""

    def __init__(self) -> None:
        self.rho: dict[str, list[float]] = {}
        self.largest: dict[str, list[float]] = {}

    def add(self, key: str, tokens: np.ndarray, files: np.ndarray) -> None:
        """Effects (K, T) of one clip, both ways."""
        for one, other in zip(tokens, files, strict=True):
            if len(one) > 2:
                self.rho.setdefault(key, []).append(float(spearmanr(one, other)[0]))
            self.largest.setdefault(key, []).append(float(np.abs(one - other).max()))

    def rows(self, where: str) -> Iterator[Row]:
        """Reported alone: another reference is another question."""
        for key, rho in self.rho.items():
            yield Row(
                f"{where}: rank correlation of effects, files ({key}) and tokens, median", float(np.nanmedian(rho))
            )
            yield Row("  largest difference, median over clips and targets", float(np.median(self.largest[key])))
            yield Row("  largest difference of all", float(np.max(self.largest[key])))
