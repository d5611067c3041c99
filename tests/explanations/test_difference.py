"""Why a prediction changed: sums, planted edits, and Shapley values by all orders and by captum."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from captum.attr import ShapleyValues
from hypothesis import given, settings
from hypothesis import strategies as st

import sec2sec
from sec2sec.clip import AskError, EncodedClip
from sec2sec.encoders.tokens import Tokens
from sec2sec.errors import ExplanationError
from sec2sec.explanations.difference import (
    EXACT_PLAYERS,
    Difference,
    changed_seconds,
    differences,
    explain_difference,
    masker_between,
)
from sec2sec.explanations.masker import masker_of
from sec2sec.explanations.shapley import exact_shapley, sampled_shapley
from sec2sec.model import Model
from tests.helpers import clips
from tests.helpers.explaining import full_pass, random_tokens, summary_of
from tests.helpers.models import tiny_bundle
from tests.helpers.systems import built

pytestmark = pytest.mark.usefixtures("one_thread")

TARGETS = 3


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("tiny"))


def edited(tokens: Tokens, sound: tuple[int, ...] = (), picture: tuple[int, ...] = (), seed: int = 9) -> Tokens:
    """The same clip with another sound and another picture in some seconds."""
    generator = torch.Generator().manual_seed(seed)
    video, audio = tokens.video.clone(), tokens.audio.clone()
    audio[list(sound)] = torch.randn(audio[list(sound)].shape, generator=generator)
    video[list(picture)] = torch.randn(video[list(picture)].shape, generator=generator)
    return Tokens(video, audio)


def asked(model: Model, before: Tokens, after: Tokens) -> list[Difference]:
    return list(explain_difference(masker_of(model, before), masker_of(model, after)).values())


def by_all_orders(model: Model, before: Tokens, after: Tokens, players: list[tuple[str, int]]) -> np.ndarray:
    """(U, K): what each player adds in every order, by full passes of the model over the tokens themselves."""

    def worth(changed: frozenset) -> np.ndarray:
        video, audio = before.video.clone(), before.audio.clone()
        for modality, second in changed:
            if modality == "sound":
                audio[second] = after.audio[second]
            else:
                video[second] = after.video[second]
        return full_pass(model, video, audio)

    worths = {
        frozenset(some): worth(frozenset(some))
        for size in range(len(players) + 1)
        for some in itertools.combinations(players, size)
    }
    values = np.zeros((len(players), TARGETS))
    for order in itertools.permutations(range(len(players))):
        changed: frozenset = frozenset()
        for player in order:
            joined = changed | {players[player]}
            values[player] += worths[joined] - worths[changed]
            changed = joined
    return values / math.factorial(len(players))


@pytest.mark.parametrize("name", ["sec2sec-sa-ca", "sec2sec-sa-sa", "cma", "vit-vivit"])
def test_values_are_shapley_values_by_all_orders_over_full_passes(name):
    model = built(name)
    before = random_tokens(model, 4)
    after = edited(before, sound=(0, 2), picture=(2, 3))
    players = [("sound", 0), ("sound", 2), ("picture", 2), ("picture", 3)]
    expected = by_all_orders(model, before, after, players)
    for k, found in enumerate(asked(model, before, after)):
        assert found.orders == 0
        values = {"sound": found.sound, "picture": found.picture}
        for player, (modality, second) in enumerate(players):
            assert values[modality][second] == pytest.approx(expected[player, k], abs=2e-6)
        assert not found.sound[[1, 3]].any()
        assert not found.picture[[0, 1]].any()
        assert found.before == pytest.approx(full_pass(model, before.video, before.audio)[k], abs=2e-6)
        assert found.after == pytest.approx(full_pass(model, after.video, after.audio)[k], abs=2e-6)


@pytest.mark.parametrize("name", ["cma", "vit-vivit"])
def test_systems_that_take_in_the_whole_clip_draw_few_orders_and_still_sum(name):
    model = built(name)
    before = random_tokens(model, 4)
    after = edited(before, sound=(0, 1, 2, 3), picture=(0, 1, 2, 3))
    for k, found in enumerate(asked(model, before, after)):
        assert found.orders == 8
        assert found.whole.sum() == pytest.approx(found.change, abs=1e-12)
        assert found.after == pytest.approx(full_pass(model, after.video, after.audio)[k], abs=2e-6)


def test_exact_values_are_those_of_captum():
    worths = np.random.default_rng(0).normal(size=32)

    def worth(there: np.ndarray) -> np.ndarray:
        return worths[there @ (1 << np.arange(5))][:, None]

    def forward(inputs: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(worth(inputs.bool().numpy())[:, 0])

    expected = ShapleyValues(forward).attribute(torch.ones(1, 5), baselines=torch.zeros(1, 5))
    np.testing.assert_allclose(exact_shapley(worth, 5).values[:, 0], expected[0].numpy(), atol=1e-6)


def test_sampled_values_lie_within_their_errors_of_the_exact_ones():
    rng = np.random.default_rng(1)
    pull, pairs = rng.normal(size=(8, 1)), rng.normal(size=(8, 8))

    def worth(there: np.ndarray) -> np.ndarray:
        """A sigmoid of single and joint pulls, as a model's."""
        logit = there @ pull + np.einsum("ni,nj,ij->n", there, there, pairs)[:, None]
        return 1 / (1 + np.exp(-logit))

    exact = exact_shapley(worth, 8)
    deviations = []
    for seed in range(40):
        sampled = sampled_shapley(worth, 8, 30, seed)
        np.testing.assert_allclose(sampled.values.sum(0), sampled.everybody - sampled.nobody, atol=1e-12)
        deviations.append((sampled.values - exact.values) / sampled.errors)
    assert 0.8 < np.std(deviations) < 1.25
    assert abs(np.mean(deviations)) < 0.2
    again = sampled_shapley(worth, 8, 30, seed=3)
    np.testing.assert_array_equal(again.values, sampled_shapley(worth, 8, 30, seed=3).values)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10_000), seconds=st.integers(1, 9))
