"""Evidence → HTML and sentences for a card: the verdict with its figures, sound against picture, what is unfamiliar."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sec2sec import plots
from sec2sec.explanations.results import OrderCurve, OutOfDistribution, Shapley, TargetExplanation, Verdict
from sec2sec.explanations.verdict import p_words, share_words

SYMBOLS = {"supported": "✔", "mixed": "◐", "not supported": "✘", "too short": "…", "no attention": "∅"}
ALONG = 0.6  # |ρ| from which on a feature is said to correlate with an effect


def verdict(name: str, found: TargetExplanation) -> str:
    """The word with a symbol, the sentence, and the figures behind one click. HTML."""
    v = found.verdict
    style = v.word.replace(" ", "-")
    first, _, rest = v.sentence.partition(". ")  # what made it so stands with the figures
    opening = html.escape(first + "." if rest else first)
    said = f'<b><span aria-hidden="true">{SYMBOLS[v.word]}</span> {v.word.capitalize()}.</b> {opening}'
    inside = _reasons(v) + _curves(name, v) + _eraser(v) + _figures(v)
    if not inside:
        return f'<p class="agreement verdict is-{style}">{said} {html.escape(rest)}</p>'
    return (
        f'<details class="agreement verdict is-{style}"><summary>{said} <u>Figures</u></summary>'
        f'<div class="evidence">{inside}</div></details>'
    )


def tug_reach(found: Iterable[TargetExplanation]) -> float:
    """The end of the scale of `tug_of_war`, one for all cards so that they compare; a whole tenth."""
    values = [abs(v) for e in found if e.shapley is not None for v in (e.shapley.sound, e.shapley.picture)]
    finite = [v for v in values if math.isfinite(v)]
    return max(0.1, math.ceil(10 * max(finite, default=0.0) - 1e-9) / 10)


def tug_of_war(found: Shapley | None, half: float) -> str:
    """Which of sound and picture moved this prediction, and where to. HTML; empty where nothing is shared out."""
    if found is None or not (math.isfinite(found.sound) and math.isfinite(found.picture)):
        return ""
    conflict = " <b>⇅ they pull against each other</b>" if found.conflict else ""
    bars = "".join(
        f'<i class="{name}" style="{_side(value, half)}"></i>'
        for name, value in (("sound", found.sound), ("picture", found.picture))
    )
    return (
        f'<div class="tug"><p>Sound {signed(found.sound)}, picture {signed(found.picture)}{conflict}</p>'
        f'<div aria-hidden="true"><span>−{half:.1f}</span><div class="bars">{bars}<u></u></div><span>+{half:.1f}</span>'
        "</div></div>"
    )


def along(goes_along: Mapping[str, float], names: Sequence[str]) -> str:
    """Which targets' effects a feature correlates with in this clip, in words; empty for none."""
    said = []
    for name in names:
        rho = goes_along.get(name, math.nan)
        if math.isfinite(rho) and abs(rho) >= ALONG:
            said.append(f"{'correlates' if rho > 0 else 'anticorrelates'} with the effect on {name} ({figure(rho)})")
    return "; ".join(said)


def unfamiliar_words(found: Sequence[OutOfDistribution]) -> list[str]:
    """One sentence for each run of seconds that are unfamiliar in the same way."""
    runs: list[tuple[int, int, OutOfDistribution]] = []
    for one in sorted(found, key=lambda u: (u.kind, u.second)):
        if runs and runs[-1][2].kind == one.kind and runs[-1][1] == one.second - 1:
            runs[-1] = (runs[-1][0], one.second, runs[-1][2])
        else:
            runs.append((one.second, one.second, one))
    runs.sort(key=lambda run: run[:2])
    return [f"{first}–{last + 1} s: {one.kind}, {one.words}" for first, last, one in runs]


def signed(value: float) -> str:
    """Two digits and a true minus."""
    return f"{value:+.2f}".replace("-", "−")


def figure(rho: float) -> str:
    """A rank correlation."""
    return f"ρ = {rho:.2f}".replace("-", "−")


