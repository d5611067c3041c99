"""The one glossary: what each word and figure means, in one sentence, and where it comes from.

A report lists the definitions of what it shows below its figures; in the app they stand behind the words themselves;
docs/reference/words.md has all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sec2sec.explanations.results import Explanation, TargetExplanation
from sec2sec.viewer.evidence import MIN_CORRELATION_NAMED
from sec2sec.words import BASELINE

Shown = Callable[[Explanation, list[TargetExplanation]], bool]


@dataclass(frozen=True)
class Definition:
    """What a word means, in one sentence. shown: whether an explanation of some targets says the word at all."""

    term: str
    words: str
    source: str
    shown: Shown = lambda explanation, targets: True


def definitions(explanation: Explanation, shown: Sequence[str]) -> list[Definition]:
    """Those of the words that an explanation of the targets `shown` says."""
    targets = [explanation.targets[name] for name in shown]
    unseen = {name for name in TARGETS if name.lower() not in shown}
    return [one for one in DEFINITIONS if one.term not in unseen and one.shown(explanation, targets)]


def glossary(explanation: Explanation, shown: Sequence[str]) -> dict[str, str]:
    """The same as term → sentence."""
    return {one.term: one.words for one in definitions(explanation, shown)}


def _any_attention(explanation: Explanation, targets: list[TargetExplanation]) -> bool:
    return any(target.attention is not None for target in targets)


def _judged(explanation: Explanation, targets: list[TargetExplanation]) -> bool:
    return any(target.verdict.witnesses and target.attention is not None for target in targets)


def _ordered(explanation: Explanation, targets: list[TargetExplanation]) -> bool:
    return any(target.verdict.deletion is not None for target in targets)


def _of_ours(explanation: Explanation, targets: list[TargetExplanation]) -> bool:
    return explanation.audit is None


def _of_others(explanation: Explanation, targets: list[TargetExplanation]) -> bool:
    return explanation.audit is not None


def _both_modalities(explanation: Explanation, targets: list[TargetExplanation]) -> bool:
    return explanation.clip.has_audio and explanation.clip.has_video


def _any_maps(explanation: Explanation, targets: list[TargetExplanation]) -> bool:
    return not explanation.co_attention.absent


def _any_relevance(explanation: Explanation, targets: list[TargetExplanation]) -> bool:
    return any(t.gradients is not None and t.gradients.relevance_video is not None for t in targets)


def as_markdown() -> str:
    """All of them, as docs/reference/words.md."""
    rows = "\n".join(f"| {one.term} | {one.words} | {one.source} |" for one in DEFINITIONS)
    return f"{PAGE}\n\n| word | what it means | source |\n|---|---|---|\n{rows.replace('|ρ|', 'abs(ρ)')}\n"


PAGE = """# Words on the screen

