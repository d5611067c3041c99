"""What each figure of a report means, in one sentence, and where it comes from."""

from __future__ import annotations

from sec2sec.viewer.evidence import MIN_CORRELATION_NAMED

DEFINITIONS: tuple[tuple[str, str, str], ...] = (
    ("Prediction", "How the model says that people perceive the clip, from 0 (low) to 1 (high).", "Sec2Sec, §3"),
    (
        "Attention",
        "The share of attention on each second; it has no sign and sums to 1 over the clip.",
        "Wang et al. 2016",
    ),
    (
        "Measured effect",
        "The prediction minus the prediction with that second replaced by what stands in its place: the average second "
        "of the training data; the neighbouring second; or, where the model has kept some, real training seconds, "
        "drawn at random or nearest to the rest of the clip (the mean over up to 16 or 8, whole seconds alone).",
        "occlusion, Zeiler & Fergus 2014",
    ),
    (
        "Average second",
        "What the model saw in the mean over all training seconds. No film has such a second: it lies nearer to their "
        "centre than any of them, and what co-attention makes of it need not lie there at all. Its distances stand "
        "below the predictions, where the model knows them.",
        "Mahalanobis distance",
    ),
    (
        "Interaction",
        "The effect of a second beyond the effects of its sound and of its picture alone.",
        "whole − sound − picture",
    ),
    (
        "Verdict",
        "Whether the attention can be believed: it is trusted where the prediction uses it, where it is uneven, and "
        "where mass, position and order hold. The weakest reason stands first.",
        "Use: Jain & Wallace 2019; several targets: Holm 1979",
    ),
    (
        "Mass and position",
        "Whether seconds get attention in the amount of their effect, and that beyond what average seconds get at the "
        "same places; p is the share of random orders that do so as well.",
        "Pearson's r, permutation test",
    ),
    (
        "Order",
        "The share of random orders in which the steps of deletion and insertion, up or down, come later than in the "
        "order of attention.",
        "after Petsiuk et al. 2018, without signs",
    ),
    (
        "Rank correlation",
        "Whether attention orders the seconds as the size of their effect does; p is the share of random orders that "
        "do so as well.",
        "Spearman's ρ, permutation test",
    ),
    (
        "Deletion and insertion",
        "The prediction while the most attended seconds are taken away, or put back, first; beside random orders and "
        "the last seconds first.",
        "Petsiuk et al. 2018",
    ),
    (
        "Comprehensiveness and sufficiency",
        "How far the prediction moves when the k most attended seconds go, and when they alone stay.",
        "ERASER, DeYoung et al. 2020",
    ),
    (
        "Shuffled and equal attention",
        "How far the prediction moves when the attention weights are permuted over the seconds, or made equal.",
        "Jain & Wallace 2019",
    ),
    (
        "Sanity check",
        "How much an explanation resembles that of a model whose parts are random; what stays similar does not show "
        "what was learned.",
        "Adebayo et al. 2018",
    ),
    (
        "Sound against picture",
        "What sound and picture each contribute, shared out fairly between the two; ⇅ marks where they pull against "
        "each other.",
        "Shapley 1953",
    ),
    (
        "Integrated gradients",
        "The change of the model's logit from the baseline to this clip, shared out over the seconds.",
        "Sundararajan et al. 2017",
    ),
    (
        "Relevance",
        "Gradient × attention of each place of the picture and each part of the sound within a second.",
        "Chefer et al. 2021",
    ),
    (
        "Attention relative to its mean at that position",
        "Attention minus its mean at that position over many clips, since it rises at the end of most.",
        "Sec2Sec, Fig. 2",
    ),
    (
        "Unfamiliar",
        "Seconds that are silent, black, frozen or partial, or whose tokens lie farther from the centre of the "
        "training data than 99 % of its seconds, or nearer than 99 % of them: these are more average than seconds are.",
        "Mahalanobis distance, percentile",
    ),
    (
        "Stability",
        "The lowest and highest attention and effect of a second when the cuts between seconds move by 0.25 and 0.5 s, "
        "or when other seeds of the same training answer.",
        "measured when asked for",
    ),
    (
        "Audio-visual features",
        "Loudness (RMS, dBFS), motion (mean change of luma from frame to frame), cuts, brightness, saturation, tempo, "
        f"onset strength and speech of each second. A feature correlates with the effect where |ρ| of their ranks is "
        f"{MIN_CORRELATION_NAMED} or more.",
        "librosa; Silero VAD",
    ),
    (
        "Entropy of the co-attention",
        "How evenly a second's sound and picture attend to each other: 0 for one cell, 1 for a uniform map.",
        "Shannon 1948",
    ),
)
