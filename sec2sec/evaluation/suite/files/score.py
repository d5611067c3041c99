"""Score an explainer against what was planted in the clips of a suite. Needs Python 3.11 and numpy alone.

    python score.py SCORES.csv

SCORES.csv has a line for each clip, target and second, clip,target,second,score, or is the same as JSON: a list of
objects. A larger score means that the second matters more for the target. Scores below 0 are taken as signed: their
size says how much a second matters, their sign which way it pulls; --unsigned takes them as small. Columns video and
audio, of all lines or of none, score the picture and the sound of the second. Seconds count from 0.

Every figure stands beside what needs no explainer: chance (calculated), the last seconds first, the middle first, and
the same scores shuffled among the seconds of their clip. Intervals: 95 %, bootstrap over clips. T seconds, N clips.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Key = tuple[str, str]  # clip, target

SCHEMA = "sec2sec.suite/1"
COLUMNS = ("clip", "target", "second", "score")
MODALITIES = ("video", "audio")
SHUFFLES = 20  # of each clip's scores; their figures are the mean
DRAWS = 1000  # of the bootstrap
SPEAKS = 0.2  # a modality says something of a target from this size of its part on; states reach from -1 to 1
MAX_NAMED = 10  # missing clips that are named in the text; the JSON has all

OWN, CHANCE, LAST, MIDDLE, SHUFFLED = "scores", "chance", "last", "middle", "shuffled"
FIGURES = {
    "pointing": "the highest second is decisive (pointing game, Zhang et al. 2018); of equal ones each counts alike",
    "precision": "average precision of decisive seconds within a clip",
    "auroc": "share of pairs of a decisive and another second in the right order; equal ones count half",
    "mass": "share of the sizes of all scores that lies on decisive seconds",
    "decoy": "of clips with a decoy, those whose highest second is one: less is better",
    "sign": "share of decisive seconds whose score has the sign of their evidence; signed scores alone",
    "opposed": "the same of decisive seconds that speak against the label of their clip",
    "modality": "share of decisive seconds where picture and sound are right: both signs where both speak, else the "
    "larger size for the one that speaks",
    "sides": "share of decoys whose picture and sound have the opposite signs that were planted; signed scores alone",
}


class ScoresError(ValueError):
    """Scores or a folder that cannot be used: one line that says what, where, and what to do."""


@dataclass(frozen=True)
class Truth:
    """What was planted of one target in one clip; arrays are (T,)."""

    level: str
    split: str
    decisive: Bools
    decoy: Bools
    opposed: Bools
    evidence: Floats
    video: Floats  # what the picture alone would say; NaN where nothing is known
    audio: Floats


@dataclass(frozen=True)
class Scores:
    """What an explainer says of one target in one clip; arrays are (T,). signed: its sign has a meaning."""

    score: Floats
    video: Floats | None = None
    audio: Floats | None = None
    signed: bool = False
    signed_modalities: bool = False

    def shuffled(self, order: NDArray[np.int64]) -> Scores:
        """The same scores at other seconds."""
        video, audio = (None if x is None else x[order] for x in (self.video, self.audio))
        return Scores(self.score[order], video, audio, self.signed, self.signed_modalities)


# ---- reading


def read_truth(folder: Path) -> dict[Key, Truth]:
    """truth.csv of a suite. Raises ScoresError."""
    path = folder / "truth.csv"
    lines: dict[Key, list[dict[str, str]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                lines.setdefault((line["clip"], line["target"]), []).append(line)
        return {key: _truth(of_clip) for key, of_clip in lines.items()}
    except OSError as error:
        raise ScoresError(f"{path}: {error.strerror}; give the folder of a suite") from None
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ScoresError(f"{path}: is not the truth of a suite ({error!r}); take it from the suite again") from None


def _truth(lines: Sequence[Mapping[str, str]]) -> Truth:
    def numbers(column: str) -> Floats:
        return np.array([float(line[column] or "nan") for line in lines])

    decisive, decoy, opposed = (numbers(column) == 1 for column in ("decisive", "decoy", "opposed"))
    parts = (numbers(column) for column in ("evidence", *MODALITIES))
    return Truth(lines[0]["level"], lines[0]["split"], decisive, decoy, opposed, *parts)


def read_scores(path: Path, truth: Mapping[Key, Truth], *, unsigned: bool = False) -> dict[Key, Scores]:
    """The scores of a CSV or JSON file; every clip and target in it has all its seconds. Raises ScoresError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ScoresError(f"{path}: {error.strerror}; give a file of scores") from None
    except UnicodeDecodeError:
        raise ScoresError(f"{path}: is no text in UTF-8; save the scores as CSV or JSON") from None
    lines = _json_lines(path, text) if path.suffix.lower() == ".json" else _csv_lines(path, text)
    values: dict[Key, dict[int, tuple[float, ...]]] = {}
    for where, line in lines:
        key = _key(where, line, truth)
        second = _second(where, line, key[0], len(truth[key].decisive))
        seconds = values.setdefault(key, {})
        if second in seconds:
            raise ScoresError(f"{where}: {key[0]}, {key[1]}, second {second} stands twice; keep one line")
        given = [name for name in MODALITIES if line.get(name) not in (None, "")]
        if len(given) == 1:
            raise ScoresError(f"{where}: has a score for {given[0]} alone; give both video and audio, or neither")
        seconds[second] = tuple(_number(where, name, line[name]) for name in ("score", *given))
    _check_whole(path, values, truth)
    columns = {key: np.array([of[t] for t in range(len(of))]).T for key, of in values.items()}
    signed, signed_modalities = (
        not unsigned and any((rows[part] < 0).any() for rows in columns.values()) for part in (slice(1), slice(1, 3))
    )
    return {
        key: Scores(
            rows[0],
            rows[1] if len(rows) == 3 else None,
            rows[2] if len(rows) == 3 else None,
            signed,
            signed_modalities,
        )
        for key, rows in columns.items()
    }


