"""The figures of a benchmark as tables of text, for Markdown, a page and a spreadsheet alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sec2sec.metrics import DEFAULT_THRESHOLD, MAIN, baseline_words, figure, span, title_of
from sec2sec.tables import TextTable, counted
from sec2sec.words import plus_minus

NUMBERS = {"binary": 1, "score": 2}  # of the paper's tables
METRICS_SHOWN = {
    "binary": ("accuracy", "f1", "balanced_accuracy", "macro_f1", "auroc"),
    "score": ("mean_accuracy", "r2", "pearson", "ccc"),
}


def target_tables(results: Mapping[str, Any]) -> list[TextTable]:
    """Table 1 for each class, Table 2 for each score: systems in the paper's order, trivial baselines below."""
    return [_target(results, name, kind) for name, kind in results["targets"].items() if name in results["trivial"]]


def _target(results: Mapping[str, Any], target: str, kind: str) -> TextTable:
    published = {metric for row in results["systems"] for metric in row["paper"].get(target, {})}
    columns = [(metric, metric in published) for metric in METRICS_SHOWN[kind]]  # and whether the paper has a figure
    head = ["system", "input"]
    for metric, of_paper in columns:
        head += [f"{title_of(metric)} (paper)"] if of_paper else []
        head.append(title_of(metric))
    rows: list[list[str]] = []
    for row in results["systems"]:
        if [row["group"]] not in rows:
            rows.append([row["group"]])
        cells = [row["title"], row["modalities"]]
        for metric, of_paper in columns:
            cells += [_paper_cell(row["paper"].get(target, {}).get(metric))] if of_paper else []
            ours = row["targets"].get(target, {}).get(metric)
            cells.append(_missing(row) if ours is None else _cell(ours))
        rows.append(cells)
    rows.append(["Trivial"])
    for name, metrics in results["trivial"][target].items():
        cells = [baseline_words(name), "none"]
        for metric, of_paper in columns:
            cells += ["", _cell(metrics[metric])] if of_paper else [_cell(metrics[metric])]
        rows.append(cells)
    caption = (
        f"Table {NUMBERS[kind]}, {target}: {counted(results['clips'], 'test clip')}, mean over the "
        f"seeds of each system, 95 % interval over groups and seeds{_thresholds_in_words(results, target, kind)}"
    )
    return TextTable(caption, head, rows)


def _thresholds_in_words(results: Mapping[str, Any], target: str, kind: str) -> str:
    """Above which prediction class 1 is predicted; of each system where validation clips chose it."""
    if kind != "binary":
        return ""
    of_system = {row["title"]: row.get("thresholds", {}).get(target, []) for row in results["systems"]}
    if all(value == DEFAULT_THRESHOLD for values in of_system.values() for value in values):
        return "; class 1 is predicted above 0.5"
    ranges = (f"{title} {_ends(values)}" for title, values in of_system.items() if values)
    return f"; class 1 is predicted above what validation clips chose for each training ({', '.join(ranges)})"


def _ends(values: Sequence[float]) -> str:
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low}–{high}"


def _cell(measured: Mapping[str, Any]) -> str:
    return figure(measured["value"]) + span(measured["interval"])


def _paper_cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}".rstrip("0")


def _missing(row: Mapping[str, Any]) -> str:
    return "diverged" if row["failed"] and not row["done"] else "not run" if not row["done"] else ""


NOT_KNOWN = "not known"  # what features cost that another program computed


def cost_table(results: Mapping[str, Any]) -> TextTable:
    """Time, size and memory, beside the paper's time."""
    paper = any(row["paper"] for row in results["systems"])
    head = [
        "system",
        *(["minutes an epoch (paper)"] if paper else []),
        "s an epoch",
        "epochs (best)",
        "parameters",
        "of encoders",
        "million MACs a clip",
        "of encoders",
        "ms a clip",
        "of encoders",
        "peak memory, MB",
    ]
    rows = []
    for row in results["systems"]:
        minutes = [published["minutes"] for published in row["paper"].values()]
        cells = [row["title"], *([_clock(minutes)] if paper else [])]
        if "cost" not in row:
            rows.append([*cells, *[_missing(row)] * (len(head) - len(cells))])
            continue
        cost = row["cost"]
        epochs = ", ".join(f"{n} ({best})" for n, best in zip(row["epochs"], row["best_epochs"], strict=True))
        rows.append(
            [
                *cells,
                time_cell(cost["epoch_seconds"]),
                epochs,
                f"{cost['parameters']:,}",
                NOT_KNOWN if cost["encoder_parameters"] is None else f"{cost['encoder_parameters']:,}",
                f"{cost['macs'] / 1e6:,.1f}",
                NOT_KNOWN if cost["encoder_macs"] is None else f"{cost['encoder_macs'] / 1e6:,.1f}",
                time_cell(cost["ms"]),
                NOT_KNOWN if cost["encoder_ms"] is None else time_cell(cost["encoder_ms"]),
                "" if cost["peak_memory"] is None else f"{cost['peak_memory'] / 2**20:,.0f}",
            ]
        )
    caption = (
        "Cost: a training epoch from cached features; one 10-s clip from its decoded frames and samples on; encoders "
        "that the system uses; times are medians over seeds, with the shortest and the longest"
    )
    return TextTable(caption, head, rows)


def time_cell(spread: Mapping[str, float | None]) -> str:
    """The median with the ends; the ends alone where they are too far apart for one figure."""
    ends = f"{spread['low']:.1f}–{spread['high']:.1f}"
    if spread["median"] is None:
        return f"unsteady, {ends}"
    return f"{spread['median']:.1f}" + (f" ({ends})" if spread["low"] != spread["high"] else "")


