"""Encoders from transformers: tiny networks as they are published, beside transformers' own processors and models."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from sec2sec.checkpoints import load_checkpoint
from sec2sec.cli import main
from sec2sec.clip import encode
from sec2sec.config import EncoderConfig
from sec2sec.edits.history import History
from sec2sec.edits.lab import Lab
from sec2sec.edits.plan import ClipTracks
from sec2sec.edits.sources import encode_plan_pictures
from sec2sec.edits.types import Blank, Blur
from sec2sec.encoders import EncoderError, build_encoders
from sec2sec.encoders.named import named_config
from sec2sec.encoding import encode_seconds
from sec2sec.errors import SettingsError
from sec2sec.media import open_clip
from sec2sec.progress import drain
from sec2sec.training.hardware import Hardware
from sec2sec.training.settings import TrainConfig
from sec2sec.training.train import train_steps
from tests.helpers import published as tiny
from tests.helpers.datasets import clip_folder

SPEECH = ("wav2vec2", "hubert", "wavlm", "data2vec-audio")


@pytest.fixture(autouse=True)
def quiet():
    """transformers draws a bar when the helpers save."""
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.enable_progress_bar()


@pytest.fixture
def hub(no_network, tmp_path):
    return tmp_path / "hub"


def frames_of(config: EncoderConfig, seconds: int = 2) -> torch.Tensor:
    shape = (seconds, config.frames_per_second, *config.frame_size, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def sound_of(seconds: int = 2) -> torch.Tensor:
    return 0.3 * torch.randn(seconds, 16000, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def test_siglips_tokens_are_those_of_its_own_processor_and_model(hub):
    folder = tiny.siglip(hub)
    config = named_config("transformers:tiny/siglip", "compact")
    assert (config.maps[0], config.frame_size, config.region) == ((2, 4, 4), (32, 32), (0.0, 0.0, 1.0, 1.0))
    frames = frames_of(config)
    processor = transformers.SiglipImageProcessor.from_pretrained(folder)
    pictures = processor(list(frames.flatten(0, 1).numpy()), do_resize=False, return_tensors="pt")
    wanted = transformers.SiglipModel.from_pretrained(folder).eval().vision_model(**pictures).last_hidden_state
    tokens = build_encoders(config).encode_video(frames)
    assert wanted.std() > 0.1
    torch.testing.assert_close(tokens, wanted.unflatten(0, (2, 2)).flatten(1, 2), rtol=0, atol=2e-3)  # float16 weights


@torch.no_grad()
def test_a_class_token_is_left_out_and_the_middle_is_cropped(hub):
    folder = tiny.dinov2(hub)
    config = named_config("transformers:tiny/dinov2", "compact", 4)
    assert (config.frame_size, config.video_encoder.crop, config.maps[0]) == ((40, 53), 32, (4, 4, 4))
    frames = frames_of(config)
    processor = transformers.BitImageProcessor.from_pretrained(folder)
    crops = list(frames[:, :, 4:36, 10:42].flatten(0, 1).numpy())
    pictures = processor(crops, do_resize=False, do_center_crop=False, return_tensors="pt")
    wanted = transformers.Dinov2Model.from_pretrained(folder).eval()(**pictures).last_hidden_state[:, 1:]
    tokens = build_encoders(config).encode_video(frames)
    torch.testing.assert_close(tokens, wanted.unflatten(0, (2, 4)).flatten(1, 2), rtol=0, atol=5e-3)


@pytest.mark.parametrize(("family", "name"), [("clip", "clip"), ("clip_vision", "clip-vision")])
@torch.no_grad()
def test_clips_places_are_those_of_its_own_processor_and_model(hub, family, name):
    folder = getattr(tiny, family)(hub)
    config = named_config(f"transformers:tiny/{name}", "compact")
    assert (config.frame_size, config.video_encoder.crop, config.maps[0]) == ((32, 43), 32, (2, 4, 4))
    frames = frames_of(config)
    processor = transformers.CLIPImageProcessor.from_pretrained(folder)
    crops = list(frames[:, :, :, 6:38].flatten(0, 1).numpy())  # the middle of 43 columns, rounded
    pictures = processor(crops, do_resize=False, do_center_crop=False, return_tensors="pt")
    wanted = transformers.CLIPVisionModel.from_pretrained(folder).eval()(**pictures).last_hidden_state[:, 1:]
    tokens = build_encoders(config).encode_video(frames)
    assert wanted.std() > 0.1
    torch.testing.assert_close(tokens, wanted.unflatten(0, (2, 2)).flatten(1, 2), rtol=0, atol=5e-3)


@torch.no_grad()
def test_siglips_picture_alone_gives_the_tokens_of_the_whole(hub):
    folder = tiny.siglip_vision(hub)
    config = named_config("transformers:tiny/siglip-vision", "compact")
    frames = frames_of(config)
    processor = transformers.SiglipImageProcessor.from_pretrained(folder)
    pictures = processor(list(frames.flatten(0, 1).numpy()), do_resize=False, return_tensors="pt")
    wanted = transformers.SiglipVisionModel.from_pretrained(folder).eval()(**pictures).last_hidden_state
    tokens = build_encoders(config).encode_video(frames)
    torch.testing.assert_close(tokens, wanted.unflatten(0, (2, 2)).flatten(1, 2), rtol=0, atol=5e-3)


@torch.no_grad()
def test_vits_places_come_without_class_token_pooling_and_classifier(hub):
    folder = tiny.vit(hub)
    config = named_config("transformers:tiny/vit-google", "compact")
    assert (config.frame_size, config.region, config.maps[0]) == ((32, 32), (0.0, 0.0, 1.0, 1.0), (2, 4, 4))
    frames = frames_of(config)
    processor = transformers.ViTImageProcessor.from_pretrained(folder)
    pictures = processor(list(frames.flatten(0, 1).numpy()), do_resize=False, return_tensors="pt")
    whole = transformers.ViTForImageClassification.from_pretrained(folder).eval()
    wanted = whole(**pictures, output_hidden_states=True).hidden_states[-1]
    wanted = whole.vit.layernorm(wanted)[:, 1:]
    encoders = build_encoders(config)
    assert wanted.std() > 0.1
    tokens = encoders.encode_video(frames)
    torch.testing.assert_close(tokens, wanted.unflatten(0, (2, 2)).flatten(1, 2), rtol=0, atol=5e-3)
    assert not [name for name in encoders.video.state_dict() if "pooler" in name or "classifier" in name]


@pytest.mark.parametrize("family", ["videomae", "vjepa2"])
@torch.no_grad()
def test_video_networks_give_tubelets_over_time_and_place(hub, family):
    folder = getattr(tiny, family)(hub)
    config = named_config(f"transformers:tiny/{family}", "compact")
    assert (config.frames_per_second, config.maps[0], config.video_grid) == (16, (8, 4, 4), (8, 4, 4))
    encoders = build_encoders(config)
    frames = frames_of(config)
    tokens = encoders.encode_video(frames)
    pixels = encoders.video.prepare(frames)
    if family == "vjepa2":
        wanted = transformers.VJEPA2Model.from_pretrained(folder).eval().get_vision_features(pixels)
    else:
        wanted = transformers.VideoMAEModel.from_pretrained(folder).eval()(pixels).last_hidden_state
    torch.testing.assert_close(tokens, wanted, rtol=0, atol=5e-3)
    assert not any(name.startswith("network.predictor") for name in encoders.video.state_dict())
    with pytest.raises(SettingsError, match="takes 16 frames per second together"):
        named_config(f"transformers:tiny/{family}", "compact", 4)


@torch.no_grad()
def test_ast_keeps_the_frequency_and_its_positions_in_the_middle(hub):
    folder = tiny.ast(hub)
    config = named_config("compact", "transformers:tiny/ast")
    assert (config.maps[1], config.bands) == ((2, 9), "mel")
    encoders = build_encoders(config)
    long = load_file(folder / "model.safetensors")["embeddings.position_embeddings"][0]
    times = (256 - 16) // 10 + 1
    for band in range(2):  # the cut in slow loops
        for time in range(9):
            own = encoders.audio.network.embeddings.position_embeddings[0, 2 + band * 9 + time]
            torch.testing.assert_close(own, long[2 + band * times + times // 2 - 4 + time], rtol=0, atol=2e-3)
    extractor = transformers.ASTFeatureExtractor(**(tiny.AST_SOUND | {"max_length": 98}))
    samples = sound_of()
    features = extractor(list(samples.numpy()), sampling_rate=16000, return_tensors="pt").input_values
    torch.testing.assert_close(encoders.audio.filter_banks(samples), features, rtol=0, atol=1e-4)
    wanted = encoders.audio.network(features).last_hidden_state[:, 2:]
    torch.testing.assert_close(encoders.audio(samples), wanted, rtol=0, atol=1e-4)
    assert encoders.encode_audio(samples).shape == (2, 16, 16)  # on the default grid, 2 bands × 8 times


@pytest.mark.parametrize("family", SPEECH)
@torch.no_grad()
def test_speech_networks_give_times_alone_from_normalised_samples(hub, family):
    folder = tiny.speech(hub, family)
    config = named_config("compact", f"transformers:tiny/{family}")
    assert (config.maps[1], config.audio_grid, config.bands) == ((1, 49), (1, 8), "none")
    samples = sound_of()
    extractor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(folder)
    inputs = extractor(list(samples.numpy()), sampling_rate=16000, return_tensors="pt").input_values
    wanted = transformers.AutoModel.from_pretrained(folder).eval()(inputs).last_hidden_state
    audio = build_encoders(config).audio
    assert wanted.std() > 0.1
    # data2vec's places come from convolutions in a row, which add up what float16 rounds
    torch.testing.assert_close(audio(samples), wanted, rtol=0, atol=2e-2 if family == "data2vec-audio" else 5e-3)


def test_weights_that_are_published_as_a_pickle_are_read_as_plain_tensors(hub):
    folder = tiny.speech(hub, "hubert")
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    network = build_encoders(named_config("compact", "transformers:tiny/hubert")).audio.network
    layer = "encoder.layers.0.attention.k_proj.weight"
    torch.testing.assert_close(network.state_dict()[layer], state[layer], rtol=0, atol=1e-3)

    class Code:
        def __reduce__(self):
            return print, ("code of a file ran",)

    torch.save({layer: Code()}, folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match=r"pytorch_model\.bin: cannot be used for tiny/hubert"):
        build_encoders(named_config("compact", "transformers:tiny/hubert"))


@torch.no_grad()
def test_sound_is_resampled_to_the_rate_that_a_network_learned_from(hub):
    tiny.speech(hub, "hubert", rate=8000)
    config = named_config("compact", "transformers:tiny/hubert")
    assert (config.audio_encoder.sample_rate, config.maps[1]) == (8000, (1, 24))
    assert build_encoders(config).audio(sound_of()).shape == (2, 24, 16)


@torch.no_grad()
def test_a_second_is_encoded_as_if_it_were_alone(hub):
    tiny.ast(hub)
    tiny.siglip(hub)
    encoders = build_encoders(named_config("transformers:tiny/siglip", "transformers:tiny/ast"))
    frames, samples = frames_of(encoders.config, 3), sound_of(3)
    torch.testing.assert_close(encoders.encode_video(frames)[1:2], encoders.encode_video(frames[1:2]))
    torch.testing.assert_close(encoders.encode_audio(samples)[1:2], encoders.encode_audio(samples[1:2]))


def trained(tmp_path, video: str, audio: str, **other):
    """A checkpoint of a training that takes a moment."""
    data = clip_folder(tmp_path / "data")
    config = TrainConfig(
        data=str(data), video_encoder=video, audio_encoder=audio, epochs=1, batch=4, width=16, heads=2, **other
    )
    machine = Hardware(device="cpu", workers=0, cache=tmp_path / "cache")
    return drain(train_steps(tmp_path / "run", config, machine)).checkpoint, data / "clips" / "3.mp4"


def test_a_checkpoint_of_small_networks_carries_them(hub, tmp_path):
    tiny.siglip(hub)
    tiny.speech(hub, "wavlm")
    checkpoint, clip = trained(tmp_path, "transformers:tiny/siglip", "transformers:tiny/wavlm")
    for file in hub.rglob("*.safetensors"):
        file.unlink()
    data = ["--data", str(tmp_path / "data"), "--split", "test", "--json", str(tmp_path / "figures.json")]
    hardware = ["--device", "cpu", "--workers", "0", "--cache", str(tmp_path / "cache")]
    assert main(["evaluate", "--checkpoint", str(checkpoint), *data, *hardware]) == 0
    assert json.loads((tmp_path / "figures.json").read_text())["targets"]["arousal"]
    bundle = load_checkpoint(checkpoint, "cpu")
    encoded = encode(clip, bundle)
    explanation = encoded.explain()
    assert (explanation.co_attention.audio_grid, explanation.co_attention.bands) == ((1, 8), "none")
    assert np.isfinite(explanation.targets["arousal"].effect).all()


def test_the_lab_edits_a_clip_in_the_size_that_the_encoder_reads(hub, tmp_path):
    tiny.siglip(hub)
    checkpoint, path = trained(tmp_path, "transformers:tiny/siglip", "")
    bundle = load_checkpoint(checkpoint, "cpu")
    config, encoded = bundle.encoders.config, encode(path, bundle)
    clip = open_clip(path, frames_per_second=config.frames_per_second, frame_size=config.frame_size)

    def encode_some(seconds):
        return encode_seconds(seconds, bundle.encoders, bundle.device)

    tracks = ClipTracks.of(encoded.info)
    lab = Lab(bundle.model, encoded.tokens, tracks, encode_some, config.frames_per_second, config.frame_size)
    history = History(lab)
    for edit in (Blur(seconds=(0,), strength=0.05), Blank(seconds=(0,))):
        for picture, tokens in encode_plan_pictures(clip, history.needs(edit), encode_some):
            assert tokens.shape == (32, 16)
            lab.supply(picture, tokens)
        history.apply(edit)
    assert len(history.plan) == encoded.tokens.seconds


def test_a_checkpoint_of_large_networks_names_revision_and_hash_and_finds_them(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("sec2sec.encoders.base.CARRIED_PARAMETERS", 0)
    folder = tiny.siglip(hub)
    checkpoint, clip = trained(tmp_path, "transformers:tiny/siglip", "")
    state = load_file(checkpoint / "model.safetensors")
    assert not any(name.startswith("video.") for name in state)
    assert any(name.startswith("audio.") for name in state)
    recorded = json.loads((checkpoint / "config.json").read_text())["encoder"]["video_encoder"]
    assert recorded["revision"] == folder.name
    assert encode(clip, load_checkpoint(checkpoint, "cpu")).predict()

    weights = load_file(folder / "model.safetensors")
    changed = {name: tensor + 0.1 for name, tensor in weights.items()}
    save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="not those that the model learned with"):
        load_checkpoint(checkpoint, "cpu")
    (folder / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match=f"of tiny/siglip at revision {folder.name}, which are not in HF_HOME"):
        load_checkpoint(checkpoint, "cpu")


def test_tuned_networks_are_carried_whatever_their_size(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("sec2sec.encoders.base.CARRIED_PARAMETERS", 0)
    tiny.siglip(hub)
    checkpoint, clip = trained(tmp_path, "transformers:tiny/siglip", "", encoders="tuned", encoder_rate=1e-2)
    tuned = load_checkpoint(checkpoint, "cpu").encoders.video.state_dict()
    published = build_encoders(named_config("transformers:tiny/siglip", "compact")).video.state_dict()
    moved = [name for name in published if not torch.equal(tuned[name], published[name])]
    assert len(moved) > 10
    assert encode(clip, load_checkpoint(checkpoint, "cpu")).predict()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: cannot be used for tiny/siglip"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'), "its model_type is 'bert'"),
        (
            lambda folder: (folder / "preprocessor_config.json").unlink(),
            "preprocessor_config.json of tiny/siglip is missing",
        ),
        (
            lambda folder: (folder / "preprocessor_config.json").write_text("{}"),
            "preprocessor_config.json: cannot be used",
        ),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"PK\x03\x04"), "model.safetensors: cannot be used"),
    ],
)
def test_files_that_cannot_be_used_are_one_line_that_names_them(hub, break_it, message):
    break_it(tiny.siglip(hub))
    with pytest.raises(EncoderError, match=message) as caught:
        build_encoders(named_config("transformers:tiny/siglip", "compact"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "architecture", ["", "[]", "{}", '{"model_type": "bert"}', '{"network": {"model_type": "bert"}}']
)
def test_an_architecture_that_is_none_is_one_line(hub, architecture):
    tiny.siglip(hub)
    tiny.ast(hub)
    config = named_config("transformers:tiny/siglip", "transformers:tiny/ast")
    for part in ("video_encoder", "audio_encoder"):
        changed = replace(config, **{part: replace(getattr(config, part), architecture=architecture)})
        with pytest.raises(EncoderError, match="tiny/") as caught:
            build_encoders(changed, carried=("video", "audio"))
        assert "\n" not in str(caught.value)
