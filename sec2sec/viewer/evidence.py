"""Evidence → what a card shows: the verdict with its figures, sound against picture, what is out of distribution."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sec2sec.explanations.results import (
    ClipSummary,
    OrderCurve,
    OutOfDistribution,
    Shapley,
    TargetExplanation,
    Verdict,
    Word,
)
from sec2sec.explanations.sentences import span
from sec2sec.plots.svg import Svg, order_curve
from sec2sec.tables import TextTable, counted
from sec2sec.words import listed, p_words, share_words, signed

SYMBOLS: dict[Word, str] = {"trust": "✔", "careful": "◐", "do not trust": "✘", "nothing to judge": "∅"}
ERASER_CAPTION = (
    "The prediction without the k most attended seconds and with them alone. Comprehensiveness: its change when they "
    "go (large is good); sufficiency: its change when they alone stay (small is good). DeYoung et al. 2020."
)
MAX_UNFAMILIAR_NAMED = 4  # places of a clip; of many more nobody reads the reasons
MIN_CORRELATION_NAMED = 0.6  # |ρ| from which on a feature is said to correlate with an effect


@dataclass(frozen=True)
class CurveView:
    """A deletion or insertion curve under its title, with its areas in words."""

    title: str
    what: str
    drawing: Svg
    words: str


@dataclass(frozen=True)
class VerdictView:
    """What verdict.html shows: the word with a symbol, the sentence, and the figures behind one click."""

    target: str
    verdict: Verdict
    symbol: str
    curves: list[CurveView]
    eraser: TextTable | None  # comprehensiveness and sufficiency at each k; it also holds the curves as text
    figures: list[tuple[str, str]]

    @staticmethod
    def of(target: str, verdict: Verdict) -> VerdictView:
        """The verdict on the explanation of a target."""
        curves = _curves(target, verdict)
        return VerdictView(target, verdict, SYMBOLS[verdict.word], curves, _eraser(verdict), _figures(verdict))


@dataclass(frozen=True)
class Tug:
    """What tug.html shows: which of sound and picture moved a prediction, and where to."""

    sound: str
    picture: str
    conflict: bool
    bars: list[tuple[str, str]]  # modality and CSS
    end: str  # of the scale


def tug_reach(targets: Iterable[TargetExplanation]) -> float:
    """The end of the scale of `tug_of`, one for all cards so that they compare; a whole tenth."""
    shares = [share for target in targets if (share := target.shapley) is not None]
    sizes = [abs(value) for share in shares for value in (share.sound, share.picture) if math.isfinite(value)]
    return max(0.1, math.ceil(10 * max(sizes, default=0.0) - 1e-9) / 10)


def tug_of(shapley: Shapley | None, reach: float) -> Tug | None:
    """Sound against picture on a scale from −reach to reach; None where nothing is shared out."""
    if shapley is None or not (math.isfinite(shapley.sound) and math.isfinite(shapley.picture)):
        return None
    bars = [("sound", _bar_style(shapley.sound, reach)), ("picture", _bar_style(shapley.picture, reach))]
    return Tug(signed(shapley.sound), signed(shapley.picture), shapley.conflict, bars, f"{reach:.1f}")


def along(correlation: Mapping[str, float], names: Sequence[str]) -> str:
    """Which targets' effects a feature correlates with in this clip, in words; empty for none."""
    phrases = []
    for name in names:
        rho = correlation.get(name, math.nan)
        if math.isfinite(rho) and abs(rho) >= MIN_CORRELATION_NAMED:
            verb = "correlates" if rho > 0 else "anticorrelates"
            phrases.append(f"{verb} with the effect on {name} ({figure(rho)})")
    return "; ".join(phrases)