def _clock(minutes: Sequence[float]) -> str:
    """1.5 → 1:30; the paper's tables give one for each target, or one for all."""
    texts = [f"{int(m)}:{round(m % 1 * 60):02}" for m in minutes]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def pointing_table(results: Mapping[str, Any]) -> TextTable | None:
    """Share of test clips whose top second is a planted one, by method; None for clips without a planted truth."""
    systems = [row for row in results["systems"] if "pointing" in row]
    if not systems:
        return None
    methods = list(dict.fromkeys(method for row in systems for method in row["pointing"]))
    names = [
        (target, method)
        for target in results["targets"]
        for method in methods
        if any(method in row.get("pointing_by_target", {}).get(target, {}) for row in systems)
    ]
    head = ["system", *(f"{method}, all targets" for method in methods), *(f"{m}, {target}" for target, m in names)]
    rows = []
    for row in systems:
        cells = [figure(row["pointing"][m]) if m in row["pointing"] else "none" for m in methods]
        for target, method in names:
            value = row["pointing_by_target"].get(target, {}).get(method)
            cells.append("none" if value is None else figure(value))
        rows.append([row["title"], *cells])
    title = (
        "Pointing: share of test clips whose top second is a planted one, mean over seeds; below chance, it looks away"
    )
    return TextTable(title, head, rows)


def together_table(results: Mapping[str, Any]) -> TextTable | None:
    """What each system owes to sound and picture together; None where no system was asked."""
    systems = [row for row in results["systems"] if row.get("together")]
    if not systems:
        return None
    targets = [name for name in results["targets"] if any(name in row["together"] for row in systems)]
    head = ["system"]
    for name in targets:
        metric = next(title_of(row["together"][name]["metric"]) for row in systems if name in row["together"])
        head += [f"{name}, {metric}", "with partners of other clips", "owed to both"]
    rows = []
    for row in systems:
        cells = [row["title"]]
        for name in targets:
            one = row["together"].get(name)
            cells += ["none"] * 3 if one is None else [figure(one["own"]), figure(one["apart"]), _owed(one)]
        rows.append(cells)
    caption = (
        "Does a system need sound and picture together? Its score on test clips, and that of its best additive "
        "prediction, a part from the sound plus a part from the picture; means over seeds, with the smallest and the "
        "largest difference"
    )
    return TextTable(caption, head, rows)


def _owed(one: Mapping[str, Any]) -> str:
    low, high = (plus_minus(value) for value in one["ends"])
    return plus_minus(one["gain"]) + (f" ({low} to {high})" if low != high else "")


def tuning_table(results: Mapping[str, Any]) -> TextTable | None:
    """What tuning has chosen for each system; None where nothing was tuned."""
    tuning = results.get("tuning")
    if not tuning:
        return None
    names = list(tuning["space"])
    rows = []
    for system, best in tuning["chosen"].items():
        chosen = [str(best["settings"].get(name, "as given")) for name in names]
        scores = [figure(best[key]) for key in ("as_given", "validation_score")]
        rows.append([title_in(results, system), *scores, *chosen, str(best["diverged"])])
    caption = (
        f"Tuning: {counted(tuning['trials'], 'training')} of each system, the first with the settings as given, chosen "
        "by validation score"
    )
    return TextTable(caption, ["system", "score as given", "best score", *names, "diverged"], rows)


def title_in(results: Mapping[str, Any], name: str) -> str:
    """A system as the tables call it; a trivial baseline in words."""
    titles = {row["name"]: row["title"] for row in results["systems"]}
    prefix, colon, baseline = name.rpartition(": ")  # "trivial: majority"
    return str(titles.get(name, prefix + colon + baseline_words(baseline)))


def comparison_table(results: Mapping[str, Any], target: str, part: str) -> TextTable:
    """part: "comparisons" (every pair) or "ablation" (the paper's)."""
    pairs = results[part][target]
    rows = [
        [
            f"{title_in(results, pair['a'])} − {title_in(results, pair['b'])}",
            "undefined" if pair["difference"] is None else f"{plus_minus(pair['difference'])}{span(pair['interval'])}",
            *("" if pair[key] is None else f"{pair[key]:.4f}" for key in ("p", "p_holm")),
            {True: "yes", False: "no", None: "cannot be told"}[pair["holds"]],
        ]
        for pair in pairs
    ]
    metric = title_of(MAIN[results["targets"][target]])
    caption = f"{target}: differences in {metric}, {counted(len(pairs), 'comparison')}"
    return TextTable(caption, ["A − B", "difference", "p", f"p, Holm over {len(pairs)}", "holds at 95 %"], rows)


def as_csv(results: Mapping[str, Any], kind: str) -> str:
    """Every figure of the targets of a kind, one a line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["system", "target", "metric", "paper", "value", "low", "high", "seeds"])
    writer.writerows(_lines(results, kind))
    return text.getvalue()


def _lines(results: Mapping[str, Any], kind: str) -> Iterator[list[Any]]:
    rows = [(row["name"], row["paper"], row["targets"]) for row in results["systems"]]
    for target in (name for name, of in results["targets"].items() if of == kind):
        baselines = results["trivial"].get(target, {})
        of_target = [(name, paper.get(target, {}), metrics.get(target, {})) for name, paper, metrics in rows]
        of_target += [(f"trivial: {name}", {}, metrics) for name, metrics in baselines.items()]
        for name, paper, metrics in of_target:
            for metric, measured in metrics.items():
                low, high = measured["interval"] or ("", "")
                values = " ".join("" if value is None else str(value) for value in measured["seeds"])
                value = "" if measured["value"] is None else measured["value"]
                yield [name, target, metric, paper.get(metric, ""), value, low, high, values]
