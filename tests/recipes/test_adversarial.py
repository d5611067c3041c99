"""The model that is taught to look away: what it is made of; what it learns is tested beside the verdict."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recipes.adversarial import look_away
from sec2sec.explanations.embeddings import embed_seconds
from tests.helpers.explaining import random_tokens
from tests.helpers.models import tiny_bundle


def test_the_weights_of_the_copied_lstm_are_laid_together_again(tmp_path, monkeypatch):
    """A deep copy on a GPU takes them apart; what cuDNN would say of that no CPU can."""
    bundle = tiny_bundle(tmp_path / "tiny")
    embeddings = embed_seconds(bundle.model, random_tokens(bundle.model, 4))
    flattened: list[torch.nn.LSTM] = []
    monkeypatch.setattr(torch.nn.LSTM, "flatten_parameters", lambda self: flattened.append(self))
    monkeypatch.setattr("recipes.adversarial.STEPS", 1)
    changed = look_away(bundle.model, [(embeddings, np.arange(4) == 1)])
    assert flattened == [changed.temporal.lstm]
    assert changed.temporal.lstm is not bundle.model.temporal.lstm


def test_a_model_without_attention_over_seconds_is_refused(tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny", temporal="lstm")
    embeddings = embed_seconds(bundle.model, random_tokens(bundle.model, 4))
    with pytest.raises(ValueError, match="none to turn away"):
        look_away(bundle.model, [(embeddings, np.arange(4) == 1)])