def _key(where: str, line: Mapping[str, Any], truth: Mapping[Key, Truth]) -> Key:
    """Clip and target of a line, both of the suite."""
    key = str(line["clip"]), str(line["target"])
    if key in truth:
        return key
    targets = list(dict.fromkeys(target for _, target in truth))
    if key[1] in targets:
        raise ScoresError(
            f"{where}: there is no clip {key[0]!r} in the suite; its ids are in the column id of clips.csv"
        )
    raise ScoresError(f"{where}: there is no target {key[1]!r} in the suite; its targets are {', '.join(targets)}")


def _second(where: str, line: Mapping[str, Any], clip: str, length: int) -> int:
    second = _number(where, "second", line["second"])
    if second not in range(length):
        raise ScoresError(f"{where}: {clip} has the seconds 0 to {length - 1}, not {line['second']!r}")
    return int(second)


def _check_whole(path: Path, values: Mapping[Key, Mapping[int, Sequence[float]]], truth: Mapping[Key, Truth]) -> None:
    """Raise ScoresError where a second is missing, or some lines alone have scores of modalities."""
    if not values:
        raise ScoresError(f"{path}: holds no score; write a line for each clip, target and second")
    for (clip, target), seconds in values.items():
        length = len(truth[clip, target].decisive)
        if missing := sorted(set(range(length)) - set(seconds)):
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise ScoresError(f"{path}: {clip}, {target}: second {missing[0]}{more} of {length} has no score; add it")
    if len({len(numbers) for seconds in values.values() for numbers in seconds.values()}) > 1:
        raise ScoresError(f"{path}: some lines have scores of video and audio, and others not; give all or none")


