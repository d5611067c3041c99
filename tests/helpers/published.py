"""Tiny networks in the published file format (config.json, safetensors), as a repository in HF_HOME."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import timm
import torch
import transformers
from safetensors.torch import save_file

SIDE = 32  # pixels of the pictures that the tiny networks take
PICTURE = {
    "do_resize": True,
    "size": {"height": SIDE, "width": SIDE},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.5, 0.6, 0.7],
}
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
SPEECH = SMALL | {
    "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 8,
}
CLIP_VISION = SMALL | {"image_size": SIDE, "patch_size": 8, "projection_dim": 8}
CLIP_TEXT = SMALL | {"vocab_size": 16, "max_position_embeddings": 8, "bos_token_id": 0, "eos_token_id": 1}
CLIP_PICTURE = PICTURE | {
    "size": {"shortest_edge": SIDE},
    "do_center_crop": True,
    "crop_size": {"height": SIDE, "width": SIDE},
}


def repository(hub: Path, name: str) -> Path:
    """The folder of the newest commit of a repository in the cache of huggingface_hub, made for the test."""
    commit = hashlib.sha1(name.encode()).hexdigest()
    root = hub / f"models--{name.replace('/', '--')}"
    folder = root / "snapshots" / commit
    folder.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(commit)
    return folder


def publish(hub: Path, name: str, network: Any, preprocessor: dict[str, Any], file: str = "") -> Path:
    """A network of transformers, saved as transformers saves it."""
    folder = repository(hub, name)
    network.save_pretrained(folder)
    (folder / (file or "preprocessor_config.json")).write_text(json.dumps(preprocessor))
    return folder


def siglip(hub: Path, name: str = "tiny/siglip") -> Path:
    """Picture and text, as google/siglip2-base-patch16-224 is published."""
    vision = SMALL | {"image_size": SIDE, "patch_size": 8}
    text = SMALL | {"vocab_size": 16, "max_position_embeddings": 8, "bos_token_id": 0, "eos_token_id": 1}
    text |= {"pad_token_id": 1, "projection_size": 16}
    torch.manual_seed(0)
    config = transformers.SiglipConfig(vision_config=vision, text_config=text)
    return publish(hub, name, transformers.SiglipModel(config), PICTURE)


def dinov2(hub: Path, name: str = "tiny/dinov2") -> Path:
    """A network of pictures with a class token, which crops the middle."""
    torch.manual_seed(0)
    config = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE, patch_size=8
    )
    crop = {"size": {"shortest_edge": 40}, "do_center_crop": True, "crop_size": {"height": SIDE, "width": SIDE}}
    return publish(hub, name, transformers.Dinov2Model(config), PICTURE | crop)


def clip(hub: Path, name: str = "tiny/clip") -> Path:
    """Picture and text, as openai/clip-vit-base-patch32 is published."""
    torch.manual_seed(0)
    config = transformers.CLIPConfig(vision_config=CLIP_VISION, text_config=CLIP_TEXT, projection_dim=8)
    return publish(hub, name, transformers.CLIPModel(config), CLIP_PICTURE)


def clip_vision(hub: Path, name: str = "tiny/clip-vision") -> Path:
    """The picture alone, as diffusion models bring it."""
    torch.manual_seed(0)
    network = transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**CLIP_VISION))
    return publish(hub, name, network, CLIP_PICTURE)


def siglip_vision(hub: Path, name: str = "tiny/siglip-vision") -> Path:
    """SigLIP's picture alone."""
    torch.manual_seed(0)
    network = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**SMALL, image_size=SIDE, patch_size=8))
    return publish(hub, name, network, PICTURE)


def vit(hub: Path, name: str = "tiny/vit-google") -> Path:
    """ViT with a classifier, as google/vit-base-patch16-224 is published: the picture is squeezed to the square."""
    torch.manual_seed(0)
    config = transformers.ViTConfig(**SMALL, image_size=SIDE, patch_size=8, num_labels=5)
    return publish(hub, name, transformers.ViTForImageClassification(config), PICTURE)


def videomae(hub: Path, name: str = "tiny/videomae") -> Path:
    """A network of 16 frames, two a tubelet."""
    torch.manual_seed(0)
    config = transformers.VideoMAEConfig(**SMALL, image_size=SIDE, patch_size=8, num_frames=16, tubelet_size=2)
    sizes = {"size": {"shortest_edge": SIDE}, "do_center_crop": True, "crop_size": {"height": SIDE, "width": SIDE}}
    return publish(hub, name, transformers.VideoMAEModel(config), PICTURE | sizes)


def vjepa2(hub: Path, name: str = "tiny/vjepa2") -> Path:
    """V-JEPA 2 with its predictor, as it is published."""
    torch.manual_seed(0)
    config = transformers.VJEPA2Config(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        crop_size=SIDE,
        patch_size=8,
        frames_per_clip=64,
        pred_hidden_size=24,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
        pred_num_mask_tokens=1,
        num_pooler_layers=1,
    )
    sizes = {"size": {"shortest_edge": 36}, "do_center_crop": True, "crop_size": {"height": SIDE, "width": SIDE}}
    folder = publish(hub, name, transformers.VJEPA2Model(config), PICTURE | sizes, "video_preprocessor_config.json")
    return folder


AST_SOUND = {"sampling_rate": 16000, "num_mel_bins": 32, "max_length": 256, "mean": -4.3, "std": 4.6}


def ast(hub: Path, name: str = "tiny/ast") -> Path:
    """AST that learned from 2.5 s, with positions that tell where they are."""
    torch.manual_seed(0)
    config = transformers.ASTConfig(**SMALL, max_length=256, num_mel_bins=32)
    network = transformers.ASTModel(config)
    torch.nn.init.normal_(network.embeddings.position_embeddings)
    return publish(hub, name, network, AST_SOUND | {"do_normalize": True})


def speech(hub: Path, family: str, *, rate: int = 16000) -> Path:
    """wav2vec2, hubert, wavlm or data2vec-audio, which places by some convolutions in a row."""
    torch.manual_seed(0)
    names = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM", "data2vec-audio": "Data2VecAudio"}
    own = {"num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 5} if family == "data2vec-audio" else {}
    config = getattr(transformers, f"{names[family]}Config")(**SPEECH | own)
    network = getattr(transformers, f"{names[family]}Model")(config)
    return publish(hub, f"tiny/{family}", network, {"sampling_rate": rate, "do_normalize": True})


def timm_vit(hub: Path, name: str = "tiny/vit") -> Path:
    """A transformer of timm with a class token."""
    arguments = {"img_size": SIDE, "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 2}
    return timm_network(hub, name, "vit_tiny_patch16_224", arguments)


def timm_network(
    hub: Path, name: str, architecture: str, arguments: dict[str, Any], side: int = SIDE, mode: str = "center"
) -> Path:
    """A network in the format in which timm publishes; batch norms have statistics of their own."""
    folder = repository(hub, name)
    torch.manual_seed(0)
    network = timm.create_model(architecture, pretrained=False, num_classes=5, **arguments)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    save_file(network.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    document = {
        "architecture": architecture,
        "num_classes": 5,
        "model_args": arguments,
        "pretrained_cfg": {
            "input_size": [3, side, side],
            "crop_pct": 0.8,
            "crop_mode": mode,
            "mean": [0.5, 0.4, 0.3],
            "std": [0.5, 0.6, 0.7],
            "num_classes": 5,
            "classifier": network.default_cfg["classifier"],
            "first_conv": network.default_cfg["first_conv"],
        },
    }
    (folder / "config.json").write_text(json.dumps(document))
    return folder
