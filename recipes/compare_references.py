"""Do effects hold when something else stands in the place of a second? One row for each reference and target.

    python -m recipes.compare_references CHECKPOINT DATA_OR_FILM ...

A folder of known-truth clips is explained clip by clip, a film in windows of WINDOW seconds that begin every STEP
seconds. Each reference is compared with the training mean: signed effects and their sizes, by Pearson's r and by ranks;
what the reference adds to every effect alike; in how many clips the verdict's witness calls the reference weak; and in
how many the second with the largest effect is a planted one. Prints Markdown.

K targets, T seconds.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sec2sec.checkpoints import Bundle, load_checkpoint
from sec2sec.clip import encode
from sec2sec.datasets.known_truth import read_planted
from sec2sec.datasets.table import read_table
from sec2sec.explanations.collect import second_effects
from sec2sec.explanations.masker import masker_of
from sec2sec.explanations.out_of_distribution import load_training_seconds
from sec2sec.explanations.ranks import correlation, rank_correlation
from sec2sec.explanations.results import SecondEffects
from sec2sec.explanations.witnesses import reference_witnesses

WINDOW, STEP = 10, 3  # s
COLUMNS = ("r", "ρ", "r of sizes", "ρ of sizes", "adds", "weak", "planted")
Figures = dict[str, list[float]]


def explained(bundle: Bundle, source: Path) -> Iterator[tuple[list[list[SecondEffects]], np.ndarray | None]]:
    """The effects of each clip of a folder, or window of a film, and which of its seconds are planted."""
    training = load_training_seconds(bundle)
    if source.is_dir():
        planted = read_planted(source)
        for row in read_table(source).rows:
            clip = encode(row.path, bundle)
            yield second_effects(clip.masker, training), np.asarray(planted[row.id].decisive, bool)
    else:
        tokens = encode(source, bundle).tokens
        for start in range(0, tokens.seconds - WINDOW + 1, STEP):
            window = masker_of(bundle.model, tokens.part(start, start + WINDOW))
            yield second_effects(window, training), None


def compare(figures: Figures, mean: SecondEffects, other: SecondEffects, planted: np.ndarray | None) -> None:
    """Add one clip and target to the figures of a reference."""
    pairs = (mean.whole, other.whole), (np.abs(mean.whole), np.abs(other.whole))
    for name, (one, two) in zip(("", " of sizes"), pairs, strict=True):
        figures["r" + name].append(float(correlation(one, two)))
        figures["ρ" + name].append(float(rank_correlation(one, two)))
    figures["adds"].append(float((other.whole - mean.whole).mean()))
    figures["weak"] += [float(witness.grade == "weak") for witness in reference_witnesses([mean, other])]
    if planted is not None:
        figures["planted"].append(float(planted[np.abs(other.whole - np.median(other.whole)).argmax()]))


def table(bundle: Bundle, source: Path) -> str:
    """Markdown."""
    rows: dict[tuple[str, str], Figures] = defaultdict(lambda: defaultdict(list))
    clips = 0
    for references, planted in explained(bundle, source):
        clips += 1
        for k, target in enumerate(bundle.model.config.targets):
            if target not in bundle.summary.diagnostics:
                for reference in references[1:]:
                    own = rows[target, reference[k].reference]
                    compare(own, references[0][k], reference[k], planted)
    lines = [f"{source}: {clips} clips or windows", ""]
    lines += ["| target | reference | " + " | ".join(COLUMNS) + " |", "|---|---|" + "---|" * len(COLUMNS)]
    for (target, name), own in rows.items():
        cells = [f"{np.nanmean(own[c]):.3f}".replace("-", "−") if own.get(c) else "" for c in COLUMNS]
        lines.append(f"| {target} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each folder and film."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("checkpoint", type=Path)
    options.add_argument("sources", type=Path, nargs="+", help="folders of known-truth clips, and films")
    chosen = options.parse_args(arguments)
    bundle = load_checkpoint(chosen.checkpoint, "cpu")
    print("\n\n".join(table(bundle, source) for source in chosen.sources))


if __name__ == "__main__":
    main()