def _side(value: float, half: float) -> str:
    share = min(abs(value) / half, 1) * 50
    return f"left:{50 - share if value < 0 else 50:.1f}%;width:{share:.1f}%"


def _reasons(v: Verdict) -> str:
    items = "".join(f"<li>{html.escape(reason)}</li>" for reason in v.reasons)
    return f"<ul>{items}</ul>" if items else ""


def _curves(name: str, v: Verdict) -> str:
    drawn = "".join(
        _curve(f"{title} of {name}", title, what, x_title, curve)
        for title, what, x_title, curve in (
            ("Deletion", "it should move soon", "seconds taken away, most attended first", v.deletion),
            ("Insertion", "it should arrive soon", "seconds put back, most attended first", v.insertion),
        )
        if curve is not None
    )  # fmt: skip
    if not drawn:
        return ""
    keys = '<span><i class="own"></i>by attention</span><span><i class="last"></i>last seconds first</span>'
    keys += '<span><i class="random"></i>random orders, 5 to 95 %</span>'
    return f'<div class="curves">{drawn}</div><p class="keys" aria-label="Legend">{keys}</p>'


def _curve(said: str, title: str, what: str, x_title: str, curve: OrderCurve) -> str:
    drawn = plots.order_curve(
        said, curve.steps, curve.values, curve.last_first, curve.random_low, curve.random_high, x_title
    )
    areas = f"random orders {curve.random_area:.3f}; last seconds first {curve.last_first_area:.3f}"
    return (
        f"<figure><figcaption><b>{title}</b>: {what}</figcaption>{drawn}"
        f"<p>Area {curve.area:.3f}; {areas}. Better than {share_words(curve.better_than_random)} of random orders.</p>"
        "</figure>"
    )


def _eraser(v: Verdict) -> str:
    """Comprehensiveness and sufficiency at each k, as a table: it also holds the curves as text."""
    if v.deletion is None:
        return ""
    steps = np.asarray(v.deletion.steps)[1:]
    columns = [("comprehensiveness", v.comprehensiveness), ("sufficiency", v.sufficiency)]
    columns = [(title, values) for title, values in columns if len(values) == len(steps)]
    columns.insert(0, ("without them", v.deletion.values[1:]))
    if v.insertion is not None:
        columns.insert(1, ("with them alone", v.insertion.values[1:]))
    head = "".join(f'<th scope="col">{title}</th>' for title, _ in columns)
    body = "".join(
        f'<tr><th scope="row">{step}</th>'
        + "".join(f"<td>{_number(values[i])}</td>" for _, values in columns)
        + "</tr>"
        for i, step in enumerate(steps)
    )
    return (
        '<div class="scroll" role="region" tabindex="0" aria-label="Prediction by seconds taken away or put back">'
        "<table><caption>The prediction without the k most attended seconds and with them alone. Comprehensiveness: "
        "its change when they go (large is good); sufficiency: its change when they alone stay (small is good). "
        'DeYoung et al. 2020.</caption><thead><tr><th scope="col">k</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _figures(v: Verdict) -> str:
    rows = (
        ("Rank correlation of attention with the size of the effect, ρ", v.rank_correlation),
        ("Comprehensiveness, mean over k", v.aopc_comprehensiveness),
        ("Sufficiency, mean over k", v.aopc_sufficiency),
        ("Change of the prediction under shuffled attention, median", v.shuffled_change),
        ("Change of the prediction under equal attention", v.uniform_change),
    )
    known = [(words, _number(value)) for words, value in rows if math.isfinite(value)]
    if math.isfinite(v.p_value):
        known.insert(1, ("p of it, one-sided, by permutation", p_words(v.p_value).removeprefix("p = ")))
    items = "".join(f"<dt>{words}</dt><dd>{html.escape(value)}</dd>" for words, value in known)
    return f"<dl>{items}</dl>" if items else ""


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{round(value, 3) + 0:.3f}".replace("-", "−")  # + 0: a rounded −0.0004 is no negative number
