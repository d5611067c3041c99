"""The report of `evaluate` for a terminal, as a page, and as a part of the app's page: the same rows and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sec2sec.evaluation.report import (
    Calibration,
    EvaluationReport,
    Gain,
    ModalitiesTarget,
    Points,
    Roc,
    TargetReport,
    WorstClip,
)
from sec2sec.evaluation.yardsticks import ABOUT
from sec2sec.metrics import (
    DEFAULT_THRESHOLD,
    MAIN,
    SHOWN,
    figure,
    gain_words,
    span,
    threshold_words,
    thresholds_of,
    title_of,
)
from sec2sec.plots.svg import Series, Svg, chart
from sec2sec.tables import MetricRow, TextTable, counted, latex_document, metric_tables, rows_of_target
from sec2sec.viewer import files
from sec2sec.viewer.templates import render
from sec2sec.words import plus_minus

KINDS = {"binary": "Classes", "score": "Scores"}
NAMED = 42  # columns of a terminal for what a row is of
DIAGONAL = (0.0, 1.0)
UNKNOWN_ORIGIN = (
    "The checkpoint does not say which clips it learned from, so that nobody can tell whether it has seen these; "
    "figures on clips that it has seen say nothing about others."
)
MAX_UNUSABLE_NAMED = 20  # clips that the app's page names
MAX_WRONG_SHOWN = 10  # clips farthest off, of each target
MAX_UNSURE_SHOWN = 3  # of a target whose every clip is predicted right


@dataclass(frozen=True)
class ChartView:
    """A chart, what is seen in it in words, and its figures as a table where the words do not hold them."""

    name: str  # of what is drawn
    drawing: Svg
    words: str
    table: TextTable | None = None


@dataclass(frozen=True)
class TargetView:
    """The charts of a target, and the clips that were predicted wrong."""

    charts: list[ChartView]
    worst: ShownClips


@dataclass(frozen=True)
class ShownClips:
    """The clips of a target that a page lists, and what they are. ranks: of each in the report's own list."""

    title: str
    table: TextTable
    ranks: list[int]
    stills: list[str]  # data URLs; empty for a clip without a picture, and on a page without pictures


def as_page(report: EvaluationReport) -> str:
    """One HTML document of the report of evaluate_steps."""
    checkpoint = report["checkpoint"]
    foot = f"Checkpoint {checkpoint['name']}, SHA-256 {checkpoint['sha256']}. Intervals: 95 %, bootstrap over groups."
    title = f"{checkpoint['name']} on {report['clips']} clips"
    frame = {"title": title, "foot": foot, "styles": files.style(files.PAGE_STYLE)}
    unusable = [f"{report['unusable']} clips could not be used."] if report["unusable"] else []
    return render("evaluation_page.html", **frame, **_values(report, unusable), level=2, in_app=False, unusable=[])


def as_fragment(report: EvaluationReport, unusable: Sequence[str], stills: Mapping[str, str] | None = None) -> str:
    """The same within the app's page: each clip that is listed is a button with its picture. HTML.

    unusable: clips, a sentence each. stills: data URLs by the id of a clip.
    """
    values = _values(report, [], stills)
    return render("evaluation.html", **values, level=2, in_app=True, unusable=unusable, named=MAX_UNUSABLE_NAMED)


