"""Are the verdict's thresholds right? Attention that is wrong by construction, and attention that follows a truth.

    python -m recipes.calibrate_verdict build/calibration

Makes known-truth clips, asks a checkpoint about them and counts the words. Each clip and target is judged with
attention that is put in the place of the model's own:

- wrong: the model's own, shuffled over the seconds; equal weights with a jitter; weights in the reverse order of
  the effects; weights drawn from a flat Dirichlet distribution; and the attention of an adversarial model, which was
  taught to predict the same and to look away from the decisive seconds (adversarial.py), where it uses them;
- right: the size of the evidence that was planted in each second, where the model uses it: taking the decisive seconds
  away brings the prediction at least half of the way to the baseline.

K targets, T seconds.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.adversarial import look_away
from sec2sec import DEMO
from sec2sec.checkpoints import Bundle, load_checkpoint
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.known_truth.generate import make_clips
from sec2sec.datasets.known_truth.read import Planted, read_planted
from sec2sec.datasets.open import open_data
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_seconds
from sec2sec.errors import ExplanationError
from sec2sec.explanations.masker import SecondMasker, masker_of
from sec2sec.explanations.results import Word
from sec2sec.explanations.verdict import verdicts
from sec2sec.files import write_json
from sec2sec.progress import drain

WRONG_BY_HAND = ("shuffled", "equal with jitter", "reverse of the effect", "random")
ADVERSARIAL = "adversarial model"
WRONG_KINDS = (*WRONG_BY_HAND, ADVERSARIAL)
RIGHT, OWN = "planted", "the model's own"
MAX_WRONG, MIN_RIGHT = 0.05, 0.80  # shares that may, and must, be called supported
JITTER = 1e-3  # relative; breaks ties without saying anything
MIN_USED_SHARE = 0.5  # of the way to the baseline
WORDS: tuple[Word, ...] = ("supported", "mixed", "not supported", "too short")


@dataclass(frozen=True)
class Calibration:
    """How often each kind of attention got each word."""

    words: Mapping[str, Mapping[Word, int]]

    def supported(self, kind: str) -> float:
        """Share of a kind's cases that were called supported."""
        return self.words[kind].get("supported", 0) / max(1, sum(self.words[kind].values()))

    def cases(self, kinds: Sequence[str]) -> int:
        """How many cases these kinds have."""
        return sum(sum(self.words[kind].values()) for kind in kinds)

    @property
    def holds(self) -> bool:
        """Whether every wrong kind stays within MAX_WRONG and the planted truth reaches MIN_RIGHT."""
        return all(self.supported(kind) <= MAX_WRONG for kind in WRONG_KINDS) and self.supported(RIGHT) >= MIN_RIGHT

    def as_text(self) -> str:
        """The table, a row per kind of attention."""
        lines = [f"{'attention':<24}{'cases':>6}" + "".join(f"{word:>15}" for word in WORDS)]
        for kind, words in self.words.items():
            cells = "".join(f"{words.get(word, 0) / max(1, sum(words.values())):>15.1%}" for word in WORDS)
            lines.append(f"{kind:<24}{sum(words.values()):>6}{cells}")
        return "\n".join(lines)


def tokens_of(work: Path, bundle: Bundle, clips: int, seed: int) -> Iterator[tuple[Tokens, Planted]]:
    """Cluttered clips with decisive seconds, made in `work` where they are not there yet, and what was planted."""
    drain(make_clips(work, clips, seed, "cluttered", workers=1))
    planted, rows = read_planted(work), open_data(work).split("all")
    for row, seconds in decode_all(rows, bundle.encoders.config, as_decoded, workers=0):
        assert not isinstance(seconds, str), seconds
        yield encode_seconds(seconds, bundle.encoders, bundle.device), planted[row.id]


