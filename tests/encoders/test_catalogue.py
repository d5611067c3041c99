"""The list of tested encoders: what it says is what the installed libraries and our own configurations say."""

from __future__ import annotations

import json

import pytest
import timm
import torch
import transformers

from sec2sec.cli import main
from sec2sec.config import COMPACT, EncoderConfig
from sec2sec.encoder_names import R2PLUS1D, RESNET, check_names
from sec2sec.encoders import build_encoders, catalogue
from sec2sec.encoders.paper import PaperAudio, PaperVideo
from sec2sec.encoders.transformers_audio import frames_in

CLASSES = {
    "google/siglip2-base-patch16-224": ("SiglipVisionConfig", "SiglipVisionModel"),
    "facebook/vjepa2-vitl-fpc64-256": ("VJEPA2Config", "VJEPA2Model"),
    "MIT/ast-finetuned-audioset-10-10-0.4593": ("ASTConfig", "ASTModel"),
    "facebook/hubert-base-ls960": ("HubertConfig", "HubertModel"),
    "microsoft/wavlm-base-plus": ("WavLMConfig", "WavLMModel"),
}  # whose defaults are those of the repository
BY_FAMILY = {
    family: [known for known in catalogue.KNOWN if known.name.startswith(f"{family}:")]
    for family in ("timm", "transformers")
}


def megabytes(network: torch.nn.Module, without: tuple[str, ...] = ()) -> float:
    kept = [p.numel() for name, p in network.named_parameters() if not name.startswith(without or "-")]
    return sum(kept) * 4 / 1e6


@pytest.mark.parametrize("known", BY_FAMILY["timm"], ids=lambda known: known.name)
def test_a_network_of_timm_is_as_large_and_fine_as_listed(known):
    name = known.name.partition(":")[2]
    with torch.device("meta"), torch.no_grad():
        network = timm.create_model(name, num_classes=0).eval()
        settings = timm.get_pretrained_cfg(name)
        features = network.forward_features(torch.zeros(1, *settings.input_size))
    tokens = features.flatten(2).mT if features.ndim == 4 else features[:, network.num_prefix_tokens :]
    assert tokens.shape[1:] == (known.map[1] * known.map[2], known.width)
    assert megabytes(network) == pytest.approx(known.megabytes, abs=0.06)
    assert settings.license.casefold() == known.licence.casefold()


@pytest.mark.parametrize("known", BY_FAMILY["transformers"], ids=lambda known: known.name)
def test_a_network_of_transformers_is_as_large_and_fine_as_listed(known):
    config_class, model_class = CLASSES[known.name.partition(":")[2]]
    config = getattr(transformers, config_class)()
    if model_class == "ASTModel":
        config.max_length = frames_in(16000)
    with torch.device("meta"):
        network = getattr(transformers, model_class)(config)
    assert megabytes(network, ("predictor.", "head.")) == pytest.approx(known.megabytes, abs=0.06)
    assert config.hidden_size == known.width


def test_our_own_encoders_are_as_large_and_fine_as_listed():
    own = {(known.name, known.modality): known for known in catalogue.KNOWN if ":" not in known.name}
    compact = build_encoders(EncoderConfig.compact(), seed=0)
    paper = EncoderConfig.paper()
    for name, modality, network, grid, width in (
        (COMPACT, "video", compact.video, compact.config.video_grid, compact.config.width),
        (COMPACT, "audio", compact.audio, compact.config.audio_grid, compact.config.width),
        (R2PLUS1D, "video", PaperVideo(), paper.video_grid, paper.width),
        (RESNET, "audio", PaperAudio(), paper.audio_grid, paper.width),
    ):
        known = own.pop((name, modality))
        assert (known.map, known.width) == (grid, width)
        assert known.megabytes == pytest.approx(megabytes(network), abs=0.06)
    assert not own


def test_every_listed_name_is_one_that_a_training_takes():
    for known in catalogue.KNOWN:
        check_names(*((known.name, "") if known.modality == "video" else ("", known.name)))


def test_the_command_lists_all_and_measures_what_is_here(no_network, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    listed = [known for known in catalogue.KNOWN if known.name in (COMPACT, RESNET, "timm:tf_efficientnet_lite0")]
    monkeypatch.setattr(catalogue, "KNOWN", listed)
    assert main(["encoders", "--device", "cpu", "--json", str(tmp_path / "list.json")]) == 0
    printed = capsys.readouterr().out
    assert "weights not here: hf download timm/tf_efficientnet_lite0.in1k, or python -m recipes.efficientnet_lite0" in (
        printed
    )
    rows = json.loads((tmp_path / "list.json").read_text())
    assert {row["name"]: row["here"] for row in rows} == {
        COMPACT: True,
        RESNET: False,
        "timm:tf_efficientnet_lite0": False,
    }
    assert all(row["clips_per_minute"] > 1 for row in rows if row["here"])
    assert all(row["clips_per_minute"] is None for row in rows if not row["here"])
