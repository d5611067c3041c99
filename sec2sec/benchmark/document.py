"""RESULTS.md and results.html: what was run, on what, the tables, and in words which differences hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sec2sec.benchmark.tables import (
    comparison_table,
    cost_table,
    pointing_table,
    target_tables,
    title_in,
    together_table,
    tuning_table,
)
from sec2sec.metrics import MAIN, MIN_GROUPS, baseline_words, figure, span, title_of
from sec2sec.plots.svg import Range, Svg, ranges
from sec2sec.tables import TextTable, counted
from sec2sec.training.spaces import read_space, words_of
from sec2sec.viewer import files
from sec2sec.viewer.templates import render
from sec2sec.words import plus_minus

READING = (
    "Each interval is the middle 95 % of a bootstrap over groups (films, speakers) and over seeds; with few seeds it "
    "understates how much other seeds would differ. A difference holds where p < .05 after Holm's correction over the "
    "comparisons of its table. A figure that the trivial rows reach as well says nothing."
)


def as_markdown(results: Mapping[str, Any]) -> str:
    """The whole document."""
    parts = [f"# Benchmark: {_name(results)}", "```\n" + (results["command"] or "") + "\n```", _bullets(facts(results))]
    parts.append(READING)
    if sentences := findings(results):
        parts += ["## Does the ablation's order hold?", _bullets(sentences)]
    parts += ["## Results", *(table.as_markdown() for table in _main(results))]
    parts.append("## Which differences hold")
    for target, ablation, pairs in _comparisons(results):
        parts += [ablation.as_markdown()] if ablation else []
        parts.append(f"<details><summary>{target}: every pair</summary>\n\n{pairs.as_markdown()}\n\n</details>")
    return "\n\n".join(parts) + "\n"


def as_page(results: Mapping[str, Any]) -> str:
    """The same as one HTML file, with a chart for each target."""
    return render(
        "benchmark.html",
        title=f"Benchmark: {_name(results)}",
        styles=files.style(files.PAGE_STYLE),
        command=results["command"] or "",
        facts=facts(results),
        reading=READING,
        findings=findings(results),
        charts=list(figures(results).values()),
        tables=_main(results),
        comparisons=_comparisons(results),
        foot=f"{_versions(results)}.",
    )


def as_latex(results: Mapping[str, Any]) -> str:
    """Every table, for a paper."""
    tables = _main(results)
    for _, ablation, pairs in _comparisons(results):
        tables += [ablation, pairs] if ablation else [pairs]
    return "\n".join(table.as_latex() for table in tables)


def figures(results: Mapping[str, Any]) -> dict[str, Svg]:
    """The chart of each target."""
    return {target: _chart(results, target) for target in results["trivial"]}


def _comparisons(results: Mapping[str, Any]) -> list[tuple[str, TextTable | None, TextTable]]:
    """Of each target: its name, the ablation's pairs where there are any, and every pair."""
    return [
        (
            target,
            comparison_table(results, target, "ablation") if results["ablation"][target] else None,
            comparison_table(results, target, "comparisons"),
        )
        for target in results["comparisons"]
    ]


def facts(results: Mapping[str, Any]) -> list[str]:
    """Data, settings, machine and versions, a sentence each."""
    data, hardware = results["data"], results["hardware"]
    clips = ", ".join(f"{count} {split}" for split, count in data["clips"].items())
    sha = f"SHA-256 of clips and labels {data['sha256']}" if data["sha256"] else "not all trials are done"
    sentences = [
        f"Data: {data['name']}, {clips} clips; {counted(results['groups'], 'group')} in the test; {sha}.",
        *data["notes"],
        *_made(data["planted"]),
        f"Settings of every system, beyond the defaults: {_settings(results['settings'])}.",
    ]
    sentences += [f"{title_in(results, name)} alone: {_settings(own)}." for name, own in results["overrides"].items()]
    sentences += _starts(results)
    sentences += _tuned(results)
    sentences.append(
        f"Seeds 0 to {results['seeds'] - 1}." if results["seeds"] > 1 else "One seed, 0: nothing is known of others."
    )
    sentences.append(
        f"Hardware: {hardware['processor']}, {hardware['cores']} cores, {hardware['device']}; "
        f"{counted(results['jobs'], 'trial')} at a time, {counted(hardware['threads'], 'thread')} each; "
        f"{_time(results['minutes'])}, if the trials had run one by one."
    )
    sentences.append(f"Versions: {_versions(results)}.")
    sentences += _unsteady(results)
    sentences += results["data"].get("warnings", [])
    if results["groups"] < MIN_GROUPS:
        sentences.append(f"The test has {counted(results['groups'], 'group')}: intervals over so few say little.")
    short = [row for row in results["systems"] if row["done"] < results["seeds"]]
    sentences += [f"{row['title']}: {row['done']} of {results['seeds']} seeds{_why(row)}." for row in short]
    if not any(row["paper"] for row in results["systems"]):
        sentences.append("The paper's figures are of other data and stand nowhere here.")
    return sentences


