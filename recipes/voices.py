"""Makes the checkpoint voices, which says how aroused a voice sounds: python -m recipes.voices DATA_FOLDER OUT.

DATA_FOLDER is a copy of EmoDB (erkennung.txt beside the folder wav; FLAC is read as well). Ten trainings leave one
speaker out each, for the figures; one more with the same settings becomes the checkpoint. The encoder is the compact
one of the demo, tuned on the voices. Utterances weigh by the share of listeners who recognised their emotion.
"""

from __future__ import annotations

import sys
from pathlib import Path

from recipes.people import PeopleRecipe, run
from sec2sec.progress import Steps
from sec2sec.training.people import Judgements

JUDGEMENTS = Judgements(
    trained_on=(
        "It learned from {clips} utterances of German actors how aroused a voice sounds: twenty listeners recognised "
        "their emotions, and to count anger, joy and fear as high, sadness, boredom and neutral as low is our choice."
    ),
    judged=(
        "Ten German actors spoke everyday sentences in seven emotions. In a listening test of 20 people each utterance "
        "was heard once, and its emotion chosen (Burkhardt et al. 2005).",
        "Nobody rated arousal. Anger, joy and fear count as high (1), sadness, boredom and neutral as low (0); "
        "disgust is left out. This grouping is ours.",
        "In training an utterance weighs by the share of listeners who recognised its emotion; in the figures all "
        "weigh alike.",
        "In the copy that was learned from every file has exactly two seconds: longer utterances are cut, and shorter "
        "ones end in silence.",
        "A prediction is how sure the model is of the high group, from 0 to 1. It is no scale that people used.",
    ),
    source=(
        "EmoDB, Berlin Database of Emotional Speech (F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss: A "
        "database of German emotional speech, Interspeech 2005), CC BY 4.0 on Zenodo, CC0 1.0 on audEERING's data card."
    ),
    not_for=(
        "Not to say what a person feels: actors played emotions, and listeners named what was played.",
        "Not for other languages, children, telephone lines or noise: ten actors of one language in a quiet room are "
        "not everybody.",
        "Not for music or film sound: it has heard single voices alone, and answers all the same.",
    ),
)


def as_it_is(data: Path, _work: Path) -> Steps[Path]:
    """The data set is learned from as it is distributed."""
    yield from ()
    return data


RECIPE = PeopleRecipe(
    name="voices",
    settings={
        "system": "sec2sec-audio",
        "temporal": "attention-pooling-lstm",
        "encoders": "tuned",
        "encoder_rate": 5e-4,
        "weight_by": "recognised",
        "label_smoothing": 0.1,
        "split_shares": (7, 2, 1),
        "warmup": 30,
        "epochs": 6,
        "patience": 6,
        "stop_rule": "no-improvement",
        "select_by": ("loss",),
    },
    folds="groups",
    judgements=JUDGEMENTS,
    prepare=as_it_is,
)

if __name__ == "__main__":
    sys.exit(run(RECIPE, __doc__))