def test_parts_sum_to_the_difference_exactly(bundle, data, seed, seconds):
    model = bundle.model
    before = random_tokens(model, seconds, seed=seed)
    some = st.sets(st.integers(0, seconds - 1)).map(lambda chosen: tuple(sorted(chosen)))
    sound, picture = data.draw(some), data.draw(some)
    after = edited(before, sound, picture, seed=seed + 1)
    predicted = [full_pass(model, tokens.video, tokens.audio) for tokens in (before, after)]
    for k, found in enumerate(asked(model, before, after)):
        assert (found.orders == 0) == (len(sound) + len(picture) <= EXACT_PLAYERS["full"])
        assert found.whole.sum() == pytest.approx(found.change, abs=1e-12)
        assert found.change == pytest.approx(predicted[1][k] - predicted[0][k], abs=1e-5)
        assert tuple(np.flatnonzero(found.sound_changed)) == sound
        assert tuple(np.flatnonzero(found.picture_changed)) == picture
        assert not found.whole[~(found.sound_changed | found.picture_changed)].any()


@pytest.mark.parametrize("seconds", [4, 9])  # exact, and from orders that were drawn
def test_the_way_back_has_the_same_parts_with_other_signs(bundle, seconds):
    before = random_tokens(bundle.model, seconds)
    after = edited(before, tuple(range(seconds)), tuple(range(0, seconds, 2)))
    for there, back in zip(asked(bundle.model, before, after), asked(bundle.model, after, before), strict=True):
        assert (there.orders > 0) == (seconds == 9)
        np.testing.assert_allclose(there.sound, -back.sound, atol=1e-6)
        np.testing.assert_allclose(there.picture, -back.picture, atol=1e-6)
        assert there.change == pytest.approx(-back.change, abs=1e-6)