def _tuned(results: Mapping[str, Any]) -> list[str]:
    """How hyper-parameters were chosen."""
    tuning = results.get("tuning")
    if not tuning:
        return ["Hyper-parameters were not searched for any system."]
    space = words_of(read_space(tuning["space"], "space"))
    return [
        f"Hyper-parameters were tuned with the same budget for every system: {tuning['trials']} trainings each with "
        f"seed {tuning['training_seed']}, one with the settings as given and the others with the same draws (seed "
        f"{tuning['seed']}) of {space}; chosen by validation score, without the test clips."
    ]


def _unsteady(results: Mapping[str, Any]) -> list[str]:
    """Which systems' times cannot be told."""
    times = ("epoch_seconds", "ms", "encoder_ms")
    measured = [(row["title"], row["cost"]) for row in results["systems"] if "cost" in row]
    titles = [title for title, cost in measured if any(cost[name] and cost[name]["median"] is None for name in times)]
    if not titles:
        return []
    return [
        f"Times of {', '.join(titles)} differ more than twofold between seeds: the machine did other work as well, so "
        "that no median is given. Measure them again on a machine that does nothing else."
    ]


def _made(planted: Mapping[str, Any] | None) -> list[str]:
    """How generated clips were generated."""
    if planted is None:
        return []
    settings = ", ".join(f"{name} {value}" for name, value in planted.items() if name != "excerpts_of")
    extra = (
        "; each decisive second of the training clips is a training clip of its own" if "excerpts_of" in planted else ""
    )
    return [f"Generated with {settings}{extra}."]


def _starts(results: Mapping[str, Any]) -> list[str]:
    """Which systems began with what: those that began with less are not beaten by their structure alone."""
    alike: dict[str, list[str]] = {}
    for row in results["systems"]:
        if row.get("start"):
            alike.setdefault(row["start"], []).append(row["title"])
    sentences = [f"{', '.join(titles)}: {start}." for start, titles in alike.items()]
    if len(alike) > 1:
        sentences.append("Systems of different beginnings differ in more than their structure: compare them with care.")
    return sentences


def findings(results: Mapping[str, Any]) -> list[str]:
    """For each target, which of the ablation's orders hold; a sentence each, whatever came out."""
    return [
        f"{target}, {title_of(MAIN[results['targets'][target]])}. {_outcomes(results, pairs)}."
        for target, pairs in results["ablation"].items()
        if pairs
    ]


def _outcomes(results: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]]) -> str:
    """Which of the pairs hold, which do not, and of which that cannot be told."""
    outcomes: dict[str, list[str]] = {"Holds": [], "Does not hold": [], "Cannot be told": []}
    for pair in pairs:
        first, second = title_in(results, pair["a"]), title_in(results, pair["b"])
        gap = "undefined" if pair["difference"] is None else f"{plus_minus(pair['difference'])}{span(pair['interval'])}"
        words = f"{first} over {second} ({gap})"
        if pair["holds"] is None:
            outcomes["Cannot be told"].append(words)
        elif pair["holds"] and pair["difference"] > 0:
            outcomes["Holds"].append(words)
        else:
            opposite = ", the opposite holds" if pair["holds"] and pair["difference"] < 0 else ""
            outcomes["Does not hold"].append(words + opposite)
    return ". ".join(f"{outcome}: {'; '.join(words)}" for outcome, words in outcomes.items() if words)


def _main(results: Mapping[str, Any]) -> list[TextTable]:
    optional = (pointing_table(results), together_table(results), tuning_table(results))
    return [*target_tables(results), *(table for table in optional if table is not None), cost_table(results)]


def _chart(results: Mapping[str, Any], target: str) -> Svg:
    """The main metric of every system with its interval, the paper's figure beside it, trivial baselines below."""
    metric = MAIN[results["targets"][target]]
    rows = []
    for row in results["systems"]:
        ours = row["targets"].get(target, {}).get(metric, {"value": None, "interval": None})
        rows.append(Range(row["title"], ours["value"], ours["interval"], row["paper"].get(target, {}).get(metric)))
    for name, trivial in results["trivial"][target].items():
        rows.append(Range(f"{baseline_words(name)} (trivial)", trivial[metric]["value"], trivial[metric]["interval"]))
    text = "; ".join(f"{row.name} {figure(row.value)}{span(row.interval)}" for row in rows)
    return ranges(f"{target}: {title_of(metric)}", title_of(metric), rows, "paper", text)


def _bullets(items: list[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _name(results: Mapping[str, Any]) -> str:
    return f"{len(results['systems'])} systems on {results['data']['name']}"


def _time(minutes: float) -> str:
    return counted(round(minutes), "minute") if minutes >= 1 else "under a minute"


def _settings(values: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in values.items() if name != "data"}
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in shown.items()) or "none"


def _versions(results: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in results["versions"].items())


def _why(row: Mapping[str, Any]) -> str:
    reasons = [f"seed {seed}: {why}" for seed, why in row["failed"].items()]
    return f" ({'; '.join(reasons)})" if reasons else ""