What a word of the app or of a report means. Both show the same sentences beside their figures."""
TARGETS = ("Arousal", "Valence")  # those that are explained where they are shown
DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "Arousal",
        "How exciting people find the clip, from calm (0) to exciting (1), whether pleasant or not.",
        "Russell 1980",
    ),
    Definition(
        "Valence",
        "How pleasant people find the clip, from unpleasant (0) to pleasant (1), whether exciting or not.",
        "Russell 1980",
    ),
    Definition(
        "Prediction",
        "How the model says that people perceive the clip, from 0 (low) to 1 (high).",
        "Sec2Sec, §3",
    ),
    Definition(
        "Baseline",
        f"The prediction for {BASELINE}; what the clip itself does is the difference from it.",
        "prediction − baseline = what the clip changes",
        _of_ours,
    ),
    Definition(
        "Baseline",
        "Of a predictor that is asked from outside: the prediction for an edited copy of the clip in which every "
        "second is replaced.",
        "prediction − baseline = what the clip changes",
        _of_others,
    ),
    Definition(
        "Attention",
        "The share of the model's attention on each second; it has no sign and sums to 1 over the clip.",
        "Wang et al. 2016",
        _any_attention,
    ),
    Definition(
        "Effect",
        "What a second did to the prediction: the prediction minus the prediction with that second replaced, by the "
        "training average, by the neighbouring second, or, where the model has kept some, by real training seconds "
        "(at random or the most similar ones, the mean over up to 16 or 8, whole seconds alone).",
        "occlusion, Zeiler & Fergus 2014",
        _of_ours,
    ),
    Definition(
        "Effect",
        "Of a predictor that is asked from outside: the prediction for the clip minus the prediction for an edited "
        "copy in which that second is replaced, in sound, picture or both; both were encoded in the same way.",
        "occlusion, Zeiler & Fergus 2014",
        _of_others,
    ),
    Definition(
        "Training average",
        "What the model saw in the mean over all training seconds; no film has such a second, since it lies nearer to "
        "their centre than any of them.",
        "Mahalanobis distance",
        _of_ours,
    ),
    Definition(
        "Interaction",
        "The effect of a second beyond the effects of its sound and of its picture alone.",
        "whole − sound − picture",
        _both_modalities,
    ),
    Definition(
        "Verdict",
        "Whether the attention can be believed: it is trusted where the prediction uses it, where it is uneven, and "
        "where mass, position and order hold; the weakest reason stands first.",
        "Use: Jain & Wallace 2019; several targets: Holm 1979",
        _any_attention,
    ),
    Definition(
        "Mass and position",
        "Whether seconds get attention in the amount of their effect, and that beyond what seconds at the training "
        "average get at the same places; p is the share of random orders that do so as well.",
        "Pearson's r, permutation test",
        _judged,
    ),
    Definition(
        "Order",
        "The share of random orders in which the steps of deletion and insertion, up or down, come later than in the "
        "order of attention.",
        "after Petsiuk et al. 2018, without signs",
        _ordered,
    ),
    Definition(
        "Rank correlation",
        "Whether attention orders the seconds as the size of their effect does; p is the share of random orders that "
        "do so as well.",
        "Spearman's ρ, permutation test",
        _judged,
    ),
    Definition(
        "Deletion and insertion",
        "The prediction while the most attended seconds are taken away, or put back, first; beside random orders and "
        "the last seconds first.",
        "Petsiuk et al. 2018",
        _ordered,
    ),
    Definition(
        "Comprehensiveness and sufficiency",
        "How far the prediction moves when the k most attended seconds go, and when they alone stay.",
        "ERASER, DeYoung et al. 2020",
        _ordered,
    ),
    Definition(
        "Shuffled and equal attention",
        "How far the prediction moves when the attention weights are permuted over the seconds, or made equal.",
        "Jain & Wallace 2019",
        _judged,
    ),
    Definition(
        "Sanity check",
        "How much an explanation resembles that of a model whose parts are random; what stays similar does not show "
        "what was learned.",
        "Adebayo et al. 2018",
        lambda explanation, targets: any(target.randomisation is not None for target in targets),
    ),
    Definition(
        "Sound against picture",
        "What sound and picture each contribute, shared out fairly between the two; ⇅ marks where they pull against "
        "each other.",
        "Shapley 1953",
        lambda explanation, targets: any(target.shapley is not None for target in targets),
    ),
    Definition(
        "Integrated gradients",
        "The change of the model's logit from the baseline to this clip, shared out over the seconds.",
        "Sundararajan et al. 2017",
        lambda explanation, targets: any(target.gradients is not None for target in targets),
    ),
    Definition(
        "Relevance",
        "Gradient × attention of each place of the picture and each part of the sound within a second.",
        "Chefer et al. 2021",
        _any_relevance,
    ),
    Definition(
        "Attention relative to its mean at that position",
        "Attention minus its mean at that position over many clips, since it rises at the end of most.",
        "Sec2Sec, Fig. 2",
        lambda explanation, targets: any(target.profile is not None for target in targets),
    ),
    Definition(
        "Unfamiliar",
        "Seconds that are silent, black, frozen or partial, or whose tokens lie farther from the centre of the "
        "training data than 99 % of its seconds, or nearer than 99 % of them: these are more average than seconds are.",
        "Mahalanobis distance, percentile",
        lambda explanation, targets: bool(explanation.out_of_distribution),
    ),
    Definition(
        "Film in windows",
        "The prediction of each window of a long clip, as long as the clips that the model learned from; the band is "
        "the range over all windows that cover a moment: how much a figure depends on where the film was cut, and "
        "nothing of how good the model is.",
        "lowest and highest prediction",
        lambda explanation, targets: explanation.curve is not None,
    ),
    Definition(
        "Stability",
        "The lowest and highest attention and effect of a second when the cuts between seconds move by 0.25 and 0.5 s, "
        "or when other seeds of the same training answer.",
        "measured when asked for",
        lambda explanation, targets: any(target.stability for target in targets),
    ),
    Definition(
        "Audio-visual features",
        "Loudness (RMS, dBFS), motion (mean change of luma from frame to frame), cuts, brightness, saturation, tempo, "
        f"onset strength and speech of each second; a feature correlates with the effect where |ρ| of their ranks is "
        f"{MIN_CORRELATION_NAMED} or more.",
        "librosa; Silero VAD",
        lambda explanation, targets: bool(explanation.features),
    ),
    Definition(
        "Co-attention",
        "Which parts of the sound each place of the picture attends to within a second, and the other way round; it "
        "shows a computation, not a cause.",
        "Sec2Sec, eq. 2",
        _any_maps,
    ),
    Definition(
        "Entropy of the co-attention",
        "How evenly a second's sound and picture attend to each other: 0 for one cell, 1 for a uniform map.",
        "Shannon 1948",
        _any_maps,
    ),
    Definition(
        "Sound texture",
        "What the model hears of each 10 ms: the shape of the spectrum as MFCC, of which the lowest say how loud and "
        "how dark or bright the sound is, and higher ones its finer structure.",
        "Davis & Mermelstein 1980",
        lambda explanation, targets: (
            explanation.clip.has_audio and explanation.co_attention.bands != "mel" and explanation.audit is None
        ),
    ),
    Definition(
        "Mel bands",
        "What the model hears of each 10 ms: the energy in bands of frequency, the lowest first, as wide as people "
        "tell pitches apart.",
        "Stevens, Volkmann & Newman 1937",
        lambda explanation, targets: explanation.clip.has_audio and explanation.co_attention.bands == "mel",
    ),
)