def unfamiliar_words(unlike: Sequence[OutOfDistribution], clip: ClipSummary) -> list[str]:
    """What is out of distribution in each second, with its own reasons; neighbours with the very same ones together.

    Of many the first are named, and the last entry counts the seconds of the rest.
    """
    reasons: dict[int, list[str]] = {}
    for one in sorted(unlike, key=lambda one: one.second):
        reasons.setdefault(one.second, []).append(one.words)
    runs: list[tuple[int, int, list[str]]] = []
    for second, own in reasons.items():
        if runs and runs[-1][1:] == (second - 1, own):
            runs[-1] = (runs[-1][0], second, own)
        else:
            runs.append((second, second, own))
    named = [f"{span(first, clip, last)}: {listed(own)}" for first, last, own in runs[:MAX_UNFAMILIAR_NAMED]]
    rest = sum(last - first + 1 for first, last, _ in runs[MAX_UNFAMILIAR_NAMED:])
    return [*named, f"and {counted(rest, 'more second')}, in the table"] if rest else named


def figure(rho: float) -> str:
    """A rank correlation."""
    return f"ρ = {rho:.2f}".replace("-", "−")


def _bar_style(value: float, reach: float) -> str:
    share = min(abs(value) / reach, 1) * 50
    return f"left:{50 - share if value < 0 else 50:.1f}%;width:{share:.1f}%"


def _curves(name: str, verdict: Verdict) -> list[CurveView]:
    kinds = (
        ("Deletion", "it should move soon", "seconds taken away, most attended first", verdict.deletion),
        ("Insertion", "it should arrive soon", "seconds put back, most attended first", verdict.insertion),
    )
    return [
        CurveView(title, what, order_curve(f"{title} of {name}", curve, x_title), _area_words(curve))
        for title, what, x_title, curve in kinds
        if curve is not None
    ]


def _area_words(curve: OrderCurve) -> str:
    areas = f"random orders {curve.random_area:.3f}; last seconds first {curve.last_first_area:.3f}"
    share = share_words(curve.earlier_than_random)
    return f"Area {curve.area:.3f}; {areas}. Its steps come sooner than those of {share} of random orders."


def _eraser(verdict: Verdict) -> TextTable | None:
    if verdict.deletion is None:
        return None
    steps = np.asarray(verdict.deletion.steps)[1:]
    columns = [("without them", verdict.deletion.values[1:])]
    if verdict.insertion is not None:
        columns.append(("with them alone", verdict.insertion.values[1:]))
    both = (("comprehensiveness", verdict.comprehensiveness), ("sufficiency", verdict.sufficiency))
    columns += [(title, values) for title, values in both if len(values) == len(steps)]
    rows = [[str(step), *(_number(values[i]) for _, values in columns)] for i, step in enumerate(steps)]
    return TextTable(ERASER_CAPTION, ["k", *(title for title, _ in columns)], rows)


def _figures(verdict: Verdict) -> list[tuple[str, str]]:
    rows = (
        ("Use: least that other weights change, share of what the clip changes", verdict.use, _number),
        ("Evenness: entropy of the attention, share of that of equal weights", verdict.evenness, _number),
        ("Mass: correlation of attention with the size of the effect, r", verdict.mass_correlation, _number),
        ("p of it, one-sided, by permutation", verdict.mass_p_value, _p_number),
        (
            "Position: r of the attention beyond that with every second at the training average",
            verdict.position_correlation,
            _number,
        ),
        ("p of this, one-sided, by permutation", verdict.position_p_value, _p_number),
        ("Order: share of random orders that are later", verdict.order_share, _number),
        ("Rank correlation of attention with the size of the effect, ρ", verdict.rank_correlation, _number),
        ("p of ρ, one-sided, by permutation", verdict.p_value, _p_number),
        ("Comprehensiveness, mean over k", verdict.aopc_comprehensiveness, _number),
        ("Sufficiency, mean over k", verdict.aopc_sufficiency, _number),
        ("Change of the prediction under shuffled attention, median", verdict.shuffled_change, _number),
        ("Change of the prediction under equal attention", verdict.uniform_change, _number),
    )
    judged = "the claim" if verdict.about == "claim" else "attention"
    return [
        (term.replace("the attention", judged).replace("attention", judged), as_words(value))
        for term, value, as_words in rows
        if math.isfinite(value)
    ]


def _p_number(p: float) -> str:
    return p_words(p).removeprefix("p = ")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{round(value, 3) + 0:.3f}".replace("-", "−")  # + 0: a rounded −0.0004 is no negative number