@pytest.mark.parametrize("seconds", [5, 12])
def test_an_additive_predictor_gives_each_change_its_own_amount(seconds):
    """Everything differs a little, as after a new encoding; the sound of second 3 was edited."""
    rng = np.random.default_rng(2)
    of_sound, of_picture = rng.normal(scale=0.0005, size=(2, seconds))
    of_sound[3] = 0.2

    def predictor(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        return (0.4 + picture @ of_picture + sound @ of_sound)[:, None]

    masker = SimpleNamespace(predictor=predictor, targets=("arousal",), effort="full")
    everything = np.ones(seconds, dtype=bool)
    found = differences(masker, everything, everything)["arousal"]
    np.testing.assert_allclose(found.sound, of_sound, atol=1e-12)
    np.testing.assert_allclose(found.picture, of_picture, atol=1e-12)
    assert max(found.sound_error.max(), found.picture_error.max()) < 1e-12
    assert abs(found.sound[3]) >= 0.9 * (np.abs(found.sound) + np.abs(found.picture)).sum()
    assert "the sound of 3–4 s +0.200" in found.sentence("arousal")


def test_an_edit_of_one_sound_is_found_among_small_changes_everywhere(bundle):
    before = random_tokens(bundle.model, 8)
    noise = torch.Generator().manual_seed(5)
    after = edited(before, sound=(3,))
    after = Tokens(*(part + 1e-4 * torch.randn(part.shape, generator=noise) for part in (after.video, after.audio)))
    found = asked(bundle.model, before, after)[0]
    assert found.sound_changed.all()
    assert found.picture_changed.all()
    assert abs(found.sound[3]) >= 0.9 * (np.abs(found.sound) + np.abs(found.picture)).sum()
    assert found.sound[3] == pytest.approx(found.change, abs=0.1 * abs(found.change))


def test_only_seconds_in_which_both_differ_are_joined_anew(bundle, monkeypatch):
    model = bundle.model
    before = random_tokens(model, 6)
    old, new = masker_of(model, before), masker_of(model, edited(before, sound=(1, 4), picture=(4, 5)))
    for masker in (old, new):
        assert len(masker.embeddings.both) == 6
    rows = []
    joined = model.co_attend
    monkeypatch.setattr(
        model, "co_attend", lambda seen, heard, evidence: rows.append(len(seen)) or joined(seen, heard, evidence)
    )
    explain_difference(old, new)
    assert rows == [1, 1]


def test_a_clip_without_sound_differs_by_the_average_sound(bundle):
    both = random_tokens(bundle.model, 4)
    silent = Tokens(both.video, None)
    found = asked(bundle.model, silent, both)[0]
    assert found.sound_changed.all()
    assert not found.picture_changed.any()
    mean = bundle.model.references(4)[1]
    assert found.before == pytest.approx(full_pass(bundle.model, both.video, mean)[0], abs=2e-6)


def test_the_same_clip_twice_has_no_difference(bundle):
    tokens = random_tokens(bundle.model, 4)
    found = asked(bundle.model, tokens, Tokens(tokens.video.clone(), tokens.audio.clone()))[0]
    assert found.change == 0
    assert not found.whole.any()
    assert found.sentence("arousal") == f"arousal stays at {found.after:.3f}: the model reads the same in both."


def test_two_windows_of_a_film_are_paired_by_place(bundle, tmp_path):
    film = clips.make_clip(tmp_path / "film.mp4", 6)
    first, second = (sec2sec.encode(film, bundle, start=start, end=start + 4) for start in (0, 1))
    found = second.differences(first)
    for name, difference in found.items():
        assert difference.before == pytest.approx(first.predict()[name], abs=1e-6)
        assert difference.after == pytest.approx(second.predict()[name], abs=1e-6)
        assert difference.whole.sum() == pytest.approx(difference.change, abs=1e-12)


def test_other_lengths_and_other_models_are_refused_in_a_sentence(bundle, tmp_path):
    one, other = (random_tokens(bundle.model, seconds) for seconds in (4, 5))
    with pytest.raises(
        ExplanationError,
        match=r"first version has 4 seconds and the second one has 5: .*, or parts, of the same length",
    ):
        asked(bundle.model, one, other)
    clip = EncodedClip(bundle, one, summary_of(one))
    another = tiny_bundle(tmp_path / "another", seed=1)
    with pytest.raises(AskError, match="encode both with one model"):
        clip.differences(EncodedClip(another, one, summary_of(one)))
    assert clip.differences(clip)["arousal"].change == 0


def test_long_clips_take_fewer_orders_and_still_sum(bundle):
    before = random_tokens(bundle.model, 40)
    after = random_tokens(bundle.model, 40, seed=4)
    old, new = masker_of(bundle.model, before), masker_of(bundle.model, after)
    sound, picture = changed_seconds(bundle.model, before, after)
    found = differences(masker_between(old, new, sound & picture), sound, picture, max_cells=1 << 16)
    assert {one.orders for one in found.values()} == {2 * ((1 << 16) // (2 * 81 * 40))}
    for one in found.values():
        assert one.whole.sum() == pytest.approx(one.change, abs=1e-12)
        assert (one.sound_error > 0).any()


def difference(sound: list[float], picture: list[float], before: float = 0.5, same: bool = False) -> Difference:
    values = np.array(sound), np.array(picture)
    changed = [row != 0 for row in values]
    after = before + sum(float(row.sum()) for row in values)
    nothing = np.zeros(len(sound))
    return Difference(before, after, *values, nothing, nothing, *changed, orders=0)


def test_the_sentence_names_what_carries_the_change_and_what_the_rest_comes_to():
    one = difference([0, 0, -0.2, 0], [0, 0, 0, 0])
    assert one.sentence("arousal") == "arousal fell by 0.200, from 0.500 to 0.300: the sound of 2–3 s −0.200."
    two = difference([0.001, 0, 0.15, 0], [0, 0.1, 0.0001, -0.01])
    assert two.sentence("valence") == (
        "valence rose by 0.241, from 0.500 to 0.741 (sound +0.151, picture +0.090): the sound of 2–3 s +0.150, "
        "the picture of 1–2 s +0.100, 3 other changes −0.009 together."
    )
    single = difference([0, 0.002, 0.15, 0], [0, 0, 0, 0])
    assert single.sentence("a").endswith(": the sound of 2–3 s +0.150, the sound of 1–2 s +0.002.")
    cancelled = difference([0.1, -0.1], [0, 0])
    assert cancelled.sentence("a") == "a stays at 0.500: the sound of 0–1 s +0.100, the sound of 1–2 s −0.100."
    idle = difference([1e-5, 0], [0, 1e-5])
    assert idle.sentence("a") == "a stays at 0.500 (sound ±0.000, picture ±0.000): 2 changes ±0.000 together."