def _csv_lines(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each line with its place in words."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = reader.fieldnames or []
        if missing := [name for name in COLUMNS if name not in names]:
            other = next((sign for sign in (";", "\t", "|") if sign in "".join(names[:1])), None)
            advice = f"; the columns are separated by {other!r}: save them with commas" if other else ""
            raise ScoresError(f"{path}: line 1: has no column {', '.join(missing)}{advice}")
        for line in reader:
            if None in line or None in line.values():
                raise ScoresError(f"{path}: line {reader.line_num}: has not as many cells as line 1; write all of them")
            yield f"{path}: line {reader.line_num}", line
    except csv.Error as error:
        raise ScoresError(f"{path}: line {reader.line_num}: is no CSV ({error}); write the file again") from None


def _json_lines(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScoresError(f"{path}: is no JSON ({error}); write the file again") from None
    if not isinstance(entries, list):
        raise ScoresError(f"{path}: is no list; write a list of objects with {', '.join(COLUMNS)}")
    for number, entry in enumerate(entries, start=1):
        where = f"{path}: entry {number}"
        if not isinstance(entry, dict):
            raise ScoresError(f"{where}: is no object with {', '.join(COLUMNS)}")
        if missing := [name for name in COLUMNS if name not in entry]:
            raise ScoresError(f"{where}: has no {', '.join(missing)}")
        yield where, entry


def _number(where: str, name: str, value: object) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ScoresError(f"{where}: {name} is {value!r}; expected a number")
    return number


# ---- figures of one clip


def figures(truth: Truth, scores: Scores) -> dict[str, float]:
    """Every figure of one target in one clip; NaN where it is undefined."""
    decisive, decoy = truth.decisive, truth.decoy
    size = np.abs(scores.score) if scores.signed else scores.score
    some = bool(decisive.any())
    right = np.sign(scores.score) == np.sign(truth.evidence)
    return {
        "pointing": _highest(size, decisive) if some else math.nan,
        "precision": average_precision(size, decisive),
        "auroc": auroc(size, decisive),
        "mass": _mass(size, decisive) if some else math.nan,
        "decoy": _highest(size, decoy) if decoy.any() else math.nan,
        "sign": _share(right, decisive) if scores.signed else math.nan,
        "opposed": _share(right, truth.opposed) if scores.signed else math.nan,
        **_by_modality(truth, scores),
    }


def _highest(size: Floats, wanted: Bools) -> float:
    """Share of the wanted among the highest seconds, which are one but for ties to single precision."""
    highest = size.max()
    return float(wanted[size >= highest - 1e-6 * abs(highest)].mean())


def _mass(size: Floats, wanted: Bools) -> float:
    if size.min() < 0:  # small scores are below 0: they share nothing out
        return math.nan
    if size.max() == 0:
        return float(wanted.mean())
    size = size / size.max()  # so that no sum is beyond what a float holds
    return float(size[wanted].sum() / size.sum())


def _share(right: Bools, where: Bools) -> float:
    return float(right[where].mean()) if where.any() else math.nan


def average_precision(size: Floats, wanted: Bools) -> float:
    """Mean precision at each wanted second, as scikit-learn has it: equal scores are one threshold."""
    if not wanted.any():
        return math.nan
    order = np.argsort(-size, kind="stable")
    hits = np.cumsum(wanted[order])
    ends = np.flatnonzero(np.append(size[order][1:] != size[order][:-1], True))  # of each run of equal scores
    return float((np.diff(hits[ends], prepend=0) * hits[ends] / (ends + 1)).sum() / hits[-1])


def auroc(size: Floats, wanted: Bools) -> float:
    """Share of pairs of a wanted and another second in the right order; equal ones count half."""
    if wanted.all() or not wanted.any():
        return math.nan
    above, below = size[wanted][:, None], size[~wanted]
    return float(((above > below) + 0.5 * (above == below)).mean())


def _parts(truth: Truth) -> tuple[Bools, Bools, Bools, Bools]:
    """Where picture and sound speak; decisive seconds where one of them does; decoys where they oppose each other."""
    seen, heard = np.abs(truth.video) >= SPEAKS, np.abs(truth.audio) >= SPEAKS  # NaN says nothing
    against = np.sign(truth.video) == -np.sign(truth.audio)
    return seen, heard, truth.decisive & (seen | heard), truth.decoy & seen & heard & against


def _by_modality(truth: Truth, scores: Scores) -> dict[str, float]:
    if scores.video is None or scores.audio is None:
        return {"modality": math.nan, "sides": math.nan}
    seen, heard, judged, sides = _parts(truth)
    signs = (np.sign(scores.video) == np.sign(truth.video)) & (np.sign(scores.audio) == np.sign(truth.audio))
    gap = np.abs(scores.video) - np.abs(scores.audio)
    right = np.where(seen & heard, signs, np.where(seen, gap > 0, gap < 0))
    if not scores.signed_modalities:  # both speak and neither has a sign: nothing can be said
        judged, sides = judged & (seen != heard), np.zeros_like(sides)
    return {"modality": _share(right, judged), "sides": _share(signs, sides)}


def by_chance(truth: Truth, scores: Scores) -> dict[str, float]:
    """What scores in random order, of random sign, come to on average; NaN where `figures` has nothing to say."""
    count, length = int(truth.decisive.sum()), len(truth.decisive)
    share = count / length
    seen, heard, judged, _ = _parts(truth)
    judged = judged if scores.signed_modalities else judged & (seen != heard)
    guess = np.where(seen & heard, 0.25, 0.5)
    values = {
        "pointing": share,
        "precision": expected_precision(count, length) if count else math.nan,
        "auroc": 0.5,
        "mass": share,
        "decoy": float(truth.decoy.mean()),
        "sign": 0.5,
        "opposed": 0.5,
        "modality": float(guess[judged].mean()) if judged.any() else math.nan,
        "sides": 0.25,
    }
    return {name: values[name] if math.isfinite(own) else math.nan for name, own in figures(truth, scores).items()}


def expected_precision(count: int, length: int) -> float:
    """Average precision of `count` wanted among `length` in random order, without ties (Bestgen 2015)."""
    if length == 1:
        return 1.0
    harmonic = float((1 / np.arange(1, length + 1)).sum())
    return (count - 1) / (length - 1) + (length - count) / (length * (length - 1)) * harmonic


def _yardsticks(truth: Truth, scores: Scores, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """Figures of what needs no explainer, by name."""
    length = len(scores.score)
    place = np.arange(1.0, length + 1)
    shuffles = [figures(truth, scores.shuffled(rng.permutation(length))) for _ in range(SHUFFLES)]
    return {
        CHANCE: by_chance(truth, scores),
        LAST: figures(truth, Scores(place)),
        MIDDLE: figures(truth, Scores(np.minimum(place, place[::-1]))),
        SHUFFLED: {name: _mean([one[name] for one in shuffles]) for name in FIGURES},
    }


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if math.isfinite(value)]
    return sum(defined) / len(defined) if defined else math.nan


# ---- the report


def score(folder: Path | str, file: Path | str, split: str = "test", *, unsigned: bool = False) -> dict[str, Any]:
    """The report on a file of scores, as JSON takes it. Raises ScoresError.

    split: of the clips, or all; scores of other clips are not looked at. unsigned: scores below 0 are small ones.
    """
    truth = read_truth(Path(folder))
    scores = read_scores(Path(file), truth, unsigned=unsigned)
    wanted = {key: one for key, one in truth.items() if split in ("all", one.split)}
    scored = {key: scores[key] for key in wanted if key in scores}
    if not scored:
        there = ", ".join(sorted({truth[key].split for key in scores}))
        raise ScoresError(f"{file}: has no clip of the split {split!r}; its clips are in {there}: choose with --split")
    targets = list(dict.fromkeys(target for _, target in scored))
    levels: dict[str, dict[str, Any]] = {}
    for level in dict.fromkeys(one.level for one in wanted.values()):
        for target in targets:
            keys = [key for key in scored if key[1] == target and wanted[key].level == level]
            if keys:
                levels.setdefault(level, {})[target] = _collect([(wanted[key], scored[key]) for key in keys])
    first = next(iter(scored.values()))
    return {
        "schema": SCHEMA,
        "scores": Path(file).name,
        "split": split,
        "signed": first.signed,
        "by_modality": first.video is not None,
        "clips": len({clip for clip, _ in scored}),
        "other_splits": len({clip for clip, target in scores if (clip, target) not in wanted}),
        "missing": {target: [c for c, t in wanted if t == target and (c, t) not in scores] for target in targets},
        "levels": levels,
    }


def _collect(clips: Sequence[tuple[Truth, Scores]]) -> dict[str, dict[str, Any]]:
    """Explainer → figure → value, interval, clips."""
    values: dict[str, list[dict[str, float]]] = {}
    for number, (truth, scores) in enumerate(clips):
        yardsticks = _yardsticks(truth, scores, np.random.default_rng(number))
        for name, of_clip in ({OWN: figures(truth, scores)} | yardsticks).items():
            values.setdefault(name, []).append(of_clip)
    count = len(clips)
    weights = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(np.float64)
    return {
        name: {figure: _with_interval(np.array([one[figure] for one in of_clips]), weights) for figure in FIGURES}
        for name, of_clips in values.items()
    }


def _with_interval(values: Floats, weights: Floats) -> dict[str, Any]:
    """Mean over the clips (N,) where it is defined, and the middle 95 % of its bootstrap; weights (draws, N)."""
    defined = np.isfinite(values)
    if not defined.any():
        return {"value": None, "interval": None, "clips": 0}
    drawn = weights[:, defined]
    drawn = drawn[drawn.sum(1) > 0]  # a draw without such a clip says nothing
    low, high = np.percentile(drawn @ values[defined] / drawn.sum(1), (2.5, 97.5))
    interval = [round(float(low), 6), round(float(high), 6)] if defined.sum() > 1 else None
    return {"value": round(float(values[defined].mean()), 6), "interval": interval, "clips": int(defined.sum())}


def as_text(report: Mapping[str, Any]) -> str:
    """A table for each level and target, what is missing, and what the figures mean."""
    kind = "signed" if report["signed"] else "not signed"
    count = _counted(report["clips"])
    others = f"; {_counted(report['other_splits'])} of other splits left out" if report["other_splits"] else ""
    parts = [f"{report['scores']}: {count} of the split {report['split']}{others}; its scores are {kind}"]
    shown: list[str] = []
    for level, targets in report["levels"].items():
        for target, explainers in targets.items():
            lines, names = _table(explainers)
            shown += [name for name in names if name not in shown]
            clips = explainers[OWN]["pointing"]["clips"]
            parts.append("\n".join([f"{level}, {target} ({_counted(clips)})", *lines]))
    for target, clips in report["missing"].items():
        if clips:
            more = f" and {len(clips) - MAX_NAMED} more" if len(clips) > MAX_NAMED else ""
            parts.append(f"no scores of {target} for {_counted(len(clips))}: {', '.join(clips[:MAX_NAMED])}{more}")
    parts.append("\n".join(f"{name}: {FIGURES[name]}" for name in FIGURES if name in shown))
    return "\n\n".join(parts)


def _counted(clips: int) -> str:
    return f"{clips} clip{'s' if clips != 1 else ''}"


def _table(explainers: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """The lines of one table, and the figures in it."""
    names = [name for name in FIGURES if explainers[OWN][name]["value"] is not None]
    lines = [f"  {'':<10}{OWN:<24}{CHANCE:>9}{LAST:>9}{MIDDLE:>9}{SHUFFLED:>10}"]
    for name in names:
        interval = explainers[OWN][name]["interval"]
        span = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
        own = f"{explainers[OWN][name]['value']:.3f}{span}"
        others = [explainers[one][name]["value"] for one in (CHANCE, LAST, MIDDLE, SHUFFLED)]
        cells = ["" if value is None else f"{value:.3f}" for value in others]
        lines.append(f"  {name:<10}{own:<24}{cells[0]:>9}{cells[1]:>9}{cells[2]:>9}{cells[3]:>10}".rstrip())
    return lines, names


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; returns 2 with one line on stderr where the scores cannot be used."""
    parser = argparse.ArgumentParser(description="Score an explainer against what was planted in the clips.")
    parser.add_argument("scores", type=Path, metavar="SCORES", help="scores as CSV or JSON, see the top of this file")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent, metavar="DIR", help="folder of the suite")
    parser.add_argument("--split", default="test", choices=("all", "train", "validation", "test"), help="default: test")
    parser.add_argument("--unsigned", action="store_true", help="take scores below 0 as small, not as signed")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    try:
        report = score(options.folder, options.scores, options.split, unsigned=options.unsigned)
    except ScoresError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    try:
        print(json.dumps(report, indent=1, allow_nan=False) if options.json else as_text(report), flush=True)
    except BrokenPipeError:  # whoever read the output has seen enough; what Python flushes at its end goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
