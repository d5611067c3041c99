"""What the view may ask of single places, and what is written on demand; without a browser."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import torch

from sec2sec.baselines import SYSTEMS
from sec2sec.clip import EncodedClip
from sec2sec.encoders.tokens import Tokens
from sec2sec.errors import UserError
from sec2sec.ui import gradio_private
from sec2sec.ui.bounded_cache import ClipGoneError
from sec2sec.ui.clip_cache import BYTES_OF_OPENED, ClipCache, ExplainedClip
from sec2sec.ui.clip_view import view_value
from sec2sec.ui.downloads import write_file
from sec2sec.ui.places import places_function
from sec2sec.viewer.payload import view_payload, without_maps
from tests.helpers import clips
from tests.helpers.explaining import encoded
from tests.helpers.models import tiny_bundle
from tests.helpers.systems import built


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("places")


@pytest.fixture(scope="module")
def bundle(folder):
    return tiny_bundle(folder / "tiny")


@pytest.fixture(scope="module")
def found(folder, bundle) -> EncodedClip:
    return encoded(clips.make_clip(folder / "clip.mp4", 3), bundle)


@pytest.fixture
def clip(found, folder) -> ExplainedClip:
    payload = view_payload(found.explain(), found.preview)
    return ExplainedClip(
        found.explain(), found.preview, found.tokens.cpu(), folder / "clip.mp4", (0.0, None), "tiny", payload=payload
    )


@pytest.fixture
def cache() -> ClipCache:
    return ClipCache(60)


@pytest.fixture
def ask(bundle, cache):
    return places_function(SimpleNamespace(get=lambda name: bundle), cache, 1)


def test_answer_is_place_effects_for_the_targets_that_are_shown(ask, cache, clip, bundle, found):
    key = cache.put(clip)
    for second in range(3):
        expected = found.places(second)
        said = json.loads(json.dumps(ask({"key": key, "second": second})))
        assert said["second"] == expected.second == second
        for part in ("video", "audio"):
            np.testing.assert_allclose(said[part], getattr(expected, part).T[:2], atol=1e-6)  # synchrony is hidden
            assert np.abs(said[part]).max() > 1e-4


@pytest.mark.parametrize(
    "sent", [None, 3, [], {"second": 3}, {"second": -1}, {"second": True}, {"second": "1"}, {"second": None}, {}]
)
def test_bad_requests_are_refused_in_a_sentence(ask, cache, clip, sent):
    key = cache.put(clip)
    said = ask({"key": key, **sent} if isinstance(sent, dict) else sent)
    assert list(said) == ["error"]
    assert "explain it again" in said["error"] or "seconds 0 to 2" in said["error"]


def test_a_clip_that_has_left_the_cache_says_what_to_do(bundle, clip):
    now = [0.0]
    cache = ClipCache(60, clock=lambda: now[0])
    ask = places_function(SimpleNamespace(get=lambda name: bundle), cache, 1)
    key = cache.put(clip)
    assert "error" not in ask({"key": key, "second": 0})
    now[0] = 61.0
    for gone in (key, "guess", [key], None):
        assert "explain it again" in ask({"key": gone, "second": 0})["error"]


def test_what_is_offered_follows_the_system_and_the_clip(clip, bundle):
    def offer(model) -> dict:
        said = json.loads(view_value(clip, "k", replace(bundle, model=model)))
        assert {name: value for name, value in said.items() if name != "places"} == without_maps(clip.payload)
        return said["places"]

    assert offer(bundle.model) == {"key": "k", "small": 0.001, "absent": "", "video": True, "audio": True}
    hears = offer(built("sec2sec-audio"))
    assert (hears["video"], hears["audio"], hears["absent"]) == (False, True, "")
    for name in ("co-attention", "cma"):
        assert SYSTEMS[name].title in offer(built(name))["absent"]
    clip.tokens = Tokens(clip.tokens.video, None)
    assert not offer(bundle.model)["audio"]


def test_a_silent_clip_is_measured_by_its_picture_alone(ask, cache, clip):
    clip.tokens = Tokens(clip.tokens.video, None)
    said = ask({"key": cache.put(clip), "second": 1})
    assert np.abs(said["video"]).max() > 1e-4
    assert torch.tensor(said["audio"]).abs().max() < 1e-6


def test_downloads_say_what_was_explained_and_reports_ask_nobody(clip, bundle, folder, cache):
    models = SimpleNamespace(get=lambda name: bundle)
    with gr.Blocks():
        button = gr.DownloadButton()
    button.GRADIO_CACHE = str(folder)
    key = cache.put(clip)
    said = json.loads(Path(write_file(models, clip, "json", button)).read_text(encoding="utf-8"))
    assert said["clip"]["seconds"] == 3
    page = Path(write_file(models, clip, "html", button)).read_text(encoding="utf-8")
    assert key not in page
    assert '"places"' not in page


def test_of_fifty_reports_of_a_clip_the_last_one_is_on_the_disk(clip, bundle, tmp_path):
    models = SimpleNamespace(get=lambda name: bundle)
    with gr.Blocks():
        button = gr.DownloadButton()
    button.GRADIO_CACHE = str(tmp_path)
    for _ in range(25):
        newest = [write_file(models, clip, form, button) for form in ("json", "html")]
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(newest)


def test_nothing_is_written_on_a_disk_that_is_nearly_full(clip, bundle, tmp_path, monkeypatch):
    models = SimpleNamespace(get=lambda name: bundle)
    with gr.Blocks():
        button = gr.DownloadButton()
    button.GRADIO_CACHE = str(tmp_path)
    monkeypatch.setattr(gradio_private, "free_bytes", lambda folder: gradio_private.RESERVE - 1)
    with pytest.raises(UserError, match="no room for this file now"):
        write_file(models, clip, "json", button)
    assert list(tmp_path.iterdir()) == []


def test_thousands_of_opened_pages_cost_nobody_the_clip_that_they_waited_for(clip):
    cache = ClipCache(60, max_bytes=clip.nbytes + 40 * BYTES_OF_OPENED)
    own = cache.put(clip)
    opened = replace(clip, is_shared=True, history=None, embeddings=None)
    keys = [cache.put(replace(opened)) for _ in range(3000)]
    assert cache.get(own) is clip
    assert cache.get(keys[-1]).is_replaceable
    with pytest.raises(ClipGoneError):
        cache.get(keys[0])