def calibrate(cases: Iterator[tuple[Tokens, Planted]], bundle: Bundle, seed: int = 0) -> Calibration:
    """Judge every clip and target with every kind of attention."""
    counts: dict[str, Counter[Word]] = {kind: Counter() for kind in (*WRONG_KINDS, RIGHT, OWN)}
    chance, model = np.random.default_rng(seed), bundle.model
    clips = []
    for tokens, planted in cases:
        masker = masker_of(model, tokens).by_second
        if masker is None or model.config.temporal != "attention-lstm":
            raise ExplanationError(
                f"{bundle.summary.name} has no attention over seconds to calibrate on; choose another"
            )
        clips.append((masker, planted))
    for masker, planted in clips:
        case = Case(masker)
        used = case.uses(planted.decisive)
        by_kind = wrong_attention(case.attention, case.effect, chance)
        by_kind[RIGHT] = np.stack([planted_strength(planted, name, chance) for name in model.config.targets])
        by_kind[OWN] = case.attention
        for kind, attention in by_kind.items():
            counts[kind].update(word for k, word in enumerate(case.words(attention)) if kind != RIGHT or used[k])
    adversary = look_away(clips[0][0].model, [(masker.embeddings, planted.decisive) for masker, planted in clips])
    for masker, planted in clips:
        case = Case(SecondMasker(adversary, masker.tokens, masker.embeddings))
        used = case.uses(planted.decisive)
        counts[ADVERSARIAL].update(word for k, word in enumerate(case.words(case.attention)) if used[k])
    return Calibration(counts)


class Case:
    """What a model says of one clip: attention and effect (K, T), prediction and baseline (K,)."""

    def __init__(self, masker: SecondMasker) -> None:
        occlusion = masker.occlusion
        assert occlusion.attention is not None
        self.predict, self.attention, self.effect = masker.predictor, occlusion.attention, occlusion.effect
        self.prediction, self.baseline = occlusion.prediction, occlusion.baseline

    def uses(self, decisive: np.ndarray) -> np.ndarray:
        """(K,) bool: without the decisive seconds (T,) the prediction is at least half of the way at the baseline."""
        without = self.predict(~decisive[None], ~decisive[None])[0]
        used: np.ndarray = (self.prediction - without) / (self.prediction - self.baseline) >= MIN_USED_SHARE
        return used

    def words(self, attention: np.ndarray) -> list[Word]:
        """(K,) what the verdict says of some attention (K, T)."""
        return [v.word for v in verdicts(self.predict, attention, self.effect, self.prediction, self.baseline)]


def wrong_attention(own: np.ndarray, effect: np.ndarray, chance: np.random.Generator) -> dict[str, np.ndarray]:
    """Attention (K, T) of each kind that is put in the place of the model's own. own, effect (K, T)."""
    rank = np.argsort(np.argsort(np.abs(effect), axis=1), axis=1)  # 0 for the smallest effect
    kinds = (
        chance.permuted(own, axis=1),
        np.full_like(own, 1 / own.shape[1]) * (1 + JITTER * chance.standard_normal(own.shape)),
        np.take_along_axis(-np.sort(-own, axis=1), rank, axis=1),
        chance.dirichlet(np.ones(own.shape[1]), len(own)),
    )
    return dict(zip(WRONG_BY_HAND, kinds, strict=True))


def planted_strength(planted: Planted, target: str, chance: np.random.Generator) -> np.ndarray:
    """(T,) how strongly each second speaks of the target, with ties broken at random."""
    strength = np.abs(planted.evidence[target])
    return strength + JITTER * chance.random(len(strength))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where the thresholds do not hold."""
    options = argparse.ArgumentParser(description="Count the verdict's words on attention whose truth is known.")
    options.add_argument(
        "work", type=Path, metavar="DIR", help="folder of the clips, made where they are not there yet"
    )
    options.add_argument("--checkpoint", type=Path, default=DEMO, metavar="DIR", help="default: the bundled demo")
    options.add_argument("--clips", type=int, default=80, metavar="N")
    options.add_argument("--seed", type=int, default=4242, metavar="S")
    options.add_argument("--json", type=Path, metavar="FILE")
    chosen = options.parse_args(arguments)
    bundle = load_checkpoint(chosen.checkpoint, "cpu")
    calibration = calibrate(tokens_of(chosen.work, bundle, chosen.clips, chosen.seed), bundle)
    print(calibration.as_text())
    print(f"wrong attention: at most {MAX_WRONG:.0%} supported; planted truth: at least {MIN_RIGHT:.0%}")
    if chosen.json:
        write_json(chosen.json, {"clips": chosen.clips, "seed": chosen.seed, "words": calibration.words})
    return 0 if calibration.holds else 1


if __name__ == "__main__":
    sys.exit(main())
