"""The report of `evaluate` as a page: figures, curves and the clips that the model was most wrong about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sec2sec.evaluation.pages.charts import Series, chart
from sec2sec.evaluation.pages.html import details, heading, listed, page, paragraph, side_by_side, table
from sec2sec.metrics import SHOWN, figure, span, title_of

DIAGONAL = (0.0, 1.0)


def as_page(report: Mapping[str, Any]) -> str:
    """One HTML document of the report of evaluate_steps."""
    parts = [paragraph(f"{report['clips']} clips of {report['data']} (split: {report['split']})."), learned(report)]
    parts.append(paragraph(f"{report['unusable']} clips could not be used.") if report["unusable"] else "")
    if report.get("seen_in_training"):
        parts.append(paragraph("The checkpoint learned from these very clips: the figures say nothing about others."))
    parts.append(metrics_tables(report))
    if "pointing" in report:
        shares = [f"{method}: {share:.3f}" for method, share in report["pointing"].items()]
        parts += [heading("Is the top second a planted one? Share of clips"), listed(shares)]
    for name, found in report["targets"].items():
        parts += [heading(name), *_target(name, found)]
    checkpoint = report["checkpoint"]
    foot = f"Checkpoint {checkpoint['name']}, SHA-256 {checkpoint['sha256']}. Intervals: 95 %, bootstrap over groups."
    return page(f"{checkpoint['name']} on {report['clips']} clips", parts, foot)


def learned(report: Mapping[str, Any]) -> str:
    """What the model learned from: it stands wherever a prediction is shown."""
    return paragraph(f"Model {report['checkpoint']['name']}. {report['checkpoint']['trained_on'].strip()}")


def metrics_tables(report: Mapping[str, Any]) -> str:
    """Every target above its trivial baselines, a table for each kind of target."""
    return "\n".join(_metrics(kind, columns, report["targets"]) for kind, columns in SHOWN.items())


def _metrics(kind: str, columns: Sequence[str], targets: Mapping[str, Any]) -> str:
    """The table of all targets of a kind, each above its trivial baselines."""
    rows = []
    for name, found in targets.items():
        if found["kind"] == kind:
            cells = [figure(found[key]) + span(found["interval"].get(key)) for key in columns]
            rows.append([name, *cells, str(found["clips"])])
            for baseline, values in found["trivial"].items():
                cells = [figure(values[key]) if key in values else "" for key in columns]
                rows.append([f"{name}, {baseline.replace('_', ' ')} (trivial)", *cells, ""])
    caption = (
        f"{'Classes' if kind == 'binary' else 'Scores'}, each above what needs no model; 95 % intervals over groups"
    )
    return table(caption, ["target", *map(title_of, columns), "clips"], rows) if rows else ""


def _target(name: str, found: Mapping[str, Any]) -> list[str]:
    """Curves and worst clips of one target."""
    rows = [
        [clip["id"], f"{clip['truth']:.3g}", f"{clip['prediction']:.3f}", f"{clip['error']:.3f}", clip["path"]]
        for clip in found["worst"]
    ]
    caption = f"{name}: the clips farthest off"
    return [target_charts(name, found), table(caption, ["clip", "truth", "prediction", "error", "file"], rows)]


def target_charts(name: str, found: Mapping[str, Any]) -> str:
    """Reliability and ROC of a class, predicted beside true scores."""
    curves = found["curves"]
    drawn = [_points(name, found, curves["points"])] if found["kind"] == "score" else _class_charts(name, found, curves)
    return side_by_side(f"<div>{figure_and_words}</div>" for figure_and_words in drawn)


def _class_charts(name: str, found: Mapping[str, Any], curves: Mapping[str, Any]) -> list[str]:
    told, roc = curves["calibration"], curves["roc"]
    bins = [each for each in told["bins"] if each["clips"]]
    text = (
        f"ECE {told['ece']:.3f}{span(told['interval']['ece'])}, Brier {told['brier']:.3f}"
        f"{span(told['interval']['brier'])}; the training share alone has Brier {told['trivial']['brier']:.3f}."
    )
    bars = Series(
        "share of class 1, number of clips above",
        "bar",
        [(each["from"] + each["to"]) / 2 for each in bins],
        [each["positive"] for each in bins],
        [str(each["clips"]) for each in bins],
        0.9 / len(told["bins"]),
    )
    ideal = Series("what each prediction says", "dashed", DIAGONAL, DIAGONAL)
    head = ["prediction", "clips", "mean prediction", "share of class 1"]
    rows = [
        [f"{b['from']:.1f} to {b['to']:.1f}", str(b["clips"]), f"{b['prediction']:.3f}", f"{b['positive']:.3f}"]
        for b in bins
    ]
    reliability = chart(f"{name}: reliability", "prediction", "share of class 1", [bars, ideal], text)
    drawn = [reliability + paragraph(text) + details("The bins", table(f"{name}: reliability", head, rows))]
    if roc is not None:
        said = f"AUROC {figure(found['auroc'])}{span(found['interval']['auroc'])}; chance is .5."
        curve = Series("model", "line", roc["false_positive_rate"], roc["true_positive_rate"])
        lines = [curve, Series("chance", "dashed", DIAGONAL, DIAGONAL)]
        drawn.append(chart(f"{name}: ROC", "false positive rate", "true positive rate", lines, said) + paragraph(said))
    return drawn


def _points(name: str, found: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    text = ", ".join(
        f"{title_of(key)} {figure(found[key])}{span(found['interval'].get(key))}" for key in ("ccc", "pearson", "r2")
    )
    dots = Series("a clip", "dot", told["truth"], told["prediction"])
    ideal = Series("prediction = truth", "dashed", DIAGONAL, DIAGONAL)
    return chart(f"{name}: predicted and true", "truth", "prediction", [dots, ideal], text) + paragraph(f"{text}.")
