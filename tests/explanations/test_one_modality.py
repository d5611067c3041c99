"""A model of sound or picture alone: what it does not read is said, and nothing of it is shown as measured."""

from __future__ import annotations

import pytest

import sec2sec
from sec2sec.explanations.results import Explanation
from sec2sec.explanations.sentences import answer
from sec2sec.export.as_json import to_json
from sec2sec.export.as_text import as_text
from sec2sec.viewer.cards import predictions
from sec2sec.viewer.payload import view_payload
from tests.helpers.clips import make_clip
from tests.helpers.models import tiny_bundle


@pytest.fixture(scope="module", params=["audio", "vision"])
def explained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> sec2sec.EncodedClip:
    """A clip of picture and sound through a model that reads one of them."""
    folder = tmp_path_factory.mktemp(request.param)
    clip = make_clip(folder / "clip.mp4", 4, size=(64, 48))
    return sec2sec.encode(clip, tiny_bundle(folder / "tiny", attention=request.param))


def sides(explanation: Explanation) -> tuple[str, str]:
    """What the model reads, and what it does not."""
    return ("sound", "picture") if explanation.checkpoint.reads == ("audio",) else ("picture", "sound")


def test_answer_card_and_text_name_what_the_model_does_not_read(explained: sec2sec.EncodedClip) -> None:
    explanation = explained.explain()
    there, missing = sides(explanation)
    words = f"reads the {there} alone: the {missing} of a clip changes nothing in its answer"
    assert words in explanation.checkpoint.about
    assert words in as_text(explanation)
    card = predictions(explanation, ["arousal"])
    assert words in card
    assert 'class="tug"' not in card, "nothing pulls against what is not read"
    effect = answer(explanation, "arousal").effect
    assert f"by its {there}, all that this model reads" in effect
    assert to_json(explanation)["checkpoint"]["reads"] == list(explanation.checkpoint.reads)


def test_panel_of_a_second_says_what_is_missing_and_offers_no_place_of_it(explained: sec2sec.EncodedClip) -> None:
    explanation = explained.explain()
    there, missing = sides(explanation)
    assert explained.preview is not None
    payload = view_payload(explanation, explained.preview)
    assert payload["reads"] == list(explanation.checkpoint.reads)
    assert f"reads the {there} alone: nothing here is about the {missing}" in payload["maps"]["absent"]