def _values(
    report: EvaluationReport, unusable: Sequence[str], stills: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What both templates take."""
    counted = f"{report['clips']} clips of {report['data']} (split: {report['split']})."
    return {
        "sentences": [*warnings(report), counted, learned(report), *named_manifest(report), *unusable],
        "tables": metric_tables(report["targets"]),
        "modalities": {"tables": modality_tables(report), "sentences": modality_lines(report)},
        "pointing": pointing_lines(report),
        "targets": {
            name: TargetView(charts_of(name, target), shown_clips(name, target, stills or {}))
            for name, target in report["targets"].items()
        },
    }


def as_text(report: EvaluationReport) -> str:
    """The report as a table for a terminal."""
    lines = [
        *(f"WARNING: {sentence}" for sentence in warnings(report)),
        f"{report['clips']} clips of {report['data']} ({report['split']}), checkpoint {report['checkpoint']['name']}",
        learned(report),
        *named_manifest(report),
    ]
    for kind, metrics in SHOWN.items():
        targets = {name: target for name, target in report["targets"].items() if target["kind"] == kind}
        if words := threshold_words(thresholds_of(targets)):
            lines += ["", f"In these figures {words}."]
        if targets:
            lines += ["", f"{'target':<{NAMED}}" + "".join(f"{name:>19}" for name in metrics) + f"{'clips':>8}"]
        for name, target in targets.items():
            lines += _text_of_target(name, target, metrics)
    for table in modality_tables(report):
        lines += ["", table.caption, table.as_text()]
    lines += modality_lines(report)
    if "pointing" in report:
        lines += ["", "top second is a decisive one, share of clips", *(f"  {line}" for line in pointing_lines(report))]
    return "\n".join(lines)


def as_latex(report: EvaluationReport) -> str:
    """The metrics as tables for a paper; what a reader must know before the figures stands above them, as comments."""
    about = f"{report['checkpoint']['name']}, {report['clips']} clips (split: {report['split']})"
    words = [*(f"WARNING: {sentence}" for sentence in warnings(report)), f"data: {report['data']}", learned(report)]
    words += named_manifest(report)
    tables = [*metric_tables(report["targets"]), *modality_tables(report)]
    tables = [replace(table, caption=f"{about}. {table.caption}") for table in tables]
    return latex_document(words, tables)


def figures(report: EvaluationReport) -> dict[str, Svg]:
    """Every chart of the page by target and by what it draws."""
    return {
        f"{name}-{view.name}": view.drawing
        for name, target in report["targets"].items()
        for view in charts_of(name, target)
    }


def pointing_lines(report: EvaluationReport) -> list[str]:
    """The pointing game, a line for each method and yardstick, then what occlusion finds more than some of them."""
    lines = [f"{method}: {share:.3f}{_about(method)}" for method, share in report.get("pointing", {}).items()]
    return lines + [f"occlusion: {gain_words(gain)}" for gain in report.get("pointing_gains", [])]


def modality_tables(report: EvaluationReport) -> list[TextTable]:
    """A table for each kind of target of what is left of its figures where sound and picture are apart."""
    measured = report.get("modalities")
    if measured is None:
        return []
    drawn = counted(measured["clips"], "clip")
    if measured["clips"] < measured["of"]:
        drawn += f" of {measured['of']}"
    tables = []
    for kind, metrics in SHOWN.items():
        targets = {name: target for name, target in measured["targets"].items() if target["kind"] == kind}
        rows = [
            [f"{name}, {row.label}", *(row.cell(metric) for metric in metrics)]
            for name, target in targets.items()
            for row in _apart(target)
        ]
        if rows:
            caption = f"{KINDS[kind]}: does the model need sound and picture together? {drawn}, each beside each"
            tables.append(TextTable(caption, ["target, predicted from", *map(title_of, metrics)], rows))
    return tables


def _apart(target: ModalitiesTarget) -> list[MetricRow]:
    """What the model says of both, of them apart, and of each alone; then the trivial baselines."""
    own = [rows_of_target(name, report)[0] for name, report in target["rows"].items()]
    trivial = rows_of_target("", next(iter(target["rows"].values())))[1:]
    return [*own, *(replace(row, target=f"{row.baseline} (trivial)", baseline="") for row in trivial)]


def modality_lines(report: EvaluationReport) -> list[str]:
    """What the score of each target owes to sound and picture together, a sentence each."""
    if "modalities" not in report:
        return []
    return [_together(name, target["together"]) for name, target in report["modalities"]["targets"].items()]


def _together(name: str, gain: Gain) -> str:
    interval = gain["interval"]
    figures = f"{title_of(gain['metric'])} {plus_minus(gain['value'])}{span(interval)}"
    if interval is None or not interval[0] > 0:
        return f"{name}: nothing shows that it needs sound and picture together ({figures} over what they say apart)."
    return f"{name}: the model needs sound and picture together ({figures} over what they say apart)."


def _about(method: str) -> str:
    return f" (no model: {ABOUT[method]})" if method in ABOUT else ""


def _text_of_target(name: str, target: TargetReport, metrics: Sequence[str]) -> list[str]:
    own, *baselines = rows_of_target(name, target)
    lines = [f"{name:<{NAMED}}{_text_cells(own, metrics)}{own.clips:>8}"]
    if interval := own.intervals[MAIN[target["kind"]]]:
        lines.append(f"{'  95 % over groups':<{NAMED}}{'{:.3f}–{:.3f}'.format(*interval):>19}")
    lines += [f"{f'  {row.baseline} (trivial)':<{NAMED}}{_text_cells(row, metrics)}" for row in baselines]
    if "calibration" in target["curves"]:
        error = target["curves"]["calibration"]
        trivial = f"(the training share alone {error['trivial']['brier']:.3f})"
        lines.append(f"  calibration: ECE {error['ece']:.3f}, Brier {error['brier']:.3f} {trivial}")
    for clip in target["worst"][:1]:
        truth, prediction, _ = _worst_cells(clip)
        lines.append(f"  farthest off: {clip['id']}, truth {truth}, prediction {prediction}")
    return lines


def _text_cells(row: MetricRow, metrics: Sequence[str]) -> str:
    return "".join(f"{figure(row.value(metric)):>19}" for metric in metrics if metric in row.values)


def warnings(report: EvaluationReport) -> list[str]:
    """What a reader must know before the figures, a sentence each."""
    seen = report["learned_from"]
    if not seen["known"]:
        return [UNKNOWN_ORIGIN, *report["remarks"]]
    if not seen["clips"]:
        return list(report["remarks"])
    splits = " and ".join(f"{count} for {name}" for name, count in seen["splits"].items())
    sentence = (
        f"The checkpoint learned from {seen['clips']} of these clips{f' ({splits})' if splits else ''}: "
        "figures on them say nothing about others."
    )
    return [sentence, *report["remarks"]]


def learned(report: EvaluationReport) -> str:
    """What the model learned from: it stands wherever a prediction is shown."""
    return f"Model {report['checkpoint']['name']}. {report['checkpoint']['trained_on'].strip()}"


def named_manifest(report: EvaluationReport) -> list[str]:
    """Where all that the training depended on is noted, if that is known."""
    return [f"Manifest of the training: {report['manifest']}"] if "manifest" in report else []


def shown_clips(name: str, target: TargetReport, stills: Mapping[str, str]) -> ShownClips:
    """The clips farthest off, none of which is right; where all of a class are right, the least sure ones.

    stills: as of as_fragment.
    """
    ranks = wrong_ranks(target)[:MAX_WRONG_SHOWN]
    title = f"{name}: the clips farthest off"
    if not ranks and target["kind"] == "binary":
        ranks = list(range(min(MAX_UNSURE_SHOWN, len(target["worst"]))))
        title = f"{name}: every clip is predicted right; these are the least sure"
        if target["clips"] > len(target["worst"]) and float(target.get("accuracy") or 0) < 1:  # type: ignore[arg-type]
            title = f"{name}: the clips with the largest errors, which the threshold still puts right"
    clips = [target["worst"][rank] for rank in ranks]
    rows = [[clip["id"], *_worst_cells(clip), clip["path"]] for clip in clips]
    table = TextTable(title, ["clip", "truth", "prediction", "error", "file"], rows)
    return ShownClips(title, table, ranks, [stills.get(clip["id"], "") for clip in clips])


def wrong_ranks(target: TargetReport) -> list[int]:
    """Places of the wrong ones among the listed clips: a class on the other side of its threshold, any score."""
    if target["kind"] != "binary":
        return list(range(len(target["worst"])))
    threshold = target.get("threshold", DEFAULT_THRESHOLD)
    return [
        rank for rank, clip in enumerate(target["worst"]) if (clip["prediction"] > threshold) != (clip["truth"] > 0.5)
    ]


def _worst_cells(clip: WorstClip) -> tuple[str, str, str]:
    return f"{clip['truth']:.3g}", f"{clip['prediction']:.3f}", f"{clip['error']:.3f}"


def charts_of(name: str, target: TargetReport) -> list[ChartView]:
    """Reliability and ROC of a class, predicted beside true scores."""
    curves = target["curves"]
    row = rows_of_target(name, target)[0]
    if "points" in curves:
        return [_scatter(row, curves["points"])]
    charts = [_reliability(name, curves["calibration"])]
    return [*charts, _roc_chart(row, roc)] if (roc := curves["roc"]) is not None else charts


def _scatter(row: MetricRow, points: Points) -> ChartView:
    words = ", ".join(f"{title_of(metric)} {row.cell(metric)}" for metric in ("ccc", "pearson", "r2"))
    dots = Series("a clip", "dot", points["truth"], points["prediction"])
    ideal = Series("prediction = truth", "dashed", DIAGONAL, DIAGONAL)
    drawing = chart(f"{row.target}: predicted and true", "truth", "prediction", [dots, ideal], words)
    return ChartView("scores", drawing, f"{words}.")


def _roc_chart(row: MetricRow, roc: Roc) -> ChartView:
    words = f"AUROC {row.cell('auroc')}; chance is .5."
    curve = Series("model", "line", roc["false_positive_rate"], roc["true_positive_rate"])
    lines = [curve, Series("chance", "dashed", DIAGONAL, DIAGONAL)]
    drawing = chart(f"{row.target}: ROC", "false positive rate", "true positive rate", lines, words)
    return ChartView("roc", drawing, words)


def _reliability(name: str, calibration: Calibration) -> ChartView:
    filled = [b for b in calibration["bins"] if b["clips"]]
    intervals: Mapping[str, Sequence[float] | None] = calibration.get("interval", {})
    words = (
        f"ECE {calibration['ece']:.3f}{span(intervals.get('ece'))}, Brier {calibration['brier']:.3f}"
        f"{span(intervals.get('brier'))}; the training share alone has Brier {calibration['trivial']['brier']:.3f}."
    )
    bars = Series(
        "share of class 1, number of clips above",
        "bar",
        [(b["from"] + b["to"]) / 2 for b in filled],
        [b["positive"] or 0.0 for b in filled],
        [str(b["clips"]) for b in filled],
        0.9 / len(calibration["bins"]),
    )
    ideal = Series("what each prediction says", "dashed", DIAGONAL, DIAGONAL)
    rows = [
        [f"{b['from']:.1f} to {b['to']:.1f}", str(b["clips"]), figure(b["prediction"]), figure(b["positive"])]
        for b in filled
    ]
    table = TextTable(f"{name}: reliability", ["prediction", "clips", "mean prediction", "share of class 1"], rows)
    drawing = chart(f"{name}: reliability", "prediction", "share of class 1", [bars, ideal], words)
    return ChartView("reliability", drawing, words, table)
