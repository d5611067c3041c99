"""Makes the checkpoint photos, which says how pleasant and exciting a picture is: python -m recipes.photos DATA OUT.

DATA is a copy of OASIS or of a table like it, with its pictures. They become clips of four seconds, over which the
camera moves as it happens to: motion and compression are drawn from the bytes of a picture, so that they say nothing
about its ratings. Five trainings leave a fifth of the themes out each, for the figures; one more with the same settings
becomes the checkpoint. The encoder is EfficientNet-Lite0, frozen: `python -m recipes.efficientnet_lite0` converts its
weights once.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from recipes.people import PeopleRecipe, run
from sec2sec.datasets.oasis import HIGHEST, LOWEST, TARGETS, read_oasis
from sec2sec.datasets.stills import write_stills
from sec2sec.datasets.table import TABLE_FILE
from sec2sec.progress import Steps
from sec2sec.scales import Scale
from sec2sec.training.people import Judgements

JUDGEMENTS = Judgements(
    trained_on=(
        "It learned from {clips} photographs, shown as still clips, how pleasant and how exciting about a hundred "
        "people found each. Photographs are not films, and it hears nothing."
    ),
    judged=(
        "646 photographs of people, animals, objects and scenes. About 102 adults of the United States, asked online, "
        "rated each for valence, and as many for arousal (Kurdi, Lozano & Banaji 2017).",
        "A target is the mean of these ratings. One person differs from the mean by 0.6 to 1.9 points of the scale "
        "(standard deviation of nine tenths of the photographs), so that a prediction is no one person's feeling.",
        "The model saw clips of four seconds in which the camera moves slowly over a picture. Motion and compression "
        "were drawn without regard to the ratings.",
        "Pictures of one theme, such as acorns, stand in one split.",
    ),
    source=(
        "OASIS, Open Affective Standardized Image Set (B. Kurdi, S. Lozano, M. R. Banaji: Introducing the Open "
        "Affective Standardized Image Set, Behavior Research Methods 2017, doi 10.3758/s13428-016-0715-3), open-access "
        "for research; the pictures are from Pixabay. None of them comes with this checkpoint."
    ),
    not_for=(
        "Not to say what a person feels, or what a film does to people: nobody rated a film, a cut, a movement or a "
        "sound.",
        "Not beyond photographs: animation, text, screens and faces close up are few or absent among what it learned "
        "from, and it answers all the same.",
        "Not as taste of everybody: the raters were adults of one country.",
    ),
    scales=tuple(Scale(target, LOWEST, HIGHEST) for target in TARGETS),
)


def still_clips(data: Path, work: Path) -> Steps[Path]:
    """The pictures as clips, written once into the work folder."""
    folder = work / "stills"
    if not (folder / TABLE_FILE).is_file():
        partial = work / ".stills.part"
        shutil.rmtree(partial, ignore_errors=True)
        work.mkdir(parents=True, exist_ok=True)
        yield from write_stills(read_oasis(data), partial)
        partial.rename(folder)
    return folder


RECIPE = PeopleRecipe(
    name="photos",
    settings={
        "system": "sec2sec-vision",
        "temporal": "attention-pooling-lstm",
        "video_encoder": "timm:tf_efficientnet_lite0",
        "frames_per_second": 1,
        "video_grid": (1, 3, 3),
        "width": 64,
        "rate": 5e-4,
        "warmup": 20,
        "epochs": 12,
        "patience": 12,
        "stop_rule": "no-improvement",
        "select_by": ("pearson",),
        "targets": TARGETS,
    },
    folds="5",
    judgements=JUDGEMENTS,
    prepare=still_clips,
    sampled=24,  # of 82 kB each
)

if __name__ == "__main__":
    sys.exit(run(RECIPE, __doc__))
